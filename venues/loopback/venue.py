"""The adapters of hosted venues: what they know without the venue, and the connection to it.

Both implement `venues.interfaces.Venue`; the one for a chain is `Forkable` too.
"""

from collections.abc import Iterable, Mapping

from verifill.venues.adapter import Adapter
from verifill.venues.instructions import (
    Instruction,
    InternalTransfer,
    PerpTrade,
    SetLeverage,
    SpotTrade,
    Transfer,
)
from verifill.venues.keys import Scales
from verifill.venues.loopback.remote import Remote
from verifill.venues.market import Market
from verifill.venues.orders import Bundle, Order, Reading, Receipt, Request
from verifill.venues.rules import VenueRules
from verifill.venues.terms import Terms
from verifill.venues.trades import TradeTerms
from verifill.venues.transfers import LeverageTerms, TransferTerms

LEVERAGE_MAX = 125


class LoopbackExchange(Adapter):
    """An exchange that a server simulates.

    Args:
        rules: its static data, with class, lag and window.
        remote: the connection.
        scales: decimals of the assets.
        market: public prices.
        routes: (destination account, asset) pairs that withdrawals may take.
        withdrawal_fees: asset -> units, out of the amount.

    Attributes:
        remote: the connection, for what is beyond the interface: cancel, fills, open orders.
    """

    def __init__(
        self,
        rules: VenueRules,
        remote: Remote,
        *,
        scales: Scales,
        market: Market,
        routes: Iterable[tuple[str, str]],
        withdrawal_fees: Mapping[str, int],
    ) -> None:
        trade = TradeTerms(rules, market)
        transfer = TransferTerms(scales, withdrawal_fees)
        terms: dict[type[Instruction], Terms] = {
            SpotTrade: trade,
            PerpTrade: trade,
            InternalTransfer: transfer,
            Transfer: transfer,
            SetLeverage: LeverageTerms(LEVERAGE_MAX),
        }
        super().__init__(rules, terms)
        self.remote = remote
        self._routes = frozenset(routes)

    def deny(self, request: Request) -> str:
        """See `OrderHandler.deny`; also where a transfer cannot go."""
        if isinstance(request, Bundle):
            return f"{self.rules.name} is an exchange: it has no transaction for a chain"
        return self._no_way(request) or super().deny(request)

    def _no_way(self, order: Order) -> str:
        asked = order.instruction
        if isinstance(asked, Transfer) and (asked.to, asked.asset) not in self._routes:
            return f"no route for {asked.asset} to {asked.to!r}"
        if isinstance(asked, InternalTransfer) and asked.to not in self.rules.accounts:
            known = ", ".join(sorted(self.rules.accounts))
            return f"{asked.to!r} is no account of {self.rules.name}; it has {known}"
        return ""

    def submit(self, request: Request) -> Receipt:
        """See `OrderHandler.submit`."""
        return self.remote.submit(request)

    def deadline_ns(self) -> int:
        """See `Dated.deadline_ns`."""
        return self.remote.deadline_ns()

    def query(self, request: Request) -> Receipt:
        """See `OrderHandler.query`."""
        return self.remote.query(request)

    def read(self) -> Reading:
        """See `PositionFeed.read`.

        Raises:
            NotObserved: nothing can be known of the positions now.
        """
        return self.remote.feed.read()

    def start_up_failures(self) -> tuple[str, ...]:
        """See `Venue.start_up_failures`."""
        return self.remote.start_up_failures()
