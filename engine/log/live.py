"""What a live engine writes: every transition durable before what it allows is done.

The same streams are appended to as in a backtest's log. Here their rows wait until the next
record is written, and go into its payload: what was seen, what follows from it and the new
state are one transaction.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from mypy_extensions import mypyc_attr

from verifill.engine.executor import Context
from verifill.engine.log.expand import Nesting
from verifill.engine.log.record import EVIDENCE, Kind, Record
from verifill.engine.log.usual import Kind as UsualKind
from verifill.engine.paths import Move

TRANSITIONS: Mapping[Move, Literal["TRANSITION", "IGNORED", "REFUSED"]] = {
    Move.MOVED: "TRANSITION",
    Move.IGNORED: "IGNORED",
    Move.REFUSED: "REFUSED",
}


class Moment(NamedTuple):
    """Now.

    Attributes:
        wall_ns: by the wall clock, since the epoch, UTC.
        mono_ns: by a clock that never goes back within a process life.
    """

    wall_ns: int
    mono_ns: int


class Aside(NamedTuple):
    """What a machine beside the loops did, such as a breaker.

    Attributes:
        machine: name of its table.
        source: the state before.
        event: what happened.
        target: the state after.
        move: whether it moved.
        payload: what it is about, and why.
    """

    machine: str
    source: str
    event: str
    target: str
    move: Move
    payload: Mapping[str, object]


class Texts(dict[str, Any]):
    """Codes that are the texts themselves: a durable log stores them as they are."""

    def __missing__(self, text: str) -> str:
        """The text."""
        return str(text)


class Waiting:
    """Rows of one stream that wait for the next record."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []

    def append(self, row: tuple[object, ...]) -> None:
        """Add a row; its first value, the number of a record, is that of the next one."""
        self.rows.append(list(row[1:]))


class NoUsual:
    """A live engine takes no short cut: every step of an instruction is a record."""

    def __init__(self) -> None:
        self.kinds: dict[UsualKind, int] = {}


class Store(Protocol):
    """Where records go; see `DurableLog`."""

    def append(self, records: Sequence[Record], /) -> int:
        """Write one engine step; the number of its last record."""
        ...

    def anchor(self) -> None:
        """Tell the second place how far the log has come."""
        ...


@mypyc_attr(allow_interpreted_subclasses=True)
class LiveLog:
    """Writes records with the evidence that came since the one before.

    Args:
        log: where they go.
        nesting: tells the table that an event belongs to.
        now: the moment.

    Attributes:
        streams: name -> where rows of evidence are appended.
        codes: text -> the text.
        usual: no kind of row; the usual way is closed (see `Express.open`).
        on_record: told of each record, with its number, once it is on the disk.
        answers: what was told from outside since the last record; see `engine.answers`.
        moment: that of the last record of this process life.
    """

    def __init__(self, log: Store, nesting: Nesting, now: Callable[[], Moment]) -> None:
        self._log = log
        self._nesting = nesting
        self._now = now
        columns = [column for _, column in nesting.levels]
        self._tables = [table for table, _ in nesting.levels]
        self._places = {
            table: (columns[at], columns[:at][::-1]) for at, table in enumerate(self._tables)
        }
        self._owners: dict[tuple[str, str, str], str] = {}  # as few as the table has rows
        self.streams = {name: Waiting() for name in EVIDENCE}
        self.codes = Texts()
        self.usual = NoUsual()
        self.on_record: Callable[[Record, int], None] = _nothing
        self.answers: list[list[Any]] = []
        self.moment = Moment(0, 0)
        self._told: dict[str, object] = {}
        self._kept: dict[str, Callable[[], None]] = {}

    def tell(self, name: str, value: object, kept: Callable[[], None] | None = None) -> None:
        """Put something into the payload of the next record.

        Args:
            name: of it; what was told under the same name is forgotten.
            value: it.
            kept: called once it is on the disk.
        """
        self._told[name] = value
        self._kept[name] = kept or _no_matter

    def transition(
        self, source: str, event: str, target: str, move: Move, context: Context
    ) -> None:
        """Write a transition; the state may move when this returns.

        Raises:
            LogError: it cannot be written, and nothing may be sent any more.
        """
        move_of = (source, event, target)
        owner = self._owners.get(move_of)
        if owner is None:
            owner = self._owners[move_of] = self._nesting.owner(*move_of)
        self._write(owner, TRANSITIONS[move], context, source=source, event=event, target=target)

    def note(self, kind: Kind, state: str, context: Context, *, intent_id: str = "") -> None:
        """Write what is no transition, with all that was told.

        Raises:
            EngineDefect: an INTENT whose key was used before; nothing is written.
            LogError: as `transition`.
        """
        owner = self._nesting.around(state)  # the context may be of what has ended by then
        self._write(owner, kind, context, source=state, target=state, intent_id=intent_id or None)

    def _write(
        self,
        owner: str,
        kind: Kind,
        context: Context,
        *,
        source: str,
        target: str,
        event: str | None = None,
        intent_id: str | None = None,
    ) -> None:
        column, outwards = self._places[owner]
        around = (number for outer in outwards if (number := getattr(context, outer)))
        evidence = {name: one.rows for name, one in self.streams.items() if one.rows}
        payload = self._told | ({"streams": evidence} if evidence else {}) | self._answered()
        wall_ns, mono_ns = self._now()
        record = Record(
            machine=owner,
            instance=getattr(context, column),
            parent=next(around, 0),
            source=source,
            event=event,
            target=target,
            attempt=context.attempt if owner == self._tables[-1] else 0,
            kind=kind,
            intent_id=intent_id,
            wall_ns=wall_ns,
            mono_ns=mono_ns,
            payload=payload or None,
        )
        seq = self._log.append([record])
        self._written(record)
        kept, self._told, self._kept = self._kept, {}, {}
        for done in kept.values():
            done()
        for name in evidence:
            self.streams[name].rows = []
        self.on_record(record, seq)

    def aside(self, told: Sequence[Aside]) -> None:
        """Write what machines beside the loops did, in one transaction.

        What waits for the next record of the loops goes on waiting: it belongs there.

        Raises:
            LogError: as `transition`.
        """
        wall_ns, mono_ns = self._now()
        payloads: list[Mapping[str, object]] = [one.payload for one in told]
        payloads[0] = {**payloads[0], **self._answered()}
        records = [
            Record(
                machine=one.machine,
                source=one.source,
                event=one.event,
                target=one.target,
                kind=TRANSITIONS[one.move],
                wall_ns=wall_ns,
                mono_ns=mono_ns,
                payload=payload,
            )
            for one, payload in zip(told, payloads, strict=True)
        ]
        last = self._log.append(records)
        self._written(records[-1])
        for seq, record in enumerate(records, start=last - len(records) + 1):
            self.on_record(record, seq)

    def _answered(self) -> dict[str, object]:
        return {"answers": self.answers} if self.answers else {}

    def _written(self, record: Record) -> None:
        self.answers = []
        self.moment = Moment(record.wall_ns, record.mono_ns)

    def anchor(self) -> None:
        """Tell the second place how far the log has come."""
        self._log.anchor()

    def path(self, seq: int, number: int, context: Context) -> None:
        """Nothing: every transition of the path is written already."""


def _no_matter() -> None:
    """What happens once something is on the disk if nobody asked for more."""


def _nothing(_record: Record, _seq: int) -> None:
    """What happens after a record if nobody asked for more."""
