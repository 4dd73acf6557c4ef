"""How a simulated exchange prices and fills: spread, slippage, liquidity, delays."""

from collections.abc import Callable, Mapping

from attrs import Factory, field, frozen

from verifill.engine.errors import ConfigError
from verifill.venues.instructions import Side
from verifill.venues.rules import RATE_UNIT, Instrument

# How many units an order may take, given instrument, side and quantity wanted.
Liquidity = Callable[[Instrument, Side, int], int]


def unlimited(_instrument: Instrument, _side: Side, quantity: int) -> int:
    """Everything that is wanted is there."""
    return quantity


def _away(model: "ExchangeModel") -> int:
    """How far from the last price a fill is, in 1e-8."""
    return model.spread // 2 + model.slippage


@frozen(kw_only=True)
class ExchangeModel:
    """The market model of a simulated exchange.

    Attributes:
        spread: between bid and ask, part of the price in 1e-8.
        slippage: beyond the spread, part of the price in 1e-8.
        liquidity: how much of an order is filled; the rest of it is cancelled (IOC).
        lag_ns: how far the view of positions is behind.
        withdrawal_ns: from the request to the credit on the other side.
        withdrawal_fees: asset -> units, taken out of the amount.
        default_leverage: of a perpetual until SET_LEVERAGE says otherwise.
        refs: begins the references of its fills, where others might be the same.
        away: how far from the last price a fill is, in 1e-8; half the spread and slippage.
    """

    spread: int = 0
    slippage: int = 0
    liquidity: Liquidity = unlimited
    lag_ns: int = 0
    withdrawal_ns: int = 0
    withdrawal_fees: Mapping[str, int] = Factory(dict[str, int])
    default_leverage: int = 5
    refs: str = ""
    away: int = field(init=False, default=Factory(_away, takes_self=True))

    def __attrs_post_init__(self) -> None:
        """Refuse a model that would sell for nothing.

        Raises:
            ConfigError: half the spread and the slippage are the whole price.
        """
        if self.away >= RATE_UNIT:
            msg = "half the spread and the slippage are the whole price; give less than 1 together"
            raise ConfigError(msg)
