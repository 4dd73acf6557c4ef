"""What opens breakers and takes feeds down, and what they do about it over ticks and restarts.

Each of these also looks for the guard's own records in the log: a run that ends as it must
without them would prove nothing about the guard.
"""

from collections.abc import Iterator

from msgspec import structs

from verifill.faults.hazard import Expected, Group, Hazard, Scene, Spot, Whole, scenes, verdict
from verifill.faults.judge import Verdict
from verifill.faults.kills import INTENT
from verifill.faults.lives import World
from verifill.faults.moments import Place
from verifill.faults.plans import PLANS
from verifill.faults.story import told
from verifill.faults.venues import CLASSES, every
from verifill.machines.breaker import BREAKER, Breaker, BreakerEvent
from verifill.machines.feed import FEED, Feed
from verifill.venues.loopback.faults import Break, Delivery, Fault

SECOND_NS = 10**9
BARRED_S = 90  # longer than the first cool-down and shorter than the second probe takes
SILENT_S = 90
LIE = Fault(name="refused, yet executed", delivery=Delivery(after=Break.STATUS, status=403))
EVERY = tuple(PLANS)


def seen(world: World, machine: str) -> list[tuple[str, str]]:
    """The events of a machine beside the loops, each with the state that it led to."""
    return [(event, to) for name, _, event, to in told(world.log).moves if name == machine]


def sent_while_open(world: World) -> bool:
    """Whether anything was sent between the opening of a breaker and its closing."""
    is_open = False
    for row in told(world.log).rows:
        if row["machine"] == BREAKER.name:
            is_open = row["to"] != Breaker.CLOSED
        elif row["kind"] == INTENT and is_open:
            return True
    return False


def every_send(whole: Whole, _seed: int) -> Iterator[Spot]:
    """Every send."""
    yield from every(LIE)(whole, _seed)


def bar(world: World, spot: Spot) -> None:
    """From the nth send on the key may not trade, for a while: the first probe fails too."""
    service, time = world.wire.service, world.time

    def barred(place: Place, number: int) -> None:
        if (place, number) == (Place.SEND, spot.nth):
            service.can_trade = False
            until_ns = time.true_ns + BARRED_S * SECOND_NS
            world.wire.hook = lambda _place, _number: allow(until_ns)

    def allow(until_ns: int) -> None:
        service.can_trade = service.can_trade or time.true_ns >= until_ns

    world.wire.hook = barred
    world.finish()
    events = {event for event, _ in seen(world, BREAKER.name)}
    missing = {BreakerEvent.TRIPPED, BreakerEvent.PROBE_FAILED, BreakerEvent.PROVEN} - events
    world.undetected += bool(missing) or sent_while_open(world)


def lie(world: World, spot: Spot) -> None:
    """Refused and executed; three lives of which nobody resets what the first has latched."""
    world.wire.service.script.arm([structs.replace(LIE, nth=spot.nth)])
    world.live()
    sent = dict(world.wire.sent)
    world.live()
    world.live()
    latched = BreakerEvent.LATCHED in {event for event, _ in seen(world, BREAKER.name)}
    world.undetected += not latched or world.wire.sent != sent


def at_looks(whole: Whole, _seed: int) -> Iterator[Spot]:
    """Before every look at prices and at what venues say of themselves."""
    for nth in range(1, whole.seen[Place.LOOK] + 1):
        yield Spot(nth=nth, move=whole.states[Place.LOOK, nth])


def go_dark(world: World, spot: Spot) -> None:
    """Nothing gets through for a while, from a look at the market on."""

    def hook(place: Place, number: int) -> None:
        if (place, number) == (Place.LOOK, spot.nth):
            world.wire.hook = lambda _place, _number: None
            world.wire.cut_off(SILENT_S, answered=True)

    world.wire.hook = hook
    world.finish()
    if spot.move == "IDLE":  # where it looks at prices before it decides
        states = [to for _, to in seen(world, FEED.name)]
        world.undetected += states[-1:] != [Feed.LIVE] or Feed.DOWN not in states


def dark(_scene: Scene, spot: Spot, _whole: Whole) -> Expected:
    """A tick is skipped, and the next one with market data decides; no start without it."""
    at_start = spot.move in ("START", "RECOVER")
    return frozenset({Verdict.HALTED if at_start else Verdict.DONE})


HAZARDS = (
    Hazard(
        name="half-open probe fails",
        group=Group.AROUND,
        what="a key is barred for 90 s: its breaker opens, the first probe fails, later ones close "
        "it, and what was not done is planned again",
        rows=("C30",),
        scenes=scenes("three", "one transaction"),
        spots=every_send,
        play=bar,
        ticks=12,
        moves=EVERY,
        own=False,
    ),
    Hazard(
        name="refused_yet_executed",
        group=Group.AROUND,
        what="status 403, and the order was executed, as its venue tells once it is asked: the "
        "contradiction LATCHES everything, over restarts too",
        rows=("C13",),
        scenes=(*CLASSES, *scenes("one transaction", "withdrawal")),
        spots=every_send,
        play=lie,
        expects=verdict(Verdict.HALTED),
        moves=EVERY,
        own=False,
    ),
    Hazard(
        name="no market data",
        group=Group.AROUND,
        what="nothing gets through for 90 s from a look at the market on: the feed is DOWN, ticks "
        "are skipped",
        rows=("P9", "C28"),
        scenes=scenes("three"),
        spots=at_looks,
        play=go_dark,
        expects=dark,
        ticks=4,
        own=False,
    ),
)
