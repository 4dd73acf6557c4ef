"""Where the exchanges of a configuration are, and their public prices, which need no key."""

from collections.abc import Iterator, Mapping
from typing import Final

from verifill.assembly.endpoints import PROD, endpoint_of, port_of
from verifill.assembly.loopback import Hosting
from verifill.config import Config
from verifill.config.exchanges import InstrumentConfig
from verifill.venues.ccxt.client import Client
from verifill.venues.ccxt.credentials import Credentials
from verifill.venues.ccxt.dialect import Dialect
from verifill.venues.ccxt.dialects import DIALECTS
from verifill.venues.ccxt.market import ExchangeMarket, Public
from verifill.venues.ccxt.words import Listed
from verifill.venues.instructions import Operation
from verifill.venues.market import LiveMarket

DEV: Final = "dev"
STAGING: Final = "staging"
KINDS: Final = (DEV, STAGING, PROD)


def kind_of(config: Config) -> str:
    """The environment that a configuration chooses, one of three.

    Raises:
        ConfigError: it is none of them.
    """
    chosen = config.environment
    if chosen not in KINDS:
        problem = (
            f'environment is "{chosen}"; with [ccxt] it is one of {", ".join(KINDS)}: an exchange '
            "on this machine, one's own place to rehearse, or the real one"
        )
        raise config.error(problem)
    return chosen


def dialects_of(config: Config, venue: str) -> dict[str, Dialect]:
    """Account -> the dialect of its exchange.

    Raises:
        ConfigError: an account or an exchange is not known, or what is traded does not fit.
    """
    key, said = f"ccxt.{venue}.accounts", config.ccxt[venue].accounts
    accounts = config.exchanges[venue].accounts
    if set(said) != set(accounts):
        problem = f"{key} has {', '.join(said)}; the venue has {', '.join(accounts)}"
        raise config.error(problem)
    found: dict[str, Dialect] = {}
    for account, name in said.items():
        if name not in DIALECTS:
            there = ", ".join(DIALECTS)
            problem = f'{key}."{account}" is "{name}"; allowed are {there}'
            raise config.error(problem)
        found[account] = DIALECTS[name]
    own = {account for one in config.exchanges.values() for account in one.accounts}
    own |= {account for one in config.chains.values() for account in one.accounts}
    for name in config.ccxt[venue].addresses:
        if name in own:
            problem = (
                f"ccxt.{venue}.addresses.{name} is an account of this run, whose credit nobody "
                "would expect; give the address another name, and leave the account out of the run"
            )
            raise config.error(problem)
    for traded in config.exchanges[venue].instruments:
        dialect = found[traded.account]
        if not (dialect.perpetual if traded.perpetual else dialect.spot):
            kind = "perpetuals" if traded.perpetual else "spot pairs"
            problem = f'{key}."{traded.account}" is "{dialect.name}", which has no {kind}'
            raise config.error(problem)
        sets = Operation.SET_MARGIN_MODE in config.exchanges[venue].operations
        if traded.perpetual and sets and not dialect.margin_modes:
            problem = (
                f'{key}."{traded.account}" is "{dialect.name}", where a margin mode is of each '
                f"order and not set; leave SET_MARGIN_MODE out of exchanges.{venue}.operations"
            )
            raise config.error(problem)
    return found


class Reached:
    """The exchanges of a run, as far as that needs no key.

    Args:
        config: names them.
        environment: dev, staging or prod.
        variables: of the process.

    Attributes:
        config: see above.
        dialects: venue -> account -> the dialect of its exchange.
    """

    def __init__(self, config: Config, environment: str, variables: Mapping[str, str]) -> None:
        self.config = config
        self._environment = environment
        self._ports = {name: self._port(name, variables) for name in config.ccxt}
        self.dialects = {name: dialects_of(config, name) for name in config.ccxt}

    def publics(self, hosting: Hosting) -> Iterator[Public]:
        """What is public of the exchange of each account, each by a connection of its own."""
        for venue, dialects in self.dialects.items():
            for account, dialect in dialects.items():
                yield Public(
                    dialect=dialect,
                    client=self.client(venue, account, None),
                    listed=tuple(self.listed(hosting, venue, account).values()),
                    reading_s=self.config.policies.at(venue).timeouts.reading_s,
                )

    def client(self, venue: str, account: str, credentials: Credentials | None) -> Client:
        """A connection for an account; without credentials, for what is public."""
        return connected(
            self.dialects[venue][account],
            credentials,
            port=self._ports[venue],
            rehearsal=self._environment == STAGING,
        )

    def listed(self, hosting: Hosting, venue: str, account: str) -> dict[str, Listed]:
        """Symbol -> what is traded in an account."""
        rules = hosting.rules(venue)
        return {
            one.symbol: Listed(
                instrument=rules.instrument(account, one.symbol), symbol=symbol_of(one)
            )
            for one in self.config.exchanges[venue].instruments
            if one.account == account
        }

    def _port(self, venue: str, variables: Mapping[str, str]) -> int:
        """Of this machine in dev, and only there; elsewhere exchanges are where ccxt knows."""
        if self._environment == DEV:
            return port_of(self.config, venue, endpoint_of(self.config, venue, variables))
        said = self.config.environments.get(self._environment)
        if said and venue in said.endpoints:
            problem = (
                f"environments.{self._environment}.endpoints.{venue} is said, and ccxt knows where "
                "the exchange is; only dev has an endpoint, on this machine"
            )
            raise self.config.error(problem)
        return 0


class Quoting(Reached):
    """The public prices of the exchanges of a run, for whoever trades on paper; a `PriceSource`.

    Args:
        config: names them.
        environment: dev, staging or prod.
        variables: of the process; no key is looked at.
    """

    def __init__(self, config: Config, environment: str, variables: Mapping[str, str]) -> None:
        super().__init__(config, environment, variables)
        self._open: list[Public] = []

    def __call__(self, hosting: Hosting, _began_ns: int) -> LiveMarket:
        """Their prices, for whoever trades on paper; `close` ends the connections."""
        publics = tuple(self.publics(hosting))
        self._open += publics
        decimals = hosting.history.price_decimals
        return ExchangeMarket(publics, decimals, series=hosting.series())

    def close(self) -> None:
        """Close the connections of all prices that were given out."""
        while self._open:
            self._open.pop().client.close()


def connected(
    dialect: Dialect, credentials: Credentials | None, *, port: int = 0, rehearsal: bool = False
) -> Client:
    """A connection to the exchange of a dialect.

    Args:
        dialect: says which.
        credentials: None for what is public.
        port: of this machine, where everything goes; 0 to go to the exchange.
        rehearsal: whether to go to the exchange's own place to rehearse.
    """
    client = Client(
        dialect.exchange,
        dialect.options,
        port=port,
        credentials=credentials,
        wallet=dialect.wallet,
    )
    dialect.prepare(client.exchange)
    if rehearsal:
        dialect.rehearse(client.exchange)
    return client


def symbol_of(instrument: InstrumentConfig) -> str:
    """What ccxt calls an instrument."""
    pair = f"{instrument.base}/{instrument.quote}"
    return f"{pair}:{instrument.quote}" if instrument.perpetual else pair
