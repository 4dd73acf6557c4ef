"""The chains of a configuration as they are: how each is reached, and who signs."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from attrs import frozen

from verifill.assembly.amounts import rate_of
from verifill.assembly.connection import Connection
from verifill.assembly.loopback import Hosting
from verifill.config import Config, EvmAccountConfig, EvmConfig
from verifill.config.environments import VARIABLE
from verifill.engine.amounts import to_units
from verifill.engine.clock import Times
from verifill.engine.errors import ConfigError, EngineDefect
from verifill.venues.interfaces import PositionFeed, Venue
from verifill.venues.market import LiveMarket

if TYPE_CHECKING:
    from verifill.venues.evm.keys import Signer
    from verifill.venues.evm.rules import EvmRules
    from verifill.venues.evm.venue import EvmChain

WEI_DECIMALS = 18
EXTRA = "web3"


def chains_as_they_are(config: Config) -> tuple[str, ...]:
    """The names of the chains that have an `evm` section."""
    return tuple(name for name, chain in config.chains.items() if chain.evm is not None)


@frozen
class EvmWay:
    """How one chain is reached.

    Attributes:
        name: of the chain.
        url: of its node; it may have a key in it, and is in no repr.
        rules: where everything is.
        signers: account -> who signs for it.
        timeout_s: for each silence of the node.
    """

    name: str
    url: str
    rules: "EvmRules"
    signers: "Mapping[str, Signer]"
    timeout_s: float

    def __repr__(self) -> str:
        return f"EvmWay({self.name})"

    @classmethod
    def of(cls, config: Config, name: str, url: str, variables: Mapping[str, str]) -> "EvmWay":
        """The way to a chain.

        Raises:
            ConfigError: the extra is not installed, or a key cannot be had.
        """
        if find_spec(EXTRA) is None:
            problem = (
                f"chains.{name}.evm needs web3.py; install it with pip install 'verifill[evm]'"
            )
            raise config.error(problem)
        evm = config.chains[name].evm
        if evm is None:
            msg = f"chains.{name} has no evm section"
            raise EngineDefect(msg)
        try:
            signers = {
                account: _signer(config, f"chains.{name}.evm.accounts.{account}", its, variables)
                for account, its in evm.accounts.items()
                if its.key or its.keystore
            }
            rules = _rules(evm, next(iter(signers), ""))
        except ConfigError as error:
            raise config.error(str(error)) from None
        reading_s = config.policies.at(name).timeouts.reading_s
        return cls(name, url, rules, signers, reading_s)


@frozen
class WithChain:
    """A chain as it is, beside what else a run is connected with; a `Connection`.

    Attributes:
        market: its rates, and the prices of the others.
        chain: its adapter.
        inner: the others; None if there are none.
    """

    market: LiveMarket
    chain: "EvmChain"
    inner: Connection | None

    @property
    def venues(self) -> Mapping[str, Venue]:
        """By name."""
        venues: dict[str, Venue] = dict(self.inner.venues) if self.inner else {}
        return venues | {self.chain.rules.name: self.chain}

    @property
    def feeds(self) -> Sequence[PositionFeed]:
        """See `Connection.feeds`."""
        return self.inner.feeds if self.inner else ()

    @property
    def cursors(self) -> dict[str, int]:
        """See `Connection.cursors`."""
        others = self.inner.cursors if self.inner else {}
        cursor = self.chain.cursor
        return others if cursor is None else others | {self.chain.rules.name: cursor}

    def refresh(self) -> int | None:
        """See `Connection.refresh`; a chain does not tell how far its clock is off."""
        offset_ns = self.inner.refresh() if self.inner else None
        self.market.refresh()
        return offset_ns

    def close(self) -> None:
        """Close what is held open, of all."""
        self.chain.close()
        if self.inner:
            self.inner.close()


def with_chain(
    hosting: Hosting,
    way: EvmWay,
    cursors: Mapping[str, int],
    *,
    inner: Connection | None,
    times: Times,
) -> WithChain:
    """The adapter of a chain as it is, beside those of other venues.

    Args:
        hosting: what follows from the configuration.
        way: to the chain.
        cursors: feed -> where an earlier life had come to.
        inner: the other venues; None if there are none.
        times: the clocks.

    Raises:
        ConfigError: an address is missing.
    """
    from verifill.venues.evm.market import ChainMarket  # noqa: PLC0415 - of an extra
    from verifill.venues.evm.node import Node  # noqa: PLC0415 - likewise
    from verifill.venues.evm.rules import check_rules  # noqa: PLC0415 - likewise
    from verifill.venues.evm.venue import EvmChain  # noqa: PLC0415 - likewise

    rules = hosting.chains[way.name]
    check_rules(rules, way.rules)
    node = Node(way.url, way.timeout_s)
    prices = inner.market if inner else None
    its: dict[str, Any] = {"series": hosting.series(), "now_ns": times.wall_ns}
    market = ChainMarket(node, rules, way.rules, **its, inner=prices)
    its = {"scales": hosting.amounts.scales, "market": market, "rates": market.rates}
    chain = EvmChain(rules, way.rules, node, way.signers, **its, since=cursors.get(way.name))
    return WithChain(market, chain, inner)


def _rules(evm: EvmConfig, first: str) -> "EvmRules":
    from verifill.venues.evm.rules import (  # noqa: PLC0415 - of an extra
        ANY,
        Contract,
        EvmRules,
        Fees,
        Level,
        Safe,
        Speaks,
    )

    finality = {str(operation): Level(level) for operation, level in evm.finality.items()}
    return EvmRules(
        chain_id=evm.chain_id,
        accounts={account: its.address for account, its in evm.accounts.items()},
        owner=evm.owner or first,
        tokens=dict(evm.tokens),
        contracts={
            name: Contract(
                speaks=Speaks(its.speaks),
                address=its.address,
                quoter=its.quoter,
                fee=its.fee,
                queue=its.queue,
            )
            for name, its in evm.contracts.items()
        },
        fees=Fees(
            cap=to_units(evm.fee_cap, WEI_DECIMALS),
            tip=to_units(evm.tip, WEI_DECIMALS),
            bump=evm.bump_percent,
        ),
        executor=evm.executor,
        finality={ANY: Level(evm.finality_usual)} | finality,
        confirmations=evm.confirmations,
        drift=rate_of(evm.drift),
        health_min=to_units(evm.health_min, WEI_DECIMALS),
        deadline_s=evm.deadline_s,
        stale_s=evm.stale_s,
        owned={account: its.owner for account, its in evm.accounts.items() if its.owner},
        safes={
            account: Safe(multisend=its.multisend, steps=its.steps)
            for account, its in evm.accounts.items()
            if its.multisend
        },
        by_way_of_zero=frozenset(evm.by_way_of_zero),
    )


def _signer(
    config: Config, key: str, account: EvmAccountConfig, variables: Mapping[str, str]
) -> "Signer":
    from verifill.venues.evm.keys import from_key, from_keystore  # noqa: PLC0415 - of an extra

    if account.keystore is None:
        return from_key(_held(f"{key}.key", account.key, variables), f"{key}.key")
    opened = _held(f"{key}.unlock", account.unlock, variables)
    return from_keystore(config.path(account.keystore), opened, f"{key}.keystore")


def _held(key: str, said: str, variables: Mapping[str, str]) -> str:
    """What a variable of the process holds.

    Raises:
        ConfigError: none is named, or it is not set.
    """
    named = VARIABLE.fullmatch(said)
    if named is None:
        msg = f"{key} is missing; name the variable that holds it: env:VARIABLE"
        raise ConfigError(msg)
    value = variables.get(named[1], "")
    if not value:
        msg = f"{key} is held by the environment variable {named[1]}, which is not set"
        raise ConfigError(msg)
    return value
