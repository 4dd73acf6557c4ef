"""More of what venues do: faults of our own making, mixtures by chance, and what is only odd."""

from collections.abc import Callable, Iterator

from verifill.faults.hazard import Expected, Group, Hazard, Scene, Spot, Whole, scenes, verdict
from verifill.faults.judge import Verdict
from verifill.faults.lives import World
from verifill.faults.mixtures import foretold, mixed, mixtures
from verifill.faults.moments import Place
from verifill.faults.plans import PLANS
from verifill.faults.story import told
from verifill.faults.venues import CLASSES, armed, by_class, every
from verifill.venues.loopback.faults import (
    CATALOGUE,
    Break,
    Delivery,
    Fault,
    Handling,
)
from verifill.venues.rules import Idempotency

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
LOST_TWICE = Fault(name="lost_twice", times=2, delivery=Delivery(before=Break.HOLD))
SLOW = Fault(name="takes long", times=3, handling=Handling(share=0, rest_s=50))


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


def barred(scene: Scene, _spot: Spot, _whole: Whole) -> Expected:
    """Nothing is done any more, and of a chain nothing is left."""
    chain = scene.plan == "one transaction"
    return frozenset({Verdict.ROLLED_BACK if chain else Verdict.FAILED_CLEAN})


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
        what="executed, no answer, and not found for 30 minutes: beyond what is declared; in class "
        "K the same request again is told of the first",
        rows=("C5",),
        scenes=BEYOND,
        spots=every(HIDDEN),
        play=armed(HIDDEN),
        expects=by_class(Verdict.DONE, Verdict.HELD, Verdict.HELD),
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
        what="no answer; the order arrives 30 s late, and the venue had declared no lag: it was "
        "sent again under its own key by then, and of the two one counts",
        rows=("P8", "C5"),
        scenes=scenes("three", "saga", "one transaction", "withdrawal"),
        spots=every(ASTRAY),
        play=armed(ASTRAY),
    ),
    Hazard(
        name="lost_twice",
        group=Group.VENUE,
        what="the request never arrives, nor does what is sent next: in class K the same once more",
        rows=("P7", "C2"),
        scenes=(
            *scenes("three", "one transaction"),
            *scenes("three", klass=Idempotency.D, lag_s=5),
        ),
        spots=every(LOST_TWICE),
        play=armed(LOST_TWICE),
        expects=by_class(Verdict.DONE, Verdict.RESENT, Verdict.HELD),
    ),
    Hazard(
        name="transfer_never_arrives",
        group=Group.VENUE,
        what="a withdrawal never arrives at a venue of class D: no time proves that it will not",
        rows=("P7", "C2", "C15"),
        scenes=scenes("withdrawal", klass=Idempotency.D, lag_s=5),
        spots=every(CATALOGUE["timeout_before"], 1),
        play=armed(CATALOGUE["timeout_before"]),
        expects=verdict(Verdict.HELD),
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
        expects=barred,
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
        ticks=9,  # so that a breaker that was opened has closed again
        spots=mixtures,
        play=mixed,
        expects=foretold,
        moves=tuple(PLANS),
    ),
)
