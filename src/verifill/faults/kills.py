"""The process is gone: before and after everything it does, and again while it recovers."""

import shutil
import sqlite3
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from verifill.engine.errors import LogError
from verifill.faults.hazard import Expected, Group, Hazard, Scene, Spot, Whole, scenes
from verifill.faults.judge import Verdict
from verifill.faults.lives import World
from verifill.faults.moments import At, Moments, Place
from verifill.faults.story import TERMINAL, Sent, told
from verifill.machines.tight_loop import Tight
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


def play(world: World, spot: Spot) -> Verdict:
    """A life for each moment, and one more that is left alone."""
    for at in spot.ats:
        world.live(Moments(at))
    must = foreseen(world)
    world.ticks += 1
    world.finish()
    return must


def foreseen(world: World) -> Verdict:
    """How a run must end whose log is left like this, if it is planned again where need be.

    An order that is open in the log and that no venue has is sent again; in class K under its own
    key. One of which the log says already that nothing happened is planned anew, and that one is
    sent once.
    """
    if not world.log.exists():
        return Verdict.DONE  # it is made in the next life
    try:
        with copied(world) as log:
            story = told(log)
    except (LogError, sqlite3.Error):
        return Verdict.REFUSED
    effects = world.wire.effects()
    again = any(_sent_again(sent, story.state, effects, world) for sent in story.sent)
    return Verdict.RESENT if again else Verdict.DONE


def _sent_again(sent: Sent, state: str, effects: Mapping[str, int], world: World) -> bool:
    """Whether it has a second key, or will have: nobody has it, or its chain goes on with it."""
    if len(sent.keys) > 1:
        return True
    if sent.leaf in TERMINAL:
        return sent.leaf == Tight.RETRY_RESEND and state == f"ATOMIC.STEP.{Tight.SEND}"
    return not (_counts_once(world) or any(effects.get(key) for key in sent.keys))


def _counts_once(world: World) -> bool:
    """Whether the exchange executes a key at most once, as the chain of these plans does."""
    hosting = world.hosting
    exchange = next(iter(hosting.exchanges), "")
    return hosting.config.loopback.of(exchange).idempotency is Idempotency.K


@contextmanager
def copied(world: World) -> Generator[Path]:
    """A log as it lies there, to be read without a trace."""
    with TemporaryDirectory(dir=world.folder) as folder:
        yield shutil.copytree(world.log, Path(folder) / "log")


def ended(scene: Scene, spot: Spot, whole: Whole) -> Expected:
    """As if nothing had happened; what was never sent is sent in the next life.

    In class K under its own key, which is no second send.
    """
    first = spot.ats[0]
    if _unmade(first):
        return frozenset({Verdict.REFUSED})
    if scene.plan in ENDS:
        return frozenset({ENDS[scene.plan]})
    if scene.klass is Idempotency.K or not _between(first, whole):
        return frozenset({Verdict.DONE})
    if scene.klass is Idempotency.N:
        return frozenset({Verdict.HELD})
    # where a second life has proven that nothing happened, the third one plans it anew: see `play`
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


RECOVERY = {Place.COMMIT: 11, Place.READING: 6, Place.QUESTION: 1, Place.LOOK: 3, Place.ANCHOR: 1}
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
        scenes=(
            *scenes("three", "saga", "saga taken back", "one transaction"),
            *scenes("three", "saga", klass=Idempotency.D, lag_s=5),
        ),
        spots=in_recovery,
        play=play,
        expects=ended,
        moves=("saga",),  # where a step is proven not to have happened, what was done is taken back
    ),
)
