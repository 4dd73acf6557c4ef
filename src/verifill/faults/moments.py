"""What passes in a process life, counted, so that something can go wrong at any one of it."""

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from attrs import define, field, frozen

T = TypeVar("T")


class Place(StrEnum):
    """What is counted."""

    COMMIT = "commit"  # of a step to the log
    ANCHOR = "anchor"  # the second place is told
    SEND = "send"  # an order goes out, and is answered
    QUESTION = "question"  # a venue is asked about an order
    READING = "reading"  # positions are read
    REHEARSAL = "rehearsal"  # a dry run is begun, or takes a step
    REHEARSED = "rehearsed"  # its positions are read
    LOOK = "look"  # prices, status


class KilledError(BaseException):
    """The process is gone: nothing that it would have done happens."""


@frozen(order=True)
class At:
    """One moment of a life.

    Attributes:
        place: what is counted.
        number: which one, from 1.
        after: after it, not before.
    """

    place: Place
    number: int
    after: bool = False

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} {self.place} {self.number}"


@define
class Moments:
    """Counts what passes in one life, and ends it at one moment.

    Attributes:
        end: when it ends; None if it is left alone.
        seen: how many there were of each place.
        passed: each of them, with the number of commits before it.
        ending: called when the moment has come.
    """

    end: At | None = None
    seen: dict[Place, int] = field(factory=dict[Place, int])
    passed: list[tuple[Place, int, int]] = field(factory=list[tuple[Place, int, int]])
    ending: Callable[[], None] = lambda: None

    def around(self, place: Place, do: Callable[[], T]) -> T:
        """Do what passes there, unless the life ends before."""
        self.seen[place] = number = self.seen.get(place, 0) + 1
        self.passed.append((place, number, self.seen.get(Place.COMMIT, 0)))
        if self.end == At(place, number):
            self._end()
        done = do()
        if self.end == At(place, number, after=True):
            self._end()
        return done

    def _end(self) -> None:
        self.ending()
        raise KilledError
