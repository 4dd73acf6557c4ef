"""A configuration made into connections to real exchanges, through ccxt."""

from collections.abc import Iterator, Mapping
from typing import Final

from attrs import frozen

from verifill.assembly.endpoints import endpoint_of, port_of
from verifill.assembly.evm import chains_as_they_are
from verifill.assembly.exchange import ExchangeBuilder
from verifill.assembly.loopback import Hosting
from verifill.assembly.references import check_references, venue_names
from verifill.config import Config
from verifill.config.exchanges import InstrumentConfig
from verifill.config.loopback import LoopbackVenueConfig
from verifill.engine.clock import Times, off_by_ns
from verifill.engine.errors import ConfigError
from verifill.machines.recovery import Found
from verifill.venues.ccxt.account import Account, Patience
from verifill.venues.ccxt.client import Client
from verifill.venues.ccxt.connection import Connection
from verifill.venues.ccxt.credentials import Credentials, credentials_of
from verifill.venues.ccxt.dialect import Dialect
from verifill.venues.ccxt.dialects import DIALECTS
from verifill.venues.ccxt.feed import Feed
from verifill.venues.ccxt.funds import Destination
from verifill.venues.ccxt.market import ExchangeMarket, Public
from verifill.venues.ccxt.venue import Exchange
from verifill.venues.ccxt.words import Listed
from verifill.venues.interfaces import PositionFeed
from verifill.venues.rules import Idempotency

DEV: Final = "dev"
STAGING: Final = "staging"
PROD: Final = "prod"
KINDS: Final = (DEV, STAGING, PROD)
CLASSES: Final = (Idempotency.K, Idempotency.D, Idempotency.N)  # the weakest last


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
    return found


def keys_of(config: Config) -> dict[str, LoopbackVenueConfig]:
    """Venue -> what its exchanges make of our keys: the weakest, and the longest of each.

    Raises:
        ConfigError: see `dialects_of`, or not all venues are connected in this way.
    """
    check_references(config)
    reached = {*config.ccxt, *chains_as_they_are(config)}
    others = [name for name in venue_names(config) if name not in reached]
    if others and config.ccxt:
        problem = (
            f"[ccxt] connects {', '.join(config.ccxt)}, and {', '.join(others)} is not in it; "
            "a run has either all of its exchanges there or none, and its chains have evm"
        )
        raise config.error(problem)
    if config.routes and config.ccxt:
        problem = "[routes] between venues cannot be taken through ccxt; leave them out"
        raise config.error(problem)
    return {name: _keys(list(dialects_of(config, name).values())) for name in config.ccxt}


def _keys(dialects: list[Dialect]) -> LoopbackVenueConfig:
    return LoopbackVenueConfig(
        idempotency=max((d.idempotency for d in dialects), key=CLASSES.index),
        query_lag_s=max(d.query_lag_s for d in dialects),
        recv_window_s=max(d.recv_window_s for d in dialects),
    )


@frozen
class Exchanges:
    """The exchanges of a run, connected; see `assembly.connection.Connection`.

    Attributes:
        market: public prices.
        venues: by name.
        times: our clocks.
        publics: the connections for prices.
        feeds: none: nothing is between them.
    """

    market: ExchangeMarket
    venues: Mapping[str, Exchange]
    times: Times
    publics: tuple[Public, ...]
    feeds: tuple[PositionFeed, ...] = ()

    def refresh(self) -> int:
        """Fetch the prices now.

        Returns:
            How far the exchanges' clock is certainly off from ours, in nanoseconds.

        Raises:
            NotObserved: no answer; the prices stay what they were.
        """
        before_ns = self.times.wall_ns()
        self.market.refresh()
        return off_by_ns(self.market.clock_ns, before_ns, self.times.wall_ns())

    @property
    def cursors(self) -> dict[str, int]:
        """Where the next readings begin, for a later life."""
        return {key: at for venue in self.venues.values() for key, at in venue.feed.cursors.items()}

    def close(self) -> None:
        """Close all connections."""
        for venue in self.venues.values():
            venue.close()
        for public in self.publics:
            public.client.close()


class Through:
    """Connects the exchanges of a run.

    Args:
        config: names them.
        environment: dev, staging or prod.
        variables: of the process; they hold the keys.
        times: our clocks.
    """

    def __init__(
        self, config: Config, environment: str, variables: Mapping[str, str], times: Times
    ) -> None:
        self._config = config
        self._environment = environment
        self._times = times
        self._ports = {name: self._port(name, variables) for name in config.ccxt}
        self._dialects = {name: dialects_of(config, name) for name in config.ccxt}
        self._credentials = {name: self._secret(name, variables) for name in config.ccxt}

    def __call__(self, hosting: Hosting, _found: Found, cursors: Mapping[str, int]) -> Exchanges:
        """See `start.Connect`."""
        publics = tuple(self._publics(hosting))
        decimals = hosting.history.price_decimals
        market = ExchangeMarket(publics, decimals, series=hosting.series())
        venues = {name: self._venue(hosting, name, market, cursors) for name in self._config.ccxt}
        return Exchanges(market, venues, self._times, publics)

    def _venue(
        self, hosting: Hosting, name: str, market: ExchangeMarket, since: Mapping[str, int]
    ) -> Exchange:
        scales = hosting.amounts.scales
        accounts = {
            account: self._account(hosting, name, account) for account in self._dialects[name]
        }
        tracked = hosting.positions.venues[name]
        connection = Connection(
            accounts=accounts,
            feed=Feed(accounts, scales, tracked=tracked, since=since),
            now_ns=self._times.wall_ns,
            withdrawals=self._config.ccxt[name].withdrawals,
            destinations={
                to: Destination(name=to, address=its.address, network=its.network, tag=its.tag)
                for to, its in self._config.ccxt[name].addresses.items()
            },
            fees=ExchangeBuilder(hosting.amounts, name, hosting.history).withdrawal_fees(),
        )
        return Exchange(hosting.rules(name), connection, scales=scales, market=market)

    def _account(self, hosting: Hosting, venue: str, account: str) -> Account:
        policies = self._config.policies
        return Account(
            name=account,
            dialect=self._dialects[venue][account],
            listed=self._listed(hosting, venue, account),
            orders=self._client(venue, account, self._credentials[venue]),
            positions=self._client(venue, account, self._credentials[venue]),
            patience=Patience(
                reading_s=policies.at(venue).timeouts.reading_s,
                execution_s=lambda operation: policies.at(venue, operation).timeouts.execution_s,
            ),
            withdraws=bool(self._config.ccxt[venue].addresses),
            monotonic_ns=self._times.monotonic_ns,
        )

    def _publics(self, hosting: Hosting) -> Iterator[Public]:
        for venue, dialects in self._dialects.items():
            for account, dialect in dialects.items():
                yield Public(
                    dialect=dialect,
                    client=self._client(venue, account, None),
                    listed=tuple(self._listed(hosting, venue, account).values()),
                    reading_s=self._config.policies.at(venue).timeouts.reading_s,
                )

    def _client(self, venue: str, account: str, credentials: Credentials | None) -> Client:
        return connected(
            self._dialects[venue][account],
            credentials,
            port=self._ports[venue],
            rehearsal=self._environment == STAGING,
        )

    def _listed(self, hosting: Hosting, venue: str, account: str) -> dict[str, Listed]:
        rules = hosting.rules(venue)
        return {
            one.symbol: Listed(
                instrument=rules.instrument(account, one.symbol), symbol=symbol_of(one)
            )
            for one in self._config.exchanges[venue].instruments
            if one.account == account
        }

    def _port(self, venue: str, variables: Mapping[str, str]) -> int:
        """Of this machine in dev, and only there; elsewhere exchanges are where ccxt knows."""
        if self._environment == DEV:
            return port_of(self._config, venue, endpoint_of(self._config, venue, variables))
        said = self._config.environments.get(self._environment)
        if said and venue in said.endpoints:
            problem = (
                f"environments.{self._environment}.endpoints.{venue} is said, and ccxt knows where "
                "the exchange is; only dev has an endpoint, on this machine"
            )
            raise self._config.error(problem)
        return 0

    def _secret(self, venue: str, variables: Mapping[str, str]) -> Credentials:
        needed = {what for d in self._dialects[venue].values() for what in d.credentials}
        try:
            return credentials_of(venue, self._environment, sorted(needed), variables)
        except ConfigError as error:
            raise self._config.error(str(error)) from None


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


def through_ccxt(config: Config, variables: Mapping[str, str], *, prod: bool = False) -> Through:
    """What connects the exchanges of a run.

    Args:
        config: names them, and the environment.
        variables: of the process; they hold the keys.
        prod: whether the environment `prod` is meant.

    Raises:
        ConfigError: the environment is none of three, or is prod and nobody said so; a key is
            missing; see also `keys_of`.
    """
    keys_of(config)
    chosen = config.environment
    if chosen not in KINDS:
        problem = (
            f'environment is "{chosen}"; with [ccxt] it is one of {", ".join(KINDS)}: an exchange '
            "on this machine, one's own place to rehearse, or the real one"
        )
        raise config.error(problem)
    if chosen == PROD and not prod:
        problem = 'environment is "prod", where orders are real; say so with --prod'
        raise config.error(problem)
    if chosen != PROD and prod:
        problem = f'--prod is given, and environment is "{chosen}"'
        raise config.error(problem)
    return Through(config, chosen, variables, Times())
