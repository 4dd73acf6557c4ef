"""Which way a live run goes to its venues: a loopback server, chains as they are, or both."""

from collections.abc import Mapping

from verifill.assembly.endpoints import endpoints_of, ports_of, servers_of
from verifill.assembly.evm import EvmWay, chains_as_they_are, with_chains
from verifill.assembly.loopback import Connected, Hosting
from verifill.assembly.references import check_references
from verifill.config import Config
from verifill.engine.clock import Times
from verifill.machines.recovery import Found
from verifill.start import Connect, at


def way_to(config: Config, port: int, variables: Mapping[str, str]) -> Connect:
    """The way to the venues of a configuration.

    Args:
        config: names environment and endpoints.
        port: of the one loopback server that has all venues; 0 to go to the endpoints.
        variables: of the process; they hold what is a secret.

    Raises:
        ConfigError: a reference, an endpoint or a key leads nowhere.
    """
    names = () if port else chains_as_they_are(config)
    if not names:
        return at(servers_of(config, port, variables), config.policies)
    check_references(config)
    endpoints = endpoints_of(config, variables)
    ways = [EvmWay.of(config, name, endpoints[name], variables) for name in names]
    others = {name: url for name, url in endpoints.items() if name not in names}
    ports = ports_of(config, others)
    simulated = at(ports, config.policies) if ports else None

    def connected(hosting: Hosting, found: Found, cursors: Mapping[str, int]) -> Connected:
        inner = simulated(hosting, found, cursors) if simulated else None
        return with_chains(hosting, ways, cursors, inner=inner, times=Times())

    return connected
