"""How far one account, one strategy or the whole engine may trade: what its table runs on."""

from attrs import evolve, field, frozen

from verifill.machines.changes import Running, Tell
from verifill.machines.saved import require
from verifill.machines.sending import Purpose
from verifill.machines.trading_state import TRADING_STATE, TradingEvent, TradingState

KILLED = "killed"
RESUMED = "resumed"


ALLOWED = {
    TradingState.ACTIVE: frozenset(Purpose),
    TradingState.REDUCING: frozenset({Purpose.REDUCE, Purpose.CANCEL}),
    TradingState.HALTED: frozenset({Purpose.CANCEL}),
}
"""What each state lets through."""


@frozen(kw_only=True)
class TradingMemory:
    """What a trading state remembers, in this life and the next.

    Attributes:
        state: Where it is.
        causes: What narrowed it, each with its reason.
    """

    state: TradingState = TradingState.ACTIVE
    causes: dict[str, str] = field(factory=dict[str, str])

    def __attrs_post_init__(self) -> None:
        """Refuse a memory whose parts do not agree."""
        require(
            holds=bool(self.causes) == (self.state is not TradingState.ACTIVE),
            problem=f"{self.state} with {len(self.causes)} causes",
        )


class Trading:
    """The trading state of one scope.

    Args:
        scope: what it is about.
        tell: told of every change before it takes effect.
        memory: what it remembered in an earlier life.

    Attributes:
        memory: what it remembers now.
    """

    def __init__(self, scope: str, tell: Tell, memory: TradingMemory | None = None) -> None:
        self.memory = memory or TradingMemory()
        self._scope = scope
        self._running = Running(TRADING_STATE, scope, tell)

    @property
    def state(self) -> TradingState:
        """Where it is."""
        return self.memory.state

    def deny(self, purpose: Purpose) -> str:
        """Why an order of this purpose must not be sent, or empty."""
        if purpose in ALLOWED[self.state]:
            return ""
        allowed = ", ".join(one for one in Purpose if one in ALLOWED[self.state])
        why = "; ".join(self.memory.causes.values())
        return f"trading of {self._scope} is {self.state}: {why}; allowed is {allowed}"

    def reduce(self, cause: str, reason: str, actor: str = "") -> None:
        """From now on only what takes risk away."""
        causes = {**self.memory.causes, cause: reason}
        self._fire(TradingEvent.REDUCE, reason, actor, causes)

    def halt(self, actor: str, reason: str) -> None:
        """From now on only what takes an order back."""
        causes = {**self.memory.causes, KILLED: reason}
        self._fire(TradingEvent.HALT, reason, actor, causes)

    def resume(self, actor: str, reason: str) -> str:
        """An operator widens it by one step.

        Returns:
            Why that is refused, which was told; or empty.
        """
        refusal = self._no_resume(actor, reason)
        if refusal:
            self._running.refuse(
                self.state, TradingEvent.RESUME, f"{refusal}; said: {reason}", actor
            )
            return refusal
        left: dict[str, str] = {}
        if self.state is TradingState.HALTED:
            left = {name: why for name, why in self.memory.causes.items() if name != KILLED}
            left[RESUMED] = f"{actor} resumed from HALTED: {reason}"
        self._fire(TradingEvent.RESUME, reason, actor, left)
        return ""

    def _fire(self, event: TradingEvent, reason: str, actor: str, causes: dict[str, str]) -> None:
        state = TradingState(self._running.fire(self.state, event, reason, actor))
        self.memory = evolve(self.memory, state=state, causes=causes)

    def _no_resume(self, actor: str, reason: str) -> str:
        """Why an operator may not widen it, or empty."""
        if not actor.strip() or not reason.strip():
            return "an operator must give a name and a reason"
        if self.state is TradingState.ACTIVE:
            return f"trading of {self._scope} is ACTIVE: there is nothing to resume"
        return ""
