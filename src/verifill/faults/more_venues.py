"""More of what venues do: faults of our own making, mixtures by chance, and what is only odd."""

from collections.abc import Callable, Iterator

from verifill.faults.hazard import SAFE, Group, Hazard, Scene, Spot, Whole, scenes, verdict
from verifill.faults.judge import Verdict
from verifill.faults.lives import World
from verifill.faults.moments import Place
from verifill.faults.plans import PLANS
from verifill.faults.story import told
from verifill.faults.venues import CLASSES, armed, every
from verifill.venues.loopback.faults import (
    CATALOGUE,
    Break,
    Delivery,
    Fault,
    Handling,
    Mangle,
    drawn,
)

HIDDEN = Fault(
    name="found late",
    handling=Handling(hidden_s=1_800),
    delivery=Delivery(after=Break.DROP),
)
ASTRAY = Fault(
    name="arrives late",
    handling=Handling(late_s=30),
    delivery=Delivery(after=Break.DROP),
)
SLOW = Fault(name="takes long", times=3, handling=Handling(share=0, rest_s=50))
BREAKS = ("timeout", "dropped", "status_5xx", "killed")
HARMLESS = (
    *(f"{how}_before" for how in BREAKS),
    *(f"{how}_after" for how in BREAKS),
    *(f"answer_{how}" for how in Mangle),
    "rate_limit",
    "late_fill",
    "partial_then_rest",
    "fills_out_of_order",
    "query_fails",
    "positions_fail",
    "stale",
)
"""Faults after which it is right to go on, if anything can be known."""

DRAWS = 40  # mixtures of each scene, for each seed
RATE = 40  # percent of the requests that go wrong
REQUESTS = 12


def mixtures(_whole: Whole, seed: int) -> Iterator[Spot]:
    """Some mixtures."""
    for number in range(1, DRAWS + 1):
        yield Spot(nth=number, how=f"seed {seed}")


def mixed(world: World, spot: Spot) -> None:
    """Whatever is drawn goes wrong, one thing after another."""
    faults = drawn(str(spot), REQUESTS, RATE, HARMLESS)
    world.wire.service.script.arm(faults)
    world.finish()


def steps(first: int) -> Callable[[Whole, int], Iterator[Spot]]:
    """The sends from one on."""

    def spots(whole: Whole, _seed: int) -> Iterator[Spot]:
        for nth in range(first, whole.seen[Place.SEND] + 1):
            yield Spot(nth=nth, move=whole.states[Place.SEND, nth])

    return spots


def forbid(world: World, spot: Spot) -> None:
    """From the nth send on this key may not trade."""

    def hook(place: Place, number: int) -> None:
        if (place, number) == (Place.SEND, spot.nth):
            world.wire.service.can_trade = False

    world.wire.hook = hook
    world.finish()


def overrun(world: World, _spot: Spot) -> None:
    """Three orders take almost a tick each; that ticks fell due meanwhile is written down."""
    world.wire.service.script.arm([SLOW])
    world.finish()
    ignored = [row for row in told(world.log).rows if row["kind"] == "IGNORED"]
    world.undetected += not ignored


def honest(world: World, _spot: Spot) -> None:
    """Nothing befalls."""
    world.finish()


FEES = tuple(Scene(plan="one", fee_asset=asset) for asset in ("received", "quote", "BNB"))
BEYOND = (*CLASSES, *scenes("three", lag_s=90), *scenes("saga"))

HAZARDS = (
    Hazard(
        name="found_beyond_lag",
        group=Group.VENUE,
        what="executed, no answer, and not found for 30 minutes: beyond what is declared",
        rows=("C5",),
        scenes=BEYOND,
        spots=every(HIDDEN),
        play=armed(HIDDEN),
        expects=verdict(Verdict.HELD),
    ),
    Hazard(
        name="arrives_within_lag",
        group=Group.VENUE,
        what="no answer; the order arrives 30 s late, within the declared lag",
        rows=("P8", "C5"),
        scenes=scenes("three", lag_s=90),
        spots=every(ASTRAY),
        play=armed(ASTRAY),
    ),
    Hazard(
        name="arrives_beyond_lag",
        group=Group.VENUE,
        what="no answer; the order arrives 30 s late, and the venue had declared no lag: a second "
        "one was sent after its false proof, which is the venue's, and is noticed",
        rows=("P8", "C5"),
        scenes=scenes("three"),
        spots=every(ASTRAY),
        play=armed(ASTRAY),
        expects=verdict(Verdict.HALTED, Verdict.MISMATCH),
        twice=True,
        ticks=4,
        moves=tuple(PLANS),
    ),
    Hazard(
        name="tick_overrun",
        group=Group.VENUE,
        what="a plan takes longer than a tick: ticks are coalesced, and that is written down",
        rows=("C28",),
        scenes=scenes("three"),
        spots=lambda _whole, _seed: (Spot(),),
        play=overrun,
        own=False,
    ),
    Hazard(
        name="bundle_not_included",
        group=Group.VENUE,
        what="a transaction never gets into a block, and nobody answers",
        rows=("C22",),
        scenes=scenes("one transaction", "wrap"),
        spots=every(CATALOGUE["timeout_before"]),
        play=armed(CATALOGUE["timeout_before"]),
        expects=verdict(Verdict.RESENT),
    ),
    Hazard(
        name="revert",
        group=Group.VENUE,
        what="a transaction reverts: all is as before but for its gas",
        rows=("C18",),
        scenes=scenes("revert"),
        spots=lambda _whole, _seed: (Spot(),),
        play=honest,
        expects=verdict(Verdict.FAILED_CLEAN),
        own=False,
    ),
    Hazard(
        name="compensation_fails",
        group=Group.VENUE,
        what="what takes a step back is refused",
        rows=("C26",),
        scenes=scenes("saga taken back"),
        spots=steps(4),  # three forward, of which the last is refused
        play=armed(CATALOGUE["forbidden"]),
        expects=verdict(Verdict.STRANDED),
        own=False,
    ),
    Hazard(
        name="may_not_trade",
        group=Group.VENUE,
        what="from some send on, the key may not trade any more",
        rows=("C2",),
        scenes=scenes("three", "one transaction"),
        spots=steps(1),
        play=forbid,
        expects=verdict(Verdict.FAILED_CLEAN, Verdict.ROLLED_BACK),
    ),
    Hazard(
        name="fee_asset",
        group=Group.VENUE,
        what="the fee is taken in what is bought, in quote, or in a third asset",
        rows=("C7", "C8"),
        scenes=FEES,
        spots=lambda _whole, _seed: (Spot(),),
        play=honest,
        own=False,
    ),
    Hazard(
        name="mixture",
        group=Group.VENUE,
        what="two of five requests go wrong, each in a way drawn by chance",
        rows=("P7", "P8", "P9"),
        scenes=(*CLASSES, *scenes("saga", "saga taken back", "one transaction")),
        ticks=4,
        spots=mixtures,
        play=mixed,
        expects=lambda _scene, _spot, _whole: SAFE,
        moves=tuple(PLANS),
    ),
)
