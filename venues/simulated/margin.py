"""Margin of perpetuals at a simulated exchange: entry values, funding, liquidation.

The margin is the wallet balance of the margin asset in the perpetual's account (never
"equity"); all positions of an account that share a margin asset share the margin, but for
those whose margin is isolated: one of these has its entry value over its leverage, which is
no margin of the others, and all that it can lose.
Rules: average cost, profits rounded down; funding = -size x mark x rate, rounded down
for whoever pays or receives; liquidation closes every position at the last price when
wallet balance plus unrealised profit falls below the maintenance margin, and takes no
more than there is.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from verifill.engine.amounts import to_decimal
from verifill.engine.errors import ConfigError
from verifill.venues.keys import account_of
from verifill.venues.market import Market
from verifill.venues.orders import Cause
from verifill.venues.rules import RATE_DECIMALS, RATE_UNIT, Instrument
from verifill.venues.simulated.ledger import Accounts
from verifill.venues.transfers import ISOLATED, leverage_key, margin_mode_key

SERIES_UNIT = 10**18
NEVER_NS = 2**63


class FundingSeries(Protocol):
    """Funding rates of one perpetual."""

    @property
    def times(self) -> Sequence[int]:
        """When each is paid, nanoseconds, ascending."""
        ...

    @property
    def values(self) -> Sequence[int]:
        """The rates, integers with 18 decimals."""
        ...


class Margin:
    """Entry values, margin and funding over the accounts of one exchange.

    Args:
        accounts: what it moves.
        market: last prices; a series `mark:NAME` overrides them for funding.
        instruments: all instruments; the perpetuals among them are looked after.
        bases: perpetual's key -> entry value of an opening position.
        funding: data name of a perpetual -> its funding rates.
    """

    def __init__(
        self,
        accounts: Accounts,
        market: Market,
        instruments: Mapping[tuple[str, str], Instrument],
        bases: Mapping[str, int],
        funding: Mapping[str, FundingSeries],
    ) -> None:
        """Look after the perpetuals that are tracked.

        Raises:
            ConfigError: a perpetual without its margin asset, or a position without its
                entry value.
        """
        self._accounts = accounts
        self._market = market
        self._perpetuals = [
            i for i in instruments.values() if i.perpetual and i.base_key in accounts.totals
        ]
        self.bases = dict(bases)
        for instrument in self._perpetuals:
            _check(instrument, accounts.totals, bases)
        modes = {i.base_key: margin_mode_key(i.account, i.symbol) for i in self._perpetuals}
        self._modes = {base: key for base, key in modes.items() if key in accounts.totals}
        self._payments = _payments(self._perpetuals, funding)
        self._next = next(self._payments, None)
        self._begun = False

    @property
    def idle(self) -> bool:
        """Whether there is no perpetual to look after, now or later."""
        return not self._perpetuals

    def trade(self, instrument: Instrument, change: int, price: int) -> int:
        """Move the entry value by a fill; the realised profit in the margin asset."""
        key = instrument.base_key
        size = self._accounts.totals[key]
        basis = self.bases.get(key, 0)
        if size * change >= 0:
            self.bases[key] = basis + change * price
            return 0
        closed = -change if abs(change) <= abs(size) else size
        # the same part of the entry value as of the size, rounded towards zero
        released = abs(basis) * abs(closed) // abs(size)
        released = released if size > 0 else -released
        self.bases[key] = basis - released + (change + closed) * price
        return (closed * price - released) // instrument.scale

    def advance(self, now_ns: int) -> None:
        """Pay the funding that is due, then liquidate what is under water.

        Funding from before the first time is history: somebody else's, or paid already.
        """
        while not self._begun and self._next is not None and self._next[0] < now_ns:
            self._next = next(self._payments, None)
        self._begun = True
        while self._next is not None and self._next[0] <= now_ns:
            self._pay(*self._next)
            self._next = next(self._payments, None)
        totals = self._accounts.totals
        for instrument in self._perpetuals:
            if totals[instrument.base_key]:
                self._liquidate(instrument)

    def open_positions(self, quote_key: str) -> list[Instrument]:
        """The perpetuals with a position that share this margin."""
        totals = self._accounts.totals
        return [i for i in self._perpetuals if i.quote_key == quote_key and totals[i.base_key]]

    def isolated(self, instrument: Instrument) -> bool:
        """Whether a perpetual has a margin of its own."""
        key = self._modes.get(instrument.base_key)
        return key is not None and self._accounts.totals[key] == ISOLATED

    def free(self, quote_key: str) -> int:
        """Wallet balance without the margins of isolated positions."""
        held = self.open_positions(quote_key) if self._modes else []
        own = sum(self._own(i) for i in held if self.isolated(i))
        return self._accounts.totals[quote_key] - own

    def equity(self, quote_key: str) -> int:
        """What is shared as margin: wallet balance plus unrealised profit at the last prices."""
        return self.free(quote_key) + sum(self._unrealised(i) for i in self._sharing(quote_key))

    def ratios(self) -> dict[str, Decimal]:
        """Account -> equity over maintenance margin, rounded down; the least of its margins.

        What has no maintenance margin is left out.
        """
        least: dict[str, Decimal] = {}
        for quote_key in sorted({instrument.quote_key for instrument in self._perpetuals}):
            for worth, maintenance in self._pools(quote_key):
                if maintenance:
                    ratio = to_decimal(worth * RATE_UNIT // maintenance, RATE_DECIMALS)
                    account = account_of(quote_key)
                    least[account] = min(ratio, least.get(account, ratio))
        return least

    def needed(self, quote_key: str) -> int:
        """Initial margin of the positions that share it, at the last prices."""
        return sum(
            self.initial(i, abs(self._size(i)), self._market.price(i.data))
            for i in self._sharing(quote_key)
        )

    def initial(self, instrument: Instrument, quantity: int, price: int) -> int:
        """Initial margin of a quantity at a price, by the leverage that is set."""
        key = leverage_key(instrument.account, instrument.symbol)
        return instrument.value_up(quantity, price) // self._accounts.totals[key]

    def _size(self, instrument: Instrument) -> int:
        return self._accounts.totals[instrument.base_key]

    def _unrealised(self, instrument: Instrument) -> int:
        now = self._size(instrument) * self._market.price(instrument.data)
        return (now - self.bases.get(instrument.base_key, 0)) // instrument.scale

    def _pay(self, time_ns: int, instrument: Instrument, rate: int) -> None:
        mark = self._market.mark(instrument.data)
        size = self._size(instrument)
        amount = -size * mark * rate // (instrument.scale * SERIES_UNIT)
        if amount:
            ref = f"funding-{instrument.symbol}-{time_ns}"
            self._accounts.post(ref, instrument.quote_key, amount, Cause.FUNDING)

    def _sharing(self, quote_key: str) -> list[Instrument]:
        """The perpetuals with a position that have no margin of their own."""
        held = self.open_positions(quote_key)
        return [i for i in held if not self.isolated(i)] if self._modes else held

    def _own(self, instrument: Instrument) -> int:
        """The margin of an isolated position: its entry value over its leverage."""
        basis = abs(self.bases.get(instrument.base_key, 0))
        leverage = self._accounts.totals[leverage_key(instrument.account, instrument.symbol)]
        return basis // (instrument.scale * leverage)

    def _pools(self, quote_key: str) -> Iterator[tuple[int, int]]:
        """What margins, and the maintenance margin: of what is shared, and of each isolated one."""
        shared = sum(self._maintenance(i) for i in self._sharing(quote_key))
        yield self.equity(quote_key), shared
        for instrument in self.open_positions(quote_key):
            if self.isolated(instrument):
                worth = self._own(instrument) + self._unrealised(instrument)
                yield worth, self._maintenance(instrument)

    def _maintenance(self, instrument: Instrument) -> int:
        """Maintenance margin of an open position, at the last price."""
        price = self._market.price(instrument.data)
        return (
            instrument.value_up(abs(self._size(instrument)), price)
            * instrument.maintenance
            // RATE_UNIT
        )

    def _liquidate(self, instrument: Instrument) -> None:
        quote_key = instrument.quote_key
        if self.isolated(instrument):
            own = self._own(instrument)
            if own + self._unrealised(instrument) < self._maintenance(instrument):
                self._close(instrument, own)
            return
        shared = self._sharing(quote_key)
        if self.equity(quote_key) < sum(map(self._maintenance, shared)):
            # profits first, so that they pay for the losses
            for one in sorted(shared, key=self._unrealised, reverse=True):
                self._close(one, self.free(quote_key))

    def _close(self, instrument: Instrument, most: int) -> None:
        """Close a position at the last price; it costs no more than is left of its margin."""
        totals, post = self._accounts.totals, self._accounts.post
        price = self._market.price(instrument.data)
        size = totals[instrument.base_key]
        ref = f"liquidation-{instrument.symbol}-{self._accounts.now_ns}"
        realised = self.trade(instrument, -size, price)
        post(ref, instrument.base_key, -size, Cause.LIQUIDATION)
        most = max(min(most, totals[instrument.quote_key]), 0)
        post(ref, instrument.quote_key, max(realised, -most), Cause.LIQUIDATION)


def _check(instrument: Instrument, opening: Mapping[str, int], bases: Mapping[str, int]) -> None:
    key, margin = instrument.base_key, instrument.quote_key
    if margin not in opening:
        msg = f"{key} is tracked, but {margin} that carries it is not; declare both"
        raise ConfigError(msg)
    if opening[key] and not bases.get(key):
        msg = f"{key} opens with {opening[key]} units, but without an entry value; give its basis"
        raise ConfigError(msg)


def _payments(
    perpetuals: list[Instrument], funding: Mapping[str, FundingSeries]
) -> Iterator[tuple[int, Instrument, int]]:
    """Every funding payment to come, in order of time."""
    due = [
        (time_ns, index, rate)
        for index, instrument in enumerate(perpetuals)
        if instrument.data in funding
        for time_ns, rate in zip(
            funding[instrument.data].times, funding[instrument.data].values, strict=True
        )
    ]
    for time_ns, index, rate in sorted(due):
        yield time_ns, perpetuals[index], rate
