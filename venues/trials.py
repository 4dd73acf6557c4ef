"""Trying a venue out: what it takes, and one instruction after the other carried out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from attrs import field, frozen
from msgspec import Struct

from verifill.engine.errors import VenueDefect
from verifill.venues.expectation import Assessment, Expectation
from verifill.venues.instructions import Instruction
from verifill.venues.interfaces import Forkable, PositionFeed, Venue
from verifill.venues.orders import (
    FINAL,
    Bundle,
    LedgerRow,
    Order,
    Reading,
    Receipt,
    Request,
)

Trial = Instruction | tuple[Instruction, ...]


class ContractBreach(VenueDefect):
    """An adapter does not keep the contract; the message says how."""


def _nothing() -> None:
    """Lets no time pass."""


@frozen(kw_only=True)
class Subject:
    """A venue to try, and what it takes to try it.

    Attributes:
        venue: a new one, whose accounts can pay for all trials.
        trials: what it must carry out, in this order, with every operation that it declares;
            a tuple goes out as one transaction, rehearsed on a fork. Amounts are plain.
        wait: lets time pass until what is pending has settled and every reading shows it.
        feeds: position updates beside the venue's own, for what trials move elsewhere.
        bases: perpetual's key -> entry value of an opening position.
    """

    venue: Venue
    trials: Sequence[Trial]
    wait: Callable[[], None] = _nothing
    feeds: Sequence[PositionFeed] = ()
    bases: Mapping[str, int] = field(factory=dict[str, int])


class Opened(Struct):
    """The books that the checks keep, by what the venue's readings say."""

    totals: dict[str, int]
    bases: dict[str, int]


class Attempt(Struct, frozen=True, kw_only=True):
    """One trial, carried out.

    Attributes:
        request: what was sent.
        expectation: what it should make of the positions.
        sent: what `submit` said of it.
        receipt: the venue's last word on it.
        assessment: what that amounts to.
        rows: ledger rows of all readings since.
        closing: the last of these readings.
    """

    request: Request
    expectation: Expectation
    sent: Receipt
    receipt: Receipt
    assessment: Assessment
    rows: tuple[LedgerRow, ...]
    closing: Reading

    @property
    def refs(self) -> frozenset[str]:
        """References of all that the order caused."""
        moves = {move.ref for move in self.receipt.moves if move.amount}
        return frozenset(moves | {fill.ref for fill in self.receipt.fills})

    @property
    def own(self) -> dict[str, int]:
        """What the order moved, by the venue's ledger."""
        refs = self.refs
        return summed(row for row in self.rows if row.ref in refs)


class Trying:
    """A subject under trial.

    Args:
        subject: the venue, with what it takes to try it.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.venue = subject.venue
        self.opening = self.read()
        self.books = Opened(dict(self.opening.totals), dict(subject.bases))
        self._number = 0

    def read(self) -> Reading:
        """All feeds together."""
        readings = [feed.read() for feed in (self.venue, *self.subject.feeds)]
        totals: dict[str, int] = {}
        for reading in readings:
            totals |= reading.totals
        rows = tuple(row for reading in readings for row in reading.rows)
        return Reading(min(reading.as_of_ns for reading in readings), totals, rows)

    def request(self, trial: Trial) -> Request:
        """The exact request for a trial; one transaction is rehearsed first."""
        if isinstance(trial, Instruction):
            self._number += 1
            order = self.venue.resolve(trial, self._number, None)
            return replace(order, key=trial_key(self._number))
        demand(isinstance(self.venue, Forkable), "a chain of instructions needs a venue to fork")
        assert isinstance(self.venue, Forkable)  # noqa: S101 - for the type checkers
        fork = self.venue.fork()
        orders: list[Order] = []
        for step in trial:
            self._number += 1
            order = fork.resolve(step, self._number, None)
            fork.submit(order)
            orders.append(order)
        self._number += 1
        key = trial_key(self._number)
        return Bundle(self._number, trial[0].account, tuple(orders), key)

    def carry_out(self, trial: Trial) -> Attempt:
        """Expect, send, wait, read, assess."""
        request = self.request(trial)
        expectation = self.venue.expect(request, self.books)
        sent = self.venue.submit(request)
        at_once = self.read()
        self.subject.wait()
        receipt = sent if sent.outcome in FINAL else self.venue.query(request)
        closing = self.read()
        assessment = self.venue.assess(request, receipt, self.books)
        self.books.totals |= closing.totals
        self.books.bases |= assessment.bases
        return Attempt(
            request=request,
            expectation=expectation,
            sent=sent,
            receipt=receipt,
            assessment=assessment,
            rows=at_once.rows + closing.rows,
            closing=closing,
        )

    def all(self) -> Iterable[Attempt]:
        """Every trial, carried out one after the other."""
        for trial in self.subject.trials:
            yield self.carry_out(trial)


def trial_key(number: int) -> str:
    """The key of a trial's request: 32 characters of [a-z0-9], as a venue may demand."""
    return f"trial{number:027}"


def steps(trial: Trial) -> tuple[Instruction, ...]:
    """The instructions of a trial."""
    return (trial,) if isinstance(trial, Instruction) else trial


def summed(rows: Iterable[LedgerRow]) -> dict[str, int]:
    """What rows add up to, without what adds up to nothing."""
    moved: dict[str, int] = {}
    for row in rows:
        moved[row.key] = moved.get(row.key, 0) + row.amount
    return {key: units for key, units in moved.items() if units}


def demand(kept: bool, breach: str) -> None:  # noqa: FBT001 - reads like an assertion
    """Raise unless the contract is kept.

    Raises:
        ContractBreach: it is not.
    """
    if not kept:
        raise ContractBreach(breach)
