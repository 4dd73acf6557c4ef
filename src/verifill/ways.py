"""Which way a live run goes to its venues: a loopback server, exchanges, chains, or several."""

from collections.abc import Mapping

from verifill.assembly.ccxt import through_ccxt
from verifill.assembly.connection import Connection
from verifill.assembly.endpoints import check_meant, endpoints_of, ports_of, servers_of
from verifill.assembly.evm import EvmWay, chains_as_they_are, with_chain
from verifill.assembly.loopback import Hosting
from verifill.assembly.references import check_references, venue_names
from verifill.config import Config
from verifill.engine.clock import Times
from verifill.machines.recovery import Found
from verifill.start import Connect, at


def way_to(
    config: Config, port: int, variables: Mapping[str, str], *, prod: bool = False
) -> Connect:
    """The way to the venues of a configuration.

    Args:
        config: names environment and endpoints.
        port: of the one loopback server that has all venues; 0 to go to where they are.
        variables: of the process; they hold what is a secret.
        prod: whether the environment `prod` is meant, where exchanges and chains are real.

    Raises:
        ConfigError: a reference, an endpoint or a key leads nowhere.
    """
    names = () if port else chains_as_they_are(config)
    check_meant(config, prod=prod, real=not port and bool(names or config.ccxt))
    if port or not (names or config.ccxt):
        return at(servers_of(config, port, variables), config.policies)
    check_references(config)
    inner = _beside_chains(config, names, variables, prod=prod)
    if inner and not names:
        return inner
    endpoints = endpoints_of(config, variables, names)
    first, *more = (EvmWay.of(config, name, endpoints[name], variables) for name in names)

    def connected(hosting: Hosting, found: Found, cursors: Mapping[str, int]) -> Connection:
        others = inner(hosting, found, cursors) if inner else None
        joined = with_chain(hosting, first, cursors, inner=others, times=Times())
        for way in more:
            joined = with_chain(hosting, way, cursors, inner=joined, times=Times())
        return joined

    return connected


def _beside_chains(
    config: Config, chains: tuple[str, ...], variables: Mapping[str, str], *, prod: bool
) -> Connect | None:
    """The way to what is no chain as it is: exchanges, or a loopback server; None if nothing is."""
    if config.ccxt:
        return through_ccxt(config, variables, prod=prod)
    others = [name for name in venue_names(config) if name not in chains]
    if not others:
        return None
    return at(ports_of(config, endpoints_of(config, variables, others)), config.policies)
