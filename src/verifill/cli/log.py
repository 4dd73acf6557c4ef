"""`verifill log`: look at the last transitions of a run, or export it or a stream of it."""

import json
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from verifill.cli.screen import Screen, ending, lines, moment, number, screen, table
from verifill.engine.amounts import to_decimal
from verifill.engine.answers import KEY
from verifill.engine.digest import canonical_json
from verifill.engine.errors import ConfigError, LogError
from verifill.engine.log.writer import HEADER, reason_of
from verifill.exports.entries import entries
from verifill.exports.orders import orders
from verifill.exports.perfetto import perfetto
from verifill.exports.xes import xes
from verifill.observing.following import Entry
from verifill.result import RunResult

Writer = Callable[[pl.LazyFrame, Path], object]
Text = Callable[[Mapping[str, Any], Iterable[Entry]], Iterator[str]]
WHOLE = "records"
STATE = frozenset({KEY, "guard", "market", "memory"})  # of a payload of a live run

# Columns of the narrow table, by the least width of the screen that they are shown on.
NARROW = ("seq", "time", "instruction", "event", "to")
USUAL = (*NARROW[:3], "amount", "event", "to", "kind")
USUAL_WIDTH = 96
TABLE_ROWS = 200  # more than that are plain lines


def show(
    folder: Path,
    *,
    last: int,
    kinds: Sequence[str],
    instruction: int | None,
    wide: bool,
) -> None:
    """Print the last transitions of a run, all or those asked for.

    Raises:
        LogError: there is no log, or it cannot be read.
    """
    result = RunResult(folder)
    with told_by_polars(folder):
        rows = result.last_transitions(last, kinds=kinds, instruction=instruction).collect()
        out = screen()
        if wide:
            _lines(rows.columns, rows.iter_rows())
        else:
            _narrow(out, result, rows)
    outcome = result.outcome
    ticks = "1 tick" if outcome.ticks == 1 else f"{number(outcome.ticks)} ticks"
    out.print(ending(outcome.ending), f"after {ticks}")
    if outcome.reason:
        out.print(outcome.reason)


def _narrow(out: Screen, result: RunResult, rows: pl.DataFrame) -> None:
    columns = USUAL if out.width >= USUAL_WIDTH else NARROW
    amounts = _Amounts(result, rows)
    told = (_row(row, amounts) for row in rows.iter_rows(named=True))
    shown = [[row[column] for column in columns] for row in told]
    if len(shown) > TABLE_ROWS:
        _lines(columns, shown)
    else:
        out.print(table("", columns, shown))
    for row in rows.filter(pl.col("payload").is_not_null()).iter_rows(named=True):
        if payload := without_state(row["payload"]):
            out.print(f"{row['seq']}: {payload}")


def without_state(payload: str) -> str:
    """A payload without what it holds for recovery and replay, which `replay --at` shows."""
    told = {name: part for name, part in json.loads(payload).items() if name not in STATE}
    return canonical_json(told).decode() if told else ""


def _lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    for line in lines(columns, rows):
        sys.stdout.write(f"{line}\n")


def _row(row: Mapping[str, object], amounts: "_Amounts") -> dict[str, object]:
    number_of = row["instance"] if row["machine"] == "tight_loop" else None
    return {
        "seq": str(row["seq"]),
        "time": moment(int(str(row["wall_ns"]))),
        "instruction": None if number_of is None else str(number_of),
        "amount": amounts.of(row),
        "event": row["event"],
        "to": row["to"],
        "kind": None if row["kind"] == "TRANSITION" else row["kind"],
    }


class _Amounts:
    """Quantities of transitions with their asset."""

    def __init__(self, result: RunResult, rows: pl.DataFrame) -> None:
        self._decimals: Mapping[str, int] = result.header.get("decimals", {})
        self._assets: dict[int, str] = {}
        if "instruments" in result.header:  # else nothing tells what a quantity is of
            numbers = [n for n in rows["instance"].unique().to_list() if n is not None]
            asked = result.instructions.filter(pl.col("instruction").is_in(numbers))
            self._assets = dict(asked.select("instruction", "asset").collect().iter_rows())

    def of(self, row: Mapping[str, object]) -> str:
        """A quantity as people read it; empty where there is none, or it is MAX."""
        asset = self._assets.get(int(str(row["instance"])), "")
        units = row["quantity"]
        if units is None or asset not in self._decimals or int(str(units)) <= 0:
            return ""
        amount: Decimal = to_decimal(int(str(units)), self._decimals[asset])
        return f"{number(amount)} {asset}"


def export(folder: Path, to: Path, stream: str, *, form: str = "", overwrite: bool) -> None:
    """Write a log, or a stream of it, to a file; it is there whole or not at all.

    Args:
        folder: the log.
        to: the file.
        stream: one of STREAMS.
        form: one of FORMATS; by default the one that the file's ending stands for.
        overwrite: whether a file that is there is replaced.

    Raises:
        ConfigError: the file is there already, is a folder, or lies in a log; or its ending is
            unknown, or its format takes no stream.
        LogError: there is no log, or it or the file cannot be used.
    """
    ending = FORMATS.get(form, to.suffix.lower())
    if ending not in FORMATS.values():
        known = ", ".join(FORMATS.values())
        msg = f"{to} ends in {to.suffix!r}; allowed are {known}, or any with --format"
        raise ConfigError(msg)
    if ending in TEXTS and stream != WHOLE:
        msg = f"a file of {ending[1:]} is made of the whole log; leave out --stream {stream}, or "
        raise ConfigError(msg + f"export that as one of {', '.join(WRITERS)}")
    check_target(to, overwrite=overwrite)
    result = RunResult(folder)
    part = to.with_name(f".{to.name}.part")
    with told_by_polars(folder):
        try:
            if ending in TEXTS:
                with part.open("w", encoding="utf-8", newline="\n") as file:
                    file.writelines(TEXTS[ending](result.header, entries(result.log)))
            else:
                WRITERS[ending](STREAMS[stream](result), part)
            part.replace(to)
        except OSError as error:
            msg = (
                f"{to} cannot be written: {reason_of(error)}. Choose a place that you may write to"
            )
            raise LogError(msg) from error
        finally:
            part.unlink(missing_ok=True)
    screen().print(f"wrote {stream} of run {result.run} to {to}", soft_wrap=True)


def check_target(to: Path, *, overwrite: bool) -> None:
    """Refuse a file that may not be written.

    Raises:
        ConfigError: it is a folder, lies in a log, is there and not to be replaced, or cannot
            be looked for.
    """
    try:
        fault = _fault_of(to, overwrite=overwrite)
    except OSError as error:  # it may not even be looked for
        fault = f"cannot be written: {reason_of(error)}. Choose a place that you may write to"
    if fault:
        msg = f"{to} {fault}"
        raise ConfigError(msg)


def _fault_of(to: Path, *, overwrite: bool) -> str:
    """Why a file may not be written; empty if it may."""
    if to.is_dir():
        return "is a folder; name a file"
    inside = to.parent.resolve()
    log = next((one for one in (inside, *inside.parents) if (one / HEADER).is_file()), None)
    if log:
        return f"lies in the log {log}; nothing is written there. Choose another folder"
    if to.exists() and not overwrite:
        return "is there already; choose another file, or say --overwrite"
    return ""


STREAMS: Mapping[str, Callable[[RunResult], pl.LazyFrame]] = {
    "records": lambda result: result.transitions,
    "instructions": lambda result: result.instructions,
    "receipts": lambda result: result.receipts,
    "fills": lambda result: result.fills,
    "moves": lambda result: result.moves,
    "positions": lambda result: result.positions,
    "ledger": lambda result: result.ledger,
    "notes": lambda result: result.notes,
    "orders": lambda result: orders(result.log),
    "equity": lambda result: result.equity(missing="leave out").lazy(),
}

WRITERS: Mapping[str, Writer] = {
    ".parquet": lambda frame, to: frame.sink_parquet(to),
    ".csv": lambda frame, to: frame.sink_csv(to),
    ".jsonl": lambda frame, to: _plain(frame).sink_ndjson(to),
}


# Formats that hold a whole log, as the pieces of a text.
TEXTS: Mapping[str, Text] = {".json": perfetto, ".xes": xes}

FORMATS: Mapping[str, str] = {
    "parquet": ".parquet",
    "csv": ".csv",
    "jsonl": ".jsonl",
    "perfetto": ".json",
    "xes": ".xes",
}
"""Format -> the ending that stands for it."""


def _plain(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Exact numbers as texts, which JSON would make floats of."""
    wide = [
        name
        for name, kind in frame.collect_schema().items()
        if isinstance(kind, pl.Decimal) or kind == pl.Int128
    ]
    return frame.with_columns(pl.col(wide).cast(pl.String))


@contextmanager
def told_by_polars(folder: Path) -> Generator[None]:
    """What polars cannot read, in words."""
    try:
        yield
    except PolarsError as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        msg = f"{folder} cannot be read: {reason}. Restore it from a copy, or run again"
        raise LogError(msg) from error
