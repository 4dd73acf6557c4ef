"""Everything that one server simulates: venues, the network between them, a market, a clock.

It changes by commands alone, each at its time, and does the same with the same commands: that
is how a server that was killed gets back to where it was.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from attrs import frozen

from verifill.engine.errors import ConfigError
from verifill.venues.keys import Kind, position_key
from verifill.venues.loopback.book import Book, Done, Simulated
from verifill.venues.loopback.journal import (
    Advanced,
    Cancelled,
    Command,
    Posted,
    Quoted,
    Submitted,
)
from verifill.venues.loopback.market import SECOND_NS, MovingMarket
from verifill.venues.loopback.shelf import Shelf
from verifill.venues.loopback.transit import Transit
from verifill.venues.loopback.wire import Answer
from verifill.venues.orders import Cause
from verifill.venues.rules import Idempotency
from verifill.venues.simulated.network import Network, Passage

NETWORK = "network"
STOPS_MAX = 1_024


class Parts(Protocol):
    """What a world is made of; made anew each time the server starts."""

    @property
    def digest(self) -> str:
        """Of all settings: a journal is continued with the same only."""
        ...

    def market(self, start_ns: int) -> MovingMarket:
        """The market, as it is at the start."""
        ...

    def routes(self) -> Iterable[tuple[str, str]]:
        """(destination account, asset) pairs that transfers may take."""
        ...

    def venues(self, market: MovingMarket, network: Network) -> Iterable[Simulated]:
        """The venues, as they are at the start."""
        ...

    def idempotency(self, venue: str, /) -> Idempotency:
        """What a venue makes of keys."""
        ...


@frozen
class Hosted:
    """One venue of a world.

    Attributes:
        venue: the simulated venue.
        shelf: its ledger rows.
        book: its orders.
        idempotency: what it makes of keys.
    """

    venue: Simulated
    shelf: Shelf
    book: Book
    idempotency: Idempotency


class World:
    """Venues, network, market and clock.

    Args:
        parts: what it is made of.
        start_ns: when it begins.

    Attributes:
        market: public prices.
        hosted: the venues by name.
        transit: what is on its way between them.
        now_ns: its time.
    """

    def __init__(self, parts: Parts, start_ns: int) -> None:
        self.now_ns = start_ns
        self.market = parts.market(start_ns)
        self._jobs: list[tuple[int, int, Callable[[], None]]] = []
        self._scheduled = 0
        self._posts = 0
        self._network = Transit(parts.routes(), self._take_back)
        self.transit = Shelf(self._network)
        venues = tuple(parts.venues(self.market, self._network))
        self.hosted: Mapping[str, Hosted] = {
            venue.rules.name: self._host(venue, parts.idempotency(venue.rules.name))
            for venue in venues
        }
        self._stop(start_ns)

    def _host(self, venue: Simulated, idempotency: Idempotency) -> Hosted:
        shelf = Shelf(venue)
        book = Book(venue, shelf, self._network, schedule=self._at, idempotency=idempotency)
        return Hosted(venue, shelf, book, idempotency)

    def venue(self, name: str) -> Hosted:
        """A venue by its name.

        Raises:
            ConfigError: there is none of this name.
        """
        try:
            return self.hosted[name]
        except KeyError:
            msg = f"there is no venue {name!r}; there are {', '.join(self.hosted)}"
            raise ConfigError(msg) from None

    def apply(self, command: Command) -> tuple[Answer | None, tuple[Done, ...]]:
        """Carry out a command; what the venue answers, and what was executed meanwhile.

        Raises:
            ConfigError: it names a venue that is not here.
        """
        self._advance(max(self.now_ns, command.at_ns))
        for hosted in self.hosted.values():
            hosted.book.look()
        answer: Answer | None = None
        match command:
            case Submitted():
                answer = self.venue(command.venue).book.submit(command.asked, command.handling)
            case Cancelled():
                answer = self.venue(command.venue).book.cancel(command.key)
            case Posted():
                self._posts += 1
                ref = f"{command.venue}-post-{self._posts}"
                book = self.venue(command.venue).book
                book.post(ref, command.key, command.units, command.cause)
            case Quoted():
                self.market.quote(command.prices, command.marks, command.series)
            case Advanced():
                pass
        return answer, self._done()

    def _done(self) -> tuple[Done, ...]:
        done = tuple(one for hosted in self.hosted.values() for one in hosted.book.done)
        for hosted in self.hosted.values():
            hosted.book.done.clear()
        return done

    def due(self) -> list[int]:
        """When what is still to happen by itself falls due."""
        arrivals = [] if self._network.due_ns is None else [self._network.due_ns]
        return sorted([*arrivals, *(due_ns for due_ns, _, _ in self._jobs)])

    # Time.

    def _at(self, due_ns: int, job: Callable[[], None]) -> None:
        """Do something at a time to come."""
        self._scheduled += 1
        heapq.heappush(self._jobs, (due_ns, self._scheduled, job))

    def _advance(self, to_ns: int) -> None:
        """Let time pass, in steps, so that what falls due on the way does so in order."""
        for stop_ns in _stops(self.now_ns, to_ns):
            while self._jobs and self._jobs[0][0] <= stop_ns:
                due_ns, _, job = heapq.heappop(self._jobs)
                self._stop(max(self.now_ns, due_ns))
                job()
            self._stop(stop_ns)

    def _stop(self, now_ns: int) -> None:
        self.now_ns = now_ns
        self.market.advance(now_ns)
        self._network.advance(now_ns)
        for hosted in self.hosted.values():
            hosted.venue.advance(now_ns)
            hosted.book.now_ns = now_ns

    def _take_back(self, passage: Passage, due_ns: int) -> None:
        """Take the credit of a transfer back when it is due."""

        def job() -> None:
            for hosted in self.hosted.values():
                if passage.to in hosted.venue.rules.accounts:
                    key = position_key(passage.to, Kind.BASE, passage.asset)
                    ref = f"{passage.ref}-rollback"
                    hosted.book.post(ref, key, -passage.amount, Cause.TRANSFER)

        self._at(due_ns, job)


def _stops(now_ns: int, to_ns: int) -> Iterator[int]:
    """The moments at which everybody is told of the time: each second, or fewer if it is long."""
    width = max(SECOND_NS, (to_ns - now_ns) // STOPS_MAX)
    yield from range(now_ns + width, to_ns, width)
    if to_ns > now_ns:
        yield to_ns
