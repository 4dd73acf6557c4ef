"""The process is gone: before and after everything it does, and again while it recovers."""

from collections.abc import Iterator

from verifill.faults.hazard import Expected, Group, Hazard, Scene, Spot, Whole, scenes
from verifill.faults.judge import Verdict
from verifill.faults.lives import World
from verifill.faults.moments import At, Moments, Place
from verifill.venues.rules import Idempotency

INTENT = "INTENT"
ENDS = {"saga taken back": Verdict.ROLLED_BACK, "revert": Verdict.FAILED_CLEAN}
"""Plan -> how it ends, where that is not DONE."""

MADE = 2  # commits until a log is there: its tables, and the EPOCH of its first life


def everywhere(whole: Whole, _seed: int) -> Iterator[Spot]:
    """Before and after every moment."""
    for place, count in whole.seen.items():
        for number in range(1, count + 1):
            for after in (False, True):
                yield Spot(ats=(At(place, number, after),), move=move(whole, place, number))


def move(whole: Whole, place: Place, number: int) -> str:
    """The transitions that a commit writes, or the kinds of its records."""
    return "; ".join(whole.commits[number - 1]) if place is Place.COMMIT else ""


def play(world: World, spot: Spot) -> None:
    """A life for each moment, and one more that is left alone."""
    for at in spot.ats:
        world.live(Moments(at))
    world.ticks += 1
    world.finish()


def ended(scene: Scene, spot: Spot, whole: Whole) -> Expected:
    """As if nothing had happened; what was never sent is sent in the next life."""
    first = spot.ats[0]
    if _unmade(first):
        return frozenset({Verdict.REFUSED})
    if scene.plan in ENDS:
        return frozenset({ENDS[scene.plan]})
    if not _between(first, whole):
        return frozenset({Verdict.DONE})
    if scene.klass is Idempotency.N:
        return frozenset({Verdict.HELD})
    # where a second life has proven that nothing happened, the third one plans it anew
    again = {Verdict.DONE} if spot.ats[1:] else set[Verdict]()
    return frozenset({Verdict.RESENT, *again})


def _unmade(at: At) -> bool:
    """Whether there is no log yet, but the beginning of one."""
    if at.place is Place.ANCHOR:
        return at == At(Place.ANCHOR, 1)
    return at.place is Place.COMMIT and at.number <= MADE


def _between(at: At, whole: Whole) -> bool:
    """Whether it comes between an INTENT and its send."""
    if at.place is Place.SEND:
        return not at.after
    return at.after and move(whole, at.place, at.number) == INTENT


def in_recovery(whole: Whole, _seed: int) -> Iterator[Spot]:
    """After each send, and then before and after every moment of the recovery."""
    for number in range(1, whole.seen.get(Place.SEND, 0) + 1):
        for after in (False, True):
            first = At(Place.SEND, number, after)
            for place, count in RECOVERY.items():
                for second in range(1, count + 1):
                    for late in (False, True):
                        yield Spot(ats=(first, At(place, second, late)))


RECOVERY = {Place.COMMIT: 7, Place.READING: 6, Place.QUESTION: 1, Place.LOOK: 3, Place.ANCHOR: 1}
"""How many moments of a recovery are tried: more than one has, for what comes just after it."""

ALL = ("one", "three", "saga", "saga taken back", "one transaction", "withdrawal", "wrap", "revert")

HAZARDS = (
    Hazard(
        name="killed",
        group=Group.KILL,
        what="the process is gone before or after any commit, send, question, reading or look",
        rows=("P1", "C23"),
        scenes=(
            *scenes(*ALL),
            *scenes("three", "saga", klass=Idempotency.D, lag_s=5),
            *scenes("three", "saga", klass=Idempotency.N),
        ),
        spots=everywhere,
        play=play,
        expects=ended,
    ),
    Hazard(
        name="killed in recovery",
        group=Group.KILL,
        what="the process is gone around a send, and again at any moment of its recovery",
        rows=("P1", "C23"),
        scenes=scenes("three", "saga", "saga taken back", "one transaction"),
        spots=in_recovery,
        play=play,
        expects=ended,
        moves=("saga",),  # where a step is proven not to have happened, what was done is taken back
    ),
)
