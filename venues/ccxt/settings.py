"""Leverage and margin mode of a perpetual: settings, reconciled as such; answers prove nothing."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from verifill.engine.errors import NotObserved
from verifill.venues.ccxt.absence import Absence
from verifill.venues.ccxt.account import Account
from verifill.venues.ccxt.client import Failed
from verifill.venues.ccxt.feed import Feed, set_to
from verifill.venues.ccxt.outcomes import refused, unknown
from verifill.venues.ccxt.words import Ccxt, Listed
from verifill.venues.instructions import SetLeverage, SetMarginMode
from verifill.venues.margin_mode import MarginMode
from verifill.venues.orders import Cause, Move, Order, Outcome, Receipt
from verifill.venues.rules import VenueRules
from verifill.venues.transfers import MODES, leverage_key, margin_mode_key


@frozen
class Wanted:
    """A setting of a perpetual, as an order wants it.

    Attributes:
        account: where.
        listed: the perpetual.
        value: leverage or margin mode.
        keys: the positions that it is, at this exchange.
    """

    account: Account
    listed: Listed
    value: int | MarginMode
    keys: tuple[str, ...]

    @property
    def units(self) -> int:
        """What it is as a position."""
        return MODES[self.value] if isinstance(self.value, MarginMode) else self.value

    def send(self, exchange: Ccxt) -> None:
        """Set it."""
        dialect = self.account.dialect
        if isinstance(self.value, MarginMode):
            dialect.set_margin_mode(exchange, self.listed, self.value)
        else:
            dialect.set_leverage(exchange, self.listed, self.value)

    def now(self, exchange: Ccxt) -> int | MarginMode:
        """What it is."""
        dialect = self.account.dialect
        of = dialect.margin_mode if isinstance(self.value, MarginMode) else dialect.leverage
        return of(exchange, self.listed)


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
        """Set it, once."""
        wanted = self._wanted(order)
        self._absence.forget(order)
        sent = wanted.account.send(order, wanted.send)
        if isinstance(sent, Receipt):
            return sent
        if isinstance(sent, Failed):
            dialect = wanted.account.dialect
            denied = None if sent.says(*dialect.settled) else refused(sent, dialect)
            if denied is not None:
                return denied
        return self.query(order)

    def query(self, order: Order) -> Receipt:
        """Whether it is what was asked for; if not, it may come until its deadline."""
        if order.key in self._receipts:
            return self._receipts[order.key]
        wanted = self._wanted(order)
        account = wanted.account
        try:
            time_ns = account.ask_time_ns()
            now = account.ask(account.orders, wanted.now)
        except NotObserved as error:
            return unknown(str(error))
        if now != wanted.value:
            return self._absence.judged(order, time_ns)
        receipt = Receipt(Outcome.EXECUTED, moves=self._moves(wanted))
        self._receipts[order.key] = receipt
        return receipt

    def _moves(self, wanted: Wanted) -> tuple[Move, ...]:
        """From what was told last, which is nothing before the first reading."""
        units = wanted.units
        before = {key: self._feed.setting(key) for key in wanted.keys}
        return tuple(
            Move(set_to(key, units), key, units - was, Cause.SETTING)
            for key, was in before.items()
            if was is not None and was != units
        )

    def _wanted(self, order: Order) -> Wanted:
        asked: Any = order.instruction
        account = self._accounts[asked.account]
        listed = account.of(asked.symbol)
        if isinstance(asked, SetLeverage):
            key = leverage_key(asked.account, asked.symbol)
            return Wanted(account, listed, asked.leverage, (key,))
        if isinstance(asked, SetMarginMode):
            symbols = account.together or (asked.symbol,)
            keys = tuple(margin_mode_key(asked.account, symbol) for symbol in symbols)
            return Wanted(account, listed, asked.mode, keys)
        msg = f"{asked.op} is no setting"
        raise TypeError(msg)
