"""Where a replay departs from its log, told field by field."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, cast

from attrs import frozen

COMPARED: Final = (
    "machine",
    "instance",
    "parent",
    "from",
    "event",
    "to",
    "attempt",
    "kind",
    "cause_seq",
    "intent_id",
    "venue_ref",
    "wall_ns",
    "mono_ns",
    "venue_ns",
    "quantity",
    "price",
)
PAYLOAD: Final = "payload"
ABSENT: Final = "(absent)"

Row = Mapping[str, Any]
"""A record by the names of its columns, its payload as plain values."""


class Sort(StrEnum):
    """How a replay departs."""

    CHANGED = "changed"  # it writes another record
    ASKED = "asked"  # it asks for something else
    MISSING = "missing"  # it ends, and the log goes on
    EXTRA = "extra"  # it goes on, and the log has ended


@frozen
class Field:
    """One field that differs.

    Attributes:
        name: column, or path into the payload.
        expected: what the log holds.
        actual: what the replay came to.
    """

    name: str
    expected: object
    actual: object


@frozen(kw_only=True)
class Difference:
    """The first place at which a replay departs from its log.

    Attributes:
        seq: number of the record.
        sort: how it departs.
        what: that, in words.
        expected: the record of the log; None if there is none.
        actual: that of the replay; None if there is none.
        fields: those that differ.
        cause_seq: number of the last record that both have.
        heard: the last answers before: number of the record that holds them, and the question.
    """

    seq: int
    sort: Sort
    what: str
    expected: Row | None
    actual: Row | None
    fields: tuple[Field, ...] = ()
    cause_seq: int
    heard: tuple[tuple[int, str], ...] = ()


def fields_of(expected: Row, actual: Row) -> tuple[Field, ...]:
    """What differs between a record of the log and that of a replay."""
    columns = (Field(name, expected.get(name), actual.get(name)) for name in COMPARED)
    ours, theirs = (dict(_leaves(PAYLOAD, row[PAYLOAD] or {})) for row in (expected, actual))
    names = sorted(ours.keys() | theirs.keys())
    parts = (Field(name, ours.get(name, ABSENT), theirs.get(name, ABSENT)) for name in names)
    return tuple(one for one in (*columns, *parts) if one.expected != one.actual)


def _leaves(path: str, value: object) -> Iterator[tuple[str, object]]:
    """Path -> every value that holds no others."""
    if value and isinstance(value, Mapping):
        for name, part in cast("Mapping[str, object]", value).items():
            yield from _leaves(f"{path}.{name}", part)
    elif value and isinstance(value, list):
        for at, part in enumerate(cast("Sequence[object]", value)):
            yield from _leaves(f"{path}[{at}]", part)
    else:
        yield path, value
