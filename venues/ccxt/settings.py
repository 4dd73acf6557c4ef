"""The leverage of a perpetual: a setting, reconciled as one; its answers prove nothing."""

from collections.abc import Mapping

from verifill.engine.errors import NotObserved
from verifill.venues.ccxt.absence import Absence
from verifill.venues.ccxt.account import Account
from verifill.venues.ccxt.client import Failed
from verifill.venues.ccxt.feed import Feed, set_to
from verifill.venues.ccxt.outcomes import refused, unknown
from verifill.venues.instructions import SetLeverage
from verifill.venues.orders import Cause, Move, Order, Outcome, Receipt
from verifill.venues.rules import VenueRules
from verifill.venues.transfers import leverage_key


class Settings:
    """Settings of the accounts of one venue.

    Args:
        rules: static data of the venue.
        accounts: by name.
        feed: knows what was told of a setting last.
    """

    def __init__(self, rules: VenueRules, accounts: Mapping[str, Account], feed: Feed) -> None:
        self._absence = Absence(rules)
        self._accounts = accounts
        self._feed = feed
        self._receipts: dict[str, Receipt] = {}

    def submit(self, order: Order) -> Receipt:
        """Set it, once; what is there already is not set again."""
        asked, account = _asked(order), self._account(order)
        self._absence.forget(order)
        sent = account.send(
            order, account.dialect.set_leverage, account.of(asked.symbol), asked.leverage
        )
        if isinstance(sent, Receipt):
            return sent
        if isinstance(sent, Failed):
            repeat = sent.says(*account.dialect.settled)
            denied = None if repeat else refused(sent, account.dialect)
            if denied is not None:
                return denied
        return self.query(order)

    def query(self, order: Order) -> Receipt:
        """Whether it is what was asked for; if not, it may come until its deadline."""
        if order.key in self._receipts:
            return self._receipts[order.key]
        asked, account = _asked(order), self._account(order)
        listed = account.of(asked.symbol)
        try:
            time_ns = account.ask_time_ns()
            now: int = account.ask(account.orders, account.dialect.leverage, listed)
        except NotObserved as error:
            return unknown(str(error))
        if now != asked.leverage:
            return self._absence.judged(order, time_ns)
        key = leverage_key(asked.account, asked.symbol)
        before = self._feed.setting(asked.account, asked.symbol)
        moves: tuple[Move, ...] = ()
        if before not in {None, now}:
            moves = (Move(set_to(key, now), key, now - (before or 0), Cause.SETTING),)
        receipt = Receipt(Outcome.EXECUTED, moves=moves)
        self._receipts[order.key] = receipt
        return receipt

    def _account(self, order: Order) -> Account:
        return self._accounts[order.instruction.account]


def _asked(order: Order) -> SetLeverage:
    asked = order.instruction
    if isinstance(asked, SetLeverage):
        return asked
    msg = f"{asked.op} is not SET_LEVERAGE"
    raise TypeError(msg)
