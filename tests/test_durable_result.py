"""A durable log tells what the log of a backtest tells, column by column and row by row."""

from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from attrs import frozen
from typer.testing import CliRunner

from tests.live.inside import Inside
from tests.live.worlds import written
from tests.runs import SPOT, USDM, buy, perpetual, ran, sell, ticks
from tests.transcribed import transcribed
from verifill.cli.app import app
from verifill.engine.log.durable_reader import DurableReader, open_log
from verifill.engine.log.record import EVIDENCE
from verifill.machines.strategy import Plan
from verifill.result import MARKET, RunResult
from verifill.venues.instructions import InternalTransfer, Side
from verifill.venues.loopback.faults import Break, Delivery, Fault, Handling, Route, View

SENDS_ANEW = '[loopback.venues.binance]\nidempotency = "D"\nrecv_window_s = 1\n'
OWN = ("run", "prev_hash", "payload", "intent_id", "cause_seq")  # are a durable log's own


@frozen
class Both:
    """The same run in a log of either sort."""

    backtest: RunResult
    durable: RunResult


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("run")
    move = InternalTransfer(account=SPOT, to=USDM, asset="USDT", amount=Decimal("12.5"))
    plans: list[Plan] = [[buy("1"), move], [perpetual(Side.SELL, "0.5")], [], [sell("0.25")]]
    log, _ = ran(folder, ticks(plans))
    market = log / MARKET
    again = transcribed(open_log(log), folder / "durable")
    return Both(RunResult(log), RunResult(again, market=market))


def plain(frame: pl.LazyFrame, added: int = 0) -> pl.DataFrame:
    """Rows with texts for codes, and numbers as before so many records were added."""
    return frame.with_columns(
        pl.col(pl.Enum).cast(pl.String), pl.col("^seq$") - added
    ).collect()  # fmt: skip


def test_a_folder_is_opened_by_the_reader_of_its_sort(both: Both) -> None:
    assert not isinstance(both.backtest.log, DurableReader)
    assert isinstance(both.durable.log, DurableReader)


def test_records_have_the_same_columns_types_and_rows(both: Both) -> None:
    backtest, durable = both.backtest.log.records(), both.durable.log.records()
    assert backtest.collect_schema() == durable.collect_schema()

    told = plain(durable.filter(pl.col("kind") != "EPOCH").drop(OWN), 1)
    assert plain(backtest.drop(OWN)).equals(told.head(-1))  # the last says how the run ended


@pytest.mark.parametrize("name", EVIDENCE)
def test_streams_have_the_same_columns_types_and_rows(name: str, both: Both) -> None:
    backtest, durable = both.backtest.log.stream(name), both.durable.log.stream(name)
    kinds = [
        {column: str(kind).split("(")[0] for column, kind in frame.collect_schema().items()}
        for frame in (backtest, durable)
    ]

    assert kinds[0] == kinds[1]
    assert plain(backtest).equals(plain(durable, 1))


def test_every_record_is_a_path_of_its_own_with_its_time_and_tick(both: Both) -> None:
    told = both.durable.log.stream("paths").collect()
    records = both.backtest.log.records().select("seq", "wall_ns").lazy()
    paths = both.backtest.log.stream("paths").select("seq", "tick")
    wanted = records.join_asof(paths, on="seq").collect()

    assert both.backtest.log.stream("paths").collect_schema() == told.schema
    assert wanted["wall_ns"].to_list() == told["time_ns"].to_list()[1:-1]
    assert wanted["tick"].to_list()[1:] == told["tick"].to_list()[2:-1]


@pytest.mark.parametrize(
    "name", ["instructions", "fills", "moves", "positions", "ledger", "receipts", "notes"]
)
def test_a_result_reads_the_same_of_both(name: str, both: Both) -> None:
    backtest, durable = (getattr(result, name) for result in (both.backtest, both.durable))

    assert plain(backtest).equals(plain(durable, 1))


def test_outcome_fees_and_equity_are_the_same(both: Both) -> None:
    assert both.backtest.outcome == both.durable.outcome
    assert both.backtest.fees == both.durable.fees
    assert both.backtest.span_ns == both.durable.span_ns
    assert both.backtest.equity().equals(both.durable.equity())


def test_counts_are_the_same_but_for_the_records_of_the_log_itself(both: Both) -> None:
    backtest, durable = dict(both.backtest.counts), dict(both.durable.counts)
    assert backtest.pop("transitions") + 2 == durable.pop("transitions") == durable.pop("paths")
    backtest.pop("paths")

    assert backtest == durable


def test_the_last_transitions_of_an_instruction_are_its_own(both: Both) -> None:
    told = both.durable.last_transitions(100, instruction=2).collect()

    assert {("tight_loop", 2)} == set(told.select("machine", "instance").rows())
    assert "matched" == told["event"][-1]


def test_the_command_line_shows_and_exports_a_durable_log(both: Both, tmp_path: Path) -> None:
    folder = str(both.durable.log.folder)
    to = tmp_path / "fills.csv"
    runner = CliRunner(env={"COLUMNS": "120"})
    shown = runner.invoke(app, ["log", "show", folder, "--last", "5"])
    exported = runner.invoke(app, ["log", "export", folder, "--stream", "fills", "--to", str(to)])

    assert (0, 0) == (shown.exit_code, exported.exit_code), shown.output + exported.output
    assert "NOTE" in shown.output
    assert 3 == pl.read_csv(to).height


def test_receipts_are_those_of_each_look_though_a_live_log_tells_them_with_the_verdict(
    tmp_path: Path,
) -> None:
    one = Inside(tmp_path, written(tmp_path, SENDS_ANEW))
    one.service.script.arm(
        [
            Fault(name="half", on=Route.SUBMIT, nth=1, handling=Handling(share=50)),
            Fault(name="wrong", on=Route.POSITIONS, nth=4, view=View(off=1)),
            Fault(name="never", on=Route.SUBMIT, nth=3, delivery=Delivery(before=Break.DROP)),
        ]
    )
    one.live(3)
    told = one.result.receipts.select("instruction", "outcome").collect().rows()
    kept = one.result.log.stream("receipts").select("instruction", "outcome").collect().rows()

    assert set(kept) <= set(told)
    assert (1, "EXECUTED_PARTIAL") in told
    assert ["ABSENT", "EXECUTED"] == [o for number, o in told if number == 3]
    assert ["seq", "instruction", "time_ns"] == one.result.receipts.collect_schema().names()[:3]
