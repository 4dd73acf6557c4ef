"""Mixtures: requests that go wrong by chance, and how a run must end that they befall.

What becomes of it follows from the draw: which sends never arrive, and whether the positions
can be read before the first tick. Everything else is waited out, asked for again, or explained.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from attrs import define, field

from verifill.faults.hazard import Expected, Scene, Spot, Whole
from verifill.faults.judge import Verdict
from verifill.faults.lives import World
from verifill.faults.moments import Place
from verifill.venues.loopback.faults import Fault, Mangle, Route, drawn
from verifill.venues.rules import Idempotency

BREAKS = ("timeout", "dropped", "status_5xx", "killed")
LOST = tuple(f"{how}_before" for how in BREAKS)
LIMITED, UNREADABLE = "rate_limit", "positions_fail"
HARMLESS = (
    *LOST,
    *(f"{how}_after" for how in BREAKS),
    *(f"answer_{how}" for how in Mangle),
    LIMITED,
    "late_fill",
    "partial_then_rest",
    "fills_out_of_order",
    "query_fails",
    UNREADABLE,
    "stale",
)
"""Faults after which it is right to go on, if anything can be known."""
UNHEARD = (
    *LOST,
    *(f"{how}_after" for how in BREAKS),
    *(f"answer_{how}" for how in Mangle if how not in (Mangle.TWICE, Mangle.FILL_TWICE)),
    LIMITED,
)
"""Those of a send that its breaker counts as failures."""

DRAWS = 40  # mixtures of each scene, for each seed
RATE = 40  # percent of the requests that go wrong
REQUESTS = 12
SENDS = 3  # of one instruction, the first included
FAILURES = 3  # in a row open a breaker


def mixtures(_whole: Whole, seed: int) -> Iterator[Spot]:
    """Some mixtures."""
    for number in range(1, DRAWS + 1):
        yield Spot(nth=number, how=f"seed {seed}")


def mixed(world: World, spot: Spot) -> None:
    """Whatever is drawn goes wrong, one thing after another."""
    world.wire.service.script.arm(drawn_at(spot))
    world.finish()


def drawn_at(spot: Spot) -> tuple[Fault, ...]:
    """The faults of a mixture."""
    return drawn(str(spot), REQUESTS, RATE, HARMLESS)


def foretold(scene: Scene, spot: Spot, whole: Whole) -> Expected:
    """How a mixture must end, by what was drawn."""
    faults = drawn_at(spot)
    start = {
        number
        for (place, number), state in whole.states.items()
        if place is Place.READING and state == "RECOVER"
    }
    if any(fault.name == UNREADABLE and fault.nth in start for fault in faults):
        return frozenset({Verdict.HALTED})
    sends = [fault for fault in faults if fault.on is Route.SUBMIT]
    lost = {fault.nth for fault in sends if fault.name in LOST}
    limited = {fault.nth for fault in sends if fault.name == LIMITED}
    silent = set[int]() if scene.klass is Idempotency.D else lost
    unheard = {fault.nth for fault in sends if fault.name in UNHEARD}
    repeats = scene.klass is Idempotency.K
    made = Sends(lost | limited, silent, unheard, repeats=repeats)
    return frozenset({made.end(scene.plan)})


class HeldError(Exception):
    """Nobody can tell of a send."""


@define
class Sends:
    """The sends of a run, of which some are in vain.

    Attributes:
        vain: numbers of those without effect.
        silent: those of which nobody can prove it.
        unheard: those that are failures to their breaker.
        repeats: whether what nobody can prove is sent once more, under its own key.
        count: how many there were so far.
        renewed: whether something was sent under a second key.
        rows: a breaker's scope -> failures in a row.
    """

    vain: AbstractSet[int]
    silent: AbstractSet[int]
    unheard: AbstractSet[int]
    repeats: bool = False
    count: int = 0
    renewed: bool = False
    rows: dict[str, int] = field(factory=dict[str, int])

    def end(self, plan: str) -> Verdict:
        """How the run of a plan ends."""
        try:
            ended = ENDS[plan](self)
        except HeldError:
            return Verdict.HELD
        return Verdict.RESENT if ended is Verdict.DONE and self.renewed else ended

    def done(self, scope: str) -> bool:
        """Send an instruction until it has its effect; False if it may not be sent any more.

        Args:
            scope: of its breaker.
        """
        for number in range(SENDS):
            if self._is_open(scope):
                return False
            self.renewed |= number > 0
            self._send(scope)
            if self.count in self.silent:
                self._resolve(scope)
            if self.count not in self.vain:
                return True
        return False

    def _resolve(self, scope: str) -> None:
        """Send what nobody can tell of once more, until it has its effect; or it is HELD."""
        while self.repeats and not self._is_open(scope):
            self._send(scope)
            if self.count not in self.vain:
                return
        raise HeldError

    def _send(self, scope: str) -> None:
        self.count += 1
        failed = self.count in self.unheard
        self.rows[scope] = self.rows.get(scope, 0) + 1 if failed else 0

    def _is_open(self, scope: str) -> bool:
        return self.rows.get(scope, 0) >= FAILURES

    def all_done(self, scopes: Sequence[str]) -> Verdict:
        """Instructions one after another; one that failed is planned again."""
        for scope in scopes:
            while not self.done(scope):
                self.rows.clear()  # its breaker has closed until then
        return Verdict.DONE

    def saga(self) -> Verdict:
        """A chain that is planned again where it was taken back."""
        while (made := self._forward(SAGA)) < len(SAGA):
            if not self._taken_back(SAGA[:made]):
                return Verdict.STRANDED
            self.rows.clear()
        return Verdict.DONE

    def saga_taken_back(self) -> Verdict:
        """A chain whose last step is refused, if it comes to that."""
        made = min(self._forward(REFUSED), len(REFUSED) - 1)
        return Verdict.ROLLED_BACK if self._taken_back(REFUSED[:made]) else Verdict.STRANDED

    def _forward(self, scopes: Sequence[str]) -> int:
        """How many steps have their effect."""
        return next((at for at, scope in enumerate(scopes) if not self.done(scope)), len(scopes))

    def _taken_back(self, scopes: Sequence[str]) -> bool:
        return all(self.done(scope) for scope in reversed(scopes))


SAGA = ("spot", "transfer", "perpetual")
REFUSED = ("spot", "transfer", "spot")
ENDS: Mapping[str, Callable[[Sends], Verdict]] = {
    "three": lambda sends: sends.all_done(SAGA),
    "saga": Sends.saga,
    "saga taken back": Sends.saga_taken_back,
    "one transaction": lambda sends: sends.all_done(("chain",)),
}
"""Plan -> how it ends, by its sends."""
