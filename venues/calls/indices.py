"""Indices of lending markets, from public data: what one share is worth.

An index is an integer in ray (1e27). From a series of yearly rates (18 decimals) it grows
linearly while the rate stands and compounds where the rate changes:

    index(t) = index0 + index0 * rate * (t - t0) / 365 days, rounded down

which is Aave's `MathUtils.calculateLinearInterest` (aave-v3-origin, 365 days a year, leap
years ignored) in nanoseconds. A rate counts from the tick at which it is first seen.
This is the expectation's own view of them; a simulated market keeps another.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from attrs import define

from verifill.engine.amounts import divide_down, divide_up
from verifill.venues.calls.protocols import Accrual, Reserve
from verifill.venues.market import Market

RAY = 10**27
SERIES_UNIT = 10**18
YEAR_NS = 365 * 86_400 * 10**9


def shares_down(amount: int, index: int) -> int:
    """An amount as shares, rounded down."""
    return divide_down(amount * RAY, index)


def shares_up(amount: int, index: int) -> int:
    """An amount as shares, rounded up."""
    return divide_up(amount * RAY, index)


def worth(shares: int, index: int) -> int:
    """Shares as an amount of the asset, rounded down."""
    return divide_down(shares * index, RAY)


class Indices(Protocol):
    """What one share is worth now; an adapter of a real chain reads it from there."""

    def supply(self, reserve: Reserve) -> int:
        """The index of what is supplied, in ray."""
        ...

    def borrow(self, reserve: Reserve) -> int:
        """The index of what is owed, in ray."""
        ...


@define
class _Stretch:
    """A stretch of time with one rate: the index at its start, and since when."""

    index: int
    since_ns: int
    rate: int

    def at(self, time_ns: int) -> int:
        grown = self.index * self.rate * (time_ns - self.since_ns)
        return self.index + divide_down(grown, SERIES_UNIT * YEAR_NS)


class PublicIndices:
    """Indices followed through the public series; `observe` is called once a tick.

    Args:
        reserves: the reserves to follow.
        market: public data.
        opening: name of an index (`supply:aave_v3:WETH`) -> ray, at the first observation;
            one ray where it is not given.
    """

    def __init__(
        self, reserves: Iterable[Reserve], market: Market, opening: Mapping[str, int]
    ) -> None:
        self._market = market
        self._opening = dict(opening)
        self._stretches: dict[str, _Stretch] = {}
        self._followed = [
            (name, series)
            for reserve in reserves
            if reserve.accrual is Accrual.RATE
            for name, series in _sides(reserve)
        ]

    def observe(self) -> None:
        """Look at the rates now; where one has changed, a new stretch begins."""
        time_ns = self._market.time_ns
        for name, series in self._followed:
            rate = self._market.value(series)
            stretch = self._stretches.get(name)
            if stretch is None:
                index = self._opening.get(name, RAY)
                self._stretches[name] = _Stretch(index, time_ns, rate)
            elif stretch.rate != rate:
                self._stretches[name] = _Stretch(stretch.at(time_ns), time_ns, rate)

    def supply(self, reserve: Reserve) -> int:
        """See `Indices.supply`."""
        return self._index(reserve, reserve.supplied(), reserve.supply_series)

    def borrow(self, reserve: Reserve) -> int:
        """See `Indices.borrow`."""
        return self._index(reserve, reserve.borrowed(), reserve.borrow_series)

    def _index(self, reserve: Reserve, name: str, series: str) -> int:
        if reserve.accrual is Accrual.INDEX:
            return self._market.value(series) * (RAY // SERIES_UNIT)
        stretch = self._stretches.get(name)
        if stretch is None:
            return self._opening.get(name, RAY)
        return stretch.at(self._market.time_ns)


def _sides(reserve: Reserve) -> Iterable[tuple[str, str]]:
    if reserve.a_token:
        yield reserve.supplied(), reserve.supply_series
    if reserve.debt_token:
        yield reserve.borrowed(), reserve.borrow_series


def display(key: str, shares: int, reserves: Iterable[Reserve], indices: Indices) -> int:
    """A position as people read it: shares of a lending market as an amount, else as it is.

    Args:
        key: position key.
        shares: units of the position.
        reserves: the reserves that there are.
        indices: what a share is worth.

    Returns:
        Units of the asset, rounded down.
    """
    for reserve in reserves:
        if key == reserve.a_key:
            return worth(shares, indices.supply(reserve))
        if key == reserve.debt_key:
            return worth(shares, indices.borrow(reserve))
    return shares
