"""Time travel: a run at any of its records, steps between them, and jumps to what matters.

    travel = Travel("runs/live")
    there = travel.at(travel.following(Jump.FAILURE, after=0))

Nothing is run. A snapshot is the fold of all records up to there. A log is read once; of a long
one of a backtest only what lies around a record, and jumps find what lies elsewhere.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import polars as pl

from verifill.engine.amounts import to_decimal
from verifill.engine.errors import ConfigError, LogError
from verifill.engine.log.durable_reader import DurableReader, open_log
from verifill.engine.log.expand import REFUSED, Nesting
from verifill.engine.log.reader import Log
from verifill.machines.tight_loop import Tight
from verifill.replay.snapshot import Aside, Change, Held, Level, Open, Row, Snapshot, changes
from verifill.venues.keys import asset_of

CAUSES_MAX: Final = 50
RECORDS_MAX: Final = 5_000_000  # of a log that is read whole
AROUND: Final = 100_000  # records before and after one that are read of a longer log
BEFORE: Final = 10_000  # of which so many at least lie before: a tick and its instructions
COLUMNS: Final = (
    "seq", "epoch", "machine", "instance", "parent", "from", "event", "to", "attempt", "kind",
    "cause_seq", "intent_id", "wall_ns", "payload",
)  # fmt: skip
ENDS: Final = (Tight.DONE, Tight.FAILED_CLEAN, Tight.FAILED_PART, Tight.FAILED_MISMATCH)


class Jump(StrEnum):
    """What to jump to."""

    FAILURE = "failure"  # into FAILED or ROLLED_BACK, of any level
    RETRY = "retry"  # into a state of RETRY
    HOLD = "hold"  # where a person must look: HELD, STRANDED, HALTED
    REFUSED = "refused"  # an event for which there is no row


_INTO: Final[Mapping[Jump, str]] = {
    Jump.FAILURE: r"(^|\.)(FAILED|ROLLED_BACK)",
    Jump.RETRY: r"(^|\.)RETRY\.",
    Jump.HOLD: r"(^|\.)(HELD|STRANDED|HALTED)$",
}


def is_of(jump: Jump, nesting: Nesting) -> pl.Expr:
    """Whether a record is one to jump to."""
    if jump is Jump.REFUSED:
        return pl.col("kind") == REFUSED
    loops = pl.col("machine").is_in(list(nesting.instances))
    moved = pl.col("event").is_not_null() & (pl.col("from") != pl.col("to"))
    return loops & moved & pl.col("to").str.contains(_INTO[jump])


class Travel:
    """A log, to be looked at record by record.

    Args:
        folder: the log, of a backtest or of a live run.

    Raises:
        LogError: there is no log, or it cannot be read, or is a live one that is too long to be
            looked into at once.
    """

    def __init__(self, folder: Path | str) -> None:
        self._log = open_log(folder)
        header = self._log.header
        self._nesting = Nesting(**header["nesting"])
        self._decimals: Mapping[str, int] = header.get("decimals", {})
        self.last_seq: int = self._log.last_seq
        self._first, self._last = 1, 0  # of the records that are read
        self._records = pl.DataFrame()
        self._found: dict[Jump, pl.Series] = {}
        if self.last_seq > RECORDS_MAX and isinstance(self._log, DurableReader):
            msg = (
                f"{folder} holds {self.last_seq:,} records, and of a live log at most "
                f"{RECORDS_MAX:,} are looked into at once. A page shows state, positions and all "
                "else at each of 100,000 of them, from whichever you name: verifill report "
                f"{folder} -o part.html --first RECORD"
            )
            raise LogError(msg)

    @property
    def folder(self) -> Path:
        """The log's folder."""
        return self._log.folder

    def at(self, seq: int) -> Snapshot:
        """The run at a record.

        Raises:
            ConfigError: the log has no such record.
        """
        if not 1 <= seq <= self.last_seq:
            held = f"records 1 to {self.last_seq}" if self.last_seq else "no record"
            msg = f"{self._log.folder} has no record {seq}; it holds {held}"
            raise ConfigError(msg)
        self._read_around(seq)
        records = self._up_to(seq)
        state = self._state(seq)
        return Snapshot(
            run=str(self._log.header["run"]),
            mode=str(self._log.header.get("mode", "")),
            seq=seq,
            last_seq=self.last_seq,
            record=self._row(seq),
            state=state,
            levels=tuple(self._levels(state, seq)),
            asides=tuple(self._asides(records)),
            open=tuple(self._open(records, seq)),
            attempts=self._attempts(records, seq),
            positions=self._positions(seq),
            notes=tuple(self._notes.filter(seq=seq).to_dicts()),
            causes=tuple(self._causes(seq)),
        )

    def step(self, seq: int, by: int) -> int:
        """The number of the record so many further on, or back; at most the last, or first."""
        return max(1, min(self.last_seq, seq + by))

    def following(self, jump: Jump, *, after: int) -> int | None:
        """The number of the next record of a sort after one; None if there is none."""
        found = self._matching(jump)
        place = found.search_sorted(after, side="right")
        return int(found[place]) if place < found.len() else None

    def preceding(self, jump: Jump, *, before: int) -> int | None:
        """The number of the last record of a sort before one; None if there is none."""
        found = self._matching(jump)
        place = found.search_sorted(before, side="left")
        return int(found[place - 1]) if place else None

    def rows(self, first: int, last: int) -> Sequence[Row]:
        """The records from one to another, as far as they are there, without their payloads."""
        self._read_around(max(1, min(self.last_seq, last)))
        shown = self._records.filter(pl.col("seq").is_between(first, last))
        return shown.drop("payload").to_dicts()

    def inside(self, leaf: str) -> str:
        """The state of the innermost level of a leaf."""
        return _inside(leaf, self._nesting)

    def diff(self, before: int, after: int) -> tuple[Change, ...]:
        """What is not the same at two records.

        Raises:
            ConfigError: the log has no such record.
        """
        return changes(self.at(before), self.at(after))

    # What it is folded from.

    def _read_around(self, seq: int) -> None:
        """Read the records around one, if they are not read yet; all of them if they are few."""
        enough = self._first == 1 or seq - self._first >= BEFORE
        if enough and seq <= self._last:
            return
        first, last = 1, self.last_seq
        if last > RECORDS_MAX:
            first, last = max(1, seq - AROUND), min(last, seq + AROUND)
        inside = pl.col("seq").is_between(first, last)
        records = records_between(self._log, first, last).select(COLUMNS)
        self._records = records.filter(inside).collect()
        self._first, self._last = first, last

    def _up_to(self, seq: int) -> pl.DataFrame:
        """Those that are read, up to one."""
        return self._records.head(seq - self._first + 1)

    @cached_property
    def _read(self) -> pl.DataFrame:
        return self._log.stream("positions").with_columns(pl.col("key").cast(pl.String)).collect()

    @cached_property
    def _decisions(self) -> pl.DataFrame:
        return (
            self._log.stream("instructions").with_columns(pl.col(pl.Enum).cast(pl.String)).collect()
        )

    @cached_property
    def _notes(self) -> pl.DataFrame:
        return self._log.stream("notes").with_columns(pl.col("kind").cast(pl.String)).collect()

    def _row(self, seq: int) -> Row:
        row = self._records.row(seq - self._first, named=True)
        payload = row["payload"]
        return row | {"payload": None if payload is None else _payload(payload)}

    def _of_loops(self, records: pl.DataFrame) -> pl.DataFrame:
        return records.filter(pl.col("machine").is_in(list(self._nesting.instances)))

    def _state(self, seq: int) -> str:
        """The leaf after a record; a record that is no transition has that of the one before."""
        moved = self._of_loops(self._up_to(seq)).filter(pl.col("to").is_not_null())
        return str(moved["to"][-1]) if moved.height else ""

    def _levels(self, leaf: str, seq: int) -> Iterator[Level]:
        holders = self._nesting.holders
        around = sorted((h for h in holders if not h or leaf.startswith(f"{h}.")), key=len)
        for holder, inner in zip(around, [*around[1:], leaf], strict=True):
            state = inner.removeprefix(f"{holder}.") if holder else inner
            table = holders[holder]
            yield Level(table=table, instance=self._instance(table, holder, seq), state=state)

    def _instance(self, table: str, holder: str, seq: int) -> int:
        """The number of the instance that a level is in; 0 where no record has told it yet."""
        for at in range(seq - self._first, -1, -1):
            machine, instance, target = self._records.select("machine", "instance", "to").row(at)
            if machine == table:
                return int(instance)
            if machine in self._nesting.instances and not (target or "").startswith(holder):
                return 0
        return 0

    def _asides(self, records: pl.DataFrame) -> Iterator[Aside]:
        loops = [*self._nesting.instances, "process"]
        others = records.filter(~pl.col("machine").is_in(loops))
        last: dict[tuple[str, str], Aside] = {}
        for row in others.select("machine", "payload", "to", "seq").iter_rows():
            machine, payload, target, seq = row
            scope = str(json.loads(payload or "{}").get("scope", ""))
            last[machine, scope] = Aside(table=machine, scope=scope, state=target, seq=seq)
        yield from (last[name] for name in sorted(last))

    def _open(self, records: pl.DataFrame, seq: int) -> Iterator[Open]:
        """Instructions that were sent or are to be, and are not at an end of their loop."""
        inner, _ = self._nesting.levels[-1]
        rows = records.filter((pl.col("machine") == inner) & pl.col("event").is_not_null())
        last = rows.unique("instance", keep="last", maintain_order=True)
        ended = pl.any_horizontal(pl.col("to").str.ends_with(f".{end}") for end in ENDS)
        inside = pl.col("to").str.contains(".", literal=True)
        for row in last.filter(~ended & inside).sort("instance").iter_rows(named=True):
            number = row["instance"]
            sent = records.filter((pl.col("instance") == number) & (pl.col("machine") == inner))
            keys = sent["intent_id"].drop_nulls()
            asked = self._decisions.filter(
                (pl.col("seq") <= seq) & (pl.col("instruction") == number)
            )
            yield Open(
                instruction=number,
                state=_inside(row["to"], self._nesting),
                attempt=row["attempt"],
                since_seq=row["seq"],
                intent_id=keys[-1] if keys.len() else None,
                what=asked.row(-1, named=True) if asked.height else {},
            )

    def _attempts(self, records: pl.DataFrame, seq: int) -> dict[int, int]:
        """Sends of each instruction of the tick."""
        inner, _ = self._nesting.levels[-1]
        tick = records.tail(len(self._tick(seq)))
        sent = tick.filter(pl.col("machine") == inner).group_by("instance").agg(pl.max("attempt"))
        return dict(sent.sort("instance").rows())

    def _tick(self, seq: int) -> range:
        """The numbers of the records of the tick up to one."""
        outer, _ = self._nesting.levels[0]
        ticks = self._up_to(seq).filter(machine=outer, event="tick")
        return range(int(ticks["seq"][-1]) if ticks.height else self._first, seq + 1)

    def _positions(self, seq: int) -> dict[str, Held]:
        known = self._read.filter(pl.col("seq") <= seq).unique("key", keep="last").sort("key")
        return {
            row["key"]: Held(
                total=self._amount(row["key"], row["total"]),
                low=self._amount(row["key"], row["low"]),
                high=self._amount(row["key"], row["high"]),
                as_of_ns=row["as_of_ns"],
                seq=row["seq"],
            )
            for row in known.iter_rows(named=True)
        }

    def _amount(self, key: str, units: int) -> Decimal:
        return to_decimal(units, self._decimals.get(asset_of(key), 0))

    def _causes(self, seq: int) -> Iterator[Row]:
        """What led to a record, back to the start of its tick."""
        first = self._tick(seq).start
        for _ in range(CAUSES_MAX):
            seq = int(self._row(seq)["cause_seq"])
            if seq < first:
                return
            row = dict(self._row(seq))
            del row["payload"]
            yield row

    def _matching(self, jump: Jump) -> pl.Series:
        """The numbers of all records of a sort, in order, also of those that are not read."""
        if jump not in self._found:
            found = self._log.first(is_of(jump, self._nesting), max(1, self.last_seq))
            self._found[jump] = found.select("seq").collect()["seq"]
        return self._found[jump]


def records_between(log: Log, first: int, last: int) -> pl.LazyFrame:
    """The records of a stretch of a log, and some around them: others are not even unfolded."""
    following = pl.col("seq").shift(-1, fill_value=last + 1)
    paths = log.stream("paths").filter((following > first) & (pl.col("seq") <= last))
    return log.records(paths)


def _inside(leaf: str, nesting: Nesting) -> str:
    """The state of the innermost level of a leaf."""
    holder = max(
        (h for h in nesting.holders if h and leaf.startswith(f"{h}.")), key=len, default=""
    )
    return leaf.removeprefix(f"{holder}.")


def _payload(text: str) -> Any:  # noqa: ANN401 - of any shape
    """The payload of a record; that of a backtest has a note a line."""
    try:
        return json.loads(text)
    except ValueError:
        return text
