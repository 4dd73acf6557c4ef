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
    SetMarginMode,
    SpotTrade,
    Transfer,
)
from verifill.venues.keys import Scales
from verifill.venues.loopback.remote import Remote
from verifill.venues.loopback.remote_venue import RemoteVenue
from verifill.venues.market import Market
from verifill.venues.orders import Bundle, Order, Receipt, Request
from verifill.venues.rules import VenueRules
from verifill.venues.terms import Terms
from verifill.venues.trades import TradeTerms
from verifill.venues.transfers import LeverageTerms, MarginModeTerms, TransferTerms

LEVERAGE_MAX = 125


class LoopbackExchange(RemoteVenue, Adapter):
    """An exchange that a server simulates.

    Args:
        rules: its static data, with class, lag and window.
        remote: the connection.
        scales: decimals of the assets.
        market: public prices.
        routes: (destination account, asset) pairs that withdrawals may take.
        withdrawal_fees: asset -> units, out of the amount.
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
            SetMarginMode: MarginModeTerms(),
        }
        RemoteVenue.__init__(self, remote, routes)
        Adapter.__init__(self, rules, terms)

    def deny(self, request: Request) -> str:
        """See `OrderHandler.deny`; also where a transfer cannot go."""
        if isinstance(request, Bundle):
            return f"{self.rules.name} is an exchange: it has no transaction for a chain"
        return self._no_way(request) or super().deny(request)

    def _no_way(self, order: Order) -> str:
        asked = order.instruction
        if isinstance(asked, InternalTransfer) and asked.to not in self.rules.accounts:
            known = ", ".join(sorted(self.rules.accounts))
            return f"{asked.to!r} is no account of {self.rules.name}; it has {known}"
        return self.no_route(asked)

    def recall(self, request: Request) -> Receipt:
        """See `Recallable.recall`."""
        return self.remote.cancel(request.key)

    def entry_values(self) -> Mapping[str, int]:
        """See `Entered.entry_values`."""
        return self.remote.feed.bases
