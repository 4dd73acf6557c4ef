"""A hazard: something that goes wrong, where it applies, and how a run must end all the same."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum

from attrs import field, frozen

from verifill.faults.judge import Verdict
from verifill.faults.lives import World
from verifill.faults.moments import At, Place
from verifill.faults.story import Story
from verifill.venues.rules import Idempotency


class Group(StrEnum):
    """What kind of hazard it is."""

    KILL = "kill"
    DISK = "disk"
    DAMAGE = "damage"
    VENUE = "venue"
    AROUND = "around"
    PROCESS = "process"
    NOT_HERE = "not here"


@frozen(kw_only=True)
class Scene:
    """What is run.

    Attributes:
        plan: a name in `plans.PLANS`; empty for the user's own strategy.
        klass: what the exchange makes of keys.
        lag_s: for how long it may not find an order, as it declares.
        fee_asset: what the fee of a spot trade is taken in.
    """

    plan: str
    klass: Idempotency = Idempotency.K
    lag_s: int = 0
    fee_asset: str = "received"

    def __str__(self) -> str:
        fee = "" if self.fee_asset == "received" else f", fee in {self.fee_asset}"
        lag = f", lag {self.lag_s} s" if self.lag_s else ""
        return f"{self.plan or 'own strategy'}, class {self.klass}{lag}{fee}"


@frozen(kw_only=True)
class Spot:
    """Where it strikes.

    Attributes:
        ats: the moments of process lives, one for each life that ends so.
        nth: the request of its kind, or the commit.
        how: which of several ways.
        move: the transitions that are written there, or the state in which it strikes.
    """

    ats: tuple[At, ...] = ()
    nth: int = 0
    how: str = ""
    move: str = ""

    def __str__(self) -> str:
        told = ", then ".join(map(str, self.ats)) or (f"number {self.nth}" if self.nth else "")
        return ", ".join(part for part in (told, self.how) if part)


@frozen(kw_only=True)
class Whole:
    """The run of a scene that nothing befalls.

    Attributes:
        seen: how many moments there were of each place.
        story: its log.
        totals: the venues' accounts at its end.
        states: (place, number) -> the leaf that the engine was in.
        commits: what each commit wrote: transitions, or kinds of records; none of its tables.
        verdict: how it ended.
        comparable: whether books and accounts agree at its end; they do not where something
            accrues without a ledger row.
    """

    seen: Mapping[Place, int]
    story: Story
    totals: Mapping[str, int]
    states: Mapping[tuple[Place, int], str]
    commits: Sequence[Sequence[str]]
    verdict: Verdict
    comparable: bool


Expected = frozenset[Verdict]
Play = Callable[[World, Spot], Verdict | None]
"""Runs a world with a hazard; tells how it must end where only what was really done decides it."""


@frozen(kw_only=True)
class Hazard:
    """One row of the catalogue.

    Attributes:
        name: what the command calls it.
        group: of what kind it is.
        what: what is injected.
        rows: the rows of the protocol's fault matrix (P) and the cases of the domain (C) that
            it stands for.
        scenes: what it is tried on.
        ticks: how many a life has.
        spots: where it applies in a scene, by the run that nothing befalls.
        play: runs a world with it.
        expects: how that must end; one verdict, or several of which `play` tells one.
        twice: classes in which the venue has one effect too many, against its word.
        moves: plans that end with other positions than without it.
        own: whether it can befall a strategy of the user's own, on whatever venues.
        reason: why it is not injected here, if it is not.
    """

    name: str
    group: Group
    what: str
    rows: tuple[str, ...]
    scenes: tuple[Scene, ...] = ()
    ticks: int = 2
    spots: Callable[[Whole, int], Iterable[Spot]] = field(default=lambda _whole, _seed: ())
    play: Play = field(default=lambda _world, _spot: None)
    expects: Callable[[Scene, Spot, Whole], Expected] = field(
        default=lambda _scene, _spot, _whole: frozenset({Verdict.DONE})
    )
    twice: tuple[Idempotency, ...] = ()
    moves: tuple[str, ...] = ()
    own: bool = True
    reason: str = ""


OWN = Scene(plan="")
"""The user's own strategy."""

REFUSED: Expected = frozenset({Verdict.REFUSED})
SAFE: Expected = frozenset(Verdict) - {Verdict.OPEN}
"""Every end of which it is known what it is."""


def verdict(*ones: Verdict) -> Callable[[Scene, Spot, Whole], Expected]:
    """The same everywhere."""
    expected = frozenset(ones)
    return lambda _scene, _spot, _whole: expected


def scenes(*plans: str, klass: Idempotency = Idempotency.K, lag_s: int = 0) -> tuple[Scene, ...]:
    """Scenes of several plans."""
    return tuple(Scene(plan=plan, klass=klass, lag_s=lag_s) for plan in plans)
