"""A durable log record by record: its chain, and the rows and evidence that are checked."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl
from attrs import define, field
from msgspec import Struct
from polars.exceptions import PolarsError

from verifill.engine.errors import LogError, LogExists
from verifill.engine.log.anchor import Anchor, FileAnchor
from verifill.engine.log.connection import (
    DATABASE,
    Connection,
    batches_after,
    check_tables,
    connect_to_read,
    indexed,
    reading,
)
from verifill.engine.log.identity import check_same
from verifill.engine.log.opening import origin_of
from verifill.engine.log.parts import verify as follow
from verifill.engine.log.record import COLUMNS, EVIDENCE, Batch
from verifill.engine.log.schema import STREAMS
from verifill.engine.log.streams import CODE, TEXT, dtype_of
from verifill.engine.verify.submits import repeated, submits
from verifill.engine.verify.verdict import Check, Fault, checked

RECORDS: Final = "records"
TEXTS: Final = frozenset({"machine", "from", "event", "to", "kind"})
"""Columns with few different texts."""

PICKED: Mapping[str, pl.DataType] = {
    name: pl.Categorical() if name in TEXTS else dtype_of(COLUMNS[name])
    for name in ("seq", "epoch", "machine", "instance", "from", "event", "to", "attempt", "kind",
                 "intent_id", "mono_ns")
}  # fmt: skip
READ: Mapping[str, pl.DataType] = {"submits": pl.Int64(), "repeats": pl.String()}
"""What `engine.verify.submits` reads in the payload of a record."""

PIECE_ROWS = 16_384


class Told(Struct):
    """A payload, as far as it is evidence."""

    streams: dict[str, list[list[Any]]] = {}


_told = msgspec.json.Decoder(Told).decode
_streams_alone = msgspec.json.Decoder(dict[str, list[list[Any]]]).decode
_STREAMS: Final = '"streams":'
_texts: Mapping[str, pl.DataType] = {TEXT: pl.String(), CODE: pl.String()}
_SCHEMAS: Mapping[str, Mapping[str, pl.DataType]] = {RECORDS: {**PICKED, **READ}} | {
    name: {column: _texts.get(kind, dtype_of(kind)) for column, kind in STREAMS[name].items()}
    for name in EVIDENCE
}


@define
class Records:
    """What was read of a durable log.

    Attributes:
        kept: of its records.
        checks: of its chain, its anchor and its pages.
        root: hash that the chain ends with, as far as it could be followed.
    """

    kept: "Kept" = field(factory=lambda: Kept())  # noqa: PLW0108 - defined below
    checks: list[Check] = field(factory=list[Check])
    root: str = ""

    @property
    def frame(self) -> pl.DataFrame:
        """The columns PICKED and READ of every record."""
        return self.kept.frame(RECORDS)

    def stream(self, name: str) -> pl.LazyFrame:
        """The rows of a stream that records carry.

        Raises:
            LogError: they are not what such rows are.
        """
        return self.kept.frame(name).lazy()


def read(folder: Path, anchor: Anchor | None) -> Records:
    """Read a durable log once, from its start to its end, also while its writer goes on.

    Args:
        folder: the log.
        anchor: the second place; None if there is none to be asked.

    Raises:
        LogError: it is no durable log, or it cannot be read at all.
    """
    told = Records()
    origin = origin_of(folder)
    path = folder / DATABASE
    anchored, lost = _anchored(folder, anchor)
    broken: list[Fault] = []
    with ExitStack() as held, reading(path):
        connection = connect_to_read(path)
        held.callback(connection.close)
        check_tables(connection, path)
        try:
            told.root = follow(connection, path, origin, anchored, told.kept).hash
        except LogError as error:
            broken.append(Fault(str(path), str(error)))
            _drain(told.kept.of(batches_after(connection, path, told.kept.last)))
        broken += _unlike_index(connection, path, told.kept)
    count = told.frame.height
    claim = "every record carries the hash of the one before it"
    told.checks.append(checked("chain", claim, count, "records", broken))
    claim = "the second place holds a record of this chain"
    if anchor is None:
        told.checks.append(Check("anchor", claim, skipped="no anchor was named"))
    else:
        told.checks.append(checked("anchor", claim, int(anchored is not None), "places", lost))
    return told


def _anchored(folder: Path, anchor: Anchor | None) -> tuple[tuple[int, str] | None, list[Fault]]:
    if anchor is None:
        return None, []
    try:
        told = anchor.last()
    except LogError as error:
        return None, [Fault("anchor", str(error))]
    if told is None:
        what = (
            f"{anchor if isinstance(anchor, FileAnchor) else 'it'} holds nothing of {folder}, and "
            "every log publishes there when it begins: so nobody can tell whether records were cut "
            "off its end. Restore it, or name the file that it was moved to with --anchor"
        )
        return None, [Fault("anchor", what)]
    try:
        check_same(folder, anchor)
    except (LogError, LogExists) as error:
        return told, [Fault("anchor", str(error))]
    return told, []


def _unlike_index(connection: Connection, path: Path, kept: "Kept") -> Iterator[Fault]:
    """What keeps an intent from being sent twice, and finds commands, says what records say."""
    try:
        found = indexed(connection, path)
    except LogError as error:
        yield Fault(str(path), str(error))
        return
    frame = kept.frame(RECORDS)
    for kind, listed in found.items():
        told = frame.filter(pl.col("kind") == kind).select("intent_id", "seq").rows()
        if told != [(key, seq) for key, seq in listed if seq <= kept.last]:
            what = f"is damaged: its index of {kind} does not say what its records say"
            yield Fault(str(path), f"{path} {what}. Restore it from a copy")


def _drain(batches: Iterable[Batch]) -> None:
    """Read the rest, as far as it can be read; that it is broken is known."""
    try:
        deque(batches, maxlen=0)
    except LogError:
        return


class Kept:
    """What is kept of records as they are come to; see `engine.log.parts.Look`.

    Of a record no more is kept than is needed: what is read and left behind is soon out of the
    caches of a processor. It is packed now and then, because Python values take room.
    """

    def __init__(self) -> None:
        self._loose: Mapping[str, list[Any]] = {name: [] for name in _SCHEMAS[RECORDS]}
        self._carried: dict[str, list[tuple[Any, ...]]] = {}
        self._pieces: dict[str, list[pl.DataFrame]] = {name: [] for name in _SCHEMAS}
        self._odd = ""

    @property
    def last(self) -> Any:  # noqa: ANN401 - as it is stored
        """Number of the last record; 0 if there was none."""
        if self._loose["seq"]:
            return self._loose["seq"][-1] or 0
        packed = self._pieces[RECORDS]
        return packed[-1]["seq"][-1] or 0 if packed else 0

    def of(self, batches: Iterable[Batch], /) -> Iterator[Batch]:
        """The records, as they are come to."""
        for batch in batches:
            shown = batch.columns
            for name in PICKED:
                self._loose[name].extend(shown[name])
            payloads = [told if type(told) is str else "" for told in shown["payload"]]
            self._loose["submits"].extend(map(submits, payloads))
            self._loose["repeats"].extend(repeated(shown["event"], payloads))
            _carry(self._carried, shown["seq"], payloads)
            if len(self._loose["seq"]) >= PIECE_ROWS:
                self._pack()
            yield batch

    def packed(self) -> bytes:
        """What was kept, for another process."""
        return msgspec.msgpack.encode({name: _written(self.frame(name)) for name in _SCHEMAS})

    def take(self, packed: bytes, /) -> None:
        """Keep what another has kept of the records that come next."""
        self._pack()
        for name, piece in msgspec.msgpack.decode(packed, type=dict[str, bytes]).items():
            self._pieces[name].append(pl.read_ipc(BytesIO(piece)))

    def frame(self, name: str) -> pl.DataFrame:
        """All that was kept of the records themselves, or of a stream.

        Raises:
            LogError: rows of a stream are not what such rows are.
        """
        self._pack()
        if self._odd and name != RECORDS:
            raise LogError(self._odd)
        pieces = [pl.DataFrame(schema=_SCHEMAS[name]), *self._pieces[name]]
        whole = pl.concat(pieces)
        self._pieces[name] = [whole]
        return whole

    def _pack(self) -> None:
        loose, carried = self._loose, self._carried
        if not loose["seq"]:
            return
        self._loose, self._carried = {name: [] for name in _SCHEMAS[RECORDS]}, {}
        self._pieces[RECORDS].append(
            pl.DataFrame(
                [pl.Series(name, loose[name], dtype, strict=False)
                 for name, dtype in _SCHEMAS[RECORDS].items()]
            )
        )  # fmt: skip
        for name, told in carried.items():
            columns = zip(_SCHEMAS[name].items(), zip(*told, strict=True), strict=True)
            try:
                piece = [_series(column, values, dtype) for (column, dtype), values in columns]
            except (TypeError, ValueError, OverflowError, PolarsError) as error:
                self._odd = self._odd or f"{name} in a payload: {error}"
            else:
                self._pieces[name].append(pl.DataFrame(piece))


def _series(name: str, values: Sequence[Any], dtype: pl.DataType) -> pl.Series:
    """A column of evidence; what fits in 64 bits is made in a tenth of the time."""
    if dtype == pl.Int128:
        with suppress(TypeError):
            return pl.Series(name, values, pl.Int64).cast(dtype)
    return pl.Series(name, values, dtype)


def _written(frame: pl.DataFrame) -> bytes:
    file = BytesIO()
    frame.write_ipc(file)
    return file.getvalue()


def _carry(
    found: dict[str, list[tuple[Any, ...]]], seqs: Iterable[Any], payloads: Iterable[str]
) -> None:
    """Add the rows of streams that payloads hold, with the number of their record first."""
    for seq, payload in zip(seqs, payloads, strict=True):
        if _STREAMS not in payload:
            continue
        try:
            carried = _streams_of(payload)
        except msgspec.DecodeError:  # an edited payload; the chain says so
            continue
        for name, rows in carried.items():
            width = len(EVIDENCE.get(name, ()))
            told = [(seq, *one) for one in rows if width and len(one) == width]
            if told:
                found.setdefault(name, []).extend(told)


def _streams_of(payload: str) -> Mapping[str, list[list[Any]]]:
    """The streams of a payload.

    They come last, as keys are in order and nothing has a later one: so their value and a
    brace are all that is left. Where that is no value, what was found is a key further in,
    or not the last one, and all is read.

    Raises:
        DecodeError: they are not what streams are.
    """
    _, _, last = payload.rpartition(_STREAMS)
    try:
        return _streams_alone(last[:-1])
    except msgspec.DecodeError:
        return _told(payload).streams
