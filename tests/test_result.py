"""A result reads every record of a log, exactly."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from polars.exceptions import PolarsError

import verifill
from tests.runs import (
    OPENING,
    SPOT,
    START_S,
    USDM,
    Deciding,
    buy,
    perpetual,
    ran,
    sell,
    ticks,
)
from verifill.ending import Ending
from verifill.engine.errors import LogError
from verifill.machines.strategy import Plan
from verifill.result import RunResult
from verifill.venues.instructions import InternalTransfer, SetLeverage, Side
from verifill.venues.simulated.model import ExchangeModel

BTC = f"{SPOT}:BaseToken:BTC"
UTC_NS = pl.Datetime("ns", "UTC")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    move = InternalTransfer(account=SPOT, to=USDM, asset="USDT", amount=Decimal("12.5"))
    leverage = SetLeverage(account=USDM, symbol="BTCUSDT", leverage=3)
    plans: list[Plan] = [[buy("1"), move], [leverage, perpetual(Side.SELL, "0.5")], [sell("0.25")]]
    log, _ = ran(tmp_path_factory.mktemp("run"), ticks(plans))
    return RunResult(log)


def test_the_outcome_has_ending_and_closing_positions_as_decimals(result: RunResult) -> None:
    outcome = result.outcome

    assert Ending.COMPLETED is outcome.ending
    assert ("", "STOPPED", 40) == (outcome.reason, outcome.state, outcome.ticks)
    assert Decimal("0.75") == outcome.closing[BTC]
    assert Decimal(3) == outcome.closing[f"{USDM}:Setting:BTCUSDT.leverage"]


def test_a_log_can_be_named_by_a_plain_text(result: RunResult) -> None:
    assert result.header == verifill.Log(str(result.log.folder)).header


def test_the_name_of_a_run_is_that_of_its_header(result: RunResult) -> None:
    assert result.header["run"] == result.run


def test_transitions_are_numbered_without_a_gap_and_stand_in_time(result: RunResult) -> None:
    frame = result.transitions.collect()

    assert list(range(1, frame.height + 1)) == frame["seq"].to_list()
    assert UTC_NS == frame.schema["time"]
    assert datetime.fromtimestamp(START_S, tz=UTC) == frame["time"][0]
    assert result.counts["transitions"] == frame.height


def test_instructions_say_what_was_asked_for_in_decimals(result: RunResult) -> None:
    asked = result.instructions.select("op", "asset", "quantity", "quantity_units").collect()

    assert [
        ("SPOT_TRADE", "BTC", Decimal(1), 10**8),
        ("INTERNAL_TRANSFER", "USDT", Decimal("12.5"), 1_250_000_000),
        ("SET_LEVERAGE", "BTCUSDT", Decimal("3e-8"), 3),
        ("PERP_TRADE", "BTCUSDT", Decimal("0.5"), 5 * 10**7),
        ("SPOT_TRADE", "BTC", Decimal("0.25"), 25 * 10**6),
    ] == asked.rows()


def test_fills_have_price_fee_and_realised_profit_in_decimals(result: RunResult) -> None:
    fill = result.fills.filter(instruction=1).collect().row(0, named=True)

    assert ("BTC", "USDT", "USDT", "BUY") == (
        fill["base"], fill["quote"], fill["fee_asset"], fill["side"]
    )  # fmt: skip
    assert Decimal(fill["price_ticks"]).scaleb(-2) == fill["price"]
    assert fill["price"] / 1000 == fill["fee"]
    assert Decimal(0) == fill["realised"]
    assert pl.Decimal(38, 8) == result.fills.collect_schema()["fee"]


def test_moves_tell_of_transfers_and_settings(result: RunResult) -> None:
    moves = result.moves.select("key", "amount", "cause", "tick").collect().rows()

    assert (f"{USDM}:BaseToken:USDT", Decimal("12.5"), "TRANSFER", 1) in moves
    assert (f"{USDM}:Setting:BTCUSDT.leverage", Decimal(-2), "SETTING", 2) in moves


def test_positions_are_what_the_readings_show_with_what_was_expected(result: RunResult) -> None:
    last = result.positions.filter(key=BTC).collect().row(-1, named=True)

    assert (Decimal("0.75"), 75_000_000) == (last["total"], last["total_units"])
    assert last["low"] <= last["total"] <= last["high"]
    assert last["time_ns"] == int(last["time"].timestamp()) * 10**9


def test_the_ledger_has_what_no_instruction_caused(result: RunResult) -> None:
    ledger = result.ledger.collect()

    assert {"FUNDING"} == set(ledger["cause"].cast(pl.String))
    assert UTC_NS == ledger.schema["time"]


def test_every_order_that_was_looked_at_has_a_receipt(result: RunResult) -> None:
    receipts = result.receipts.collect()

    assert [1, 2, 3, 4, 5] == receipts["instruction"].to_list()
    assert ["EXECUTED"] * 5 == receipts["outcome"].to_list()
    assert receipts["time_ns"].to_list() == receipts["effect_ns"].to_list()


def test_a_receipt_that_is_no_plain_one_is_told_as_it_was(tmp_path: Path) -> None:
    model = ExchangeModel(liquidity=lambda _instrument, _side, wanted: wanted // 2000 * 1000)
    log, _ = ran(tmp_path, ticks([[buy("1")]]), model=model)
    told = RunResult(log)

    assert "EXECUTED_PARTIAL" == told.receipts.collect()["outcome"][0]
    assert {"REMAINDER", "PLAN"} == set(told.instructions.collect()["role"].cast(pl.String))


def test_notes_tell_why_an_instruction_was_denied(tmp_path: Path) -> None:
    log, _ = ran(tmp_path, ticks([[buy("0.000000001")]]))
    denied = RunResult(log)

    assert Ending.FAILED is denied.outcome.ending
    assert {"DENIED", "FAILURE"} == set(denied.notes.collect()["kind"].cast(pl.String))
    assert [] == denied.receipts.collect().rows()


def test_counts_are_those_of_the_streams(result: RunResult) -> None:
    counts = result.counts

    assert (40, 5, 3) == (counts["ticks"], counts["instructions"], counts["fills"])
    assert result.fills.collect().height == counts["fills"]


def test_fees_are_added_up_by_asset(result: RunResult) -> None:
    assert {"USDT": result.fills.collect()["fee"].sum()} == result.fees


def test_the_span_is_from_the_first_transition_to_the_last(result: RunResult) -> None:
    assert (START_S * 10**9, (START_S + 39 * 60) * 10**9) == result.span_ns


def test_last_transitions_are_the_last_of_all(result: RunResult) -> None:
    whole = result.transitions.collect()

    assert whole.tail(7).equals(result.last_transitions(7).collect())
    intents = whole.filter(kind="INTENT").tail(2)
    assert intents.equals(result.last_transitions(2, kinds=["INTENT"]).collect())
    second = result.last_transitions(50, instruction=2).collect()
    assert {2} == set(second.filter(machine="tight_loop")["instance"])


def test_a_run_of_nothing_has_frames_of_nothing(tmp_path: Path) -> None:
    log, _ = ran(tmp_path, Deciding(lambda _market, _positions, _last: ()), rows=1)
    empty = RunResult(log)

    for name in ("instructions", "receipts", "fills", "moves", "ledger", "notes"):
        frame: pl.LazyFrame = getattr(empty, name)
        assert 0 == frame.collect().height
    assert {} == empty.fees


def test_an_amount_that_does_not_fit_is_an_error_and_never_wrapped(tmp_path: Path) -> None:
    huge = OPENING | {f"{SPOT}:BaseToken:XYZ": 10**38}
    log, _ = ran(tmp_path, ticks([[]]), opening=huge)

    with pytest.raises(PolarsError, match="decimal"):
        RunResult(log).positions.collect()


# Logs that are not whole.


@pytest.fixture
def copy(result: RunResult, tmp_path: Path) -> Path:
    return Path(shutil.copytree(result.log.folder, tmp_path / "log"))


def test_a_log_without_its_last_line_is_read_up_to_there(result: RunResult, copy: Path) -> None:
    manifest = copy / "manifest.jsonl"
    manifest.write_text(manifest.read_text().splitlines(keepends=True)[0] + '{"end": {"en')
    cut = RunResult(copy).outcome

    assert cut.ending is None
    assert "was killed" in cut.reason
    assert result.outcome.closing == cut.closing
    assert 40 == cut.ticks


def test_a_log_that_has_only_just_begun_is_empty(copy: Path) -> None:
    for chunk in copy.glob("*.parquet"):
        chunk.unlink()
    (copy / "manifest.jsonl").write_text("")
    begun = RunResult(copy)

    assert begun.outcome.ending is None
    assert 0 == begun.transitions.collect().height
    assert (0, 0) == (begun.counts["transitions"], begun.outcome.ticks)
    assert (0, 0) == begun.span_ns
    assert {} == begun.outcome.closing


@pytest.mark.parametrize("text", ["no json\n", '["a list"]\n'])
def test_a_damaged_manifest_is_refused_by_name(copy: Path, text: str) -> None:
    (copy / "manifest.jsonl").write_text(text)

    with pytest.raises(LogError, match=r"manifest\.jsonl cannot be read"):
        _ = RunResult(copy).outcome


def test_a_missing_manifest_is_refused_by_name(copy: Path) -> None:
    (copy / "manifest.jsonl").unlink()

    with pytest.raises(LogError, match=r"manifest\.jsonl cannot be read"):
        _ = RunResult(copy).outcome


def test_a_missing_chunk_is_refused_by_name(copy: Path) -> None:
    (copy / "000001.fills.parquet").unlink()

    with pytest.raises(LogError, match=r"000001\.fills\.parquet is missing"):
        RunResult(copy).fills.collect()


def test_a_stream_that_no_log_has_is_refused_with_those_it_has(result: RunResult) -> None:
    with pytest.raises(LogError, match=r"no stream 'orders'; it has fills, instructions"):
        result.log.stream("orders")


@pytest.mark.parametrize("text", ["[]", '{"schema_version": 0}', "{", None])
def test_a_folder_without_a_header_of_this_schema_is_no_log(
    tmp_path: Path, text: str | None
) -> None:
    if text is not None:
        (tmp_path / "header.json").write_text(text)

    with pytest.raises(LogError, match=r"is no log|has schema"):
        RunResult(tmp_path)


# The package.


def test_every_public_name_is_there_and_typed() -> None:
    for name in verifill.__all__:
        assert getattr(verifill, name) is not None
        assert name in dir(verifill)
    assert len(set(verifill.__all__)) == len(verifill.__all__)


def test_the_version_is_that_of_the_metadata() -> None:
    assert verifill.__version__.count(".") == 2


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = verifill.nothing


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = "import json, sys, verifill; print(json.dumps(sorted(sys.modules)))"
    ran_alone = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    loaded = {name.partition(".")[0] for name in json.loads(ran_alone.stdout)}

    assert set() == loaded & {"polars", "transitions", "attrs", "msgspec", "typer", "rich"}
