"""What positions are worth in one asset: by the links of a log and the data of its run."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import polars as pl

from verifill.engine.errors import ConfigError, DataError
from verifill.links import By, Hop, Link, from_header, is_owed, is_valued, way
from verifill.report.exact import nothing, ones, product, quotient
from verifill.report.market import RAY_DECIMALS, MarketData
from verifill.venues.keys import asset_of

Missing = Literal["error", "leave out"]


class Worth:
    """Values positions in one asset, to the unit; every value is rounded down.

    Args:
        header: of the log.
        market: the data of its run.
        quote: the asset to count in; by default the one that the log names.

    Attributes:
        quote: the asset.
        decimals: of that asset.

    Raises:
        ConfigError: the run knows no such asset.
    """

    def __init__(self, header: Mapping[str, Any], market: MarketData, quote: str = "") -> None:
        self.quote = quote or header["quote"]
        self._decimals: Mapping[str, int] = header["decimals"]
        if self.quote not in self._decimals:
            known = ", ".join(sorted(self._decimals))
            msg = f"the run knows no asset {self.quote!r} to count in; it knows {known}"
            raise ConfigError(msg)
        self.decimals = self._decimals[self.quote]
        self.market = market
        self._links = from_header(header["links"])

    @cached_property
    def perpetuals(self) -> Mapping[str, Link]:
        """Position key of a perpetual -> its link."""
        return {link.asset: link for link in self._links if link.by is By.PERPETUAL}

    def unpriced(self, keys: Iterable[str]) -> list[str]:
        """The positions that have a worth, and no way to find it."""
        return [key for key in keys if is_valued(key) and self._way(self._asset(key)) is None]

    def value(self, key: str, units: pl.Series, times: pl.Series, bases: pl.Series) -> pl.Series:
        """What a position is worth at each time, in units of the quote asset.

        Args:
            key: the position.
            units: how much of it there is.
            times: when, nanoseconds.
            bases: of a perpetual, its entry value; else not looked at.
        """
        link = self.perpetuals.get(key)
        if link is None:
            owed = is_owed(key)
            return self._convert(
                asset_of(key), nothing(len(units)) - units if owed else units, times
            )
        return self._convert(link.into, self._profit(link, units, times, bases), times)

    def in_margin(
        self, key: str, units: pl.Series, times: pl.Series, bases: pl.Series
    ) -> tuple[int, int]:
        """A perpetual's unrealised profit and size times price, in its margin asset."""
        link = self.perpetuals[key]
        profit = self._profit(link, units, times, bases)
        notional = self._profit(link, units, times, nothing(1))
        return int(str(profit[0])), int(str(notional[0]))

    def _profit(
        self, link: Link, units: pl.Series, times: pl.Series, bases: pl.Series
    ) -> pl.Series:
        price, _ = self.market.mark(link.data, times)
        return product(product(units, price, 0) - bases, ones(len(units)), link.exponent)

    def exposure(self, key: str, units: pl.Series, times: pl.Series) -> pl.Series:
        """What a position is exposed to: its value, or a perpetual's size times price."""
        return self.value(key, units, times, nothing(len(units)))

    def _asset(self, key: str) -> str:
        link = self.perpetuals.get(key)
        return asset_of(key) if link is None else link.into

    def _convert(self, asset: str, units: pl.Series, times: pl.Series) -> pl.Series:
        way = self._way(asset)
        if way is None:
            msg = f"nothing tells what {asset} is worth in {self.quote}"
            raise DataError(msg)
        for hop in way:
            units = self._hop(hop, units, times)
        return units.cast(pl.Int128)

    def _hop(self, hop: Hop, units: pl.Series, times: pl.Series) -> pl.Series:
        link = hop.link
        shift = self._decimals.get(link.asset, 0) - self._decimals.get(link.into, 0)
        price, places = ones(len(units)), 0
        if link.by in {By.DATA, By.SHARE}:
            price, places = self.market.data(link.data, times)
        elif link.by is By.RATE:
            price = self.market.index(link.data, link.opening, times)
            places = RAY_DECIMALS
        if hop.back:
            return quotient(units, price, places + shift)
        return product(units, price, places + shift)

    def _way(self, asset: str) -> Sequence[Hop] | None:
        """The shortest way to the quote asset; None if there is none."""
        return way(self._links, asset, self.quote)
