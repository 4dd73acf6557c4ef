"""A live engine put together, on what is outside of it or on the answers of a log."""

from collections.abc import Callable, Mapping, Sequence

from attrs import frozen
from msgspec import Struct

from verifill.engine.answers import Answers
from verifill.engine.clock import WallClock
from verifill.engine.executor import DurableExecutor
from verifill.engine.form import Form, form
from verifill.engine.log.live import LiveLog
from verifill.machines.desk import Desk
from verifill.machines.figures import Worth
from verifill.machines.forms import UNITS
from verifill.machines.guarding import Guard
from verifill.machines.heard import (
    HeardClock,
    HeardFeed,
    HeardMailbox,
    HeardState,
    HeardStrategy,
    HeardVenue,
    HeardWorth,
)
from verifill.machines.live_loop import LiveLoop
from verifill.machines.live_records import LiveRecords
from verifill.machines.monitor import PositionMonitor
from verifill.machines.operator import Mailbox, Operators
from verifill.machines.recovering import Bases
from verifill.machines.recovery import Found
from verifill.machines.setup import Setup
from verifill.machines.strategy import Strategy
from verifill.machines.surroundings import Surroundings, asides
from verifill.venues.interfaces import PositionFeed, Venue
from verifill.venues.keys import Scales
from verifill.venues.market import MarketView

Deciding = Callable[[Strategy], Strategy]
"""Given the strategy of a log, gives the one that decides in its place."""


class Look(Struct, frozen=True):
    """What came of fetching market data.

    Attributes:
        problem: why it is not fresh; empty if it is.
        offset_ns: how far the venues' clock is certainly off from ours; None where they do not
            tell it.
    """

    problem: str = ""
    offset_ns: int | None = None


@frozen(kw_only=True)
class Beyond:
    """What is outside of a live engine.

    Attributes:
        clock: ticks and waits.
        wall_ns: wall time.
        market: what the strategy sees.
        strategy: what decides.
        venues: where instructions go, in the order of the setup.
        feeds: other positions.
        mailbox: where operators' commands wait.
        bases: entry values where no life has known them yet.
        cursors: feed -> the ledger row that its next reading begins with.
        look: fetches market data.
        seen: called after each look that is fresh.
        worth: what limits of money are counted by; None if there are none.
    """

    clock: WallClock
    wall_ns: Callable[[], int]
    market: MarketView
    strategy: Strategy
    venues: Sequence[Venue]
    feeds: Sequence[PositionFeed] = ()
    mailbox: Mailbox
    bases: Bases
    cursors: Callable[[], Mapping[str, int]]
    look: Callable[[], Look]
    seen: Callable[[], None]
    worth: Worth | None = None


BASES: Form[tuple[Mapping[str, int], str]] = Form(
    lambda answer: [UNITS.plain(answer[0]), answer[1]], lambda told: (dict(told[0]), told[1])
)
LOOK = form(Look)


def assemble(
    setup: Setup,
    beyond: Beyond,
    answers: Answers,
    *,
    machine: DurableExecutor,
    log: LiveLog,
    found: Found,
    run: str,
    strategy: Deciding | None = None,
) -> LiveLoop:
    """A live engine, ready to run.

    Args:
        setup: how it is set up.
        beyond: what is outside of it.
        answers: by way of which it asks for that.
        machine: the running machine.
        log: what it writes to.
        found: what an earlier process life left behind.
        run: name of the run.
        strategy: given the strategy, gives one that decides in its place; None for itself.
    """
    venues = [
        HeardVenue(answers, one, inner)
        for one, inner in zip(setup.venues, beyond.venues, strict=True)
    ]
    others = [HeardFeed(answers, f"feed{at}", inner) for at, inner in enumerate(beyond.feeds, 1)]
    heard = (HeardState if setup.stateful else HeardStrategy)(answers, beyond.strategy)
    monitor = PositionMonitor([*venues, *others], {}, {}, setup.tolerance)
    loop = LiveLoop(
        machine=machine,
        clock=HeardClock(answers, beyond.clock),
        market=beyond.market,
        strategy=strategy(heard) if strategy else heard,
        desk=Desk(venues, setup.subscribed, monitor),
        records=LiveRecords(log, machine),
        scales=Scales(setup.decimals),
        policy=setup.policy,
    )
    loop.manager.run = run
    around = Surroundings(
        limits=setup.limits,
        feed_limits=setup.feed_limits,
        strategy=setup.strategy,
        worth=HeardWorth(answers, beyond.worth) if setup.measured else None,
        write=lambda changes, state: log.aside(asides(changes, state)),
        now_ns=lambda: answers.clock("wall", beyond.wall_ns),
    )
    guard = Guard(around, found.guard)
    guard.begin(venue.rules.name for venue in venues)
    mailbox = HeardMailbox(answers, beyond.mailbox)
    loop.live(
        log=log,
        operators=Operators(mailbox, log, machine, beyond.wall_ns, found.commands),
        found=found,
        bases=lambda totals: answers.ask("bases", lambda: beyond.bases(totals), BASES),
        cursors=lambda: _cursors(answers, beyond),
        refresh=_Refreshing(answers, beyond, guard),
        guard=guard,
        answers=answers,
    )
    return loop


def _cursors(answers: Answers, beyond: Beyond) -> dict[str, int]:
    told: Mapping[str, int] = answers.ask("cursors", beyond.cursors, UNITS)
    return dict(told)


class _Refreshing:
    """Looks at the market before each tick, and compares the clocks."""

    def __init__(self, answers: Answers, beyond: Beyond, guard: Guard) -> None:
        self._answers = answers
        self._beyond = beyond
        self._guard = guard

    def __call__(self) -> str:
        """Why the market data is not fresh, or empty."""
        told = self._answers.ask("look", self._beyond.look, LOOK)
        if told.problem:
            return told.problem
        if told.offset_ns is not None:
            self._guard.clock_offset(told.offset_ns)
        self._beyond.seen()
        return ""
