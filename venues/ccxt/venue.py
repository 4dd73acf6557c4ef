"""The adapter: what is known of an exchange without it, and its connections."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal

from verifill.engine.errors import InstructionError
from verifill.venues.adapter import Adapter, single
from verifill.venues.ccxt.connection import Connection
from verifill.venues.ccxt.funds import Address
from verifill.venues.ccxt.handler import Orders
from verifill.venues.ccxt.moving import Transfers
from verifill.venues.ccxt.settings import Settings
from verifill.venues.ccxt.starting import Starting
from verifill.venues.ccxt.terms import ExchangeTrades
from verifill.venues.ccxt.withdrawing import Withdrawals, WithdrawalTerms
from verifill.venues.ccxt.words import Margin
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
from verifill.venues.market import Market
from verifill.venues.orders import Order, Reading, Receipt, Request
from verifill.venues.rules import VenueRules
from verifill.venues.terms import Terms
from verifill.venues.tickets import TradeOrder
from verifill.venues.transfers import LeverageTerms, MarginModeTerms, TransferTerms

LEVERAGE_MAX = 125
RATIO_STEP = Decimal(1).scaleb(-8)


class Exchange(Adapter):
    """One exchange with its accounts.

    It implements `Venue`, `Resting`, `Recallable`, `Dated` and `Margined`.

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
        together = {name: a.together for name, a in connection.accounts.items() if a.together}
        terms: dict[type[Instruction], Terms] = {
            SpotTrade: trades,
            PerpTrade: trades,
            SetLeverage: LeverageTerms(LEVERAGE_MAX),
            SetMarginMode: MarginModeTerms(together),
            InternalTransfer: TransferTerms(scales, {}),
            Transfer: WithdrawalTerms(scales, connection.fees),
        }
        Adapter.__init__(self, rules, terms)
        self._connection = connection
        self._orders = Orders(rules, connection.accounts, scales)
        self._transfers = Transfers(rules, connection.accounts, scales)
        self._withdrawals = Withdrawals(rules, connection, scales)
        self._settings = Settings(rules, connection.accounts, connection.feed)
        self.accounts = connection.accounts
        self.feed = connection.feed

    def no_way(self, instruction: Instruction) -> str:
        """Why the exchange cannot do it, beyond what its terms know."""
        if isinstance(instruction, InternalTransfer):
            return self._transfers.no_way(instruction)
        if isinstance(instruction, Transfer):
            return self._withdrawals.no_way(instruction)
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

    def _other(self, order: Order) -> Settings | Transfers | Withdrawals:
        if isinstance(order.instruction, InternalTransfer):
            return self._transfers
        return self._withdrawals if isinstance(order.instruction, Transfer) else self._settings

    def deposit_address(self, account: str, asset: str, network: str = "") -> Address:
        """Where an account takes deposits of an asset; nothing is changed by asking.

        Args:
            account: of this venue.
            asset: what is to be sent there.
            network: as the exchange calls it; empty for its own choice.

        Raises:
            InstructionError: it has no such account.
            NotObserved: the exchange does not tell.
        """
        if account not in self.accounts:
            msg = (
                f"{account!r} is no account of {self.rules.name}; it has {', '.join(self.accounts)}"
            )
            raise InstructionError(msg)
        its = self.accounts[account]
        told: Address = its.ask(its.positions, its.dialect.address, asset, network)
        return told

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

    def margins(self) -> dict[str, Decimal]:
        """See `Margined.margins`, by the exchange's own figures.

        Raises:
            NotObserved: nothing can be known of them now.
        """
        told: dict[str, Decimal] = {}
        for name, account in self.accounts.items():
            listed = [one for one in account.listed.values() if one.instrument.perpetual]
            if listed:
                margin: Margin = account.ask(account.positions, account.dialect.margin, listed)
                if margin.maintenance > 0:
                    ratio = margin.worth / margin.maintenance
                    told[name] = ratio.quantize(RATIO_STEP, rounding=ROUND_DOWN)
        return told

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
