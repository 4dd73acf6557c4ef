"""Orders at an exchange: sent once, asked for by our own name of them, taken back.

The exchange is asked for its time *before* it is asked for an order, so that what it does not
find it did not have at that time, or later.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from verifill.engine.amounts import to_decimal
from verifill.engine.clock import NANOSECONDS
from verifill.engine.errors import EngineDefect, NotObserved
from verifill.venues.ccxt.absence import Absence
from verifill.venues.ccxt.account import Account
from verifill.venues.ccxt.client import Answered, Attempt, Failed, plain
from verifill.venues.ccxt.outcomes import created, is_absent, unknown
from verifill.venues.ccxt.receipts import complete, told
from verifill.venues.ccxt.words import Asked, Listed, Plain
from verifill.venues.instructions import Operation, PerpTrade
from verifill.venues.keys import Scales
from verifill.venues.orders import Order, Outcome, Receipt
from verifill.venues.rules import VenueRules
from verifill.venues.tickets import TradeOrder
from verifill.venues.time_in_force import TimeInForce
from verifill.venues.trades import TRADES


class Orders:
    """Trades at the accounts of one venue.

    Args:
        rules: its static data.
        accounts: by name.
        scales: decimals of the assets.
    """

    def __init__(self, rules: VenueRules, accounts: Mapping[str, Account], scales: Scales) -> None:
        self._rules = rules
        self._accounts = accounts
        self._scales = scales
        self._sent: dict[str, tuple[Account, Listed]] = {}
        self._absence = Absence(rules)

    def submit(self, order: TradeOrder) -> Receipt:
        """Send it, once."""
        account, listed, client_id = self._place(order)
        self._absence.forget(order)
        try:
            account.stamp(account.orders)  # the contract is known by the markets
        except NotObserved as error:
            reason = f"not sent: {error}"
            return Receipt(Outcome.DENIED_LOCAL, reason=reason, retryable=True)
        asked = self._asked(account, listed, order, client_id)
        sent = account.send(order, account.dialect.create, asked)
        if isinstance(sent, Receipt):
            return sent
        receipt = created(sent, client_id, account.dialect)
        if receipt.outcome is Outcome.REJECTED_DEFINITIVE:
            account.time.forget()  # its clock may be the reason
        return receipt

    def query(self, order: TradeOrder) -> Receipt:
        """What the exchange knows of it now, or what it proves that it does not."""
        account, listed, client_id = self._place(order)
        try:
            time_ns = account.ask_time_ns()
            attempt = self._found(account, listed, client_id)
        except NotObserved as error:
            return unknown(str(error))
        if is_absent(attempt):
            return self._absence.judged(order, time_ns)
        self._absence.forget(order)
        return self._known(account, listed, client_id, attempt)

    def deadline_ns(self) -> int:
        """Until when a request that is made now is valid, in the exchange's time."""
        account = next(iter(self._accounts.values()))
        return account.now_ns() + self._rules.recv_window_s * NANOSECONDS

    def cancel(self, key: str) -> Receipt:
        """Take back what rests under a key, and tell what became of it; one attempt."""
        place = self._sent.get(key) or self._resting(key)
        if place is None:
            return unknown("no order of this key rests")
        account, listed = place
        client_id = account.dialect.client_id(key)
        try:
            account.stamp(account.orders)
        except NotObserved as error:
            return unknown(str(error))
        account.orders.attempt(
            account.patience.execution_s(Operation.CANCEL),
            account.dialect.cancel,
            listed.symbol,
            client_id,
        )
        attempt = self._found(account, listed, client_id)
        return self._known(account, listed, client_id, attempt)

    def open_orders(self) -> tuple[str, ...]:
        """Our names of all orders of which something may still be executed.

        Raises:
            NotObserved: nothing can be known of them now.
        """
        return tuple(dict.fromkeys(name for name, _, _ in self._open()))

    def _open(self) -> list[tuple[str, Account, Listed]]:
        names = {a.dialect.client_id(key): key for key, (a, _) in self._sent.items()}
        found: list[tuple[str, Account, Listed]] = []
        for account in self._accounts.values():
            for listed in account.listed.values():
                resting: Sequence[Plain] = account.ask(
                    account.orders, account.dialect.open_orders, listed.symbol
                )
                for order in resting:
                    client_id = str(order.get("clientOrderId") or order.get("id"))
                    found.append((names.get(client_id, client_id), account, listed))
        return found

    def _resting(self, key: str) -> tuple[Account, Listed] | None:
        try:
            resting = self._open()
        except NotObserved:
            return None
        names = {key, *(account.dialect.client_id(key) for account in self._accounts.values())}
        places = ((account, listed) for name, account, listed in resting if name in names)
        return next(places, None)

    def _place(self, order: Order) -> tuple[Account, Listed, str]:
        """Where an order belongs, and our name of it there.

        Raises:
            EngineDefect: it has no key.
        """
        if not order.key:
            msg = f"order {order.number} has no key; give it one before it is sent"
            raise EngineDefect(msg)
        asked: Any = order.instruction
        account = self._accounts[asked.account]
        listed = account.of(asked.symbol)
        self._sent[order.key] = account, listed
        return account, listed, account.dialect.client_id(order.key)

    def _asked(self, account: Account, listed: Listed, order: TradeOrder, client_id: str) -> Asked:
        instrument, wanted = listed.instrument, order.instruction
        contract = account.dialect.contract(account.orders.exchange, listed.symbol)
        contracts = instrument.quantity(order.quantity) / contract
        worst = order.high if order.ticket.buy else order.low
        return Asked(
            listed=listed,
            buy=order.ticket.buy,
            contracts=plain(contracts),
            limit=plain(instrument.price(order.limit)) if order.limit else "",
            force=wanted.time_in_force if isinstance(wanted, TRADES) else TimeInForce.IOC,
            worst=plain(to_decimal(worst, instrument.price_decimals)),
            reduce_only=isinstance(wanted, PerpTrade) and wanted.reduce_only,
            client_id=client_id,
        )

    def _found(self, account: Account, listed: Listed, client_id: str) -> Attempt:
        account.stamp(account.orders)
        return account.orders.attempt(
            account.patience.reading_s, account.dialect.find, listed.symbol, client_id
        )

    def _known(self, account: Account, listed: Listed, client_id: str, attempt: Attempt) -> Receipt:
        if isinstance(attempt, Failed):
            return unknown(attempt.reason)
        order = _about(attempt, client_id)
        if order is None:
            return unknown("an answer about another order, or about none")
        contract = account.dialect.contract(account.orders.exchange, listed.symbol)
        try:
            trades = account.ask(account.orders, account.dialect.filled, listed, order)
            if not complete(order, trades, contract):
                return Receipt(Outcome.ACCEPTED, reason="not all of its trades are told yet")
            return told(order, trades, listed, self._scales)
        except (NotObserved, KeyError, TypeError) as error:
            return unknown(f"{type(error).__name__}: {error}")


def _about(attempt: Answered, client_id: str) -> Plain | None:
    """The order of an answer, if it is ours."""
    value: object = attempt.value
    if not isinstance(value, Mapping):
        return None
    said = cast("Plain", value)
    return said if said.get("clientOrderId") == client_id and said.get("id") else None
