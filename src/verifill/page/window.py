"""The records that a page holds: all of a log, or a window of it, with what the run was before."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import polars as pl
import polars.selectors as cs
from attrs import frozen

from verifill.engine.amounts import to_decimal
from verifill.engine.answers import KEY
from verifill.engine.digest import canonical_json
from verifill.engine.errors import ConfigError
from verifill.engine.log.expand import Nesting
from verifill.engine.log.reader import Log
from verifill.page.columns import integers, table
from verifill.replay.travel import Jump, is_of, records_between
from verifill.result import RunResult
from verifill.venues.keys import asset_of

WINDOW_MAX: Final = 100_000
NEAR: Final = 1_000
"""Of so many records before a window one mostly says in which state the loops were."""

OMITTED: Final = (KEY, "streams", "memory", "guard", "market")
"""What a payload holds for replay, recovery and reports; streams are shown by themselves."""

_RECORD = (
    "epoch", "machine", "instance", "from", "event", "to", "attempt", "kind", "intent_id",
    "venue_ref", "wall_ns", "mono_ns",
)  # fmt: skip
_UNITS = cs.ends_with("_units", "_ticks") | cs.by_name("time", "time_ns", "tick")
_AMOUNTS = {"positions": ("total", "low", "high"), "moves": ("amount",), "ledger": ("amount",)}


@frozen
class Window:
    """The records that a page holds.

    Attributes:
        first: number of the first.
        last: number of the last; before the first if there is none.
        of: how many the log holds.
    """

    first: int
    last: int
    of: int

    @property
    def inside(self) -> pl.Expr:
        """Whether a row belongs to one of them."""
        return pl.col("seq").is_between(self.first, self.last)


def window(log: Log, first: int) -> Window:
    """At most WINDOW_MAX records.

    Args:
        log: where they are.
        first: number of the first; 0 for those that end with the log's last.

    Raises:
        ConfigError: the log has no such record.
    """
    of = log.last_seq
    if first > of:
        held = f"records 1 to {of}" if of else "no record"
        msg = f"{log.folder} has no record {first}; it holds {held}. Say another --first"
        raise ConfigError(msg)
    begin = first or max(1, of - WINDOW_MAX + 1)
    return Window(begin, min(of, begin + WINDOW_MAX - 1), of)


def held(result: RunResult, shown: Window, nesting: Nesting) -> Mapping[str, Any]:
    """Records, jumps and streams of a window, as plain values for JSON."""
    log = result.log
    within = records_between(log, shown.first, shown.last).filter(shown.inside)
    records = within.select("seq", "payload", *_RECORD).collect()
    return {
        "records": table(records.select(_RECORD)),
        "payloads": _payloads(records.select("seq", "payload").drop_nulls()),
        "jumps": {
            jump.value: integers(records.filter(is_of(jump, nesting))["seq"].to_list())
            for jump in Jump
        },
        "streams": {name: table(rows) for name, rows in _streams(result, shown)},
        "before": _before(log, shown, nesting),
    }


def _payloads(rows: pl.DataFrame) -> Mapping[str, Any]:
    told = [(seq, facts) for seq, text in rows.iter_rows() if (facts := list(_facts(text)))]
    return {
        "seq": integers([seq for seq, _ in told]),
        "facts": [facts for _, facts in told],
    }


def _facts(text: str) -> Iterator[tuple[str, str]]:
    """What a payload says, by name; numbers stay texts, as exact as they were written."""
    if not text.startswith("{"):
        return
    try:
        told: dict[str, Any] = json.loads(text)
    except ValueError:  # of a backtest: a note a line, which the stream of notes has too
        return
    leg = told.get("memory", {}).get("leg", {})
    kept = [(name, value) for name, value in told.items() if name not in OMITTED]
    kept += [(f"leg {name}", leg[name]) for name in ("reason", "bounds", "sends") if leg.get(name)]
    for name, value in kept:
        yield name, value if isinstance(value, str) else canonical_json(value).decode()


def _streams(result: RunResult, shown: Window) -> Iterator[tuple[str, pl.DataFrame]]:
    """Rows of every stream that belong to the window; amounts are exact."""
    for name in ("positions", "moves", "ledger"):
        rows = result.log.stream(name).filter(shown.inside).collect()
        yield name, exact(rows, _AMOUNTS[name], result.header)
    if "instruments" in result.header:
        for name, frame in (("instructions", result.instructions), ("fills", result.fills)):
            yield name, frame.filter(shown.inside).drop(_UNITS).collect()
    for name in ("receipts", "notes"):
        yield name, result.log.stream(name).filter(shown.inside).collect()


def exact(rows: pl.DataFrame, names: Iterable[str], header: Mapping[str, Any]) -> pl.DataFrame:
    """Units in these columns as exact amounts of the assets of the column `key`."""
    decimals: Mapping[str, int] = header.get("decimals", {})
    keys = rows["key"].cast(pl.String).to_list()
    places = [decimals.get(asset_of(key), 0) for key in keys]
    return rows.with_columns(
        pl.Series(
            name,
            [
                f"{to_decimal(units, digits):f}"
                for units, digits in zip(rows[name].to_list(), places, strict=True)
            ],
            dtype=pl.String,
        )
        for name in names
    )


def _before(log: Log, shown: Window, nesting: Nesting) -> Mapping[str, Any]:
    """What the run was before the window: its state, and every position as it was last read."""
    before = pl.col("seq") < shown.first
    loops = pl.col("machine").is_in(list(nesting.instances)) & pl.col("to").is_not_null()
    near = max(1, shown.first - NEAR)
    state = pl.DataFrame()
    for begin in (near, 1):
        records = records_between(log, begin, shown.first - 1)
        state = records.filter(before & loops).select("to").tail(1).collect()
        if state.height:
            break
    read = log.stream("positions").filter(before)
    last = read.unique("key", keep="last", maintain_order=True).collect()
    return {
        "state": state.item() if state.height else "",
        "positions": table(exact(last, _AMOUNTS["positions"], log.header)),
    }
