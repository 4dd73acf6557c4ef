"""A simulated exchange: spot and perpetuals, several accounts, its own market model.

It prices from the last bar, fills by its own liquidity, takes its own fees and keeps
its own accounts. What it answers is all that anybody learns from it.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from verifill.venues.adapter import Adapter, single
from verifill.venues.instructions import (
    Instruction,
    InternalTransfer,
    Operation,
    PerpTrade,
    SetLeverage,
    SetMarginMode,
    SpotTrade,
    Transfer,
)
from verifill.venues.keys import Kind, Scales, position_key
from verifill.venues.margin_mode import MarginMode
from verifill.venues.market import Market
from verifill.venues.orders import (
    Cause,
    Move,
    Order,
    Outcome,
    Receipt,
    Request,
)
from verifill.venues.rules import VenueRules
from verifill.venues.simulated.ledger import Accounts
from verifill.venues.simulated.margin import FundingSeries, Margin
from verifill.venues.simulated.matching import Matching
from verifill.venues.simulated.model import ExchangeModel
from verifill.venues.simulated.network import Network, Passage
from verifill.venues.simulated.resting import RestingOrders
from verifill.venues.terms import Terms
from verifill.venues.tickets import TradeOrder
from verifill.venues.trades import TRADES, TradeTerms
from verifill.venues.transfers import (
    MODES,
    LeverageTerms,
    MarginModeTerms,
    TransferTerms,
    leverage_key,
    margin_mode_key,
)

LEVERAGE_MAX: Final = 125

ORDERS_KEPT: Final = 256  # few enough to stay in the caches of a processor

# bound once: Python 3.11 looks enum members up slowly, and the kernel what it has not compiled
ACCEPTED: Final = Outcome.ACCEPTED
SPOT: Final = SpotTrade

SETTINGS: Final = (SetLeverage, SetMarginMode)


class SimulatedExchange(Adapter):
    """One exchange with all its accounts; implements `venues.interfaces.Venue`.

    It remembers orders that are pending, and the last few hundred; of one that it may
    have forgotten it says that it does not know.

    Args:
        rules: its static data, which is also the law of its market.
        scales: decimals of the assets.
        market: public prices; it fills from them with its own model.
        network: takes withdrawals over, brings deposits.
        model: spread, slippage, liquidity, delays.
        opening: position key -> units; the keys listed are the positions it tracks.
        bases: perpetual's key -> entry value of an opening position.
        funding: data name of a perpetual -> its funding rates.

    Attributes:
        accounts: what it keeps.
        margin: what carries perpetuals.
        read: tells the accounts, as far as the view of positions has come.
    """

    def __init__(
        self,
        *,
        rules: VenueRules,
        scales: Scales,
        market: Market,
        network: Network,
        model: ExchangeModel,
        opening: Mapping[str, int],
        bases: Mapping[str, int],
        funding: Mapping[str, FundingSeries],
    ) -> None:
        """Open the accounts and connect them to the network."""
        self.accounts = Accounts(self._with_settings(rules, model, opening), model.lag_ns)
        self.read = self.accounts.read
        self.margin = Margin(self.accounts, market, rules.instruments, bases, funding)
        self._perpetuals = not self.margin.idle
        self._matching = Matching(rules, self.accounts, self.margin, market, model)
        self._resting = RestingOrders(rules, market, self._matching, self._tell)
        self._standing = self._resting.standing
        self._network = network
        self._model = model
        self._receipts: dict[int, Receipt] = {}
        self._earlier: dict[int, Receipt] = {}  # pending, or of those before the last turn
        self._forgotten = self._turned = 0
        trade = TradeTerms(rules, market)
        transfer = TransferTerms(scales, model.withdrawal_fees)
        leverage = LeverageTerms(LEVERAGE_MAX)
        terms: dict[type[Instruction], Terms] = {
            SpotTrade: trade,
            PerpTrade: trade,
            InternalTransfer: transfer,
            Transfer: transfer,
            SetLeverage: leverage,
            SetMarginMode: MarginModeTerms(),
        }
        super().__init__(rules, terms)
        for account in rules.accounts:
            network.connect(account, self._credit)

    @staticmethod
    def _with_settings(
        rules: VenueRules, model: ExchangeModel, opening: Mapping[str, int]
    ) -> dict[str, int]:
        """The opening positions, with the settings of every perpetual among them."""
        totals = dict(opening)
        for instrument in rules.instruments.values():
            if instrument.perpetual:
                key = leverage_key(instrument.account, instrument.symbol)
                totals.setdefault(key, model.default_leverage)
                if Operation.SET_MARGIN_MODE in rules.operations:
                    key = margin_mode_key(instrument.account, instrument.symbol)
                    totals.setdefault(key, MODES[MarginMode.CROSS])
        return totals

    # What is known without the market, beyond the terms.

    def no_way(self, instruction: Instruction) -> str:
        """Why a transfer cannot arrive, or empty."""
        asked = instruction
        if isinstance(asked, Transfer) and not self._network.reaches(asked.to, asked.asset):
            return f"no route for {asked.asset} to {asked.to!r}"
        accounts = self.rules.accounts
        if isinstance(asked, InternalTransfer) and asked.to not in accounts:
            known = ", ".join(sorted(accounts))
            return f"{asked.to!r} is no account of {self.rules.name}; it has {known}"
        return ""

    # What only the venue knows.

    def submit(self, request: Request) -> Receipt:
        """Execute an order at once, or let it rest if it is to."""
        if type(request) is TradeOrder and type(trade := request.instruction) is SPOT:
            if trade.timeout_s:
                receipt = self._resting.place(request, trade)
            else:
                receipt = self._matching.trade(request, trade)
        else:
            receipt = self._serve(single(request))
        number = request.number
        self._receipts[number] = receipt
        if number - self._turned > ORDERS_KEPT:
            self._turn(number)
        return receipt

    def _serve(self, order: Order) -> Receipt:
        instruction = order.instruction
        if isinstance(instruction, TRADES):
            if instruction.timeout_s:
                return self._resting.place(order, instruction)
            return self._matching.trade(order, instruction)
        if isinstance(instruction, InternalTransfer):
            return self._transfer(order, instruction)
        if isinstance(instruction, Transfer):
            return self._withdraw(order, instruction)
        if isinstance(instruction, SETTINGS):
            return self._set(order, instruction)

        return Receipt(Outcome.REJECTED_DEFINITIVE, reason="not supported")

    def recall(self, request: Request) -> Receipt:
        """See `Recallable.recall`."""
        self._resting.recall(request.number)
        return self.query(request)

    def _tell(self, number: int, receipt: Receipt) -> None:
        """What became of an order that rested."""
        self._receipts[number] = receipt

    def _turn(self, number: int) -> None:
        """Drop the final receipts of orders up to the last turn."""
        self._forgotten, self._turned = self._turned, number
        pending = {n: r for n, r in self._earlier.items() if r.outcome is ACCEPTED}
        self._earlier = pending | self._receipts
        self._receipts = {}

    def entry_values(self) -> Mapping[str, int]:
        """See `Entered.entry_values`."""
        return self.margin.bases

    def margins(self) -> Mapping[str, Decimal]:
        """See `Margined.margins`."""
        return self.margin.ratios()

    def query(self, request: Request) -> Receipt:
        """What became of an order; a withdrawal becomes final when it is credited."""
        number = request.number
        receipt = self._receipts.get(number) or self._earlier.get(number)
        if receipt is None:
            return self._unknown(number)
        if receipt.outcome is Outcome.ACCEPTED and receipt.moves:
            arrival = self._network.arrival(receipt.moves[0].ref)
            if arrival:
                moves = receipt.moves + arrival.moves
                receipt = Receipt(Outcome.EXECUTED, (), moves, arrival.time_ns)
                self._receipts[number] = receipt
        return receipt

    def _unknown(self, number: int) -> Receipt:
        """An order that is not kept: proof of absence, unless it may have been forgotten."""
        if number <= self._forgotten:
            return Receipt(Outcome.UNKNOWN, reason=f"only the last {ORDERS_KEPT} orders are kept")
        return Receipt(Outcome.ABSENT, reason="no such order", retryable=True)

    def start_up_failures(self) -> tuple[str, ...]:
        """Nothing can be missing from a simulation."""
        return ()

    def advance(self, now_ns: int) -> None:
        """Let time pass: funding that is due, then liquidation at the new prices."""
        self.accounts.now_ns = now_ns
        if self._perpetuals:
            self.margin.advance(now_ns)
        if self._standing:
            self._resting.advance()

    def _transfer(self, order: Order, transfer: InternalTransfer) -> Receipt:
        source = position_key(transfer.account, Kind.BASE, transfer.asset)
        target = position_key(transfer.to, Kind.BASE, transfer.asset)
        if self._withdrawable(source) < order.quantity:
            return Receipt(Outcome.REJECTED_DEFINITIVE, reason=f"insufficient {source}")
        ref = f"{self.rules.name}-transfer-{order.number}"
        moves = (
            self._move(ref, source, -order.quantity, Cause.TRANSFER),
            self._move(ref, target, order.quantity, Cause.TRANSFER),
        )
        return Receipt(Outcome.EXECUTED, (), moves, self.accounts.now_ns)

    def _withdraw(self, order: Order, transfer: Transfer) -> Receipt:
        source = position_key(transfer.account, Kind.BASE, transfer.asset)
        if self._withdrawable(source) < order.quantity:
            return Receipt(Outcome.REJECTED_DEFINITIVE, reason=f"insufficient {source}")
        ref = f"{self.rules.name}-withdrawal-{order.number}"
        fee = self._model.withdrawal_fees.get(transfer.asset, 0)
        now_ns = self.accounts.now_ns
        passage = Passage(
            ref=ref,
            asset=transfer.asset,
            amount=order.quantity - fee,
            to=transfer.to,
            due_ns=now_ns + self._model.withdrawal_ns,
        )
        moves = (
            self._move(ref, source, -order.quantity, Cause.TRANSFER),
            self._network.send(passage),
        )
        return Receipt(Outcome.ACCEPTED, (), moves, now_ns)

    def _withdrawable(self, key: str) -> int:
        """Free balance: what carries open perpetuals stays."""
        if not self.margin.open_positions(key):
            return self.accounts.totals[key]
        shared = self.margin.equity(key) - self.margin.needed(key)
        return min(self.margin.free(key), shared)

    def _credit(self, passage: Passage) -> Move:
        """Take in what the network brings, which is told of the time before the venues are."""
        self.accounts.now_ns = max(self.accounts.now_ns, passage.due_ns)
        key = position_key(passage.to, Kind.BASE, passage.asset)
        return self._move(passage.ref, key, passage.amount, Cause.TRANSFER)

    def _set(self, order: Order, setting: SetLeverage | SetMarginMode) -> Receipt:
        where = setting.account, setting.symbol
        key = leverage_key(*where)
        if isinstance(setting, SetMarginMode):
            key = margin_mode_key(*where)
            # so the exchanges that this is modelled on
            if self._in_use(*where):
                reason = f"{setting.symbol} has a position or an order that rests"
                return Receipt(Outcome.REJECTED_DEFINITIVE, reason=reason)
        ref = f"{self.rules.name}-{key.rpartition('.')[2]}-{order.number}"
        change = order.quantity - self.accounts.totals[key]
        move = self._move(ref, key, change, Cause.SETTING)
        return Receipt(Outcome.EXECUTED, (), (move,), self.accounts.now_ns)

    def _in_use(self, account: str, symbol: str) -> bool:
        """Whether a perpetual has a position, or an order that rests."""
        resting = [one.trade for one in self._standing.values()]
        if any((one.account, one.symbol) == (account, symbol) for one in resting):
            return True
        return self.accounts.totals[self.rules.instrument(account, symbol).base_key] != 0

    def _move(self, ref: str, key: str, amount: int, cause: Cause) -> Move:
        self.accounts.post(ref, key, amount, cause)
        return Move(ref, key, amount, cause)
