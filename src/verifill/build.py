"""A configuration made into the parts of a backtest."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from verifill.assembly.amounts import Amounts, nanoseconds, rate_of
from verifill.assembly.carried import Carried
from verifill.assembly.chain import chain_rules, opening_indices
from verifill.assembly.exchange import ExchangeBuilder
from verifill.assembly.history import Progress, prepared
from verifill.assembly.positions import Positions, positions_of
from verifill.assembly.references import check_references, venue_names
from verifill.assembly.scales import scales_of
from verifill.assembly.strategy import load_strategy, source_file
from verifill.backtest import Parts
from verifill.config import Config
from verifill.engine.digest import sha256_file
from verifill.links import Link, links_of_chain
from verifill.machines.loop import LoopPolicy
from verifill.machines.tolerance import Tolerance
from verifill.modes import BACKTEST
from verifill.venues.calls import ChainRules
from verifill.venues.data import History
from verifill.venues.interfaces import Venue
from verifill.venues.keys import asset_of
from verifill.venues.simulated.chain import SimulatedChain
from verifill.venues.simulated.exchange import SimulatedExchange
from verifill.venues.simulated.network import Network
from verifill.venues.simulated.timeline import Timeline


def build(
    config: Config,
    *,
    work: Path,
    start_from: Carried | None = None,
    history: History | None = None,
    progress: Progress | None = None,
) -> Parts:
    """The parts of a backtest; what needs no data is checked before the data is read.

    Args:
        config: what to run.
        work: a folder for the prepared data.
        start_from: the end of a run that this one continues.
        history: what it runs on, where that is prepared already.
        progress: called now and then with the bytes of data read and to read.

    Raises:
        ConfigError: the settings do not fit together, or the strategy is not there.
        DataError: a file of data cannot be used.
        StrategyError: the strategy's own code raised.
    """
    amounts, chains, positions, tolerance = checked(config, start_from)
    strategy = load_strategy(config)
    history = history or prepared(config, work, progress)
    builder = _Builder(amounts, positions, chains, history)
    return Parts(
        timeline=builder.timeline,
        strategy=strategy,
        venues=builder.venues,
        feeds=builder.feeds,
        subscribed=frozenset(config.strategy.venues or venue_names(config)),
        scales=amounts.scales,
        opening=positions.opening(),
        bases=builder.bases,
        policy=policy_of(config),
        tolerance=tolerance,
        links=builder.links,
        quote=config.quote,
    )


def checked(
    config: Config, start_from: Carried | None = None
) -> tuple[Amounts, Mapping[str, ChainRules], Positions, Tolerance]:
    """What can be made of a configuration without its strategy and its data.

    Raises:
        ConfigError: the settings do not fit together.
    """
    check_references(config)
    amounts = Amounts(config, scales_of(config))
    chains = {name: chain_rules(amounts, name) for name in config.chains}
    return amounts, chains, positions_of(amounts, chains, start_from), tolerance_of(amounts)


def described(config: Config, start_from: Carried | None = None) -> dict[str, Any]:
    """What the header of a log says of the configuration: plain values, no secret.

    Besides the settings: the digest of the strategy's file, and the run that is continued.
    """
    said = config.as_dict()
    file = source_file(config)
    if file:
        said["strategy_digest"] = sha256_file(file)
    if start_from:
        said["from"] = start_from.run
    return said


class _Builder:
    """The venues of a run, on its timeline.

    Args:
        amounts: of the configuration.
        positions: at the start.
        chains: rules of the chains.
        history: the data.
    """

    def __init__(
        self,
        amounts: Amounts,
        positions: Positions,
        chains: Mapping[str, ChainRules],
        history: History,
    ) -> None:
        config = amounts.config
        self._amounts = amounts
        self._positions = positions
        self._history = history
        self.timeline = Timeline(history, nanoseconds(config.loop.interval_s))
        self._network = Network([(to, a) for to, r in config.routes.items() for a in r.assets])
        exchanges = [ExchangeBuilder(amounts, name, history) for name in config.exchanges]
        rules = [exchange.rules() for exchange in exchanges]
        instruments = [i for r in rules for i in r.instruments.values()]
        self.bases = positions.bases(instruments)
        self.links: list[Link] = []
        simulated = [
            SimulatedExchange(
                rules=own,
                scales=amounts.scales,
                market=self.timeline,
                network=self._network,
                model=exchange.model(self.timeline),
                opening=positions.venues[own.name],
                bases={
                    k: basis for k, basis in self.bases.items() if k in positions.venues[own.name]
                },
                funding=exchange.funding(),
            )
            for exchange, own in zip(exchanges, rules, strict=True)
        ]
        ledgers = [self._chain(name, chain) for name, chain in chains.items()]
        self.venues: Sequence[Venue] = [*simulated, *ledgers]
        # without routes nothing is ever in transit, and nobody need look
        self.feeds = [self._network] if config.routes else []
        self.timeline.simulations = [*self.feeds, *simulated, *ledgers]

    def _chain(self, name: str, chain: ChainRules) -> SimulatedChain:
        indices = opening_indices(self._amounts, name)
        carried = self._positions.carried
        if carried:
            known = {n for r in chain.reserves for n in (r.supplied(), r.borrowed())}
            indices |= {n: ray for n, ray in carried.indices.items() if n in known}
        self.links += links_of_chain(chain, indices)
        return SimulatedChain(
            chain=chain,
            scales=self._amounts.scales,
            market=self.timeline,
            network=self._network,
            opening=self._positions.venues[name],
            indices=indices,
        )


def policy_of(config: Config) -> LoopPolicy:
    """How the loops behave in the configuration's mode."""
    fail_fast = config.loop.fail_fast
    return LoopPolicy(
        fail_fast=config.mode == BACKTEST if fail_fast is None else fail_fast,
        remainders=config.loop.remainders,
        tight_loop=config.policies,
    )


def tolerance_of(amounts: Amounts) -> Tolerance:
    """The differences that the configuration accepts."""
    said = amounts.config.tolerances.items()

    def units(key: str, name: str) -> int:
        amount = getattr(amounts.config.tolerances[key], name)
        return amounts.units(f'tolerances."{key}".{name}', amount, asset_of(key))

    return Tolerance(
        absolute={key: units(key, "absolute") for key, _ in said},
        relative={key: rate_of(tolerance.relative) for key, tolerance in said},
        accrual={key: rate_of(tolerance.accrual) for key, tolerance in said},
        budget={key: units(key, "budget") for key, _ in said},
    )


__all__ = ["Carried", "build", "described", "load_strategy"]
