"""Which positions hedge which: what moves with the price of an asset that perpetuals are on."""

from collections.abc import Iterable, Iterator, Mapping

from attrs import frozen

from verifill.assembly.references import instruments_of
from verifill.assembly.scales import scales_of
from verifill.config import Config, InstrumentConfig
from verifill.links import By, Link
from verifill.venues.keys import Kind, position_key


@frozen(kw_only=True)
class Underlying:
    """An asset that perpetuals are on, and what else moves with its price.

    Attributes:
        asset: itself.
        perpetuals: position keys of those on it; a size counts as so much of the asset.
        others: assets that count by what they are worth, as `breakers.hedges` says.
        prices: what the perpetuals trade at, for an asset that nothing else prices.
    """

    asset: str
    perpetuals: frozenset[str]
    others: frozenset[str] = frozenset()
    prices: tuple[Link, ...] = ()


def underlyings_of(config: Config, quote: str) -> list[Underlying]:
    """What an unhedged amount is counted of, in the order of the perpetuals.

    Args:
        config: the configuration.
        quote: the asset that limits count in: an amount of it is none that needs a hedge.

    Raises:
        ConfigError: `breakers.hedges` names what there is not, or an asset twice.
    """
    perpetuals: dict[str, list[InstrumentConfig]] = {}
    for _, instrument in instruments_of(config):
        if instrument.perpetual and instrument.base != quote:
            perpetuals.setdefault(instrument.base, []).append(instrument)
    _check(config, perpetuals, quote)
    others = config.breakers.hedges
    return [
        Underlying(
            asset=asset,
            perpetuals=frozenset(position_key(i.account, Kind.PERP, i.symbol) for i in on),
            others=frozenset(others.get(asset, ())),
            prices=tuple(_prices(asset, on)),
        )
        for asset, on in perpetuals.items()
    ]


def _prices(asset: str, perpetuals: Iterable[InstrumentConfig]) -> Iterator[Link]:
    for instrument in perpetuals:
        yield Link(asset=asset, into=instrument.quote, by=By.DATA, data=instrument.data)


def _check(config: Config, perpetuals: Mapping[str, object], quote: str) -> None:
    """Every asset counts once, and only where a perpetual can hedge it."""
    known = scales_of(config).as_dict()
    taken = dict.fromkeys([*perpetuals, quote], "counts by itself")
    for asset, others in config.breakers.hedges.items():
        key = f"breakers.hedges.{asset}"
        if asset not in perpetuals:
            there = ", ".join(perpetuals) or "none"
            problem = f"{key} is of an asset that no perpetual is on; there are {there}"
            raise config.error(problem)
        for other in others:
            if other not in known:
                problem = f'{key} names "{other}", which is not in [assets] and no token of a chain'
                raise config.error(problem)
            if other in taken:
                problem = f'{key} names "{other}", which {taken[other]}; an asset counts once'
                raise config.error(problem)
            taken[other] = f"{key} names too"
