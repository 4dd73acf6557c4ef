"""A configuration made into connections to real exchanges, through ccxt."""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from verifill.assembly.endpoints import check_meant
from verifill.assembly.evm import chains_as_they_are
from verifill.assembly.exchange import ExchangeBuilder
from verifill.assembly.loopback import Hosting
from verifill.assembly.quoting import Quoting, Reached, dialects_of, kind_of
from verifill.assembly.references import check_references, venue_names
from verifill.config import Config
from verifill.config.loopback import LoopbackVenueConfig
from verifill.engine.clock import Times, off_by_ns
from verifill.engine.errors import ConfigError, NotObserved
from verifill.machines.recovery import Found
from verifill.venues.ccxt.account import Account, Patience
from verifill.venues.ccxt.connection import Connection
from verifill.venues.ccxt.credentials import Credentials, credentials_of
from verifill.venues.ccxt.dialect import Dialect
from verifill.venues.ccxt.feed import Feed
from verifill.venues.ccxt.funds import Address, Destination
from verifill.venues.ccxt.market import ExchangeMarket, Public
from verifill.venues.ccxt.venue import Exchange
from verifill.venues.interfaces import PositionFeed
from verifill.venues.rules import Idempotency

CLASSES: Final = (Idempotency.K, Idempotency.D, Idempotency.N)  # the weakest last


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
        problem = (
            "[routes] between venues cannot be taken through ccxt: nothing tells what is on its "
            "way; leave them out, withdraw to an address of [ccxt.VENUE.addresses], and let an "
            "operator adopt what arrives (verifill ops adopt-external)"
        )
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


class Through(Reached):
    """Connects the exchanges of a run.

    Args:
        config: names them.
        environment: dev, staging or prod.
        variables: of the process; they hold the keys.
        times: our clocks.

    Attributes:
        credentials: by venue.
    """

    def __init__(
        self, config: Config, environment: str, variables: Mapping[str, str], times: Times
    ) -> None:
        super().__init__(config, environment, variables)
        self._times = times
        self.credentials = {name: self._secret(name, variables) for name in config.ccxt}

    def __call__(self, hosting: Hosting, _found: Found, cursors: Mapping[str, int]) -> Exchanges:
        """See `start.Connect`."""
        publics = tuple(self.publics(hosting))
        decimals = hosting.history.price_decimals
        market = ExchangeMarket(publics, decimals, series=hosting.series())
        venues = {name: self._venue(hosting, name, market, cursors) for name in self.config.ccxt}
        return Exchanges(market, venues, self._times, publics)

    def _venue(
        self, hosting: Hosting, name: str, market: ExchangeMarket, since: Mapping[str, int]
    ) -> Exchange:
        scales = hosting.amounts.scales
        accounts = {
            account: self._account(hosting, name, account) for account in self.dialects[name]
        }
        tracked = hosting.positions.venues[name]
        connection = Connection(
            accounts=accounts,
            feed=Feed(accounts, scales, tracked=tracked, since=since),
            now_ns=self._times.wall_ns,
            withdrawals=self.config.ccxt[name].withdrawals,
            destinations={
                to: Destination(name=to, address=its.address, network=its.network, tag=its.tag)
                for to, its in self.config.ccxt[name].addresses.items()
            },
            fees=ExchangeBuilder(hosting.amounts, name, hosting.history).withdrawal_fees(),
        )
        return Exchange(hosting.rules(name), connection, scales=scales, market=market)

    def _account(self, hosting: Hosting, venue: str, account: str) -> Account:
        policies = self.config.policies
        return Account(
            name=account,
            dialect=self.dialects[venue][account],
            listed=self.listed(hosting, venue, account),
            orders=self.client(venue, account, self.credentials[venue]),
            positions=self.client(venue, account, self.credentials[venue]),
            patience=Patience(
                reading_s=policies.at(venue).timeouts.reading_s,
                execution_s=lambda operation: policies.at(venue, operation).timeouts.execution_s,
            ),
            withdraws=bool(self.config.ccxt[venue].addresses),
            monotonic_ns=self._times.monotonic_ns,
        )

    def _secret(self, venue: str, variables: Mapping[str, str]) -> Credentials:
        needed = {what for d in self.dialects[venue].values() for what in d.credentials}
        try:
            return credentials_of(venue, self._environment, sorted(needed), variables)
        except ConfigError as error:
            raise self.config.error(str(error)) from None


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
    chosen = kind_of(config)
    check_meant(config, prod=prod)
    return Through(config, chosen, variables, Times())


def deposit_address(
    config: Config,
    account: str,
    asset: str,
    network: str,
    variables: Mapping[str, str],
    *,
    prod: bool = False,
) -> Address:
    """Where an account at an exchange takes deposits of an asset; nothing is changed by asking.

    Args:
        config: names the account.
        account: at an exchange of [ccxt].
        asset: what is to be sent there.
        network: as the exchange calls it; empty for its own choice.
        variables: of the process; they hold the keys.
        prod: whether the environment `prod` is meant.

    Raises:
        ConfigError: no exchange has the account, or it does not tell; see also `through_ccxt`.
    """
    through = through_ccxt(config, variables, prod=prod)
    for venue, dialects in through.dialects.items():
        if account in dialects:
            client = through.client(venue, account, through.credentials[venue])
            reading_s = config.policies.at(venue).timeouts.reading_s
            try:
                told: Address = client.ask(reading_s, dialects[account].address, asset, network)
            except NotObserved as error:
                problem = f"{account}: {error}"
                raise config.error(problem) from None
            finally:
                client.close()
            return told
    there = ", ".join(name for dialects in through.dialects.values() for name in dialects)
    problem = f'"{account}" is no account at an exchange of [ccxt]; there are {there}'
    raise config.error(problem)


def at_exchanges(config: Config, variables: Mapping[str, str]) -> Quoting:
    """The public prices of the exchanges of a configuration, for trading on paper; it has no key.

    Args:
        config: names them, and the environment; prod needs no word, for nothing is sent there.
        variables: of the process.

    Raises:
        ConfigError: see `through_ccxt`; or an exchange is not there through ccxt.
    """
    check_references(config)
    missing = [name for name in config.exchanges if name not in config.ccxt]
    if missing:
        problem = f"[ccxt] does not have {', '.join(missing)}, whose prices nothing else tells"
        raise config.error(problem)
    return Quoting(config, kind_of(config), variables)
