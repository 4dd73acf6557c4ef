"""Interest in the simulated lending markets: the indices, as the markets themselves keep them.

Every index starts at one ray and is brought up to date when time passes: linear interest
on the rate in force since it was set, `rate * elapsed / 365 days` of the index at that
time, rounded down to a ray unit; a new rate starts from the index of that moment.
"""

from collections.abc import Iterable, Mapping

from attrs import define

from verifill.venues.calls.protocols import Accrual, Reserve
from verifill.venues.market import Market

ONE_RAY = 1_000_000_000_000_000_000_000_000_000
DAYS_NS = 86_400_000_000_000
# a rate has 18 decimals and counts per year of 365 days
PER_RATE_AND_NS = 10**18 * 365 * DAYS_NS


@define
class _Side:
    """Supplied or owed: the index now, the index when the rate was set, and that rate."""

    name: str
    series: str
    accrual: Accrual
    index: int
    start: int = 0
    start_ns: int | None = None
    rate: int = 0

    def update(self, now_ns: int, value: int) -> None:
        if self.accrual is Accrual.INDEX:
            self.index = value * 10**9
            return
        if self.start_ns is not None:
            elapsed_ns = now_ns - self.start_ns
            self.index = self.start + self.start * self.rate * elapsed_ns // PER_RATE_AND_NS
        if self.start_ns is None or value != self.rate:
            self.start, self.start_ns, self.rate = self.index, now_ns, value


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
        self._sides: dict[str, _Side] = {}
        for reserve in reserves:
            if reserve.a_token:
                self._keep(reserve.supplied(), reserve.supply_series, reserve, opening)
            if reserve.debt_token:
                self._keep(reserve.borrowed(), reserve.borrow_series, reserve, opening)

    def _keep(self, name: str, series: str, reserve: Reserve, opening: Mapping[str, int]) -> None:
        index = opening.get(name, ONE_RAY)
        self._sides[name] = _Side(name, series, reserve.accrual, index)

    def advance(self, now_ns: int) -> None:
        """Let time pass: every index is brought up to date, then takes the rate now."""
        for side in self._sides.values():
            if side.accrual is not Accrual.NONE:
                side.update(now_ns, self._market.value(side.series))

    def supply_index(self, reserve: Reserve) -> int:
        """What a share of what is supplied is worth, in ray."""
        return self._sides[reserve.supplied()].index

    def borrow_index(self, reserve: Reserve) -> int:
        """What a share of what is owed is worth, in ray."""
        return self._sides[reserve.borrowed()].index

    def as_dict(self) -> dict[str, int]:
        """Every index by name, for a run that continues this one."""
        return {name: side.index for name, side in self._sides.items()}
