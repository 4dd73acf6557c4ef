"""Another strategy in the place of that of a log."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from verifill.engine.errors import StrategyError
from verifill.machines.assembling import Deciding
from verifill.machines.heard import HeardState
from verifill.machines.stateful import Stateful
from verifill.machines.strategy import Plan, PlanReport, Positions, Strategy
from verifill.venues.market import MarketView


class Instead:
    """Decides in the place of the strategy of a log, which is asked too, so that its answers pass.

    Args:
        past: the strategy of the log.
        now: the other one.
    """

    def __init__(self, past: Strategy, now: Strategy) -> None:
        self._past = past
        self._now = now

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:
        """See `Strategy.decide`."""
        with suppress(StrategyError):
            self._past.decide(market, positions, last)
        return self._now.decide(market, positions, last)


class InsteadWithState(Instead):
    """The same, where the strategy of the log has a state of its own.

    What is compared is what is decided: the records get the state that the log holds, and the
    other strategy has its own.

    Args:
        past: the strategy of the log.
        now: the other one.
        kept: its state as it was told last, in any life.
    """

    def __init__(self, past: HeardState, now: Strategy, kept: dict[str, Any]) -> None:
        super().__init__(past, now)
        self._stateful = past
        self._kept = kept

    def state(self) -> Mapping[str, Any]:
        """That of the log."""
        if isinstance(self._now, Stateful):
            self._kept.clear()
            self._kept.update(self._now.state())
        return self._stateful.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take its own back."""
        self._stateful.restore(state)
        if isinstance(self._now, Stateful):
            self._now.restore(dict(self._kept))


def instead(make: Callable[[], Strategy]) -> Deciding:
    """What puts another strategy in the place of that of a log, life after life.

    Args:
        make: makes it, once for each process life.
    """
    kept: dict[str, Any] = {}

    def deciding(past: Strategy) -> Strategy:
        if isinstance(past, HeardState):
            return InsteadWithState(past, make(), kept)
        return Instead(past, make())

    return deciding
