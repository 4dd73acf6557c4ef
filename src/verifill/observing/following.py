"""Following a durable log by its numbers: what came since the last look, and nothing twice."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import msgspec

from verifill.engine.errors import ConfigError, LogError
from verifill.engine.log.connection import DATABASE, connect_to_read, reading
from verifill.engine.log.durable_reader import DurableReader, open_log
from verifill.engine.log.expand import Nesting

BATCH: Final = 2_000
"""Records of one look: who stays in one statement for long keeps the log from being tidied."""

SELECT: Final = (
    'SELECT seq, epoch, machine, instance, "from", event, "to", attempt, kind, intent_id, '
    "wall_ns, mono_ns, payload, hash FROM records WHERE seq >= ? ORDER BY seq LIMIT ?"
)


class Streams(msgspec.Struct, frozen=True):
    """Rows of evidence, in the columns of docs/reference/log.md, but for `seq`."""

    instructions: tuple[tuple[Any, ...], ...] = ()
    receipts: tuple[tuple[Any, ...], ...] = ()
    fills: tuple[tuple[Any, ...], ...] = ()
    moves: tuple[tuple[Any, ...], ...] = ()
    notes: tuple[tuple[int, str, str], ...] = ()


class Payload(msgspec.Struct, frozen=True):
    """What is wanted of a payload; the rest of it is passed over.

    Attributes:
        streams: rows of evidence.
        command: what an operator said.
        scope: what a machine beside the loop is about.
        change: a change of such a machine, as plain values.
    """

    streams: Streams = Streams()
    command: dict[str, Any] | None = None
    scope: Any = ""
    change: Any = None


NO_PAYLOAD: Final = Payload()
DECODER: Final = msgspec.json.Decoder(Payload)


class Entry(NamedTuple):
    """A record, in the columns of docs/reference/log.md as far as they are wanted."""

    seq: int
    epoch: int
    machine: str
    instance: int
    source: str | None
    event: str | None
    target: str | None
    attempt: int
    kind: str
    intent_id: str | None
    wall_ns: int
    mono_ns: int
    payload: Payload

    @property
    def scope(self) -> str:
        """What a machine beside the loop is about, however its record says so."""
        scope, change = self.payload.scope, self.payload.change
        if isinstance(change, dict):
            scope = scope or cast("dict[str, object]", change).get("scope")
        return str(scope or self.instance)


class Follower:
    """The records of a live or paper run, each once, in order.

    Args:
        folder: the log's folder.

    Raises:
        LogError: it is no log.
        ConfigError: it is the log of a backtest.

    Attributes:
        folder: the log's folder.
        header: its header.
        nesting: how the states of its machine nest.
        position: number of the last record that was read; 0 before the first.
    """

    def __init__(self, folder: Path) -> None:
        log = open_log(folder)
        if not isinstance(log, DurableReader):
            msg = (
                f"{folder} is the log of a backtest, which is over when it can be read; only a "
                "live or paper run is followed. `verifill report` and `verifill log` read this one"
            )
            raise ConfigError(msg)
        self.folder = folder
        self.header: Mapping[str, Any] = log.header
        self.nesting = Nesting(**log.header["nesting"])
        self.position = 0
        self._hash = ""
        self._path = folder / DATABASE

    def batch(self, limit: int = BATCH) -> list[Entry]:
        """The records that come next, at most so many; none if there are no more yet.

        Raises:
            LogError: they cannot be read, or the log is another one than before.
        """
        again = 1 if self.position else 0  # the last one, to see that it is still the same
        with reading(self._path), closing(connect_to_read(self._path)) as connection:
            rows = list(connection.execute(SELECT, (self.position, limit + again)))
        if again and (not rows or rows[0][-1] != self._hash):
            msg = (
                f"{self.folder} is not the log it was: record {self.position} is gone or another. "
                "Somebody has put another log there; end this process and start it again"
            )
            raise LogError(msg)
        entries = [_entry(row) for row in rows[again:]]
        if entries:
            self.position, self._hash = entries[-1].seq, rows[-1][-1]
        return entries


def _entry(row: tuple[Any, ...]) -> Entry:
    *columns, payload, _digest = row
    try:
        told = NO_PAYLOAD if payload is None else DECODER.decode(payload)
    except msgspec.DecodeError as error:
        msg = (
            f"record {columns[0]} has a payload that no engine of this version writes: {error}. "
            "Update Verifill here, or check the log with `verifill verify`"
        )
        raise LogError(msg) from error
    return Entry._make((*columns, told))
