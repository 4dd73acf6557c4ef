"""What the gate remembers from one call to the next, and over a restart."""

from decimal import Decimal

from attrs import field, frozen

from verifill.machines.circuit_memory import CircuitMemory
from verifill.machines.saved import VERSION, known_version
from verifill.machines.steady import SteadyTime
from verifill.machines.trading import TradingMemory


@frozen(kw_only=True)
class Unknown:
    """An order whose outcome nobody knows yet.

    Attributes:
        account: On which account.
        since_ns: Since when, in steady time.
    """

    account: str
    since_ns: int


@frozen(kw_only=True)
class GateMemory:
    """What the gate remembers, in this life and the next.

    Attributes:
        version: Of this layout.
        time: Steady time.
        breakers: Each breaker that was ever asked, by scope.
        trading: Each trading state that was ever asked, by scope.
        unknown: Orders of unknown outcome, by intent.
        margins: Margins that were too thin when it was told of, by account.
        naked_ns: Since when what is unhedged is beyond its limit, by strategy and asset.
        sends_ns: When each strategy sent within the throttle's period, oldest first.
        away_ns: Until when each venue is not to be called, by its own word.
    """

    version: int = VERSION
    time: SteadyTime = field(factory=SteadyTime, eq=False)  # a reading of a clock is no change
    breakers: dict[str, CircuitMemory] = field(factory=dict[str, CircuitMemory])
    trading: dict[str, TradingMemory] = field(factory=dict[str, TradingMemory])
    unknown: dict[str, Unknown] = field(factory=dict[str, Unknown])
    margins: dict[str, Decimal] = field(factory=dict[str, Decimal])
    naked_ns: dict[str, int] = field(factory=dict[str, int])
    sends_ns: dict[str, tuple[int, ...]] = field(factory=dict[str, tuple[int, ...]])
    away_ns: dict[str, int] = field(factory=dict[str, int])

    def __attrs_post_init__(self) -> None:
        """Refuse a layout that this version does not read."""
        known_version(self.version)
