"""Withdrawals: to addresses of the configuration, sent once, and looked up until they are final.

No time proves that one that is not found will not come, so a person looks at it. Where the
exchange lists withdrawals without our name of them, one is found by the id that it answered
with, or by what it was; two that are alike are looked at by a person too.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from verifill.engine.clock import NANOSECONDS
from verifill.engine.errors import NotObserved
from verifill.venues.ccxt.account import MS, Account
from verifill.venues.ccxt.client import Failed, plain
from verifill.venues.ccxt.connection import Connection
from verifill.venues.ccxt.funds import State, Withdrawn
from verifill.venues.ccxt.outcomes import refused, unknown
from verifill.venues.ccxt.receipts import units
from verifill.venues.expectation import Assessment, Bound, Expectation, Origin
from verifill.venues.instructions import Transfer
from verifill.venues.keys import Kind, Scales, position_key
from verifill.venues.market import Books
from verifill.venues.orders import Cause, Move, Order, Outcome, Receipt
from verifill.venues.rules import VenueRules
from verifill.venues.transfers import TransferTerms


class WithdrawalTerms(TransferTerms):
    """The terms of TRANSFER out of a real exchange, to an account that is none of the run's.

    The amount is all that leaves the account, the fee within it. What the exchange takes may be
    less than the fee that is declared, and then, where it asks for the fee on top, less leaves.
    """

    def expect(self, order: Order, books: Books) -> Expectation:  # noqa: ARG002 - one protocol
        """The amount leaves the account, or up to the declared fee less."""
        transfer = _asked(order)
        source = position_key(transfer.account, Kind.BASE, transfer.asset)
        least = order.quantity - self.fee(transfer)
        return Expectation({source: Bound(-order.quantity, -least, Origin.FEE_CAP)})

    def assess(self, order: Order, receipt: Receipt, books: Books) -> Assessment:
        """The sum of its moves; a fee above the declared one is a flaw."""
        assessed = super().assess(order, receipt, books)
        fee = -sum(move.amount for move in receipt.moves if move.cause is Cause.FEE)
        most = self.fee(_asked(order))
        if fee <= most:
            return assessed
        return Assessment(
            assessed.executed, assessed.effects, f"its fee is {fee}, declared is {most} at most"
        )


class Withdrawals:
    """Withdrawals from the accounts of one venue.

    Args:
        rules: static data of the venue.
        connection: to it, with the destinations that are allowed.
        scales: decimals of the assets.
    """

    def __init__(self, rules: VenueRules, connection: Connection, scales: Scales) -> None:
        self._rules = rules
        self._connection = connection
        self._scales = scales
        self._ids: dict[str, str] = {}  # what exchanges answered with, in this process life

    def no_way(self, asked: Transfer) -> str:
        """Why it cannot be done, or empty."""
        name, there = self._rules.name, self._connection.destinations
        if not self._connection.withdrawals:
            return f"withdrawals = true does not stand under [ccxt.{name}]"
        if asked.to not in there:
            allowed = ", ".join(there) or "none"
            return f"{asked.to!r} is no address of [ccxt.{name}.addresses]; allowed are {allowed}"
        account = self._connection.accounts[asked.account]
        if not account.dialect.withdraws:
            return f"nothing is withdrawn from {asked.account}; transfer it to where it can be"
        return account.dialect.immovable(account.orders.exchange, asked.asset)

    def submit(self, order: Order) -> Receipt:
        """Send it, once."""
        asked, account = self._place(order)
        dialect = account.dialect
        amount = self._amount(asked, order.quantity)
        if dialect.fee_on_top:
            amount -= self._amount(asked, self._connection.fees.get(asked.asset, 0))
        sent = account.send(
            order,
            dialect.withdraw,
            asked.asset,
            plain(amount),
            self._connection.destinations[asked.to],
            self._name(account, order),
        )
        if isinstance(sent, Receipt):
            return sent
        if isinstance(sent, Failed):
            return refused(sent, dialect) or unknown(sent.reason)
        if sent.value in {"", "None"}:
            return unknown("an answer without the id of a withdrawal")
        self._ids[order.key] = str(sent.value)
        return Receipt(Outcome.ACCEPTED, reason=f"withdrawal {sent.value}")

    def query(self, order: Order) -> Receipt:
        """What became of it, by its name, its id or by what it was."""
        asked, account = self._place(order)
        dialect, name = account.dialect, self._name(account, order)
        try:
            time_ns = account.ask_time_ns()
            begin_ns = (order.deadline_ns or time_ns) - 2 * self._rules.recv_window_s * NANOSECONDS
            told: Sequence[Withdrawn] = account.ask(
                account.orders,
                dialect.withdrawals,
                name if dialect.named_withdrawals else "",
                begin_ns // MS,
                (time_ns + self._rules.query_lag_s * NANOSECONDS) // MS,
            )
        except NotObserved as error:
            return unknown(str(error))
        mine = [one for one in told if self._is(one, order, asked, account)]
        if len(mine) != 1:
            return unknown(f"{len(mine)} withdrawals are like it; nobody can say what became of it")
        return self._done(asked, mine[0])

    def _is(self, one: Withdrawn, order: Order, asked: Transfer, account: Account) -> bool:
        """Whether a withdrawal is the one that was asked for."""
        if account.dialect.named_withdrawals:
            return one.client_id == self._name(account, order)
        if order.key in self._ids:
            return one.id == self._ids[order.key]
        total = self._amount(asked, order.quantity)
        to = self._connection.destinations[asked.to]
        what = (one.asset, one.amount + one.fee, one.address.lower())
        return what == (asked.asset, total, to.address.lower())

    def _done(self, asked: Transfer, one: Withdrawn) -> Receipt:
        words = f"{one.ref}: {one.words}, of which {plain(one.fee)} {one.asset} is a fee"
        if one.state is State.FAILED:
            return Receipt(Outcome.REJECTED_DEFINITIVE, reason=words)
        key = position_key(asked.account, Kind.BASE, asked.asset)
        decimals = self._scales.of(asked.asset)
        try:
            moves = tuple(
                Move(one.ref, key, -units(amount, decimals, one.ref), cause)
                for amount, cause in ((one.amount, Cause.TRANSFER), (one.fee, Cause.FEE))
                if amount
            )
        except NotObserved as error:
            return unknown(str(error))
        outcome = Outcome.EXECUTED if one.state is State.DONE else Outcome.ACCEPTED
        return Receipt(outcome, moves=moves, effect_ns=one.time_ms * MS, reason=words)

    def _name(self, account: Account, order: Order) -> str:
        return account.dialect.withdrawal_id(order.key, order.deadline_ns // MS)

    def _amount(self, asked: Transfer, amount: int) -> Decimal:
        return self._scales.amount(position_key(asked.account, Kind.BASE, asked.asset), amount)

    def _place(self, order: Order) -> tuple[Transfer, Account]:
        asked = _asked(order)
        accounts: Mapping[str, Account] = self._connection.accounts
        return asked, accounts[asked.account]


def _asked(order: Order) -> Transfer:
    asked = order.instruction
    if isinstance(asked, Transfer):
        return asked
    msg = f"{asked.op} is not TRANSFER"
    raise TypeError(msg)
