"""What surrounds an engine: clocks, the network, other processes, other people's hands."""

from collections.abc import Callable, Iterator, Mapping

from verifill.engine.compile import compile_table
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.opening import create_log
from verifill.engine.log.record import Record
from verifill.faults.hazard import Expected, Group, Hazard, Scene, Spot, Whole, scenes, verdict
from verifill.faults.judge import Verdict
from verifill.faults.lives import End, World
from verifill.faults.moments import Moments, Place
from verifill.faults.outside import Disk, Time
from verifill.faults.plans import PLANS
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.nesting import nesting
from verifill.machines.tight_loop import Tight
from verifill.venues.loopback.journal import Posted
from verifill.venues.orders import Cause
from verifill.venues.rules import Idempotency

HOUR_NS = 3_600 * 10**9
MENDED = "for 90 s"
MENDED_NS = 90 * 10**9
ASKED = (Place.SEND, Place.QUESTION, Place.READING)
EVERY = tuple(PLANS)
READINGS = 3  # of one look at all accounts, those of the exchange first


def at_requests(*hows: str, places: tuple[Place, ...] = ASKED) -> Callable[..., Iterator[Spot]]:
    """Before every request of some kinds, in each of some ways."""

    def spots(whole: Whole, _seed: int) -> Iterator[Spot]:
        for place in places:
            for nth in range(1, whole.seen.get(place, 0) + 1):
                for how in hows or ("",):
                    told = f"before {place}" + (f", {how}" if how else "")
                    yield Spot(nth=nth, how=told, move=whole.states[place, nth])

    return spots


def once(world: World, spot: Spot, do: Callable[[], None]) -> None:
    """Do something before the request of a spot, once."""
    place, nth = Place(spot.how.split(",")[0].removeprefix("before ")), spot.nth

    def hook(at: Place, number: int) -> None:
        if (at, number) == (place, nth):
            world.wire.hook = lambda _place, _number: None
            do()

    world.wire.hook = hook


def how_of(spot: Spot) -> str:
    """The way of a spot."""
    return spot.how.partition(", ")[2]


# Clocks and network.


def jump(world: World, spot: Spot) -> None:
    """The engine's wall clock jumps by an hour, and stays there, or is set right after a while."""
    ahead = "ahead" in spot.how
    mended = MENDED in spot.how

    def do() -> None:
        world.time.skew_ns += HOUR_NS if ahead else -HOUR_NS
        if mended:
            until_ns = world.time.true_ns + MENDED_NS
            world.wire.hook = lambda _place, _number: mend(world.time, until_ns)

    once(world, spot, do)
    world.finish()


def mend(time: Time, until_ns: int) -> None:
    """Set the clock right, if that is due."""
    if time.true_ns >= until_ns:
        time.skew_ns = 0


def part(world: World, spot: Spot) -> None:
    """Nothing gets through for a while."""
    seconds = int(how_of(spot).split()[1])

    def do() -> None:
        world.wire.cut_off(seconds, answered="refused" in spot.how)

    once(world, spot, do)
    world.finish()


# Other processes, and other versions.


def second(world: World, spot: Spot) -> None:
    """A second process is started on the log while the first one runs."""

    def do() -> None:
        moments, disk = world.wire.moments, world.disk
        world.disk = Disk(Moments(), world.time)
        end = world.live()
        world.undetected += end is not End.REFUSED
        world.disk, world.wire.moments = disk, moments

    once(world, spot, do)
    world.finish()


def old_table(world: World, _spot: Spot) -> None:
    """The log was written with another table of the machine."""
    nested = nesting(FULL_LOOP, compile_table(FULL_LOOP)) | {"digest": "0" * 64}
    life = Record(machine="process", kind="EPOCH", wall_ns=world.time.wall_ns(), mono_ns=0)
    header = {"run": "old", "epoch": 1, "nesting": nested}
    create_log(world.log, header, life, anchor=FileAnchor(world.anchor)).close()
    world.live()


# Other people's hands.

POSTS: Mapping[str, tuple[str, str, int, Cause]] = {
    "one unit in": ("binance", "binance.spot:BaseToken:USDT", 1, Cause.TRANSFER),
    "one unit out": ("binance", "binance.spot:BaseToken:USDT", -1, Cause.TRANSFER),
    "liquidation": ("binance", "binance.usdm:BaseToken:USDT", -(10**8), Cause.LIQUIDATION),
    "funding": ("binance", "binance.usdm:BaseToken:USDT", -3_201, Cause.FUNDING),
    "rebase up": ("ethereum", "wallet:BaseToken:WETH", 1, Cause.INTEREST),
    "rebase down": ("ethereum", "wallet:BaseToken:ETH", -1, Cause.INTEREST),
    "unknown token": ("ethereum", "wallet:BaseToken:SPAM", 10**18, Cause.TRANSFER),
}


def post(world: World, spot: Spot) -> None:
    """A balance is moved without an order."""
    venue, key, units, cause = POSTS[how_of(spot)]

    def do() -> None:
        world.wire.service.record(Posted(world.time.true_ns, venue, key, units, cause))

    once(world, spot, do)
    world.finish()


def posted(
    name: str,
    what: str,
    rows: tuple[str, ...],
    hows: tuple[str, ...],
    expects: Callable[[Scene, Spot, Whole], Expected],
) -> Hazard:
    """A hazard of a balance that is moved without an order."""
    return Hazard(
        name=name,
        group=Group.AROUND,
        what=what,
        rows=rows,
        scenes=scenes("three", "one transaction"),
        ticks=4,
        spots=at_requests(*hows, places=(Place.READING,)),
        play=post,
        expects=expects,
        own=False,
        moves=EVERY,
    )


def jumped(_scene: Scene, spot: Spot, _whole: Whole) -> Expected:
    """Before each tick the clocks are compared; while they differ, nothing is sent.

    What a tick has decided already goes on: deadlines are in venue time, time-outs monotonic.
    """
    blocked = spot.move == "RECOVER" and MENDED not in spot.how
    return frozenset({Verdict.FAILED_CLEAN if blocked else Verdict.DONE})


def parted(scene: Scene, spot: Spot, _whole: Whole) -> Expected:
    """What is not sent is sent later; what is sent is HELD if nobody can tell of it in time.

    What is refused for 300 s has used up its sends, and its breaker doubles its cool-downs: the
    order fails clean, and so does each that is planned before the breaker has closed. It never
    left, so it never waits for a person; of a chain, what was done before it does.
    """
    long = "300 s" in spot.how
    if spot.move == "RECOVER":
        return frozenset({Verdict.HALTED})
    if spot.move.endswith(Tight.SEND):
        if long:
            return frozenset({_never_left(scene, spot)})
        same = scene.klass is Idempotency.K and "silent" in spot.how  # it may have arrived
        return frozenset({Verdict.DONE if same else Verdict.RESENT})
    waiting = spot.move.endswith(Tight.AWAIT_POSITION)
    return frozenset({Verdict.HELD if long and waiting else Verdict.DONE})


def _never_left(scene: Scene, spot: Spot) -> Verdict:
    """How what could not be sent ends."""
    if scene.plan == "saga" and spot.nth > 1:
        return Verdict.STRANDED  # what was done cannot be taken back either
    return Verdict.FAILED_CLEAN if scene.plan == "three" else Verdict.ROLLED_BACK


def moved(scene: Scene, spot: Spot, whole: Whole) -> Expected:
    """Before the books are opened it is what is there; after that it must be explained.

    The next look at that account finds it: while an instruction waits for its position, that is
    a mismatch; else, the books are not what is there.
    """
    if spot.nth == 1:
        return frozenset({Verdict.DONE})
    look = spot.nth + (1 - spot.nth) % READINGS  # the account that is moved is read first
    if spot.move == "RECOVER" or not _awaits(whole.states.get((Place.READING, look), "")):
        return frozenset({Verdict.HALTED})
    chain = scene.plan == "one transaction"
    return frozenset({Verdict.STRANDED if chain else Verdict.MISMATCH})


def _awaits(state: str) -> bool:
    return state.endswith(Tight.AWAIT_POSITION)


def liquidated(_scene: Scene, spot: Spot, _whole: Whole) -> Expected:
    """It is explained, and the end of what the strategy was made on."""
    return frozenset({Verdict.DONE if spot.nth == 1 else Verdict.HALTED})


HANDS = (
    posted(
        "moved by hand",
        "somebody else moves one unit, in or out",
        ("C12", "C16"),
        ("one unit in", "one unit out"),
        moved,
    ),
    posted("liquidation", "a part of the margin is taken", ("C11",), ("liquidation",), liquidated),
    posted(
        "drift",
        "funding and rebases, each with its ledger row",
        ("C10", "C17"),
        ("funding", "rebase up", "rebase down"),
        verdict(Verdict.DONE),
    ),
    posted(
        "airdrop",
        "a token that nobody knows falls from the sky",
        ("C27",),
        ("unknown token",),
        verdict(Verdict.DONE),
    ),
)
HAZARDS = (
    Hazard(
        name="clock jumps",
        group=Group.AROUND,
        what="the engine's clock jumps by an hour, ahead or behind",
        rows=("P6", "C24"),
        scenes=(*scenes("three"), *scenes("three", klass=Idempotency.D, lag_s=5)),
        spots=at_requests("an hour ahead", "an hour behind", f"an hour ahead {MENDED}"),
        ticks=4,
        play=jump,
        expects=jumped,
    ),
    Hazard(
        name="partition",
        group=Group.AROUND,
        what="nothing gets through for a while: connections are refused, or nobody answers",
        rows=("P9", "C28"),
        scenes=(
            *scenes("three", "saga", "one transaction"),
            *scenes("three", klass=Idempotency.D, lag_s=5),
        ),
        ticks=9,
        spots=at_requests("for 20 s, refused", "for 300 s, refused", "for 20 s, silent"),
        play=part,
        expects=parted,
        moves=("saga",),
    ),
    Hazard(
        name="two processes",
        group=Group.AROUND,
        what="a second engine is started on the same log",
        rows=("P10",),
        scenes=scenes("three"),
        spots=at_requests(),
        play=second,
    ),
    Hazard(
        name="old log",
        group=Group.AROUND,
        what="a log of another table of the machine",
        rows=("P11",),
        scenes=scenes("one"),
        spots=lambda _whole, _seed: (Spot(),),
        play=old_table,
        expects=verdict(Verdict.REFUSED),
    ),
    *HANDS,
)
