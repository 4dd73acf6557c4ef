"""What is kept of the records of a durable log, for what is checked once its chain is followed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from io import BytesIO
from itertools import compress
from typing import Any, Final

import msgspec
import polars as pl
from attrs import define, field
from msgspec import Struct
from polars.exceptions import PolarsError

from verifill.engine.errors import LogError
from verifill.engine.log.line import Batch
from verifill.engine.log.record import COLUMNS, EVIDENCE
from verifill.engine.log.schema import STREAMS
from verifill.engine.log.streams import CODE, TEXT, dtype_of
from verifill.engine.verify.submits import repeated, submitted

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
_texts: Mapping[str, pl.DataType] = {TEXT: pl.String(), CODE: pl.String()}
_SCHEMAS: Mapping[str, Mapping[str, pl.DataType]] = {RECORDS: {**PICKED, **READ}} | {
    name: {column: _texts.get(kind, dtype_of(kind)) for column, kind in STREAMS[name].items()}
    for name in EVIDENCE
}


_Row = tuple[Any, ...]
"""Of a stream: made in half the time that a list takes."""


class Told(Struct):
    """A payload, as far as it is evidence."""

    streams: dict[str, list[_Row]] = {}


_told = msgspec.json.Decoder(Told).decode
_streams_alone = msgspec.json.Decoder(dict[str, list[_Row]]).decode
_STREAMS: Final = '"streams":'


@define
class _Carried:
    """Rows of a stream, and of each the number of the record that carries it."""

    seqs: list[Any] = field(factory=list[Any])
    rows: list[_Row] = field(factory=list[_Row])


class Kept:
    """What is kept of records as they are come to; see `engine.log.parts.Look`.

    Of a record no more is kept than is needed: what is read and left behind is soon out of the
    caches of a processor. It is packed now and then, because Python values take room.
    """

    def __init__(self) -> None:
        self._loose: Mapping[str, list[Any]] = {name: [] for name in _SCHEMAS[RECORDS]}
        self._carried = {name: _Carried() for name in EVIDENCE}
        self._pieces: dict[str, list[pl.DataFrame]] = {name: [] for name in _SCHEMAS}
        self._odd = ""

    @property
    def last(self) -> Any:  # noqa: ANN401 - as it is stored
        """Number of the last record; 0 if there was none."""
        seqs: Any = self._loose["seq"]
        if not seqs and self._pieces[RECORDS]:
            seqs = self._pieces[RECORDS][-1]["seq"]
        return (seqs[-1] if len(seqs) else 0) or 0

    def of(self, batches: Iterable[Batch], /) -> Iterator[Batch]:
        """The records, as they are come to."""
        for batch in batches:
            for name in PICKED:
                self._loose[name].extend(batch[name])
            payloads = [told if type(told) is str else "" for told in batch["payload"]]
            self._loose["submits"].extend(submitted(payloads))
            self._loose["repeats"].extend(repeated(batch["event"], payloads))
            self._carry(batch["seq"], payloads)
            if len(self._loose["seq"]) >= PIECE_ROWS:
                self._pack()
            yield batch

    def _carry(self, seqs: Iterable[Any], payloads: Iterable[str]) -> None:
        """Add the rows of streams that payloads hold, with the number of their record."""
        for seq, payload in zip(seqs, payloads, strict=True):
            at = payload.rfind(_STREAMS)
            if at >= 0:
                for name, rows in _streams_of(payload, at).items():
                    if carried := self._carried.get(name):
                        carried.rows += rows
                        carried.seqs += [seq] * len(rows)

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
        self._loose = {name: [] for name in _SCHEMAS[RECORDS]}
        self._carried = {name: _Carried() for name in EVIDENCE}
        self._pieces[RECORDS].append(
            pl.DataFrame(
                [pl.Series(name, loose[name], dtype, strict=False)
                 for name, dtype in _SCHEMAS[RECORDS].items()]
            )
        )  # fmt: skip
        for name, told in carried.items():
            try:
                self._pieces[name] += _piece(name, told)
            except (TypeError, ValueError, OverflowError, PolarsError) as error:
                self._odd = self._odd or f"{name} in a payload: {error}"


def _piece(name: str, told: _Carried) -> Iterator[pl.DataFrame]:
    """Rows of a stream, as far as they are as wide as it is; none if there are none."""
    width = len(EVIDENCE[name])
    if set(map(len, told.rows)) - {width}:
        fit = [len(row) == width for row in told.rows]
        told = _Carried([*compress(told.seqs, fit)], [*compress(told.rows, fit)])
    if told.rows:
        values = (told.seqs, *zip(*told.rows, strict=True))
        columns = zip(_SCHEMAS[name].items(), values, strict=True)
        yield pl.DataFrame([_series(column, held, dtype) for (column, dtype), held in columns])


def _series(name: str, values: Sequence[Any], dtype: pl.DataType) -> pl.Series:
    """A column of evidence; what fits in 64 bits is made in a tenth of the time."""
    if dtype == pl.Int128:
        with suppress(TypeError):
            return pl.Series(name, values, pl.Int64).cast(dtype)
    return pl.Series(name, values, dtype)


def _written(frame: pl.DataFrame) -> bytes:
    file = BytesIO()
    frame.write_ipc(file, compression="lz4")  # a ninth of it, and a pipe is slow
    return file.getvalue()


def _streams_of(payload: str, at: int) -> Mapping[str, list[_Row]]:
    """The streams of a payload; none if they are not what streams are: it was edited.

    They come last, as keys are in order and nothing has a later one: so their value and a
    brace are all that is left. Where that is no value, what was found is a key further in,
    or not the last one, and all is read.

    Args:
        payload: it.
        at: where their key stands last in it.
    """
    with suppress(msgspec.DecodeError):
        return _streams_alone(payload[at + len(_STREAMS) : -1])
    with suppress(msgspec.DecodeError):
        return _told(payload).streams
    return {}
