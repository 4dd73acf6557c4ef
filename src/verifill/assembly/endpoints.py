"""Where the venues of a run are reached, and with which patience."""

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from verifill.assembly.references import check_references, venue_names
from verifill.config import Config
from verifill.config.environments import VARIABLE, problem_of
from verifill.machines.policies import Policies
from verifill.venues.instructions import Operation
from verifill.venues.loopback.lines import ANY, Lines
from verifill.venues.loopback.transport import HOST, Http

PROD: Final = "prod"
LOOPBACK: Final = (("http", HOST, ""), ("http", HOST, "/"))


def servers_of(config: Config, port: int, variables: Mapping[str, str]) -> dict[str, int]:
    """Venue -> the port of its loopback server.

    Args:
        config: the configuration.
        port: of the one server that has all venues; 0 to go to the endpoints of its environment.
        variables: of the process.

    Raises:
        ConfigError: a reference leads nowhere, or see `endpoints_of` and `ports_of`.
    """
    check_references(config)
    if port:
        return dict.fromkeys(venue_names(config), port)
    return ports_of(config, endpoints_of(config, variables, venue_names(config)))


def endpoints_of(
    config: Config, variables: Mapping[str, str], names: Iterable[str]
) -> dict[str, str]:
    """Venue -> its endpoint in the environment that the configuration chooses.

    Args:
        config: names the environment and its endpoints.
        variables: of the process; they hold what is a secret.
        names: the venues.

    Raises:
        ConfigError: no environment is chosen, a venue has no endpoint in it, or a variable is not
            set. An endpoint that came from a variable is not shown.
    """
    chosen = config.environment
    if not chosen:
        known = ", ".join(config.environments) or "none"
        problem = (
            f"no environment is chosen; set environment to one of [environments]: {known}, "
            "or give the port of `verifill venue serve` with --port"
        )
        raise config.error(problem)
    return {name: endpoint_of(config, name, variables) for name in names}


def endpoint_of(config: Config, venue: str, variables: Mapping[str, str]) -> str:
    """The endpoint of a venue in the environment that the configuration chooses.

    Raises:
        ConfigError: it has none in it, or a variable is not set.
    """
    chosen = config.environment
    environment = config.environments.get(chosen)
    said: Mapping[str, str] = environment.endpoints if environment else {}
    key = f"environments.{chosen}.endpoints.{venue}"
    if venue not in said:
        problem = f"{key} is missing; every venue has an endpoint in its environment"
        raise config.error(problem)
    return _read(config, key, said[venue], variables)


def _read(config: Config, key: str, said: str, variables: Mapping[str, str]) -> str:
    named = VARIABLE.fullmatch(said)
    if not named:
        return said
    variable = named[1]
    value = variables.get(variable, "")
    problem = problem_of(value) if value else "it is not set"
    if problem:
        problem = f"{key} is held by the environment variable {variable}: {problem}"
        raise config.error(problem)
    return value


def ports_of(config: Config, endpoints: Mapping[str, str]) -> dict[str, int]:
    """Venue -> the port of the loopback server, one for all of them, on this machine.

    Raises:
        ConfigError: an endpoint is of something else, or they are of several servers.
    """
    ports = {name: port_of(config, name, endpoint) for name, endpoint in endpoints.items()}
    if len(set(ports.values())) > 1:
        told = ", ".join(f"{name} at {port}" for name, port in ports.items())
        problem = f"the endpoints are of several loopback servers ({told}); one has all venues"
        raise config.error(problem)
    return ports


def port_of(config: Config, venue: str, endpoint: str) -> int:
    """The port of an endpoint on this machine.

    Raises:
        ConfigError: it is none.
    """
    parts = urlsplit(endpoint)
    port = parts.port
    if port is None or (parts.scheme, parts.hostname, parts.path) not in LOOPBACK:
        problem = (
            f"environments.{config.environment}.endpoints.{venue} is not that of a loopback "
            f"server; exchanges are connected through [ccxt]. Allowed is http://{HOST}:PORT"
        )
        raise config.error(problem)
    return port


def lines_of(ports: Mapping[str, int], policies: Policies) -> dict[str, Lines]:
    """Venue -> its transports, each with the time-out of what it is for."""
    return {name: _lines(name, port, policies) for name, port in ports.items()}


def _lines(venue: str, port: int, policies: Policies) -> Lines:
    operations = (ANY, *Operation)
    execution = {
        operation: Http(port, policies.at(venue, operation).timeouts.execution_s)
        for operation in operations
    }
    reading_s = policies.at(venue).timeouts.reading_s
    return Lines(reading=Http(port, reading_s), execution=execution)


def check_meant(config: Config, *, prod: bool, real: bool = True) -> None:
    """The environment prod is meant, or refused; so is --prod where nothing is real.

    Args:
        config: chooses the environment.
        prod: whether somebody has said that it is meant.
        real: whether a venue is an exchange or a chain, and not a loopback server.

    Raises:
        ConfigError: they do not go together.
    """
    chosen = config.environment
    if not real:
        if prod:
            problem = (
                "--prod is given, and no venue is real: all of them are loopback servers, which "
                "[ccxt] and the evm section of a chain are not; leave it out"
            )
            raise config.error(problem)
        return
    if chosen == PROD and not prod:
        problem = 'environment is "prod", where orders are real; say so with --prod'
        raise config.error(problem)
    if chosen != PROD and prod:
        problem = f'--prod is given, and environment is "{chosen}"'
        raise config.error(problem)
