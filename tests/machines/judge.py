"""What can be known of breakers and trading states from their changes alone.

A judge is told what a log is told. It keeps its own account of it, and fails a test as soon
as something was told that must never happen.
"""

from tests.machines.guards import LIMITS, S
from verifill.engine.paths import Move
from verifill.machines.changes import Change

BEGUN = frozenset({"tripped", "probe_failed", "trial_failed"})


class Judge:
    """Told of every change; knows where each machine is and who has agreed to a reset."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.now_ns = 0
        self._states: dict[tuple[str, str], str] = {}
        self._agreed: dict[str, str] = {}
        self._opened_ns: dict[str, int] = {}

    def __call__(self, change: Change) -> None:
        self.changes.append(change)
        if change.move is Move.MOVED:
            if change.machine == "breaker":
                self._two_operators(change)
                self._cooldown(change)
            self._states[change.machine, change.scope] = change.target

    def find(self, scope: str, state: str, agreed: str, opened_ns: int) -> None:
        """A breaker is found in a state when the story begins."""
        self._states["breaker", scope] = state
        self._agreed[scope] = agreed
        self._opened_ns[scope] = opened_ns

    def of(self, scope: str) -> str:
        """Where the breaker of a scope is."""
        return self._states.get(("breaker", scope), "CLOSED")

    def trading(self, scope: str) -> str:
        """Where the trading state of a scope is."""
        return self._states.get(("trading_state", scope), "ACTIVE")

    def _two_operators(self, change: Change) -> None:
        """A latched breaker is left upon the word of a second person, after a first."""
        scope, person = change.scope, change.actor.strip().lower()
        if change.target == "LATCHED.LOCKED":
            self._agreed.pop(scope, None)
        elif change.target == "LATCHED.RELEASING":
            assert person
            self._agreed[scope] = person
        elif change.source.startswith("LATCHED"):
            assert person
            assert person != self._agreed.pop(scope)

    def _cooldown(self, change: Change) -> None:
        """A probe comes no sooner than the shortest cool-down."""
        if change.event in BEGUN:
            self._opened_ns[change.scope] = self.now_ns
        if change.event == "cooled":
            assert self.now_ns - self._opened_ns[change.scope] >= LIMITS.cooldown_s * S
