"""Limits of money: the day's figures held against them, before each send and after each fill.

Margins are what venues say of them, before each decision.
"""

from collections.abc import Mapping
from decimal import Decimal

from verifill.engine.errors import NotObserved
from verifill.machines.figures import Figures
from verifill.machines.gate import Gate
from verifill.machines.leg import Leg
from verifill.machines.limits import Limit
from verifill.machines.monitor import PositionMonitor
from verifill.machines.scopes import account_scope, strategy_scope
from verifill.machines.thresholds import Thresholds
from verifill.venues.interfaces import Margined
from verifill.venues.market import Books


class Measuring:
    """Measures those figures that have a limit.

    Args:
        figures: what is counted.
        gate: told of each figure.
        limits: which figures have one.
        strategy: name of the strategy.

    Attributes:
        figures: what is counted.
    """

    def __init__(self, figures: Figures, gate: Gate, limits: Thresholds, strategy: str) -> None:
        self.figures = figures
        self._gate = gate
        self._limits = limits
        self._strategy = strategy

    def filled(self, leg: Leg, now_ns: int) -> None:
        """An order is verified, and the books are settled with it."""
        self.figures.begin(now_ns)
        self.figures.filled(leg)
        self.measure(leg.monitor, now_ns)

    def measure(self, monitor: PositionMonitor, now_ns: int) -> None:
        """Hold all figures against their limits; what has no price blocks the strategy."""
        self.figures.begin(now_ns)
        problem = ""
        try:
            self._measure(monitor, now_ns)
        except NotObserved as error:
            problem = f"limits of money cannot be measured: {error}"
        self._gate.unmeasured(self._strategy, problem)

    def _measure(self, monitor: PositionMonitor, now_ns: int) -> None:
        figures, limits, gate, strategy = self.figures, self._limits, self._gate, self._strategy
        if limits.suspense_max is not None:
            figures.suspended(monitor.suspense)
            for account, value in figures.suspense().items():
                gate.measure(Limit.SUSPENSE, account, value, now_ns)
        if limits.slippage_max is not None:
            gate.measure(Limit.SLIPPAGE, strategy, figures.slippage(), now_ns)
        if limits.daily_loss_max is not None:
            figures.look(monitor)
            gate.measure(Limit.DAILY_LOSS, strategy, figures.loss(), now_ns)
        if limits.naked_delta_max is not None:
            for asset, value in figures.deltas(monitor).items():
                gate.measure(Limit.NAKED_DELTA, strategy, value, now_ns, of=asset)

    def adopted(self, before: Books, after: Books) -> None:
        """The books were changed on an operator's word: neither a loss nor a gain."""
        try:
            self.figures.adopted(before, after)
        except NotObserved as error:
            problem = f"what was adopted cannot be valued: {error}"
            self._gate.unmeasured(self._strategy, problem)

    def excuse(self, scope: str) -> None:
        """An operator has reset a breaker: what opened it is counted anew."""
        if scope == strategy_scope(self._strategy):
            self.figures.excuse_slippage()
        else:
            self.figures.excuse_suspense(scope.removeprefix(account_scope("")))


def measure_margins(gate: Gate, strategy: str, venues: Mapping[str, object], now_ns: int) -> None:
    """Hold what venues tell of margins against the limit; what cannot be told blocks.

    Args:
        gate: told of each.
        strategy: name of the strategy.
        venues: by name; one that tells no margins has none.
        now_ns: when.
    """
    told: dict[str, Decimal] = {}
    problem = ""
    try:
        for venue in venues.values():
            if isinstance(venue, Margined):
                told |= venue.margins()
    except NotObserved as error:
        problem = f"margins cannot be measured: {error}"
    gate.unmeasured(strategy, problem, Limit.MARGIN)
    if not problem:
        gate.margins(strategy, told, now_ns)
