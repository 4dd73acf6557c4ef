"""Settings in whole units made integers: amounts by their asset, rates in 1e-8."""

from decimal import Decimal

from attrs import frozen

from verifill.config import Config
from verifill.engine.amounts import to_units
from verifill.engine.clock import NANOSECONDS
from verifill.engine.errors import AmountError
from verifill.venues.keys import Scales
from verifill.venues.rules import RATE_DECIMALS


def rate_of(value: Decimal) -> int:
    """A rate in 1e-8; its rule has checked that it fits."""
    return to_units(value, RATE_DECIMALS)


def nanoseconds(seconds: Decimal | int) -> int:
    """A duration in nanoseconds; its rule has checked that it fits."""
    return int(seconds * NANOSECONDS)


@frozen
class Amounts:
    """The decimals of everything that a configuration names, and amounts by them.

    Attributes:
        config: whose amounts they are, for messages.
        scales: decimals of assets, perpetuals, settings and tokens of lending markets.
    """

    config: Config
    scales: Scales

    def units(self, key: str, amount: Decimal, asset: str) -> int:
        """The amount of a setting in units of an asset.

        Raises:
            ConfigError: it has more decimals than the asset.
        """
        return self.exact(key, amount, self.scales.of(asset), f"decimals of {asset} in [assets]")

    def exact(self, key: str, amount: Decimal, decimals: int, setting: str) -> int:
        """The amount of a setting in units of 10**-decimals.

        Raises:
            ConfigError: it has more decimals; what sets them is named.
        """
        try:
            return to_units(amount, decimals)
        except AmountError:
            problem = f"{key} is {amount:f}; allowed are at most {decimals} decimals: {setting}"
            raise self.config.error(problem) from None
