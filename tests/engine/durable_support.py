"""Small durable logs, for the tests of what writes, opens and reads them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import define, field

from verifill.engine.log.anchor import Anchor, Callbacks, FileAnchor
from verifill.engine.log.connection import Connect, connect
from verifill.engine.log.durable import DurableLog
from verifill.engine.log.opening import create_log, reopen_log
from verifill.engine.log.record import Record

TABLE = "d" * 64
HEADER: dict[str, Any] = {
    "run": "r",
    "nesting": {
        "machine": "full_loop",
        "digest": TABLE,
        "states": ["IDLE", "ATOMIC.STEP.SEND", "INSTRUCTION.SEND"],
        "events": ["tick", "step", "accepted"],
        "holders": {
            "": "full_loop",
            "ATOMIC": "atomic",
            "ATOMIC.STEP": "tight_loop",
            "INSTRUCTION": "tight_loop",
        },
        "events_of": {"full_loop": ["tick"], "atomic": ["step"], "tight_loop": ["accepted"]},
        "instances": {"atomic": "chain", "full_loop": "tick", "tight_loop": "instruction"},
        "kinds": {},
    },
}
LIFE = Record(machine="full_loop", kind="EPOCH", wall_ns=1, mono_ns=1)


def note(number: int, **given: Any) -> Record:  # noqa: ANN401 - of Record
    """A record that is told from others by a number."""
    told: dict[str, Any] = {
        "machine": "full_loop", "kind": "NOTE", "wall_ns": number, "mono_ns": 1,
        "payload": {"number": number},
    }  # fmt: skip
    return Record(**(told | given))


def step(first: int, size: int = 1) -> list[Record]:
    """So many records, numbered from the first."""
    return [note(number) for number in range(first, first + size)]


def intent(key: str) -> Record:
    return note(0, kind="INTENT", intent_id=key)


@define
class Memory:
    """An anchor that outlives what the test does to the disk."""

    lines: list[tuple[int, str]] = field(factory=list[tuple[int, str]])

    def publish(self, seq: int, digest: str, /) -> None:
        self.lines.append((seq, digest))

    def last(self) -> tuple[int, str] | None:
        return self.lines[-1] if self.lines else None


def beside(folder: Path) -> FileAnchor:
    """The anchor of the log in a folder."""
    return FileAnchor(folder.with_name(f"{folder.name}.anchor"))


def created(
    folder: Path, *, anchor: Anchor | None = None, connect: Connect = connect
) -> DurableLog:
    return create_log(folder, HEADER, LIFE, anchor=anchor or beside(folder), connect=connect)


def reopened(
    folder: Path, *, anchor: Anchor | None = None, connect: Connect = connect, table: str = TABLE
) -> DurableLog:
    anchor = anchor or beside(folder)
    return reopen_log(folder, LIFE, definition_hash=table, anchor=anchor, connect=connect)


def holding(told: tuple[int, str] | None) -> Callbacks:
    """An anchor that holds something and forgets what it is told."""
    return Callbacks(lambda _seq, _digest: None, lambda: told)


def filled(folder: Path, sizes: Sequence[int] = (2, 1, 3)) -> DurableLog:
    """A log with steps of these sizes, anchored at its end."""
    log = created(folder)
    for size in sizes:
        log.append(step(log.tail.seq + 1, size))
    log.anchor()
    return log
