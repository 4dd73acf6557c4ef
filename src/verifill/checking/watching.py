"""What is durable of a run while it goes on, and the digest of all that its rest depends on.

The engine's own state is what its log says: the newest memory, which is all that a recovery
goes by (docs/decisions/0010-live-mode.md), and the records after it, which hold every answer
that the engine was given since. Moments count by how long ago they were, to the second, so
that the same situation an hour later is the same.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec
from attrs import define, field

from verifill.engine.log.line import batch_of, rows_of
from verifill.engine.log.record import COLUMNS
from verifill.faults.outside import START_NS, Wire
from verifill.faults.story import of_loops

SECOND_NS: Final = 10**9
BYTES: Final = 12
PAYLOAD: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
TOLD: Final = ("machine", "instance", "from", "event", "to", "attempt", "kind", "intent_id")
"""Of a record, what says what happened, besides its payload."""

MOMENT: Final = re.compile(rb"\b1(?:699|70[0-9])\d{15}\b")
"""A moment near `START_NS`, in nanoseconds since the epoch."""


@define
class Watching:
    """The records of a run, as they become durable.

    Attributes:
        rows: all of them.
        state: the leaf of the loops.
        moves: how often they have moved.
        now_ns: when the newest was written.
    """

    rows: list[Mapping[str, Any]] = field(factory=list[Mapping[str, Any]])
    state: str = "START"
    moves: int = 0
    now_ns: int = START_NS
    _memory: bytes = b""
    _since: list[bytes] = field(factory=list[bytes])
    _ticks: int = 0
    _digest: bytes = b""

    @property
    def seq(self) -> int:
        """The number of the newest record."""
        return len(self.rows)

    def wrote(self, given: Sequence[Sequence[object]], now_ns: int) -> None:
        """Take up what has just become durable."""
        self.now_ns = now_ns
        for values in rows_of(batch_of(given)) if given else ():
            row: dict[str, Any] = dict(zip(COLUMNS, values, strict=True))
            self.rows.append(row)
            self._take(row)
        self._digest = b""

    def _take(self, row: Mapping[str, Any]) -> None:
        if row["kind"] == "EPOCH":  # what process it is, does not matter
            self._ticks, self._since = 0, [b"EPOCH"]
            return
        if row["event"] and of_loops(row):
            self.state = row["to"]
            self.moves += 1
            self._ticks += row["event"] == "tick"
        payload = PAYLOAD.decode(row["payload"] or "{}")
        memory = payload.pop("memory", None)
        if memory is None:
            told = [str(row[name]).encode() for name in TOLD]
            self._since += [*told, *map(bytes, payload.values())]
        else:
            self._memory, self._since = bytes(memory), []

    def digest(self, wire: Wire, now_ns: int, left: Iterable[int], lasting: str = "") -> str:
        """Of the engine, the venues, what goes on going wrong, and what is left to choose."""
        if not self._digest:
            inside = (self.state.encode(), b"%d" % self._ticks, self._memory, *self._since)
            self._digest = _hash(inside, self.now_ns)
        age = b"%d" % ((now_ns - self.now_ns) // SECOND_NS)
        outside = msgspec.json.encode(list(wire.situation()))
        parts = (self._digest, age, bytes(left), outside, lasting.encode())
        return _hash(parts, now_ns).hex()


def _hash(parts: Iterable[bytes], now_ns: int) -> bytes:
    """Of texts, in which a moment is how many seconds it is from now."""

    def ago(found: re.Match[bytes]) -> bytes:
        return b"%d s" % ((int(found[0]) - now_ns) // SECOND_NS)

    return blake2b(MOMENT.sub(ago, b"\n".join(parts)), digest_size=BYTES).digest()
