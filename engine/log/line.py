"""A record as it is stored, a line of text with a hash, and the columns that are read from it.

Most columns stand in the `head` of a record, a JSON array. To read, hash and take apart one text
is cheaper than two dozen values of which each is an object; the database shows them as columns
all the same (see `engine.log.connection`).
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from types import GenericAlias
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from verifill.engine.log.record import COLUMNS, OPTIONAL, Row
from verifill.engine.log.streams import INT


class Line(NamedTuple):
    """What is stored of a record; the names are those of the columns of its table.

    Attributes:
        seq: its number.
        kind: what sort of record it is.
        intent_id: key of the send.
        head: the columns HEAD, as a JSON array without spaces.
        payload: as JSON.
        hash: see `hash_of`.
    """

    seq: int
    kind: str
    intent_id: str | None
    head: str
    payload: str | None
    hash: str


HEAD: Final = tuple(name for name in COLUMNS if name not in Line._fields)
"""The columns that the head of a record holds, in their order."""

Batch = Mapping[str, Sequence[Any]]
"""Name -> values, of records that follow each other: COLUMNS, and `head` as it is stored.

Of a head that cannot be read all that it should hold is None; no record has none of it.
"""


def hash_of(kind: str, intent_id: str | None, head: str, payload: str | None) -> str:
    """The SHA-256 of what is stored of a record, but for its number, which the chain gives it.

    It is that of these texts, each on a line of its own, in UTF-8. The line of one that there is
    none of is empty; no text is, and none holds a line feed.
    """
    lines = "\n".join((kind, intent_id or "", head, payload or ""))
    return hashlib.sha256(lines.encode()).hexdigest()


def line_of(row: Row) -> Line:
    """A record as it is stored.

    Args:
        row: its columns up to `prev_hash`.

    Raises:
        UnicodeEncodeError: a text is none that can be stored.
    """
    seq, kind, intent_id, payload = _beside(row)
    head = _encode(_headed(row)).decode()
    return Line(seq, kind, intent_id, head, payload, hash_of(kind, intent_id, head, payload))


def batch_of(lines: Sequence[Sequence[Any]]) -> Batch:
    """What records say that follow each other, at least one.

    Args:
        lines: each with the fields of a Line, of whatever type.
    """
    stored = dict(zip(Line._fields, zip(*lines, strict=True), strict=True))
    told = dict(zip(HEAD, zip(*_read(stored["head"]), strict=True), strict=True))
    return stored | told


def unread_in(batch: Batch) -> int | None:
    """The place of the first record whose head cannot be read; None if all can."""
    ends = batch["prev_hash"]
    return ends.index(None) if None in ends else None


def rows_of(batch: Batch) -> Iterator[Row]:
    """Records by the row, in the order of COLUMNS."""
    return zip(*(batch[name] for name in COLUMNS), strict=True)


def _read(heads: Iterable[Any]) -> Sequence[tuple[Any, ...]]:
    """The columns that heads hold."""
    try:
        return [*map(_decode, heads)]
    except (msgspec.MsgspecError, TypeError):
        return [_read_one(head) for head in heads]


def _read_one(head: Any) -> tuple[Any, ...]:  # noqa: ANN401 - as it is stored
    try:
        return _decode(head)
    except (msgspec.MsgspecError, TypeError):
        return (None,) * len(HEAD)


def _type_of(name: str) -> Any:  # noqa: ANN401 - a type
    """The type of a column in a head; amounts are texts there."""
    whole: Any = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
    kind = whole if COLUMNS[name] == INT else str
    return kind | None if name in OPTIONAL else kind


def _picks(names: Iterable[str]) -> Callable[[Row], tuple[Any, ...]]:
    return itemgetter(*map(list(COLUMNS).index, names))


_headed = _picks(HEAD)
_beside = _picks(name for name in Line._fields if name not in ("head", "hash"))
_encode = msgspec.json.Encoder().encode
_decode: Callable[[Any], tuple[Any, ...]] = msgspec.json.Decoder(
    GenericAlias(tuple, tuple(map(_type_of, HEAD)))
).decode
