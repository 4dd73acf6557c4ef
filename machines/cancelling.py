"""Taking back what rests at the venues: every open order, and the one in flight.

A cancel never says what became of an order: the tight loop asks for that, and verifies it. One
that loses the race against a fill is adopted there as what it is.
"""

from collections.abc import Iterator

from msgspec import Struct

from verifill.engine.errors import NotObserved
from verifill.engine.executor import Executor
from verifill.engine.log.live import LiveLog
from verifill.machines.desk import Desk
from verifill.machines.guarding import Guard
from verifill.machines.records import Records
from verifill.machines.unanswered import unanswered
from verifill.venues.interfaces import Resting, Venue
from verifill.venues.orders import Outcome


class InFlight(Struct, frozen=True):
    """An order of which nobody knows yet what became.

    Attributes:
        account: where it was sent.
        key: under which it was sent.
    """

    account: str
    key: str


class Cancelling:
    """Cancels orders, and writes each cancel down with its answer.

    Args:
        desk: knows the venues.
        machine: tells state and context.
        log: where it is written.
        records: what is written.
        guard: asked before each cancel, and told what came of it.
    """

    def __init__(
        self, desk: Desk, machine: Executor, log: LiveLog, records: Records, guard: Guard
    ) -> None:
        self._desk = desk
        self._machine = machine
        self._log = log
        self._records = records
        self._guard = guard
        self._denied: set[str] = set()
        self._left: dict[str, str] = {}
        self._faults: set[str] = set()

    def cancel_all(self, in_flight: InFlight | None = None) -> tuple[str, ...]:
        """Cancel every open order, and one that may be open though its venue does not list it.

        Returns:
            What was done, for people; empty if nothing rests.
        """
        told: list[str] = []
        for venue in self._desk.venues:
            if isinstance(venue, Resting):
                told += self._cancel_at(venue, self._also(venue, in_flight))
        return tuple(told)

    @property
    def unanswered(self) -> bool:
        """Whether a cancel was not let through, or its answer did not come."""
        return bool(self._left)

    def _also(self, venue: Venue, in_flight: InFlight | None) -> str:
        there = in_flight is not None and self._desk.venue_for(in_flight.account) is venue
        return in_flight.key if in_flight and there else ""

    def _cancel_at(self, venue: Resting, also: str) -> Iterator[str]:
        name = venue.rules.name
        try:
            keys = list(venue.open_orders())
        except NotObserved as error:
            keys = []
            fault = f"the open orders of {name} are not known: {error}"
            if fault not in self._faults:  # it is told of once
                self._faults.add(fault)
                self._write({"venue": name, "reason": str(error)})
            yield fault
        left = [key for key, place in self._left.items() if place == name]
        for key in dict.fromkeys((*keys, *left, also) if also else (*keys, *left)):
            yield self._cancel(venue, key)

    def _cancel(self, venue: Resting, key: str) -> str:
        name = venue.rules.name
        self._left[key] = name
        if denial := self._guard.deny_cancel(name):
            if key not in self._denied:  # told of once: it is tried again and again
                self._denied.add(key)
                outcome = str(Outcome.DENIED_LOCAL)
                self._write({"venue": name, "key": key, "outcome": outcome, "reason": denial})
            return f"did not cancel {key} at {name}: {denial}"
        self._denied.discard(key)
        try:
            receipt = venue.cancel(key)
        except Exception as error:  # noqa: BLE001 - the venue may have done it all the same
            receipt = unanswered(error)
        outcome, reason = str(receipt.outcome), receipt.reason
        self._write({"venue": name, "key": key, "outcome": outcome, "reason": reason})
        self._guard.cancelled(name, receipt)
        if receipt.outcome is not Outcome.UNKNOWN:
            del self._left[key]
        return f"cancelled {key} at {name}: {outcome}{f', {reason}' if reason else ''}"

    def _write(self, what: dict[str, str]) -> None:
        """A record of its own, so that a cancel is on the disk before the next one is sent."""
        self._records.note(self._machine.context.instruction, "CANCEL", what)
        self._log.note("NOTE", self._machine.state, self._machine.context)
