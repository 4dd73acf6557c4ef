"""What a guard works within: its limits, its clock, and how it writes down what changes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from attrs import field, frozen

from verifill.engine.digest import at_one_go
from verifill.engine.errors import StateError
from verifill.engine.log.live import Aside
from verifill.machines.changes import Change
from verifill.machines.figures import Worth
from verifill.machines.saved import taken_back
from verifill.machines.thresholds import FeedLimits, Thresholds


class Write(Protocol):
    """Writes what changed, and what is remembered after it, in one transaction."""

    def __call__(self, changes: Sequence[Change], state: Mapping[str, Any], /) -> None:
        """Write."""
        ...


class Probed(Protocol):
    """A venue, as far as a probe asks it."""

    def start_up_failures(self) -> tuple[str, ...]:
        """Reached, permitted, one position query: nothing is sent."""
        ...


@frozen(kw_only=True)
class Surroundings:
    """What a guard works within.

    Attributes:
        limits: of breakers and trading states.
        feed_limits: of market data.
        strategy: name of the strategy.
        worth: what limits of money are counted by; None if there are none.
        write: where changes are written.
        now_ns: wall time.
    """

    limits: Thresholds = field(factory=Thresholds)
    feed_limits: FeedLimits = field(factory=FeedLimits)
    strategy: str = "strategy"
    worth: Worth | None = None
    write: Write
    now_ns: Callable[[], int]


def since_of(state: Mapping[str, Any]) -> dict[str, int]:
    """Machine and scope -> when it came to the state that it is in, of all that ever moved.

    Raises:
        StateError: it is something else.
    """
    return taken_back(dict[str, int], state.get("since", {}), "the guard")


def parts_of(state: Mapping[str, Any]) -> tuple[object, object, object]:
    """What health, gate and feeds have handed over.

    Raises:
        StateError: one of them is missing.
    """
    try:
        return state["health"], state["gate"], state["feeds"]
    except KeyError as error:
        msg = f"the log holds a guard without its {error}. Restore the log from a copy"
        raise StateError(msg) from error


def asides(changes: Sequence[Change], state: Mapping[str, Any]) -> list[Aside]:
    """Changes as a log takes them, the last one with all that is remembered after it."""
    *before, last = map(_aside, changes)
    return [*before, last._replace(payload={**last.payload, "guard": at_one_go(state)})]


def _aside(change: Change) -> Aside:
    payload = {"scope": change.scope, "reason": change.reason, "actor": change.actor}
    return Aside(change.machine, change.source, change.event, change.target, change.move, payload)
