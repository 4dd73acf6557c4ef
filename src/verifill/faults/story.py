"""What a durable log tells of its instructions: planned, sent, and what became of them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from verifill.engine.log.connection import DATABASE, connect_to_read, rows_after
from verifill.engine.log.record import COLUMNS
from verifill.machines.nesting import INSTANCES
from verifill.machines.strategy import Fate
from verifill.machines.tight_loop import TIGHT_LOOP, Tight, TightEvent

HOLDERS = (
    "INSTRUCTION.",
    "ATOMIC.REHEARSE.",
    "ATOMIC.COMMIT.",
    "ATOMIC.STEP.",
    "ATOMIC.COMPENSATE.",
)
FATES: Mapping[str, Fate] = {
    Tight.DONE: Fate.DONE,
    Tight.FAILED_CLEAN: Fate.FAILED_CLEAN,
    Tight.FAILED_PART: Fate.IN_PART,
    Tight.FAILED_MISMATCH: Fate.MISMATCHED,
    Tight.RETRY_RESEND: Fate.FAILED_CLEAN,  # verified that nothing happened, and no more than that
}
TERMINAL = frozenset(FATES)
CHAINS: Mapping[str, Fate] = {
    "ATOMIC.COMMITTED": Fate.DONE,
    "ATOMIC.ROLLED_BACK": Fate.ROLLED_BACK,
    "ATOMIC.STRANDED": Fate.STRANDED,
}

Facts = Mapping[str, Any]
"""A record as it is stored, or what its payload holds."""


@define
class Sent:
    """One instruction that was sent.

    Attributes:
        number: its number.
        names: of what it carries out; several for a bundle.
        role: PLAN, STEP, COMPENSATION and so on.
        child: which remainder it is; 0 for none.
        keys: under which it was sent, in order.
        repeats: under which of them it was to be sent once more, each time.
        leaf: the leaf of the tight loop that it came to last.
    """

    number: int
    names: tuple[str, ...]
    role: str
    child: int
    keys: list[str] = field(factory=list[str])
    repeats: list[str] = field(factory=list[str])
    leaf: str = Tight.SEND


@define
class Planned:
    """One plan and what became of it.

    Attributes:
        entries: names of the instructions of each entry, in order.
        tick: that it was made in.
        remembered: fates of the entries that had ended when that was remembered last.
        expired: how many entries were written down as EXPIRED by a later life.
        chains: ends of chains, in order.
        sent: instruction's number -> what was sent of it.
    """

    entries: Sequence[tuple[str, ...]]
    tick: int = 0
    remembered: Sequence[str] = ()
    expired: int = 0
    chains: list[str] = field(factory=list[str])
    sent: dict[int, Sent] = field(factory=dict[int, Sent])

    @property
    def fates(self) -> Sequence[str]:
        """What became of the entries, in order; fewer than there are if nobody knows of the rest.

        What was remembered; else the end of the entry that was under way when a life ended;
        else EXPIRED, as often as that was written down.
        """
        fates = list(self.remembered)
        expired = self.expired - fates.count(Fate.EXPIRED)
        for names in self.entries[len(fates) :]:
            ends = [
                FATES[s.leaf]
                for s in self.sent.values()
                if set(s.names) & set(names) and s.leaf in FATES
            ]
            if len(fates) == len(self.remembered) and (self.chains or ends):
                fates.append((*ends, *self.chains)[-1])
            elif expired > 0:
                fates.append(Fate.EXPIRED)
                expired -= 1
        return fates


@frozen
class Story:
    """A log, told.

    Attributes:
        rows: its records, as they are stored.
        plans: in order.
        state: the leaf that its loops ended in.
        books: as they were remembered last; see `BooksMemory`.
    """

    rows: Sequence[Facts]
    plans: Sequence[Planned]
    state: str
    books: Facts

    @property
    def sent(self) -> Iterator[Sent]:
        """Every instruction that was sent."""
        for plan in self.plans:
            yield from plan.sent.values()

    @property
    def moves(self) -> Iterator[tuple[str, str, str, str]]:
        """Every transition: machine, from, event, to."""
        for row in self.rows:
            if row["kind"] == "TRANSITION":
                yield row["machine"], row["from"], row["event"], row["to"]

    @property
    def events(self) -> frozenset[str]:
        """Every event that there was."""
        return frozenset(event for _, _, event, _ in self.moves)

    def state_at(self, seq: int) -> str:
        """The leaf of the loops after so many records."""
        states = [row["to"] for row in self.rows[:seq] if row["to"] and of_loops(row)]
        return states[-1] if states else "START"

    def move(self, seq: int) -> str:
        """The transition of a record, or its kind."""
        row = self.rows[seq - 1]
        if not row["event"]:
            return str(row["kind"])
        return f"{row['from']} {row['event']} {row['to']}"


def of_loops(row: Facts) -> bool:
    """Whether a record is one of the nested loops, not of a machine beside them."""
    return row["machine"] in INSTANCES


def told(log: Path) -> Story:
    """The story of a log that is there.

    Raises:
        LogError: it cannot be read.
    """
    path = log / DATABASE
    with closing(connect_to_read(path)) as connection:
        rows: list[Facts] = [
            dict(zip(COLUMNS, row, strict=True)) for row in rows_after(connection, path)
        ]
    plans: list[Planned] = []
    state = ""
    books: Facts = {}
    for row, memory in follow(rows, plans):
        books = memory["books"] if memory else books
        if row["event"] and of_loops(row):
            state = row["to"]
    return Story(rows, plans, state, books)


def follow(rows: Iterable[Facts], plans: list[Planned]) -> Iterator[tuple[Facts, Facts | None]]:
    """Each record, with the memory that it carries, once the plans say what it says of them."""
    for row in rows:
        payload: Facts = json.loads(row["payload"] or "{}")
        if row["kind"] == "PLAN":
            plans.append(Planned([_names(entry) for entry in payload["plan"]], row["instance"]))
        if plans:
            _go_on(plans[-1], row, payload)
        yield row, payload.get("memory")


def _go_on(plan: Planned, row: Facts, payload: Facts) -> None:
    """What one more record says of the newest plan."""
    memory = payload.get("memory")
    if memory and memory["tick"] == plan.tick:
        plan.remembered = tuple(fate for fate, _ in memory["done"])
    notes = payload.get("streams", {}).get("notes", ())
    plan.expired += sum(note[1] == "EXPIRED" for note in notes)
    if row["to"] in CHAINS:
        plan.chains.append(CHAINS[row["to"]])
    if row["kind"] == "INTENT" and memory:
        _take(plan.sent, memory["leg"]).keys.append(row["intent_id"])
    if row["event"] == TightEvent.REPEAT and memory:
        _take(plan.sent, memory["leg"]).repeats.append(memory["leg"]["key"])
    if row["machine"] == TIGHT_LOOP.name and row["instance"] in plan.sent:
        leaf = _leaf(row["to"])  # of what is to be sent again, nothing is sent before its INTENT
        again = row["event"] and leaf == Tight.SEND
        plan.sent[row["instance"]].leaf = Tight.RETRY_RESEND if again else leaf


def _take(sent: dict[int, Sent], leg: Mapping[str, Any]) -> Sent:
    number = leg["number"]
    if number not in sent:
        wanted = leg["wanted"]
        what = [wanted] if wanted else [order["instruction"] for order in leg["orders"]]
        names = tuple(one["name"] for one in what)
        sent[number] = Sent(number, names, leg["role"], leg["child"])
    return sent[number]


def _names(entry: Mapping[str, Any]) -> tuple[str, ...]:
    chain = entry.get("chain")
    if chain is None:
        return (entry["instruction"].get("name", ""),)
    return tuple(step["instruction"].get("name", "") for step in chain["steps"])


def _leaf(state: str) -> str:
    for holder in HOLDERS:
        if state.startswith(holder):
            return state.removeprefix(holder)
    return state
