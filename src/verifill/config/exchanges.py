"""Settings of a simulated exchange: accounts, instruments, its market model."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, Literal

from attrs import Factory, field, frozen

from verifill.config.rules import RATE, Above, All, Each, Name, OneOf, Some, Within
from verifill.engine.errors import ConfigError
from verifill.venues.instructions import Operation
from verifill.venues.rules import QUOTE, RECEIVED

YEAR_S: Final = 365 * 86_400
EXCHANGE_OPERATIONS: Final = (
    Operation.SPOT_TRADE,
    Operation.PERP_TRADE,
    Operation.SET_LEVERAGE,
    Operation.SET_MARGIN_MODE,
    Operation.INTERNAL_TRANSFER,
    Operation.TRANSFER,
)
USUAL: Final = tuple(o for o in EXCHANGE_OPERATIONS if o is not Operation.SET_MARGIN_MODE)


def nothing() -> Mapping[Any, Any]:
    """An empty table that cannot be filled."""
    return MappingProxyType({})


def _base(instrument: "InstrumentConfig") -> str:
    return _half(instrument.symbol, 0)


def _quote(instrument: "InstrumentConfig") -> str:
    return _half(instrument.symbol, 1)


def _data(instrument: "InstrumentConfig") -> str:
    return f"{instrument.account}:{instrument.symbol}"


@frozen(kw_only=True)
class InstrumentConfig:
    """Something to trade in one account of an exchange.

    Attributes:
        account: Where it is traded and settled.
        symbol: The exchange's name of it, such as `BTC/USDT` or `BTCUSDT`.
        perpetual: A perpetual future, settled in `quote`; otherwise a spot pair.
        base: The asset that is traded, of a perpetual its underlying; from a symbol `BASE/QUOTE`
            if left out.
        quote: The asset that pays, of a perpetual its margin; likewise.
        data: The bars it trades on; `account:symbol` if left out.
        lot: Least step of a quantity, in base; one unit of base if left out.
        tick: Least step of a price; one unit of the bars' prices if left out.
        min_notional: Least value of an order, in quote.
        fee: Part of an order's value that each fill costs.
        fee_asset: What a fee is taken in: `received` (what the trade brings in), `quote`, or
            an asset.
        fee_price: The bars that price that asset in quote; needed if `fee_asset` is an asset.
        collar: How far from the last price a fill may be, as a part of it.
        maintenance: Margin rate under which a perpetual is liquidated.
        leverage: Of a perpetual, until SET_LEVERAGE says otherwise.
    """

    account: str = field(validator=Name())
    symbol: str = field(validator=Name())
    perpetual: bool = False
    base: str = field(default=Factory(_base, takes_self=True), validator=Name())
    quote: str = field(default=Factory(_quote, takes_self=True), validator=Name())
    data: str = field(default=Factory(_data, takes_self=True), validator=Some())
    lot: Decimal | None = field(default=None, validator=Above(0))
    tick: Decimal | None = field(default=None, validator=Above(0))
    min_notional: Decimal = field(default=Decimal(0), validator=Within(0))
    fee: Decimal = field(default=Decimal(0), validator=RATE)
    fee_asset: str = field(default=QUOTE, validator=Name())
    fee_price: str = ""
    collar: Decimal = field(default=Decimal("0.05"), validator=All(RATE, Above(0)))
    maintenance: Decimal = field(default=Decimal("0.005"), validator=RATE)
    leverage: int = field(default=5, validator=Within(1, 125))

    def __attrs_post_init__(self) -> None:
        """A fee in a third asset has a price.

        Raises:
            ConfigError: it has none.
        """
        if self.third_asset and not self.fee_price:
            msg = f'fee_asset is "{self.fee_asset}", so fee_price must name the bars that price it'
            raise ConfigError(msg)

    @property
    def third_asset(self) -> str:
        """The asset that fees are taken in beside base and quote; empty if there is none."""
        return "" if self.fee_asset in {RECEIVED, QUOTE} else self.fee_asset

    @property
    def traded(self) -> str:
        """What its position is called: of a perpetual its symbol, else the base asset."""
        return self.symbol if self.perpetual else self.base

    @property
    def assets(self) -> frozenset[str]:
        """The assets that its fills move in its account."""
        base = "" if self.perpetual else self.base
        return frozenset({base, self.quote, self.third_asset} - {""})


def _half(symbol: str, index: int) -> str:
    """Base or quote of a symbol that names both."""
    halves = symbol.split("/")
    if len(halves) != len(("base", "quote")):
        what = ("base", "quote")[index]
        msg = f'{what} is missing, and symbol is "{symbol}", not BASE/QUOTE; give {what}'
        raise ConfigError(msg)
    return halves[index]


@frozen(kw_only=True)
class ExchangeMarketConfig:
    """How a simulated exchange prices, fills and delays.

    Attributes:
        spread: Between bid and ask, as a part of the price.
        slippage: Beyond the spread, as a part of the price.
        liquidity: How much of an order is filled, the rest is cancelled: `unlimited`; `volume`, at
            most a part of each bar's volume; `random`, by chance only a part of it, a
            lot or more (see `seed`).
        participation: With `volume`: the part of a bar's volume that orders may take.
        partial: With `random`: the probability that an order is filled only in part.
        lag_s: How far the view of positions is behind, in seconds.
        withdrawal_s: From a withdrawal to its credit on the other side, in seconds.
        withdrawal_fees: What a withdrawal costs, by asset, out of the amount.
    """

    spread: Decimal = field(default=Decimal(0), validator=RATE)
    slippage: Decimal = field(default=Decimal(0), validator=RATE)
    liquidity: Literal["unlimited", "volume", "random"] = "unlimited"
    participation: Decimal = field(default=Decimal("0.1"), validator=RATE)
    partial: Decimal = field(default=Decimal("0.5"), validator=RATE)
    lag_s: Decimal = field(default=Decimal(0), validator=Within(0, 86_400, decimals=9))
    withdrawal_s: int = field(default=0, validator=Within(0, YEAR_S))
    withdrawal_fees: Mapping[str, Decimal] = field(factory=nothing, validator=Each(Within(0)))


@frozen(kw_only=True)
class ExchangeConfig:
    """One exchange, simulated in a backtest.

    Attributes:
        accounts: Its accounts, each with the assets that it can hold; those of its instruments
            are added.
        instruments: What can be traded.
        operations: What is supported; if left out, everything an exchange can do but
            SET_MARGIN_MODE, which makes margin modes positions that are verified.
        windows_s: By operation: seconds until an effect is overdue; 60 if left out.
        soft_windows_s: By operation: seconds until something pending is told to be slow; never if
            left out.
        poll_s: Seconds between two looks at something pending, doubled each time.
        market: How it prices, fills and delays.
    """

    accounts: Mapping[str, tuple[str, ...]] = field(
        validator=All(Some(), Each(Each(Name()), key=Name()))
    )
    instruments: tuple[InstrumentConfig, ...] = ()
    operations: tuple[Operation, ...] = field(
        default=USUAL, validator=Each(OneOf(EXCHANGE_OPERATIONS))
    )
    windows_s: Mapping[Operation, int] = field(factory=nothing, validator=Each(Within(1, YEAR_S)))
    soft_windows_s: Mapping[Operation, int] = field(
        factory=nothing, validator=Each(Within(1, YEAR_S))
    )
    poll_s: int = field(default=1, validator=Within(1, 86_400))
    market: ExchangeMarketConfig = ExchangeMarketConfig()
