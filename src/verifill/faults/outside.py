"""What surrounds an engine, without sockets and without waiting: time, venues, a disk.

The venues are the real service of the loopback server, its journal in memory, so that it
outlives every process life of the engine. Time is a number that sleeping moves on. The log
is a real one, on a real disk, through the seam that it has for its connection.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import msgspec
from attrs import define, field

from verifill.assembly.loopback import Hosting, ServerParts
from verifill.engine.clock import NANOSECONDS
from verifill.engine.errors import EngineDefect
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.connection import INSERT, Connect, Connection, Cursor, connect
from verifill.faults.moments import KilledError, Moments, Place
from verifill.venues.loopback.book import Done
from verifill.venues.loopback.faults import HONEST_VIEW, Break, Fault
from verifill.venues.loopback.journal import Command, Journal, Line, Opened
from verifill.venues.loopback.outgoing import Outgoing
from verifill.venues.loopback.service import Service
from verifill.venues.loopback.shelf import Shelf
from verifill.venues.loopback.transport import Answered, Attempt, Lost, NotSent
from verifill.venues.loopback.wire import Sent, Submit
from verifill.venues.loopback.world import NETWORK
from verifill.venues.loopback.world import World as VenuesWorld
from verifill.venues.orders import Cause
from verifill.venues.rules import Idempotency

START_NS = 1_700_000_000 * NANOSECONDS
ANSWER_NS = 1_000_000  # a request takes a millisecond
TIMEOUT_NS = 30 * NANOSECONDS  # and one that is never answered half a minute
PATIENCE_NS = 900 * NANOSECONDS


NOW: Mapping[str, int] = {}


class WaitingError(BaseException):
    """The engine waits for a person, and nobody comes."""


class DiedError(BaseException):
    """The venues' server has killed itself."""


@define
class Time:
    """Time, as far as an engine and its venues know of it.

    Attributes:
        true_ns: the venues' time, since the epoch.
        skew_ns: by how much the engine's wall clock is ahead of it.
        busy_ns: when something was written or asked last.
        patience_ns: a life that does nothing for so long waits for a person.
    """

    true_ns: int = START_NS
    skew_ns: int = 0
    busy_ns: int = START_NS
    patience_ns: int = PATIENCE_NS

    def wall_ns(self) -> int:
        """The engine's wall clock."""
        return self.true_ns + self.skew_ns

    def mono_ns(self) -> int:
        """A clock that never goes back."""
        return self.true_ns - START_NS

    def sleep(self, seconds: float) -> None:
        """Let time pass; nobody waits for ever."""
        self.true_ns += round(seconds * NANOSECONDS)
        if self.true_ns - self.busy_ns > self.patience_ns:
            raise WaitingError

    def busy(self, duration_ns: int = 0) -> None:
        """Something happens, and takes so long."""
        self.true_ns += duration_ns
        self.busy_ns = self.true_ns


class MemoryJournal(Journal):
    """The journal of a server that outlives its engines, and need not outlive us."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def append(self, what: Opened | Command, done: tuple[Done, ...] = ()) -> None:
        """Write a line."""
        self.lines.append(Line(what, done))

    def close(self) -> None:
        """Nothing is open."""


class Wire:
    """The venues, and the way to them; implements `Transport`.

    Args:
        hosting: what the venues follow from.
        time: theirs.
        faults: armed from the start.

    Attributes:
        moments: of the life that asks.
        sent: key -> how often it was submitted.
        bodies: key -> the requests that it was submitted with.
        keys: those that were submitted, in order.
        requests: key -> what was submitted with it last.
        hook: called before each request with its place and number.
    """

    def __init__(self, hosting: Hosting, time: Time, faults: Iterable[Fault] = ()) -> None:
        self._parts = ServerParts(hosting)
        self._time = time
        self.journal = MemoryJournal()
        self.service = self._started()
        self.service.script.arm(faults)
        self.moments = Moments()
        self.sent: dict[str, int] = {}
        self.bodies: dict[str, set[bytes]] = {}
        self._venues: dict[str, str] = {}
        self.requests: dict[str, Sent] = {}
        self.keys: list[str] = []
        self._dark_ns = 0
        self._refused = False
        self.hook: Callable[[Place, int], None] = lambda _place, _number: None

    def __call__(self, method: str, target: str, body: bytes = b"") -> Attempt:
        """See `Transport`."""
        place = PLACES.get(target.split("?", maxsplit=1)[0].rpartition("/")[2], Place.LOOK)
        self._time.busy(ANSWER_NS)
        self.hook(place, self.moments.seen.get(place, 0) + 1)
        if place is Place.SEND and not self._dark:
            return self.moments.around(place, lambda: self._submit(target, body))
        return self.moments.around(place, lambda: self._ask(method, target, body))

    def cut_off(self, seconds: int, *, answered: bool) -> None:
        """Let nothing through for a while; connections are refused, or nobody answers."""
        self._dark_ns = self._time.true_ns + seconds * NANOSECONDS
        self._refused = answered

    @property
    def _dark(self) -> bool:
        return self._time.true_ns < self._dark_ns

    def _submit(self, target: str, body: bytes) -> Attempt:
        submit = msgspec.json.decode(body, type=Submit)
        key = submit.key
        self.sent[key] = self.sent.get(key, 0) + 1
        self.bodies.setdefault(key, set()).add(body)
        self._venues[key] = target.split("/")[1]
        self.requests[key] = submit.request
        self.keys.append(key)
        return self._ask("POST", target, body)

    def _ask(self, method: str, target: str, body: bytes) -> Attempt:
        if self._dark:
            if self._refused:
                return NotSent("Connection refused")
            self._time.busy(TIMEOUT_NS)
            return Lost("timed out")
        try:
            return self._told(self.service.answer(method, target, body))
        except DiedError:
            script = self.service.script  # what is to go wrong later still is
            self.service = self._started()
            self.service.script = script
            return Lost("ConnectionResetError")

    def _told(self, outgoing: Outgoing) -> Attempt:
        """What a client makes of an answer on its way."""
        if outgoing.ends is Break.HOLD or outgoing.drips:
            self._time.busy(TIMEOUT_NS)
        if outgoing.ends in {Break.DROP, Break.HOLD} or outgoing.truncated or outgoing.drips:
            return Lost(str(outgoing.ends or "the answer breaks off"))
        return Answered(outgoing.status, outgoing.body, outgoing.headers.get("Retry-After", ""))

    def restart(self, lines: Iterable[Line]) -> None:
        """Take up the journal of another server, and be as it was."""
        self.journal.lines[:] = lines
        self.service = self._started()

    def totals(self, cursors: Mapping[str, int] = NOW) -> dict[str, int]:
        """Position key -> units, as the venues show them.

        Args:
            cursors: feed -> the ledger row before which; now, where it is left out.
        """
        world = self.service.world
        totals: dict[str, int] = {}
        for name, shelf in ((NETWORK, world.transit), *_shelves(world)):
            shown = shelf.show(cursors.get(name), HONEST_VIEW)
            if shown is None:
                msg = f"{name} has no row {cursors.get(name)}"
                raise EngineDefect(msg)
            totals |= shown.totals
            for row in shown.rows:
                totals[row.key] -= row.amount
        return totals

    def effects(self) -> dict[str, int]:
        """Key -> how many orders of it moved anything but the gas that they cost."""
        shelves = _shelves(self.service.world)
        shown = (shelf.show(0, HONEST_VIEW) for _, shelf in shelves)
        rows = [row for one in shown if one for row in one.rows]
        moving = {row.ref for row in rows if row.cause is not Cause.GAS}
        return {
            effect.key: effect.effects * (not moving.isdisjoint(effect.refs))
            for effect in self.service.effects()
        }

    def once(self, key: str) -> bool:
        """Whether the venue that a key was submitted to executes it at most once, for ever."""
        hosted = self.service.world.hosted
        venue = self.venue(key)
        return not venue or hosted[venue].idempotency is Idempotency.K

    def venue(self, key: str) -> str:
        """The venue that a key was submitted to; empty if it was not."""
        return self._venues.get(key, "")

    def situation(self) -> Iterator[object]:
        """All that what the venues do next depends on, as plain values."""
        world = self.service.world
        yield self.totals()
        yield world.due()
        for name, hosted in world.hosted.items():
            yield name
            yield hosted.shelf.length
            yield msgspec.to_builtins(hosted.book.situation())

    def _started(self) -> Service:
        """The server, from its journal."""
        time = self._time

        def die() -> NoReturn:
            raise DiedError

        return Service(
            self._parts, self.journal, clock=lambda: time.true_ns, start_ns=START_NS, die=die
        )


def _shelves(world: VenuesWorld) -> Iterator[tuple[str, Shelf]]:
    for name, hosted in world.hosted.items():
        yield name, hosted.shelf


PLACES = {
    "submit": Place.SEND,
    "query": Place.QUESTION,
    "positions": Place.READING,
    "fork": Place.REHEARSAL,
    "fork_submit": Place.REHEARSAL,
    "fork_positions": Place.REHEARSED,
}


@define
class Disk:
    """A log's database, whose commits are moments, and can fail.

    Attributes:
        moments: of the life that writes.
        time: is busy when something is written.
        fail: number of the commit that fails; 0 for none.
        kept: whether the step that fails is in the log all the same.
        why: what the database says of it.
        acknowledged: number -> hash of every record that was said to be on the disk.
        written: the numbers of the records of each commit; none where it made tables.
        usual: connects to the database itself.
        open: connects to it this time.
        on_acknowledged: told of each of those.
        on_rows: told of the rows of each commit, once they are on the disk.
        doomed: whether the power is gone, and the next thing that passes ends the life.
    """

    moments: Moments
    time: Time
    fail: int = 0
    kept: bool = False
    why: str = ""
    acknowledged: dict[int, str] = field(factory=dict[int, str])
    written: list[list[int]] = field(factory=list[list[int]])
    usual: Connect = connect
    open: Connect = connect
    on_acknowledged: Callable[[int, str], None] = lambda _number, _digest: None
    on_rows: Callable[[Sequence[Sequence[object]]], None] = lambda _rows: None
    doomed: bool = False

    def connect(self, path: Path) -> Connection:
        """Connect to a database on it."""
        return Watched(self.open(path), self)


class Watched:
    """A connection whose commits are watched; implements `Connection`."""

    def __init__(self, connection: Connection, disk: Disk) -> None:
        self._connection = connection
        self._disk = disk
        self._rows: Sequence[Sequence[object]] = ()

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Cursor:
        """See `Connection`."""
        if sql != "COMMIT":
            return self._connection.execute(sql, parameters)
        return self._disk.moments.around(Place.COMMIT, self._commit)

    def _commit(self) -> Cursor:
        disk = self._disk
        disk.time.busy()
        failing = disk.moments.seen[Place.COMMIT] == disk.fail
        if failing and not disk.kept:
            self._connection.execute("ROLLBACK")
        done = self._connection.execute("SELECT 1" if failing and not disk.kept else "COMMIT")
        if disk.doomed:
            raise KilledError
        if failing:
            raise sqlite3.OperationalError(disk.why)
        disk.written.append([int(str(row[0])) for row in self._rows])
        for row in self._rows:
            number, digest = int(str(row[0])), str(row[-1])
            disk.acknowledged[number] = digest
            disk.on_acknowledged(number, digest)
        disk.on_rows(self._rows)
        self._rows = ()
        return done

    def executemany(self, sql: str, parameters: Iterable[Sequence[object]], /) -> object:
        """See `Connection`."""
        rows = list(parameters)
        if sql == INSERT:
            self._rows = rows
        return self._connection.executemany(sql, rows)

    def close(self) -> None:
        """See `Connection`."""
        self._connection.close()


class WatchedAnchor(FileAnchor):
    """An anchor whose lines are moments."""

    def __init__(self, path: Path, moments: Moments) -> None:
        super().__init__(path)
        self._moments = moments

    def publish(self, seq: int, digest: str, /) -> None:
        """See `FileAnchor`."""
        publish = super().publish
        self._moments.around(Place.ANCHOR, lambda: publish(seq, digest))
