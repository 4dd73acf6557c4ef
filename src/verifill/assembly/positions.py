"""The positions of a run: every key that is tracked, and what is there at the start."""

from collections.abc import Iterable, Mapping

from attrs import frozen

from verifill.assembly.amounts import Amounts
from verifill.assembly.carried import Carried
from verifill.assembly.exchange import exchange_positions
from verifill.venues.calls import ChainRules
from verifill.venues.keys import Kind, asset_of, in_transit
from verifill.venues.rules import Instrument

# What a position of these kinds stands for is kept by the simulation beside the position:
# when a transfer arrives, when a request is released. A log does not hold it.
PENDING = ("in_transit:", f":{Kind.CLAIM}:")


@frozen
class Positions:
    """The positions of a run.

    Attributes:
        amounts: of the configuration.
        venues: venue -> its position keys -> units at the start.
        carried: the run that this one continues; None if it starts anew.
    """

    amounts: Amounts
    venues: Mapping[str, Mapping[str, int]]
    carried: Carried | None

    def opening(self) -> dict[str, int]:
        """Every tracked position -> units at the start."""
        totals = dict.fromkeys(self._in_transit(), 0)
        for positions in self.venues.values():
            totals |= positions
        return totals

    def bases(self, instruments: Iterable[Instrument]) -> dict[str, int]:
        """Key of a perpetual that is open at the start -> entry value.

        Raises:
            ConfigError: a perpetual has no entry price, or one that is no multiple of a tick.
        """
        perpetuals = {i.base_key: i for i in instruments if i.perpetual}
        opening = self.opening()
        bases: dict[str, int] = {}
        for key, instrument in perpetuals.items():
            if self.carried and key in self.carried.closing:
                basis = self._carried_basis(self.carried, key, instrument)
            else:
                basis = opening[key] and opening[key] * self._entry(key, instrument)
            if basis:
                bases[key] = basis
        self._refuse_others(perpetuals)
        return bases

    def _entry(self, key: str, instrument: Instrument) -> int:
        config = self.amounts.config
        price = config.entry_prices.get(key)
        if price is None:
            problem = f'opening."{key}" is a perpetual; give its price in [entry_prices]'
            raise config.error(problem)
        setting = f"those of the prices of {instrument.data}"
        name = f'entry_prices."{key}"'
        return self.amounts.exact(name, price, instrument.price_decimals, setting)

    def _carried_basis(self, carried: Carried, key: str, instrument: Instrument) -> int:
        basis = carried.bases.get(key, 0)
        before = carried.price_decimals.get(instrument.data)
        if basis and before != instrument.price_decimals:
            problem = (
                f"run {carried.run} has {key} at prices of {before} decimals, here "
                f"{instrument.data} has {instrument.price_decimals}; set price_decimals to the same"
            )
            raise self.amounts.config.error(problem)
        return basis

    def _refuse_others(self, perpetuals: Mapping[str, Instrument]) -> None:
        for key in self.amounts.config.entry_prices:
            if key not in perpetuals:
                known = ", ".join(sorted(perpetuals)) or "none"
                problem = f'entry_prices."{key}" is no perpetual of this run; there are {known}'
                raise self.amounts.config.error(problem)

    def _in_transit(self) -> Iterable[str]:
        for to, route in self.amounts.config.routes.items():
            for asset in route.assets:
                yield in_transit(to, asset)


def positions_of(
    amounts: Amounts, chains: Mapping[str, ChainRules], carried: Carried | None
) -> Positions:
    """The positions that follow from accounts, instruments, protocols and routes.

    Raises:
        ConfigError: an opening, a carried or a tolerated position is not tracked, or does not fit.
    """
    config = amounts.config
    venues = {name: exchange_positions(amounts, name) for name in config.exchanges}
    venues |= {name: dict.fromkeys(sorted(c.positions()), 0) for name, c in chains.items()}
    tracked = Positions(amounts, venues, carried).opening()
    for key in config.tolerances:
        _require(amounts, f'tolerances."{key}"', key, tracked)
    given = _given(amounts, tracked) | (_carried(amounts, carried, tracked) if carried else {})
    filled = {
        name: {key: given.get(key, units) for key, units in positions.items()}
        for name, positions in venues.items()
    }
    return Positions(amounts, filled, carried)


def _given(amounts: Amounts, tracked: Mapping[str, int]) -> dict[str, int]:
    given: dict[str, int] = {}
    for key, amount in amounts.config.opening.items():
        name = f'opening."{key}"'
        _require(amounts, name, key, tracked)
        given[key] = amounts.units(name, amount, asset_of(key))
        _settled(amounts, name, key, given[key])
    return given


def _carried(amounts: Amounts, carried: Carried, tracked: Mapping[str, int]) -> dict[str, int]:
    for key, units in carried.closing.items():
        name = f"run {carried.run}: {key}"
        _require(amounts, name, key, tracked)
        _settled(amounts, name, key, units)
        asset = asset_of(key)
        before, now = carried.decimals.get(asset), amounts.scales.of(asset)
        if units and before != now:
            problem = f"{name} is in {before} decimals, here {asset} has {now}; set it to the same"
            raise amounts.config.error(problem)
    return dict(carried.closing)


def _require(amounts: Amounts, name: str, key: str, tracked: Mapping[str, int]) -> None:
    if key not in tracked:
        problem = f"{name} is not tracked here; tracked are {', '.join(tracked)}"
        raise amounts.config.error(problem)


def _settled(amounts: Amounts, name: str, key: str, units: int) -> None:
    if units and any(part in key for part in PENDING):
        problem = (
            f"{name} is on its way: when it arrives is not known at the start of a run; "
            "allowed is zero. Let it arrive first"
        )
        raise amounts.config.error(problem)
