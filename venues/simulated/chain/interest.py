"""Interest in the simulated lending markets: the indices, as the markets themselves keep them.

Every index starts at one ray and grows by linear interest on the rate in force since that
was set: `rate * elapsed / 365 days` of the index at that time, rounded down to a ray unit.
A new rate starts from the index of that moment.
"""

from collections.abc import Iterable, Mapping

from attrs import define

from verifill.venues.calls.protocols import Accrual, Reserve
from verifill.venues.market import Market

ONE_RAY = 1_000_000_000_000_000_000_000_000_000
RAY_PER_SERIES_UNIT = 10**9
DAY_NS = 86_400_000_000_000
# a rate has 18 decimals and counts per year of 365 days
PER_RATE_AND_NS = 10**18 * 365 * DAY_NS


@define
class _Side:
    """Supplied or owed: the index when the rate was set, when that was, and the rate."""

    series: str
    start: int
    start_ns: int = 0
    rate: int | None = None

    def index(self, now_ns: int) -> int:
        if not self.rate:
            return self.start
        earned = self.start * self.rate * (now_ns - self.start_ns)
        return self.start + earned // PER_RATE_AND_NS


class Interest:
    """The indices of all reserves of a chain.

    Args:
        reserves: the reserves.
        market: public rates and indices.
        opening: name of an index -> ray, where a run continues another.
    """

    def __init__(
        self, reserves: Iterable[Reserve], market: Market, opening: Mapping[str, int]
    ) -> None:
        self._market = market
        self._now_ns = 0
        self._sides: dict[str, _Side] = {}
        self._taken: dict[str, str] = {}
        for reserve in reserves:
            if reserve.a_token:
                self._keep(reserve.supplied(), reserve.supply_series, reserve, opening)
            if reserve.debt_token:
                self._keep(reserve.borrowed(), reserve.borrow_series, reserve, opening)
        self._rates = tuple(side for side in self._sides.values() if side.series)

    def _keep(self, name: str, series: str, reserve: Reserve, opening: Mapping[str, int]) -> None:
        if reserve.accrual is Accrual.INDEX:
            self._taken[name] = series
        else:
            rated = reserve.accrual is Accrual.RATE
            self._sides[name] = _Side(series if rated else "", opening.get(name, ONE_RAY))

    def advance(self, now_ns: int) -> None:
        """Let time pass: a rate that has changed counts from now on."""
        self._now_ns = now_ns
        for side in self._rates:
            rate = self._market.value(side.series)
            if rate != side.rate:
                side.start, side.start_ns, side.rate = side.index(now_ns), now_ns, rate

    def supply_index(self, reserve: Reserve) -> int:
        """What a share of what is supplied is worth, in ray."""
        return self._index(reserve.supplied())

    def borrow_index(self, reserve: Reserve) -> int:
        """What a share of what is owed is worth, in ray."""
        return self._index(reserve.borrowed())

    def as_dict(self) -> dict[str, int]:
        """Every index by name that rates have made, for a run that continues this one."""
        return {name: side.index(self._now_ns) for name, side in self._sides.items()}

    def _index(self, name: str) -> int:
        if name in self._taken:
            return self._market.value(self._taken[name]) * RAY_PER_SERIES_UNIT
        return self._sides[name].index(self._now_ns)
