"""What is known of a venue before anything is sent: the static data of its adapter.

Instruments with their lots, ticks and least notional, fees, settlement windows, the
operations it supports. Both the expectation and the check before a send read them; the
market model of a simulated venue has them as its own law.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from attrs import Factory, field, frozen

from verifill.engine.amounts import to_decimal
from verifill.engine.errors import ConfigError, InstructionError
from verifill.venues.instructions import Operation
from verifill.venues.keys import Kind, position_key

RATE_DECIMALS = 8
RATE_UNIT: int = 10**RATE_DECIMALS
BASIS_POINT = RATE_UNIT // 10_000

BASE = Kind.BASE
RECEIVED = "received"  # the fee is taken from the asset that the trade brings in
QUOTE = "quote"


@frozen(kw_only=True)
class Fees:
    """What a trade costs.

    Attributes:
        rate: part of the notional (or of the received asset), in 1e-8.
        paid_in: `received`, `quote` (the margin asset of a perpetual), or an asset.
        price: market data instrument that prices a third asset in the quote asset.
        exponent: decimals of that asset + of its price - of the quote asset, 0 or more.
    """

    rate: int
    paid_in: str = QUOTE
    price: str = ""
    exponent: int = 0


def _data(instrument: "Instrument") -> str:
    return f"{instrument.account}:{instrument.symbol}"


def _base_key(instrument: "Instrument") -> str:
    kind = Kind.PERP if instrument.perpetual else Kind.BASE
    return position_key(instrument.account, kind, instrument.base)


def _quote_key(instrument: "Instrument") -> str:
    return position_key(instrument.account, Kind.BASE, instrument.quote)


def _scale(instrument: "Instrument") -> int:
    return int(10 ** max(instrument.exponent, 0))


@frozen(kw_only=True)
class Instrument:
    """Something to trade in one account.

    Attributes:
        account: where it is traded and settled.
        symbol: the venue's name of it, `BTC/USDT` or `BTCUSDT`.
        perpetual: a perpetual future, settled in `quote`; else a spot pair.
        base: asset whose quantity is traded; of a perpetual, its symbol.
        quote: asset that pays; of a perpetual, the margin asset.
        data: name of its market data, by default `account:symbol`.
        lot: least step of a quantity, in units of base.
        tick: least step of a price, in ticks of the market data.
        min_notional: least value of an order, in units of quote.
        quantity_decimals: decimals of base.
        price_decimals: a tick is 10**-price_decimals.
        exponent: decimals of base + decimals of price - decimals of quote, 0 or more.
        collar: how far from the last price a fill may be, in 1e-8; fat-finger guard
            and worst price of a market order.
        maintenance: margin rate in 1e-8 under which a perpetual is liquidated.
    """

    account: str
    symbol: str
    base: str
    quote: str
    fees: Fees
    quantity_decimals: int
    price_decimals: int
    exponent: int
    perpetual: bool = False
    data: str = Factory(_data, takes_self=True)
    lot: int = 1
    tick: int = 1
    min_notional: int = 0
    collar: int = 5 * RATE_UNIT // 100
    maintenance: int = RATE_UNIT // 200
    base_key: str = field(init=False, default=Factory(_base_key, takes_self=True))
    quote_key: str = field(init=False, default=Factory(_quote_key, takes_self=True))
    scale: int = field(init=False, default=Factory(_scale, takes_self=True))

    def __attrs_post_init__(self) -> None:
        """Refuse what could not be computed exactly.

        Raises:
            ConfigError: a value finer than the quote asset's unit, a lot or tick of nothing.
        """
        if min(self.exponent, self.fees.exponent) < 0:
            msg = (
                f"{self.account} {self.symbol}: decimals of quantity and price together must not "
                "be fewer than those of the asset that pays; give the prices more decimals"
            )
            raise ConfigError(msg)
        if min(self.lot, self.tick) < 1:
            msg = f"{self.account} {self.symbol}: lot and tick are at least one unit"
            raise ConfigError(msg)

    def quantity(self, units: int) -> Decimal:
        """Units of base as a quantity, for people."""
        return to_decimal(units, self.quantity_decimals)

    def price(self, ticks: int) -> Decimal:
        """Ticks as a price, for people."""
        return to_decimal(ticks, self.price_decimals)

    def value(self, units: int) -> Decimal:
        """Units of quote as an amount, for people."""
        decimals = self.quantity_decimals + self.price_decimals - self.exponent
        return to_decimal(units, decimals)

    def fee_key(self, asset: str) -> str:
        """The position that pays a fee in this asset."""
        return self.quote_key if asset == self.quote else position_key(self.account, BASE, asset)

    def value_down(self, quantity: int, price: int) -> int:
        """Quantity times price in units of quote, rounded down (what a sale brings)."""
        return quantity * price // self.scale

    def value_up(self, quantity: int, price: int) -> int:
        """Quantity times price in units of quote, rounded up (what a purchase costs)."""
        return -(-quantity * price // self.scale)


class Idempotency(StrEnum):
    """What a venue makes of the key of an order, and so what can prove that it is absent."""

    K = "K"  # a key is executed at most once, for ever; a second submit tells of the first
    D = "D"  # a request is refused after its deadline; keys are unique among open orders only
    N = "N"  # neither: a key is but a name to ask by


@frozen(kw_only=True)
class VenueRules:
    """The static data of one venue.

    Attributes:
        name: the venue.
        accounts: its accounts; every instruction names one.
        operations: what it supports; the rest is denied before it is sent.
        instruments: (account, symbol) -> instrument.
        windows_s: operation -> settlement window in seconds (R9): an effect that does not show
            within it is overdue.
        soft_windows_s: operation -> seconds after which something pending is told to be slow.
        poll_s: seconds between two looks at something pending, doubled each time.
        idempotency: what the venue makes of an order's key.
        query_lag_s: how long after an order arrived the venue may still say that it is not
            found, in seconds: until then not found is no proof of anything.
        recv_window_s: validity of a request in seconds of the venue's time; it is refused
            after that. Only class D has one.
    """

    name: str
    accounts: frozenset[str]
    operations: frozenset[Operation]
    instruments: Mapping[tuple[str, str], Instrument] = Factory(dict[tuple[str, str], Instrument])
    windows_s: Mapping[Operation, int] = Factory(dict[Operation, int])
    soft_windows_s: Mapping[Operation, int] = Factory(dict[Operation, int])
    poll_s: int = 1
    idempotency: Idempotency = Idempotency.K
    query_lag_s: int = 0
    recv_window_s: int = 0

    def instrument(self, account: str, symbol: str) -> Instrument:
        """The instrument of an account.

        Raises:
            InstructionError: the venue does not list it.
        """
        try:
            return self.instruments[account, symbol]
        except KeyError:
            listed = ", ".join(f"{a} {s}" for a, s in sorted(self.instruments))
            msg = (
                f"{self.name} has no {symbol!r} in {account!r}; listed are "
                f"{listed or 'none'}. Correct the instruction or declare it"
            )
            raise InstructionError(msg) from None

    def window_s(self, operation: Operation) -> int:
        """How long an effect may take to show, in seconds; 60 unless declared."""
        return self.windows_s.get(operation, 60)

    def soft_window_s(self, operation: Operation) -> int:
        """After how many seconds something pending is slow; 0, for never, unless declared."""
        return self.soft_windows_s.get(operation, 0)
