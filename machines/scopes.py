"""What a breaker or a trading state is about, and all of them by that.

A scope is a text: `venue:binance:SPOT_TRADE`, `account:binance.spot`, `strategy:carry` or
`global`. Operators reach breakers and trading states by it.
"""

from collections.abc import Mapping
from typing import Final

from verifill.machines.changes import Tell
from verifill.machines.circuit import Circuit
from verifill.machines.circuit_memory import CircuitMemory
from verifill.machines.thresholds import Thresholds
from verifill.machines.trading import Trading, TradingMemory

GLOBAL: Final = "global"
OPERATOR: Final = "operator"


def venue_scope(venue: str, operation: str) -> str:
    """One operation of one venue: what fails with its infrastructure."""
    return f"venue:{venue}:{operation}"


def account_scope(account: str) -> str:
    """One account: what its positions tell."""
    return f"account:{account}"


def feed_scope(venue: str) -> str:
    """The scope of the market data of a venue."""
    return f"feed:{venue}"


def strategy_scope(strategy: str) -> str:
    """One strategy: what it loses and how often it sends."""
    return f"strategy:{strategy}"


class Scopes:
    """Breakers and trading states by scope; each begins when it is first spoken of.

    Args:
        limits: when a breaker opens.
        tell: told of every change before it takes effect.
        breakers: what breakers remembered in an earlier life.
        trading: what trading states remembered in an earlier life.
    """

    def __init__(
        self,
        limits: Thresholds,
        tell: Tell,
        breakers: Mapping[str, CircuitMemory],
        trading: Mapping[str, TradingMemory],
    ) -> None:
        self._limits = limits
        self._tell = tell
        self.circuits = {
            scope: Circuit(scope, limits, tell, memory) for scope, memory in breakers.items()
        }
        self.tradings = {scope: Trading(scope, tell, memory) for scope, memory in trading.items()}

    def circuit(self, scope: str) -> Circuit:
        """The breaker of a scope."""
        if scope not in self.circuits:
            self.circuits[scope] = Circuit(scope, self._limits, self._tell)
        return self.circuits[scope]

    def trading(self, scope: str) -> Trading:
        """The trading state of a scope."""
        if scope not in self.tradings:
            self.tradings[scope] = Trading(scope, self._tell)
        return self.tradings[scope]

    # What an operator may command; each answers why it is refused, or empty.

    def reset(self, scope: str, actor: str, reason: str) -> str:
        """Reset a breaker that waits for an operator; a latched one needs two."""
        return self.circuit(scope).reset(actor, reason)

    def reduce(self, scope: str, actor: str, reason: str) -> None:
        """Let a scope send only what takes risk away."""
        self.trading(scope).reduce(OPERATOR, reason, actor)

    def halt(self, scope: str, actor: str, reason: str) -> None:
        """Let a scope send nothing but cancels: the first step of a kill."""
        self.trading(scope).halt(actor, reason)

    def resume(self, scope: str, actor: str, reason: str) -> str:
        """Widen what a scope may send by one step."""
        return self.trading(scope).resume(actor, reason)
