"""A configuration made into simulated venues in the engine's own process, at live prices.

What is simulated is what a loopback server simulates, with its journal: accounts and orders
survive the process. Only the prices come from elsewhere, and go into the journal too.
"""

from collections.abc import Mapping

from attrs import evolve, frozen

from verifill.assembly.loopback import Connected, Hosting, ServerParts, connect, tape_of
from verifill.assembly.prices import PriceSource
from verifill.engine.clock import Times
from verifill.engine.errors import NotObserved
from verifill.venues.loopback.journal import Journal, Quoted
from verifill.venues.loopback.local import Local
from verifill.venues.loopback.market import MovingMarket
from verifill.venues.loopback.server import die
from verifill.venues.loopback.service import Service
from verifill.venues.loopback.transport import Attempt, NotSent, Transport
from verifill.venues.market import LiveMarket


class PaperParts(ServerParts):
    """The world of paper trading: its market is told its prices, and does not move by itself."""

    def market(self, start_ns: int) -> MovingMarket:
        """As the history begins, until the first look at the live prices; nothing trades before."""
        _, prices = next(iter(tape_of(self.hosting.history)))
        return MovingMarket(start_ns, prices, series=self.hosting.series())


@frozen
class Fed:
    """A simulated market that is given live prices.

    Attributes:
        service: what it is in.
        wanted: the instruments that must have a price.
    """

    service: Service
    wanted: frozenset[str]

    def quote(self, live: LiveMarket, *, series: bool = True) -> None:
        """Take over what has changed; in the journal when this returns.

        Args:
            live: the prices.
            series: whether rates and indices are taken over too.

        Raises:
            NotObserved: an instrument has no live price.
            EnvironmentDefect: the journal cannot be written.
        """
        missing = sorted(self.wanted - live.prices.keys())
        if missing:
            msg = f"there is no live price of {', '.join(missing)}"
            raise NotObserved(msg)
        own = self.service.world.market
        prices, marks = _changed(live.prices, own.prices), _changed(live.marks, own.marks)
        rates = _changed(live.series, own.series) if series else {}
        if prices or marks or rates:
            self.service.record(Quoted(self.service.now_ns(), prices, marks, rates))


@frozen
class AtLivePrices:
    """Attempts whose orders meet the prices of the moment; implements `Transport`.

    Rates and indices stay those of the tick: what a chain does follows from them exactly, and
    so does what is expected of it.

    Attributes:
        inner: makes the attempts.
        fed: the simulated market.
        live: the prices; a view of its own, so that the strategy's stays that of its tick.
    """

    inner: Transport
    fed: Fed
    live: LiveMarket

    def __call__(self, method: str, target: str, body: bytes = b"") -> Attempt:
        """See `Transport`; without a live price an order is not sent."""
        if target.endswith("/submit"):
            try:
                self.live.refresh()
                self.fed.quote(self.live, series=False)
            except NotObserved as error:
                return NotSent(f"no live price to execute at: {error}")
        return self.inner(method, target, body)


def connect_paper(
    hosting: Hosting,
    journal: Journal,
    prices: PriceSource,
    *,
    times: Times,
    since: Mapping[str, int],
) -> Connected:
    """The adapters of venues in this process, at live prices.

    Raises:
        ConfigError: the journal is of other settings.
        EnvironmentDefect: it cannot be written.
    """
    now_ns = times.wall_ns
    service = Service(PaperParts(hosting), journal, clock=now_ns, start_ns=now_ns(), die=die)
    began_ns = service.began_ns
    fed = Fed(service, frozenset(hosting.history.price_decimals))
    transport = AtLivePrices(Local(service), fed, prices(hosting, began_ns))
    connected = connect(
        hosting,
        transport,
        now_ns=now_ns,
        monotonic_ns=times.monotonic_ns,
        since=since,
        market=prices(hosting, began_ns),
    )
    return evolve(connected, quote=fed.quote)


def _changed(live: Mapping[str, int], own: Mapping[str, int]) -> dict[str, int]:
    return {name: value for name, value in live.items() if own.get(name) != value}
