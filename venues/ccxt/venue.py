"""The adapter: what is known of an exchange without it, and its connections."""

from collections.abc import Callable, Mapping, Sequence

from attrs import frozen

from verifill.venues.adapter import Adapter, single
from verifill.venues.ccxt.account import Account
from verifill.venues.ccxt.feed import Feed
from verifill.venues.ccxt.handler import Orders
from verifill.venues.ccxt.moving import Transfers
from verifill.venues.ccxt.settings import Settings
from verifill.venues.ccxt.starting import Starting
from verifill.venues.ccxt.terms import ExchangeTrades
from verifill.venues.instructions import (
    Instruction,
    InternalTransfer,
    PerpTrade,
    SetLeverage,
    SpotTrade,
)
from verifill.venues.keys import Scales
from verifill.venues.market import Market
from verifill.venues.orders import Order, Reading, Receipt, Request
from verifill.venues.rules import VenueRules
from verifill.venues.terms import Terms
from verifill.venues.tickets import TradeOrder
from verifill.venues.transfers import LeverageTerms, TransferTerms

LEVERAGE_MAX = 125


@frozen(kw_only=True)
class Connection:
    """The accounts of one venue.

    Attributes:
        accounts: by name.
        feed: their positions.
        now_ns: our wall time.
        withdrawals: whether a key that may withdraw is taken.
    """

    accounts: Mapping[str, Account]
    feed: Feed
    now_ns: Callable[[], int]
    withdrawals: bool = False


class Exchange(Adapter):
    """One exchange with its accounts; implements `Venue`, `Resting`, `Recallable`, `Dated`.

    Args:
        rules: its static data.
        connection: to it.
        scales: decimals of the assets.
        market: public prices.

    Attributes:
        accounts: by name.
        feed: their positions.
    """

    def __init__(
        self, rules: VenueRules, connection: Connection, *, scales: Scales, market: Market
    ) -> None:
        trades = ExchangeTrades(rules, market)
        terms: dict[type[Instruction], Terms] = {
            SpotTrade: trades,
            PerpTrade: trades,
            SetLeverage: LeverageTerms(LEVERAGE_MAX),
            InternalTransfer: TransferTerms(scales, {}),
        }
        Adapter.__init__(self, rules, terms)
        self._connection = connection
        self._orders = Orders(rules, connection.accounts, scales)
        self._transfers = Transfers(rules, connection.accounts, scales)
        self._settings = Settings(rules, connection.accounts, connection.feed)
        self.accounts = connection.accounts
        self.feed = connection.feed

    def no_way(self, instruction: Instruction) -> str:
        """Why the exchange cannot do it, beyond what its terms know."""
        if isinstance(instruction, InternalTransfer):
            return self._transfers.no_way(instruction)
        return ""

    def submit(self, request: Request) -> Receipt:
        """See `OrderHandler.submit`."""
        if isinstance(request, TradeOrder):
            return self._orders.submit(request)
        order = single(request)
        return self._other(order).submit(order)

    def query(self, request: Request) -> Receipt:
        """See `OrderHandler.query`."""
        if isinstance(request, TradeOrder):
            return self._orders.query(request)
        order = single(request)
        return self._other(order).query(order)

    def _other(self, order: Order) -> Settings | Transfers:
        transfer = isinstance(order.instruction, InternalTransfer)
        return self._transfers if transfer else self._settings

    def deadline_ns(self) -> int:
        """See `Dated.deadline_ns`."""
        return self._orders.deadline_ns()

    def open_orders(self) -> Sequence[str]:
        """See `Resting.open_orders`.

        Raises:
            NotObserved: nothing can be known of them now.
        """
        return self._orders.open_orders()

    def cancel(self, key: str) -> Receipt:
        """See `Resting.cancel`."""
        return self._orders.cancel(key)

    def recall(self, request: Request) -> Receipt:
        """See `Recallable.recall`."""
        return self._orders.cancel(request.key)

    def read(self) -> Reading:
        """See `PositionFeed.read`.

        Raises:
            NotObserved: nothing can be known of the positions now.
        """
        return self.feed.read()

    def start_up_failures(self) -> tuple[str, ...]:
        """See `Venue.start_up_failures`: clock, permissions, markets, balances; no order."""
        connection = self._connection
        return tuple(
            failure
            for account in connection.accounts.values()
            for failure in Starting(
                account=account,
                now_ns=connection.now_ns,
                withdrawals=connection.withdrawals,
            ).failures()
        )

    def close(self) -> None:
        """Close its connections."""
        for account in self._connection.accounts.values():
            account.close()
