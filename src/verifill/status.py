"""Where a run is, read from its log by any process, also while its engine goes on.

Nothing is asked of the engine, nothing is written, and what is told is what the log and the
inbox hold. Of a long durable log only its end is read: as far back as a process life that
began with a reading of the positions.
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import polars as pl
from attrs import evolve, field, frozen

from verifill.engine.amounts import to_decimal
from verifill.engine.errors import InboxError
from verifill.engine.inbox import Posted, last_posted
from verifill.engine.log.durable_reader import DurableReader, open_log
from verifill.engine.log.expand import IGNORED, REFUSED, Nesting
from verifill.engine.log.lock import is_held
from verifill.engine.log.reader import Log
from verifill.engine.log.record import EPOCH
from verifill.guarded import Guarded, guarded
from verifill.machines.full_loop import FullEvent
from verifill.report.book import rehearsals
from verifill.unfinished import Recovery, Unresolved, recovery_of, unresolved_in
from verifill.venues.keys import asset_of

FIRST_LOOK: Final = 2_000  # records that are read of a durable log at first
FURTHER: Final = 8  # how many times as many, if these do not tell enough
FAILURES: Final = ("FAILURE", "HELD", "DENIED")
INSTRUCTION: Final = "instruction"
RESOLVING: Final = frozenset(
    event.value for event in FullEvent if event.value.startswith("resolve_")
)

Rows = Sequence[Mapping[str, Any]]
"""Records, by the columns of `records()`."""


@frozen(kw_only=True)
class Work:
    """What the machine is at, as far as its last transition tells.

    Attributes:
        state: the leaf state; empty if it never moved.
        since_ns: when it came there, or the earliest time that was read if that is earlier.
        tick: number of the tick, 0 before the first.
        chain: number of the chain under way; None outside one.
        instruction: number of the instruction under way; None outside one.
        attempt: which send of it, from 1; 0 before the first; None outside one.
        intent: key of its last send; None if it has none.
    """

    state: str = ""
    since_ns: int | None = None
    tick: int = 0
    chain: int | None = None
    instruction: int | None = None
    attempt: int | None = None
    intent: str | None = None


@frozen(kw_only=True)
class Position:
    """A position as it was last read and judged.

    Attributes:
        total: how much.
        as_of_ns: the moment that the reading describes.
    """

    total: Decimal
    as_of_ns: int


@frozen(kw_only=True)
class Failure:
    """The last note of a failure.

    Attributes:
        seq: number of the record that it belongs to.
        instruction: number of the instruction, 0 if it is about none.
        kind: FAILURE, HELD or DENIED.
        payload: JSON with the reason.
    """

    seq: int
    instruction: int
    kind: str
    payload: str


@frozen(kw_only=True)
class Status:
    """Where a run is.

    Attributes:
        run: name of the run.
        mode: backtest, live, paper.
        epoch: the process life that wrote last.
        is_written: whether a writer holds the log just now.
        ending: how the run ended; None if its log does not say so.
        reason: why it ended early; empty if it did not.
        work: what the machine is at.
        records: the last records, oldest first, by the columns of docs/reference/log.md.
        positions: position key -> how much was read last.
        failure: the last note of a failure among what was read; None if there is none.
        commands: the operators' commands that were posted last, oldest first.
        inbox: why the inbox could not be read; empty if all is well.
        guard: breakers, trading states, feeds and health; a backtest has none.
        recovery: what the last process life has found; None of a backtest.
        in_flight: the order of which nobody knows yet what became; None if there is none.
        read_from: number of the first record that was read.
        last_seq: number of the last record, 0 if there is none.
    """

    run: str
    mode: str
    epoch: int
    is_written: bool
    ending: str | None
    reason: str
    work: Work
    records: Rows
    positions: Mapping[str, Position]
    failure: Failure | None
    commands: Sequence[Posted] = ()
    inbox: str = ""
    guard: Guarded = field(factory=Guarded)
    recovery: Recovery | None = None
    in_flight: Unresolved | None = None
    read_from: int
    last_seq: int


def status_of(folder: Path, *, last: int = 5) -> Status:
    """Where the run of a log is.

    Args:
        folder: the log, of a backtest or of a live run.
        last: how many records and commands to tell of.

    Raises:
        LogError: there is no log, or it cannot be read.
        StateError: what the guard remembers cannot be read.
    """
    log = open_log(folder)
    is_written = is_held(folder)
    if not isinstance(log, DurableReader):
        rows = log.records(log.stream("paths").tail(max(last, FIRST_LOOK))).collect().to_dicts()
        return _status(log, rows, last, is_written=is_written)
    recent = _told_enough(log, last)
    told = _status(recent, recent.records().collect().to_dicts(), last, is_written=is_written)
    told = evolve(
        told,
        guard=guarded(log, recent),
        recovery=recovery_of(recent),
        in_flight=unresolved_in(log, recent),
    )
    try:
        return evolve(told, commands=last_posted(folder, last))
    except InboxError as error:
        return evolve(told, inbox=str(error))


def _told_enough(log: DurableReader, last: int) -> DurableReader:
    """The end of a log that tells all positions."""
    count = max(last, FIRST_LOOK)
    while (recent := log.recent(count)).first_seq > 1 and not _tells_all(recent):
        count *= FURTHER
    return recent


def _tells_all(log: DurableReader) -> bool:
    """Whether a process life began here and read the positions, which are then all here."""
    lives = log.records().filter(kind=EPOCH).select("seq").collect()["seq"]
    readings = log.stream("positions").filter(instruction=0).select("seq").collect()["seq"]
    return bool(lives.len() and readings.len()) and lives[0] <= readings[-1]


def _status(log: Log, rows: Rows, last: int, *, is_written: bool) -> Status:
    end = log.end or {}
    return Status(
        run=str(log.header["run"]),
        mode=str(log.header.get("mode", "")),
        epoch=rows[-1]["epoch"] if rows else 0,
        is_written=is_written,
        ending=end.get("ending"),
        reason=end.get("reason", ""),
        work=_work(log, rows),
        records=rows[len(rows) - last :] if last < len(rows) else rows,
        positions=_positions(log),
        failure=_failure(log),
        read_from=rows[0]["seq"] if rows else 1,
        last_seq=rows[-1]["seq"] if rows else 0,
    )


def _work(log: Log, rows: Rows) -> Work:
    nesting = Nesting(**log.header["nesting"])
    moves = [row for row in rows if _is_move(nesting, row)]
    if not moves:
        return Work()
    state = str(moves[-1]["to"])
    work = Work(state=state, since_ns=_since(moves, state))
    outer: set[str] = set()
    for table, column in nesting.levels:
        begun = _begun(moves, outer)
        outer.add(table)
        if not _is_inside(nesting, table, state):
            continue
        number = next((row["instance"] for row in reversed(begun) if row["machine"] == table), None)
        if column != INSTRUCTION:
            work = work if number is None else evolve(work, **{column: number})
        else:
            # what a new life takes up was sent in one before; its key is the last that was used
            resolving = begun[0]["event"] in RESOLVING
            sent = [row for row in rows if resolving or row["seq"] >= begun[0]["seq"]]
            work = _with_instruction(work, log, sent, number)
    return work


def _is_move(nesting: Nesting, row: Mapping[str, Any]) -> bool:
    moved = row["to"] is not None and row["kind"] not in (IGNORED, REFUSED)
    return moved and row["machine"] in nesting.instances


def _since(moves: Rows, state: str) -> int:
    """When the machine came to the state that it is in."""
    since_ns = moves[-1]["wall_ns"]
    for row in reversed(moves):
        if row["to"] != state:
            break
        since_ns = row["wall_ns"]
        if row["from"] != state:
            break
    return int(since_ns)


def _begun(moves: Rows, outer: Collection[str]) -> Rows:
    """The last move of the tables around one, and all that came after: one instance of it."""
    last = max((at for at, row in enumerate(moves) if row["machine"] in outer), default=0)
    return moves[last:]


def _is_inside(nesting: Nesting, table: str, leaf: str) -> bool:
    holders = (holder for holder, held in nesting.holders.items() if held == table)
    return any(not holder or leaf.startswith(f"{holder}.") for holder in holders)


def _with_instruction(work: Work, log: Log, sent: Rows, number: int | None) -> Work:
    """The instruction under way, with its last send; before a move of its own, the last decided."""
    if number is None:
        decided = log.stream("instructions").select("instruction").tail(1).collect()
        number = decided.item() if decided.height else None
    keys = [row["intent_id"] for row in sent if row["intent_id"] is not None]
    attempts = [row["attempt"] for row in sent if row["attempt"]]
    return evolve(
        work,
        instruction=number,
        attempt=attempts[-1] if attempts else 0,
        intent=keys[-1] if keys else None,
    )


def _positions(log: Log) -> Mapping[str, Position]:
    """The last reading of every position; rehearsals moved nothing."""
    decimals: Mapping[str, int] = log.header.get("decimals", {})
    rows = (
        log.stream("positions")
        .join(rehearsals(log), on="instruction", how="anti", maintain_order="left")
        .with_columns(pl.col("key").cast(pl.String))
        .group_by("key")
        .last()
        .select("key", "total", "as_of_ns")
        .sort("key")
        .collect()
    )
    return {
        key: Position(total=to_decimal(units, decimals.get(asset_of(key), 0)), as_of_ns=as_of_ns)
        for key, units, as_of_ns in rows.iter_rows()
    }


def _failure(log: Log) -> Failure | None:
    notes = log.stream("notes").with_columns(pl.col("kind").cast(pl.String))
    rows = notes.filter(pl.col("kind").is_in(FAILURES)).tail(1).collect().to_dicts()
    return Failure(**rows[0]) if rows else None
