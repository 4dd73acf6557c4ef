"""Dry runs of hosted venues: a few at a time, in memory only, thrown away unasked."""

from msgspec import Struct

from verifill.engine.errors import UserDefect
from verifill.venues.interfaces import Forkable, Venue
from verifill.venues.loopback.wire import (
    Ack,
    Answer,
    Code,
    NotFound,
    Refusal,
    Sent,
    SentOrder,
    Shown,
)
from verifill.venues.orders import MAX_UNITS

FORKS_MAX = 8


class Forked(Struct, frozen=True):
    """A dry run was begun; `fork` names it."""

    fork: int


class DrySubmit(Struct, frozen=True):
    """A step for a dry run."""

    fork: int
    request: Sent


class Forks:
    """The dry runs of one server."""

    def __init__(self) -> None:
        self._forks: dict[int, Venue] = {}
        self._begun = 0
        self._steps = 0

    def begin(self, venue: Venue) -> Forked | Refusal:
        """Begin one; the oldest is thrown away if there are many."""
        if not isinstance(venue, Forkable):
            return Refusal(Code.INVALID, "this venue has no transactions to rehearse")
        self._begun += 1
        self._forks[self._begun] = venue.fork()
        self._forks.pop(self._begun - FORKS_MAX, None)
        return Forked(self._begun)

    def submit(self, asked: DrySubmit, now_ns: int) -> Answer:
        """Take a step in one."""
        fork = self._forks.get(asked.fork)
        name = f"dry-{asked.fork}"
        if fork is None:
            return NotFound(name, now_ns)
        if not isinstance(asked.request, SentOrder):
            return Refusal(Code.INVALID, "a dry run takes one step at a time")
        self._steps += 1
        quantity = asked.request.quantity
        try:
            order = fork.resolve(
                asked.request.instruction,
                self._steps,
                None if quantity == MAX_UNITS else quantity,
            )
        except UserDefect as error:
            return Refusal(Code.INVALID, str(error))
        return Ack(name, f"{name}-{self._steps}", fork.submit(order), now_ns)

    def show(self, number: int) -> Shown | None:
        """The positions in one; None if it is thrown away."""
        fork = self._forks.get(number)
        if fork is None:
            return None
        reading = fork.read()
        rows = reading.rows
        return Shown(reading.as_of_ns, reading.totals, 0, len(rows), rows)
