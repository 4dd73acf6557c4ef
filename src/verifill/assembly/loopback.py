"""A configuration made into a server of its venues, and into the adapters that speak to it."""

import time
from collections.abc import Callable, Iterable, Mapping

from attrs import evolve, field, frozen

from verifill.assembly.amounts import Amounts, rate_of
from verifill.assembly.chain import chain_rules, opening_indices
from verifill.assembly.exchange import FUNDING, ExchangeBuilder
from verifill.assembly.positions import Positions, positions_of
from verifill.assembly.references import check_references, venue_names
from verifill.assembly.scales import scales_of
from verifill.config import Config
from verifill.config.loopback import LoopbackVenueConfig
from verifill.engine.clock import NANOSECONDS, off_by_ns
from verifill.links import Link, links_of_chain
from verifill.venues.calls import ChainRules
from verifill.venues.data import History, SeriesPoints
from verifill.venues.keys import in_transit
from verifill.venues.loopback.book import Simulated
from verifill.venues.loopback.chain import LoopbackChain
from verifill.venues.loopback.lines import Lines
from verifill.venues.loopback.market import MovingMarket, TapeMarket, WalkMarket
from verifill.venues.loopback.prices import LoopbackMarket
from verifill.venues.loopback.remote import Feed, Remote
from verifill.venues.loopback.transport import Transport
from verifill.venues.loopback.venue import LoopbackExchange
from verifill.venues.loopback.world import NETWORK
from verifill.venues.market import LiveMarket
from verifill.venues.rules import Idempotency, Instrument, VenueRules
from verifill.venues.simulated.chain import SimulatedChain
from verifill.venues.simulated.exchange import SimulatedExchange
from verifill.venues.simulated.network import Network

FUNDED_S = 366 * 86_400  # a server pays funding for a year, then it is to be started anew


@frozen
class Hosting:
    """What a server and its clients make of one configuration.

    Attributes:
        config: the configuration.
        history: its data; where prices begin, and their decimals.
        amounts: by the decimals of everything.
        chains: rules of the chains, by name.
        exchanges: builders of the exchanges, by name.
        positions: at the start.
        refs: begins the references that simulated venues give, where others might be the same.
        keys: what venues make of keys that are no loopback server's, by name.
    """

    config: Config
    history: History
    amounts: Amounts
    chains: Mapping[str, ChainRules]
    exchanges: Mapping[str, ExchangeBuilder]
    positions: Positions
    refs: str = ""
    keys: Mapping[str, LoopbackVenueConfig] = field(factory=dict[str, LoopbackVenueConfig])

    @classmethod
    def of(cls, config: Config, history: History) -> "Hosting":
        """Check the configuration, and prepare what follows from it.

        Raises:
            ConfigError: the settings do not fit together.
        """
        check_references(config)
        for name in config.loopback.venues:
            if name not in venue_names(config):
                known = ", ".join(venue_names(config))
                problem = f'loopback.venues names "{name}"; there are {known}'
                raise config.error(problem)
        amounts = Amounts(config, scales_of(config))
        chains = {name: chain_rules(amounts, name) for name in config.chains}
        return cls(
            config,
            history,
            amounts,
            {
                name: evolve(chain, rules=_keyed(config.loopback.of(name), chain.rules))
                for name, chain in chains.items()
            },
            {name: ExchangeBuilder(amounts, name, history) for name in config.exchanges},
            positions_of(amounts, chains, None),
        )

    def rules(self, exchange: str) -> VenueRules:
        """The static data of an exchange."""
        said = self.keys.get(exchange) or self.config.loopback.of(exchange)
        return _keyed(said, self.exchanges[exchange].rules())

    def instruments(self) -> list[Instrument]:
        """All that is traded."""
        return [i for name in self.exchanges for i in self.rules(name).instruments.values()]

    def bases(self) -> dict[str, int]:
        """Perpetual's key -> entry value of the opening position that is configured."""
        return self.positions.bases(self.instruments())

    def links(self) -> list[Link]:
        """What the tokens of the chains are worth."""
        return [
            link
            for name, chain in self.chains.items()
            for link in links_of_chain(
                chain, opening_indices(self.amounts, name), self._shared(name)
            )
        ]

    def _shared(self, chain: str) -> frozenset[str]:
        """Whose shares a chain as it is tells the worth of; a simulated one has no such series."""
        evm = self.config.chains[chain].evm
        return evm.shared if evm and self.config.environment else frozenset()

    def routes(self) -> tuple[tuple[str, str], ...]:
        """(destination account, asset) pairs that transfers may take."""
        return tuple((to, a) for to, route in self.config.routes.items() for a in route.assets)

    def series(self) -> dict[str, int]:
        """Every series at its first value."""
        return {name: self.history.series(name).values[0] for name in self.history.series_names}


def _keyed(said: LoopbackVenueConfig, rules: VenueRules) -> VenueRules:
    """The rules with what the venue makes of keys."""
    limited = said.idempotency is Idempotency.D
    return evolve(
        rules,
        idempotency=said.idempotency,
        query_lag_s=said.query_lag_s,
        recv_window_s=said.recv_window_s if limited else 0,
    )


@frozen
class ServerParts:
    """The world of a server; implements `venues.loopback.world.Parts`.

    Attributes:
        hosting: what it follows from.
    """

    hosting: Hosting

    @property
    def digest(self) -> str:
        """Of the settings of all that is simulated."""
        return self.hosting.config.hosted_digest

    def market(self, start_ns: int) -> MovingMarket:
        """A walk from where the history begins, or the history as a tape."""
        config, history = self.hosting.config, self.hosting.history
        tape = tape_of(history)
        said, series = config.loopback, self.hosting.series()
        if said.market == "tape":
            return TapeMarket(start_ns, list(tape), series=series)
        return WalkMarket(
            start_ns,
            next(iter(tape))[1],
            seed=str(config.seed),
            step_s=said.step_s,
            width=rate_of(said.width),
            series=series,
        )

    def routes(self) -> Iterable[tuple[str, str]]:
        """See `Hosting.routes`."""
        return self.hosting.routes()

    def idempotency(self, venue: str) -> Idempotency:
        """What a venue makes of keys."""
        return self.hosting.config.loopback.of(venue).idempotency

    def venues(self, market: MovingMarket, network: Network) -> Iterable[Simulated]:
        """The exchanges and chains, with their opening positions."""
        hosting = self.hosting
        positions, scales = hosting.positions, hosting.amounts.scales
        rules = {name: hosting.rules(name) for name in hosting.exchanges}
        bases = hosting.bases()
        for name, builder in hosting.exchanges.items():
            opening = positions.venues[name]
            yield SimulatedExchange(
                rules=rules[name],
                scales=scales,
                market=market,
                network=network,
                model=evolve(builder.model(None), refs=hosting.refs),
                opening=opening,
                bases={key: basis for key, basis in bases.items() if key in opening},
                funding=self.funding(name, market.time_ns),
            )
        for name, chain in hosting.chains.items():
            yield SimulatedChain(
                chain=chain,
                scales=scales,
                market=market,
                network=network,
                opening=positions.venues[name],
                indices=opening_indices(hosting.amounts, name),
                refs=hosting.refs,
            )

    def funding(self, exchange: str, start_ns: int) -> dict[str, SeriesPoints]:
        """The rates of the history, one after another and again from the first."""
        hosting = self.hosting
        width_ns = hosting.config.loopback.funding_s * NANOSECONDS
        first_ns = (start_ns // width_ns + 1) * width_ns
        times = range(first_ns, start_ns + FUNDED_S * NANOSECONDS, width_ns)
        paid: dict[str, SeriesPoints] = {}
        for instrument in hosting.config.exchanges[exchange].instruments:
            name = f"{FUNDING}{instrument.account}:{instrument.symbol}"
            if name in hosting.history.series_names:
                points = hosting.history.series(name)
                values = [points.values[at % len(points.values)] for at in range(len(times))]
                paid[instrument.data] = SeriesPoints(list(times), values, points.decimals)
        return paid


def tape_of(history: History) -> Iterable[tuple[int, Mapping[str, int]]]:
    """Every row of the history: seconds since its first, closes."""
    begin_ns: int | None = None
    for chunk in history.chunks():
        closes = {name: chunk.close[name] for name in history.price_decimals}
        begin_ns = chunk.time_ns[0] if begin_ns is None else begin_ns
        for row, time_ns in enumerate(chunk.time_ns):
            prices = {name: column[row] for name, column in closes.items()}
            yield (time_ns - begin_ns) // NANOSECONDS, prices


def _nothing(_market: LiveMarket) -> None:
    """Nobody else is to know the prices."""


@frozen
class Connected:
    """The adapters of a server's venues.

    Attributes:
        market: public prices, refreshed when told to.
        venues: by name.
        transit: what is on its way between them.
        now_ns: our wall time.
        quote: told of the prices after each refresh.
        routed: whether anything can be on its way.
    """

    market: LiveMarket
    venues: Mapping[str, LoopbackExchange | LoopbackChain]
    transit: Feed
    now_ns: Callable[[], int]
    quote: Callable[[LiveMarket], None] = _nothing
    routed: bool = False

    def refresh(self) -> int:
        """Fetch the prices now.

        Returns:
            How far the venues' clock is certainly off from ours, in nanoseconds.

        Raises:
            NotObserved: no answer; the prices stay what they were.
        """
        before_ns = self.now_ns()
        self.market.refresh()
        offset_ns = off_by_ns(self.market.clock_ns, before_ns, self.now_ns())
        self.quote(self.market)
        for venue in self.venues.values():
            if isinstance(venue, LoopbackChain):
                venue.observe()
        return offset_ns

    @property
    def feeds(self) -> tuple[Feed, ...]:
        """Position updates beside those of the venues: of what is between them."""
        return (self.transit,) if self.routed else ()

    @property
    def cursors(self) -> dict[str, int]:
        """Feed -> the ledger row that its next reading begins with, where it has begun."""
        feeds = {name: venue.remote.feed for name, venue in self.venues.items()}
        feeds[NETWORK] = self.transit
        return {name: feed.cursor for name, feed in feeds.items() if feed.cursor is not None}

    def close(self) -> None:
        """Nothing is held open between two requests."""


def connect(
    hosting: Hosting,
    transport: Transport,
    *,
    now_ns: Callable[[], int],
    since: Mapping[str, int] | None = None,
    monotonic_ns: Callable[[], int] = time.monotonic_ns,
    market: LiveMarket | None = None,
    lines: Mapping[str, Lines] | None = None,
) -> Connected:
    """The adapters for the venues of a server with the same configuration.

    Args:
        hosting: what the server follows from too.
        transport: makes the attempts.
        now_ns: our wall time.
        since: feed -> the cursor of an earlier life (`Feed.cursor`), `network` among them.
        monotonic_ns: for the venues' time between two answers that tell it.
        market: where prices come from; from the server if left out.
        lines: venue -> its own transports, where it has some.
    """
    cursors, own = since or {}, lines or {}
    names = venue_names(hosting.config)
    market = market or LoopbackMarket(names[0], transport, dict(hosting.history.price_decimals))

    def remote(rules: VenueRules) -> Remote:
        return Remote(
            rules,
            own.get(rules.name, transport),
            tracked=frozenset(hosting.positions.venues[rules.name]),
            now_ns=now_ns,
            monotonic_ns=monotonic_ns,
            since=cursors.get(rules.name),
        )

    venues: dict[str, LoopbackExchange | LoopbackChain] = {}
    for name, builder in hosting.exchanges.items():
        rules = hosting.rules(name)
        venues[name] = LoopbackExchange(
            rules,
            remote(rules),
            scales=hosting.amounts.scales,
            market=market,
            routes=hosting.routes(),
            withdrawal_fees=builder.model(None).withdrawal_fees,
        )
    for name, chain in hosting.chains.items():
        venues[name] = LoopbackChain(
            chain,
            remote(chain.rules),
            own[name].reading if name in own else transport,
            scales=hosting.amounts.scales,
            market=market,
            routes=hosting.routes(),
            indices=opening_indices(hosting.amounts, name),
        )
    tracked = frozenset(in_transit(to, asset) for to, asset in hosting.routes())
    transit = Feed(NETWORK, transport, tracked=tracked, since=cursors.get(NETWORK))
    return Connected(market, venues, transit, now_ns, routed=bool(hosting.config.routes))
