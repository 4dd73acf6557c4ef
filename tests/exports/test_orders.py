"""Order records are never changed, only corrected; and every export is there whole or not."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from tests.observing.logs import repeated
from verifill.cli.app import app
from verifill.cli.failures import ExitCode
from verifill.cli.log import export
from verifill.engine.errors import LogError
from verifill.engine.log.durable_reader import open_log
from verifill.engine.log.reader import Log
from verifill.exports.entries import entries
from verifill.exports.orders import orders
from verifill.exports.perfetto import perfetto
from verifill.exports.xes import xes
from verifill.observing.following import Entry

Logged = Callable[[str], Log]
REFUSED, FAILED = ExitCode.BAD_INPUT, ExitCode.ENVIRONMENT

# Order records.


def test_every_row_names_an_earlier_one_or_is_the_first_of_its_instruction(each_log: Log) -> None:
    rows = {row["row"]: row for row in orders(each_log).collect().to_dicts()}

    assert list(range(1, len(rows) + 1)) == list(rows)
    for number, row in rows.items():
        corrected = rows.get(row["corrects"])
        if corrected is None:
            assert ("SENT", None) == (row["record"], row["parent"])
        else:
            assert corrected["row"] < number
            assert corrected["instruction"] in (row["instruction"], row["parent"])
    corrected = Counter(row["corrects"] for row in rows.values() if row["parent"] is None)
    assert all(count == 1 for row, count in corrected.items() if row)


def test_every_send_has_a_row_with_its_key_and_every_trade_is_in_one(each_log: Log) -> None:
    rows = orders(each_log).collect()
    sends = rows.filter(pl.col("record").str.starts_with("SENT"))
    decided = each_log.stream("instructions").cast({pl.Enum: pl.String}).collect()
    decided = decided.filter(pl.col("role") != "REHEARSAL")
    real = rows["instruction"].unique().to_list()
    traded = each_log.stream("fills").filter(pl.col("instruction").is_in(real)).collect()
    told = "; ".join(rows["refs"].drop_nulls()).split("; ")

    assert decided["instruction"].to_list() == sends["instruction"].to_list()
    assert sends["intent"].null_count() == 0
    assert sends["intent"].n_unique() == sends.height
    assert set(traded["ref"]) <= set(told)


def test_a_send_again_an_outcome_and_a_compensation_are_rows_of_their_own(logged: Logged) -> None:
    columns = ("row", "corrects", "record", "attempt", "outcome", "verdict", "filled", "fees")
    lost = orders(logged("lost")).select(columns).head(4).collect().rows()
    saga = orders(logged("saga")).filter(role="COMPENSATION").head(1).collect().to_dicts()

    assert [
        (1, None, "SENT", 1, None, None, None, None),
        (2, 1, "JUDGED", 1, "ABSENT", "unexecuted", None, None),
        (3, 2, "SENT_AGAIN", 2, None, None, None, None),
        (4, 3, "JUDGED", 2, "EXECUTED", "matched", "0.01000000", "0.00001000 BTC"),
    ] == lost
    assert (2, 1, "SELL", "0.00999000", "binance") == tuple(
        saga[0][name] for name in ("corrects", "parent", "side", "quantity", "venue")
    )


def test_what_goes_out_once_more_is_a_row_of_the_same_attempt_and_key(tmp_path: Path) -> None:
    told = orders(open_log(repeated(tmp_path))).filter(instruction=1).collect()

    assert ["SENT", "REPEATED", "JUDGED"] == list(told["record"])
    assert (1, 1) == (told["intent"].n_unique(), told["attempt"].n_unique())


def test_a_transaction_is_an_order_with_what_it_moved_and_rehearsals_are_none(
    logged: Logged,
) -> None:
    rows = orders(logged("one_tx")).collect().to_dicts()

    assert ["SENT", "JUDGED"] == [row["record"] for row in rows]
    assert {"COMMIT"} == {row["role"] for row in rows}
    assert rows[1]["moved"].startswith("eoa:BaseToken:ETH -0.013800000000000000 GAS; ")


def test_the_table_can_be_asked_for_a_part(logged: Logged) -> None:
    whole = orders(logged("lost")).collect()
    asked = orders(logged("lost")).filter(record="JUDGED").select("row").collect()

    assert whole.filter(record="JUDGED").select("row").equals(asked)
    assert whole.head(3).equals(orders(logged("lost")).head(3).collect())


# The command.


def call(*arguments: str | Path) -> tuple[int, str]:
    told = CliRunner().invoke(app, ["log", "export", *map(str, arguments)], prog_name="verifill")
    return told.exit_code, told.output


@pytest.mark.parametrize("mode", ["backtest", "lost"])
@pytest.mark.parametrize(
    ("name", "form"), [("run.json", ""), ("run.xes", ""), ("a", "perfetto"), ("b.json", "xes")]
)
def test_an_ending_or_a_format_decides(
    logged: Logged, tmp_path: Path, mode: str, name: str, form: str
) -> None:
    log, file = logged(mode), tmp_path / name
    export(log.folder, file, "records", form=form, overwrite=False)
    make = xes if "xes" in (form, name[-3:]) else perfetto

    assert "".join(make(log.header, entries(log))) == file.read_text("utf-8")
    assert [file] == list(tmp_path.iterdir())


def test_order_records_are_exported_as_any_stream(each_log: Log, tmp_path: Path) -> None:
    for ending in (".parquet", ".csv", ".jsonl"):
        export(each_log.folder, tmp_path / f"o{ending}", "orders", overwrite=False)
    frame = orders(each_log).collect()

    assert frame.equals(pl.read_parquet(tmp_path / "o.parquet"))
    with (tmp_path / "o.csv").open() as rows:
        assert frame.height == sum(1 for _ in csv.DictReader(rows))
    lines = (tmp_path / "o.jsonl").read_text().splitlines()
    assert frame["intent"].to_list() == [json.loads(line)["intent"] for line in lines]


def test_bad_input_is_refused_in_words_and_leaves_nothing(logged: Logged, tmp_path: Path) -> None:
    log = logged("lost").folder
    there = tmp_path / "there.xes"
    there.write_text("mine")
    for arguments, code, words in (
        ((tmp_path, "--to", tmp_path / "a.xes"), REFUSED, "is no log"),
        (
            (log, "--to", tmp_path / "a.xml"),
            ExitCode.BAD_INPUT,
            ".json, .xes, or any with --format",
        ),
        ((log, "--to", tmp_path / "a", "--format", "pdf"), REFUSED, "is not one of"),
        ((log, "--to", there), REFUSED, "is there already"),
        ((log, "--to", tmp_path / "no" / "a.json"), FAILED, "cannot be written"),
        (
            (log, "--to", tmp_path / "a.xes", "--stream", "fills"),
            ExitCode.BAD_INPUT,
            "leave out --stream fills",
        ),
        ((log, "--to", log / "a.json"), REFUSED, "lies in the log"),
    ):
        exit_code, told = call(*arguments)
        assert code == exit_code
        assert words in " ".join(told.split())
        assert "Traceback" not in told
    assert [there] == list(tmp_path.iterdir())
    assert "mine" == there.read_text()
    assert 0 == call(log, "--to", there, "--overwrite")[0]


def test_a_record_that_cannot_be_read_leaves_the_old_export(
    logged: Logged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "run.json"
    file.write_text("before")

    def broken(*_: object) -> list[Entry]:
        msg = "record 7 cannot be read"
        raise LogError(msg)

    monkeypatch.setattr("verifill.observing.following.Follower.batch", broken)
    for to, stream in ((file, "records"), (tmp_path / "o.csv", "orders")):
        with pytest.raises(LogError, match="record 7 cannot be read"):
            export(logged("lost").folder, to, stream, overwrite=True)

    assert "before" == file.read_text()
    assert [file] == list(tmp_path.iterdir())
