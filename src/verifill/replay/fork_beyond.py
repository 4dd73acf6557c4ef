"""What is outside of a forked engine: nothing up to the fork, a simulated world from there on."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from verifill.assembly.hedges import underlyings_of
from verifill.assembly.loopback import Connected, Hosting
from verifill.assembly.strategy import load_strategy
from verifill.engine.clock import NANOSECONDS, WallClock
from verifill.engine.errors import NotObserved
from verifill.engine.executor import DurableExecutor
from verifill.engine.log.live import LiveLog
from verifill.engine.replay.difference import Row
from verifill.engine.replay.given import Given
from verifill.machines.assembling import Beyond, Look
from verifill.machines.full_loop import Full
from verifill.machines.live_loop import LiveLoop
from verifill.machines.replaying import MARKET
from verifill.machines.setup import Setup
from verifill.machines.stateful import Stateful
from verifill.machines.strategy import Plan, PlanReport, Positions, Strategy
from verifill.quotes import Quotes
from verifill.replay.simulated import Implied, PastPrices, VirtualTime, prices_in, world
from verifill.valuing import LiveWorth
from verifill.venues.loopback.journal import Journal
from verifill.venues.market import MarketView
from verifill.venues.orders import Bundle, Order

LEAST_TICKS: Final = 3
"""A fork goes on for so many ticks at least."""
PATIENCE_S: Final = 300
"""So long what is under way at its end has to come to an end."""


RESTS: Final = frozenset({Full.IDLE, Full.HALTED, Full.STOPPED})


class Later:
    """Stands for what is there from the fork on.

    Args:
        target: gives it.
    """

    def __init__(self, target: Callable[[], Any]) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever is asked for
        """A function that calls it then."""

        def call(*given: object, **named: object) -> object:
            return getattr(self._target(), name)(*given, **named)

        return call


class LaterVenue(Later):
    """Stands for a simulated venue.

    An order that was made before the fork is one of the log's, and belongs to no venue: it is
    made anew, with the numbers that it has.
    """

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever is asked for
        """A function that calls it then."""
        call = super().__getattr__(name)

        def with_own(*given: object, **named: object) -> object:
            return call(*map(self._own, given), **named)

        return with_own

    def _own(self, value: object) -> object:
        if isinstance(value, Bundle):
            orders: Any = tuple(map(self._own, value.orders))
            return replace(value, orders=orders)
        if not isinstance(value, Order):
            return value
        made = self._target().resolve(value.instruction, value.number, value.quantity)
        names = {one.name for one in fields(made)} - {"ticket"}
        told = {one.name: getattr(value, one.name) for one in fields(value)}
        return replace(made, **{n: part for n, part in told.items() if n in names})


class LaterClock:
    """Stands for the clock of the simulated world; as `WallClock`."""

    def __init__(self) -> None:
        self.inner: WallClock

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever is asked for
        """That of the clock."""
        return getattr(self.inner, name)

    def next_tick(self) -> bool:
        """See `Clock.next_tick`."""
        self.inner.between = self.between
        return self.inner.next_tick()

    def wait(self, duration_ns: int) -> int:
        """See `Clock.wait`."""
        self.inner.between = self.between
        return self.inner.wait(duration_ns)

    between: Callable[[], bool]


class Own:
    """The strategy of the configuration.

    One without a state of its own is asked before the fork too, at each tick, so that it has seen
    what it would have; what it says there is not taken.

    Args:
        strategy: it.
    """

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self._told: Plan | None = None

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:
        """See `Strategy.decide`; once a tick, however often it is asked."""
        told, self._told = self._told, None
        return self.strategy.decide(market, positions, last) if told is None else told

    def state(self) -> Mapping[str, Any]:
        """See `Stateful.state`."""
        return self.strategy.state() if isinstance(self.strategy, Stateful) else {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See `Stateful.restore`."""
        if isinstance(self.strategy, Stateful):
            self.strategy.restore(state)

    def warmed(self, heard: Strategy, forked: Callable[[], bool]) -> Strategy:
        """The strategy of the log, with which this one keeps pace up to the fork."""
        return heard if isinstance(heard, Stateful) else _Warming(self, heard, forked)

    def keep_pace(self, market: MarketView, positions: Positions, last: PlanReport) -> None:
        """See what the strategy of the log sees."""
        with suppress(Exception):
            self._told = self.strategy.decide(market, positions, last)

    def forget(self) -> None:
        """The tick is over."""
        self._told = None


class _Warming:
    def __init__(self, own: Own, heard: Strategy, forked: Callable[[], bool]) -> None:
        self._own = own
        self._heard = heard
        self._forked = forked

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:
        if not self._forked():
            self._own.keep_pace(market, positions, last)
        try:
            return self._heard.decide(market, positions, last)
        finally:
            self._own.forget()


@define
class Outside:
    """What is outside of a forked engine.

    Attributes:
        hosting: the configuration.
        journal: file of the accounts of the simulated venues.
        rows: all records of the parent, for prices and for the strategy's state.
        log: of the fork.
        given: the answers of the parent.
        header: of the parent.
        time: of the simulated world.
        market: what the strategy sees.
        own: the strategy.
        connected: the simulated venues, once there are any.
        accounts: their journal.
    """

    hosting: Hosting
    journal: Path
    rows: Sequence[Row]
    log: LiveLog
    given: Given
    header: Mapping[str, Any]
    time: VirtualTime = field(factory=VirtualTime)
    market: PastPrices = field(init=False)
    own: Own = field(init=False)
    connected: Connected = field(init=False)
    accounts: Journal | None = None
    _clock: LaterClock = field(factory=LaterClock)
    _quotes: Quotes = field(init=False)

    def __attrs_post_init__(self) -> None:
        decimals: Mapping[str, int] = self.header.get("price_decimals", {})
        self.market = PastPrices(decimals, (), lambda: self.time.wall_ns)
        self.own = Own(load_strategy(self.hosting.config))
        self._quotes = Quotes(self.log)

    @property
    def forked(self) -> bool:
        """Whether there is a simulated world."""
        return self.accounts is not None

    def begin(self, here: Row, tick_ns: int, state: Implied) -> None:
        """Make the simulated world.

        Args:
            here: record of the parent at which it begins.
            tick_ns: when the last tick was, by the monotonic clock.
            state: positions of its venues.
        """
        decimals, told = self.header.get("price_decimals", {}), prices_in(self.rows)
        self.time.wall_ns, self.time.mono_ns = here["wall_ns"], here["mono_ns"]
        times, interval_ns = self.time.times(), self.hosting.config.loop.interval_s * NANOSECONDS
        # the grid of the parent goes on: a clock's first tick is due when it is made
        now_ns, self.time.mono_ns = self.time.mono_ns, tick_ns + interval_ns
        self._clock.inner = WallClock(
            interval_ns,
            wall_ns=times.wall_ns,
            monotonic_ns=times.monotonic_ns,
            sleep=times.sleep,
        )
        self.time.mono_ns = now_ns

        def prices() -> PastPrices:
            return PastPrices(decimals, told, times.wall_ns)

        self.connected, self.accounts = world(self.hosting, self.journal, state, prices, self.time)

    def stopping(self, here: Row, loop: LiveLoop, machine: DurableExecutor) -> Callable[[], None]:
        """Stops an engine when its parent has ended, and what is under way then is over."""
        least_ns = LEAST_TICKS * self.hosting.config.loop.interval_s * NANOSECONDS
        end_ns = max(self.rows[-1]["wall_ns"], here["wall_ns"] + least_ns)

        def slept() -> None:
            late_ns = self.time.wall_ns - end_ns
            if late_ns >= (0 if machine.state in RESTS else PATIENCE_S * NANOSECONDS):
                loop.stop()

        return slept

    def beyond(self, setup: Setup) -> Beyond:
        """As an engine is put together with."""
        names = [one.rules.name for one in setup.venues]
        clock: Any = self._clock
        venues: list[Any] = [LaterVenue(partial(self._venue, name)) for name in names]
        feeds: list[Any] = [Later(lambda: self.connected.transit)] * setup.feeds
        return Beyond(
            clock=clock,
            wall_ns=lambda: self.time.wall_ns,
            market=self.market,
            strategy=self.own,
            venues=venues,
            feeds=feeds,
            mailbox=NoMail(),
            bases=lambda _totals: ({}, ""),
            cursors=lambda: self.connected.cursors,
            look=self._look,
            seen=self._seen,
            worth=self._worth() if setup.measured else None,
        )

    def _venue(self, name: str) -> Any:  # noqa: ANN401 - an adapter
        return self.connected.venues[name]

    def _worth(self) -> LiveWorth:
        """What limits of money are counted by, at the prices of the last look."""
        hedged = underlyings_of(self.hosting.config, self.header["quote"])
        return LiveWorth(self.header, self.market, hedged)

    def _look(self) -> Look:
        try:
            offset_ns = self.connected.refresh()
        except NotObserved as error:
            return Look(f"market data is not fresh: {error}")
        return Look(offset_ns=offset_ns)

    def _seen(self) -> None:
        if self.forked:
            self.market.show(self.connected.market)
            self._quotes.tell(self.connected.market)
            return
        told = self.given.coming(MARKET)
        self.log.tell(MARKET, told)
        if told is not None:  # else the life was cut off before any record with prices
            self.market.take(told)


class NoMail:
    """The mailbox of a fork: no operator writes to it."""

    def pending(self) -> Sequence[Any]:
        """Nothing."""
        return ()

    def answer(self, number: int, text: str, at_ns: int, *, taken: bool = True) -> None:
        """Nobody hears it."""
