"""The three ways to talk to a venue, kept apart: market data, orders, positions.

Market data (public) is `venues.market.Market`. An adapter implements the two private
interfaces below and passes `venues.contract`. The machines see nothing else of a venue.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol, runtime_checkable

from verifill.venues.expectation import Assessment, Expectation
from verifill.venues.instructions import Instruction, SpotTrade
from verifill.venues.lanes import Lane
from verifill.venues.market import Books
from verifill.venues.orders import Order, Reading, Receipt, Request
from verifill.venues.rules import VenueRules


class OrderHandler(Protocol):
    """Order handling (private): make an order exact, judge it, send it, look it up."""

    def resolve(self, instruction: Instruction, number: int, late: int | None) -> Order:
        """The exact order for an instruction.

        Args:
            instruction: what to do.
            number: number of the intent, unique in the run.
            late: the amount in units where the instruction's own is late-bound.

        Raises:
            InstructionError: unknown symbol or asset, or an amount that does not fit.
        """
        ...

    def deny(self, request: Request) -> str:
        """Why the request must not be sent, or empty: our own check, before the venue."""
        ...

    def expect(self, request: Request, books: Books) -> Expectation:
        """What it should make of the positions, from public data and static rules."""
        ...

    def assess(self, request: Request, receipt: Receipt, books: Books) -> Assessment:
        """What a receipt amounts to, and whether it keeps the request's limits."""
        ...

    def submit(self, request: Request) -> Receipt:
        """Send it, once."""
        ...

    def query(self, request: Request) -> Receipt:
        """What the venue knows of it now; never has an effect.

        ABSENT is proof. What the venue answers that it does not find, and may yet come to it, is
        UNKNOWN; in class K with `not_found`, upon which the same is sent once more under its key.
        """
        ...


class PositionFeed(Protocol):
    """Position updates (private)."""

    def read(self) -> Reading:
        """The accounts now, with the ledger rows since the reading before."""
        ...


class Venue(OrderHandler, PositionFeed, Protocol):
    """One venue, assembled."""

    @property
    def rules(self) -> VenueRules:
        """Its static data."""
        ...

    def start_up_failures(self) -> tuple[str, ...]:
        """What is not ready before the first order; empty when all is well (R18)."""
        ...


@runtime_checkable
class Resting(Protocol):
    """A venue at which orders can rest, so that they can be listed and taken back.

    A venue that fills or refuses at once is none.
    """

    @property
    def rules(self) -> VenueRules:
        """Its static data."""
        ...

    def open_orders(self) -> Sequence[str]:
        """The keys of all orders of its accounts of which something may still be executed.

        Raises:
            NotObserved: nothing can be known of them now.
        """
        ...

    def cancel(self, key: str) -> Receipt:
        """Take back what rests under a key, and tell what became of it; one attempt.

        An order that is final stays what it is. An answer that does not come is UNKNOWN.
        """
        ...


@runtime_checkable
class Recallable(Protocol):
    """A venue that takes limit orders that rest (GTC, post-only), and takes back what rests.

    A recall can do nothing but end the one order that it names: it is found by the request's own
    key, which no other request ever has. So it may be repeated.
    """

    def recall(self, request: Request) -> Receipt:
        """Cancel what rests of a request, and tell what became of it; one attempt.

        An order that is final stays what it is. An answer that does not come is UNKNOWN.
        """
        ...


@runtime_checkable
class Entered(Protocol):
    """A venue that tells what its perpetual positions were entered at."""

    def entry_values(self) -> Mapping[str, int]:
        """Perpetual's key -> entry value, units of base times ticks, as of the last reading."""
        ...


@runtime_checkable
class Margined(Protocol):
    """A venue that tells how far its accounts and lending markets are from a liquidation."""

    def margins(self) -> Mapping[str, Decimal]:
        """Account or market -> margin ratio or health factor; below 1 it is liquidated.

        Of perpetuals the margin's wallet balance plus unrealised profit, over the maintenance
        margin; in a lending market what the collateral's thresholds allow to owe, over the debt.
        What carries nothing is left out.

        Raises:
            NotObserved: nothing can be known of them now.
        """
        ...


@runtime_checkable
class Dated(Protocol):
    """A venue that refuses a request after its deadline (class D), by its own clock."""

    def deadline_ns(self) -> int:
        """Venue time until which a request that is made now is valid; 0 where it has no end."""
        ...


@runtime_checkable
class Sealing(Protocol):
    """A venue that takes signed bytes, so that they are known before anything is sent.

    Bytes that may be executed all have one place in the account's sequence: at most one of them
    ever is. `submit` sends the newest, and may be called again for the same ones.
    """

    def seal(self, request: Request) -> tuple[str, ...]:
        """The bytes for a request, signed; nothing is sent.

        Raises:
            NotObserved: nothing can be known now that they are to be made of.
            InstructionError: the venue would refuse them now.
        """
        ...

    def again(self, request: Request) -> tuple[str, ...]:
        """What to send of a request that was sent, and that nothing has become of so far.

        Returns:
            The same bytes; or with others beside them, which offer more; none, if nothing more
            can be done.
        """
        ...


@runtime_checkable
class Indexed(Protocol):
    """A venue whose positions in lending markets are shares, worth what an index says."""

    def indices(self) -> Mapping[str, int]:
        """Name of every index -> 1e-27, for a run that continues this one."""
        ...


@runtime_checkable
class Laned(Protocol):
    """A venue that can tell the terms of a plain spot trade in one go."""

    def lane(self, trade: SpotTrade) -> Lane | None:
        """The lane of such trades; None if they have none, or are not what they should be."""
        ...


@runtime_checkable
class Forkable(Protocol):
    """A venue that runs several orders as one transaction, and can rehearse them."""

    def fork(self) -> Venue:
        """A dry run of the same state, in which orders cost and change nothing real."""
        ...
