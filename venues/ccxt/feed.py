"""Positions of the accounts of one exchange, with the rows that explain them.

First the exchange's time, then the rows, then the balances: a balance is never older than the
rows that are told with it. What happens in between is in the next reading, and a reading that
does not add up is looked at again.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from verifill.engine.errors import NotObserved
from verifill.venues.ccxt.account import MS, Account
from verifill.venues.ccxt.cursors import OVERLAP_MS, Cursor
from verifill.venues.ccxt.dialect import Dialect
from verifill.venues.ccxt.receipts import units
from verifill.venues.ccxt.words import Ccxt, Entry, Listed, Told, Traded
from verifill.venues.keys import Kind, Scales, account_of, asset_of, position_key
from verifill.venues.orders import Cause, LedgerRow, Reading
from verifill.venues.transfers import MODES, leverage_key, margin_mode_key


class Feed:
    """Positions of one venue; implements `PositionFeed`.

    Args:
        accounts: by name.
        scales: decimals of the assets.
        tracked: the positions that every reading must have.
        since: the cursors of an earlier life; empty to begin with what comes from now on.
    """

    def __init__(
        self,
        accounts: Mapping[str, Account],
        scales: Scales,
        *,
        tracked: Iterable[str],
        since: Mapping[str, int],
    ) -> None:
        self._accounts = accounts
        self._scales = scales
        self._tracked = frozenset(tracked)
        self._cursors = {name: Cursor(name, since) for name in accounts}

    @property
    def cursors(self) -> dict[str, int]:
        """Where the next reading begins; of an account that was never read there is none."""
        said: dict[str, int] = {}
        for cursor in self._cursors.values():
            said |= cursor.plain() if cursor.since_ms else {}
        return said

    def setting(self, key: str) -> int | None:
        """A setting as it was told last; None before the first reading."""
        return self._cursors[account_of(key)].values.get(key)

    def read(self) -> Reading:
        """The accounts now, with the rows since the reading before.

        Raises:
            NotObserved: no answer, or one that cannot be read or lacks a position; the next
                reading has the rows that this one would have had.
        """
        seen = [
            _Seen(account, self._cursors[name], self._scales, self._tracked)
            for name, account in self._accounts.items()
        ]
        for one in seen:
            one.look()
        for one in seen:
            one.keep()
        newest_ns = max(one.as_of_ns for one in seen)
        totals = {key: units for one in seen for key, units in one.totals.items()}
        behind = {
            key: one.as_of_ns for one in seen for key in one.totals if one.as_of_ns < newest_ns
        }
        rows = sorted((row for one in seen for row in one.rows), key=lambda row: row.time_ns)
        return Reading(newest_ns, totals, tuple(rows), behind)


class _Seen:
    """One look at one account; it counts once it is kept."""

    def __init__(
        self, account: Account, cursor: Cursor, scales: Scales, tracked: frozenset[str]
    ) -> None:
        self._account = account
        self._cursor = cursor
        self._scales = scales
        self._tracked = {key for key in tracked if account_of(key) == account.name}
        self._perpetuals = {
            one.symbol: one for one in account.listed.values() if one.instrument.perpetual
        }
        self._until_ms = 0
        self._told: dict[str, int] = {}
        self._settings: dict[str, int] = {}
        self.as_of_ns = 0
        self.totals: dict[str, int] = {}
        self.rows: list[LedgerRow] = []

    def look(self) -> None:
        """Ask for everything.

        Raises:
            NotObserved: something is missing.
        """
        now_ms = self._account.ask_time_ns() // MS
        begin_ms = (self._cursor.since_ms or now_ms) - OVERLAP_MS
        entries = list(self._entries(begin_ms, now_ms))
        newest_ms = max((entry.time_ms for entry in entries), default=now_ms)
        self._until_ms = max(now_ms, newest_ms)
        self.as_of_ns = self._until_ms * MS
        self._balances()
        self._sizes()
        self._all_settings()
        if not self._cursor.since_ms:
            entries += self._entries(begin_ms, now_ms)  # what comes while it begins is of before
        for entry in entries:
            self._take(entry)
        missing = sorted(self._tracked - self.totals.keys())
        if missing:
            msg = f"a reading lacks {', '.join(missing)}; missing is not zero"
            raise NotObserved(msg)

    def keep(self) -> None:
        """The rows of this look are told."""
        self._cursor.move(self._told, self._until_ms, self._settings)

    def _take(self, entry: Entry) -> None:
        listed = self._perpetuals.get(entry.asset)
        name = listed.instrument.base if listed else entry.asset
        kind = Kind.PERP if listed else Kind.BASE
        key = position_key(self._account.name, kind, name)
        row = entry.row or f"{entry.ref}/{entry.part}"
        if self._cursor.knows(row) or row in self._told:
            return
        self._told[row] = entry.time_ms
        if not self._cursor.since_ms or not entry.amount:
            return
        if key not in self._tracked:  # of no known decimals, perhaps; nobody keeps books of it
            return
        amount = units(entry.amount, self._scales.of(asset_of(key)), entry.ref)
        self.rows.append(LedgerRow(entry.ref, key, amount, entry.cause, entry.time_ms * MS))

    def _entries(self, begin_ms: int, now_ms: int) -> Iterable[Entry]:
        """Everything that moved, stretch by stretch."""
        dialect, listed = self._account.dialect, list(self._account.listed.values())
        step = dialect.trades_window_ms
        for since_ms in range(begin_ms, now_ms + 1, step):
            until_ms = min(since_ms + step - 1, now_ms + OVERLAP_MS)
            trades: list[tuple[Listed, Traded]] = []
            for one in listed:
                told = self._ask(dialect.trades, one, since_ms, until_ms)
                trades += [(one, trade) for trade in told]
            yield from self._ask(_moved, dialect, listed, trades, since_ms, until_ms)
            if self._account.withdraws:
                yield from self._ask(_outside, dialect, since_ms, until_ms)

    def _balances(self) -> None:
        kind = f"{self._account.name}:{Kind.BASE}:"
        assets = sorted(asset_of(key) for key in self._tracked if key.startswith(kind))
        held = self._ask(self._account.dialect.balances, assets)
        for key in self._tracked:
            asset = asset_of(key)
            if key == position_key(self._account.name, Kind.BASE, asset) and asset in held:
                self.totals[key] = units(held[asset], self._scales.of(asset), key)

    def _sizes(self) -> None:
        listed = list(self._perpetuals.values())
        if not listed:
            return
        sizes = self._ask(self._account.dialect.sizes, listed)
        for one in listed:
            key, decimals = one.instrument.base_key, one.instrument.quantity_decimals
            if one.symbol in sizes:
                self.totals[key] = units(sizes[one.symbol], decimals, key)

    def _all_settings(self) -> None:
        name, dialect = self._account.name, self._account.dialect
        for one in self._perpetuals.values():
            symbol = one.instrument.symbol
            self._setting(leverage_key(name, symbol), self._ask(dialect.leverage, one))
            key = margin_mode_key(name, symbol)
            if key in self._tracked:
                self._setting(key, MODES[self._ask(dialect.margin_mode, one)])

    def _setting(self, key: str, now: int) -> None:
        """Settings have no ledger: that one is not what was told last is a row of its own."""
        before = self._cursor.values.get(key, now)
        self._settings[key] = self.totals[key] = now
        if now != before and self._cursor.since_ms:
            self.rows.append(
                LedgerRow(set_to(key, now), key, now - before, Cause.SETTING, self.as_of_ns)
            )

    def _ask(self, call: Callable[..., Any], *asked: Told) -> Told:
        return self._account.ask(self._account.positions, call, *asked)


def _moved(exchange: Ccxt, dialect: Dialect, *asked: Told) -> list[Entry]:
    """All entries, asked for at once: what comes one by one would be asked for out of sight."""
    return list(dialect.entries(exchange, *asked))


def _outside(exchange: Ccxt, dialect: Dialect, since_ms: int, until_ms: int) -> list[Entry]:
    """Likewise, of what came from outside and went there."""
    return list(dialect.outside(exchange, since_ms, until_ms))


def set_to(key: str, value: int) -> str:
    """The reference of a setting that has become so much."""
    return f"{key}={value}"
