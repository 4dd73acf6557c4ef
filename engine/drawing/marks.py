"""What a log adds to a drawing: which states it visited, and how often and fast it moved."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import attrs

from verifill.engine.drawing.model import Arrow

GREEN = "#1b7837"
GREY = "#8a8f98"
RED = "#c62828"
TINT = "#cfe8d5"

_UNITS = ((86_400 * 10**9, "d"), (3_600 * 10**9, "h"), (60 * 10**9, "min"), (10**9, "s"))
_SMALL = ((10**6, "ms"), (10**3, "us"), (1, "ns"))


@attrs.frozen
class Taken:
    """How often an event moved the machine along an arrow.

    Attributes:
        count: Times.
        p50_ns: Median time in the state before, in nanoseconds; None if no time is known.
        p99_ns: The time that 99 of 100 stays in the state before were within; likewise.
    """

    count: int
    p50_ns: int | None
    p99_ns: int | None

    def __str__(self) -> str:
        if self.p50_ns is None or self.p99_ns is None:
            return f"{self.count:,}x"
        return f"{self.count:,}x p50 {span(self.p50_ns)} p99 {span(self.p99_ns)}"


@attrs.frozen(kw_only=True)
class Marks:
    """What a log says of a picture.

    Attributes:
        visited: Names of the boxes that the machine was in.
        taken: Source, target and event of what moved, with how often.
        refused: Box and event, with how often it was refused.
        notes: What is not in the drawing itself: run and count.
    """

    visited: Collection[str] = frozenset()
    taken: Mapping[tuple[str, str, str], Taken] = attrs.field(
        factory=dict[tuple[str, str, str], Taken]
    )
    refused: Mapping[tuple[str, str], int] = attrs.field(factory=dict[Any, int])
    notes: tuple[str, ...] = ()

    def told(self, arrow: Arrow) -> Iterator[str]:
        """Each event of an arrow, with what the log says of it."""
        for event in arrow.events:
            taken = self.taken.get((arrow.source, arrow.target, event))
            yield f"{event} {taken}" if taken else event

    def took(self, arrow: Arrow) -> bool:
        """Whether the machine ever moved along an arrow."""
        return any((arrow.source, arrow.target, event) in self.taken for event in arrow.events)


NONE = Marks()
"""A drawing of the table alone."""


def span(time_ns: int) -> str:
    """A time in the unit that people would take, to three digits."""
    for unit, name in (*_UNITS, *_SMALL):
        if time_ns >= unit:
            return f"{time_ns / unit:.3g} {name}"
    return "0 s"
