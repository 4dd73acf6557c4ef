"""Whether the decimals of a chain's assets fit together."""

from verifill.engine.errors import ConfigError
from verifill.venues.calls.rules import ChainRules
from verifill.venues.keys import Scales

NATIVE_DECIMALS = 18


def check_scales(chain: ChainRules, scales: Scales) -> None:
    """Refuse assets that are not declared, or whose decimals do not fit together.

    Raises:
        ConfigError: with the assets and their decimals.
    """
    for assets in chain.holdings.values():
        for asset in assets:
            scales.of(asset)
    pairs = [(w.asset, w.into) for w in chain.wrappers]
    pairs += [(s.asset, s.into) for s in chain.stakings]
    pairs += [(r.asset, r.a_token) for r in chain.reserves if r.a_token]
    pairs += [(r.asset, r.debt_token) for r in chain.reserves if r.debt_token]
    for asset, other in pairs:
        if scales.of(asset) != scales.of(other):
            msg = (
                f"{chain.rules.name}: {asset!r} has {scales.of(asset)} decimals and {other!r} "
                f"has {scales.of(other)}; one is units of the other, give both the same"
            )
            raise ConfigError(msg)
    if scales.of(chain.native) != NATIVE_DECIMALS:
        msg = (
            f"{chain.rules.name}: native asset {chain.native!r} has "
            f"{scales.of(chain.native)} decimals; gas is counted in {NATIVE_DECIMALS}"
        )
        raise ConfigError(msg)
