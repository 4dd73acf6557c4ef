"""What a circuit breaker remembers from one event to the next, and over a restart."""

from attrs import field, frozen, validators

from verifill.machines.breaker import Breaker
from verifill.machines.saved import require
from verifill.machines.tally import Tally

COOLING = frozenset(
    {
        Breaker.OPEN_COOLING,
        Breaker.HALF_OPEN_PROBE,
        Breaker.HALF_OPEN_TRIAL,
        Breaker.HALF_OPEN_TRIED,
    }
)
UNCONDITIONAL = (COOLING - {Breaker.OPEN_COOLING}) | {Breaker.CLOSED}
LATCHED = frozenset({Breaker.LATCHED_LOCKED, Breaker.LATCHED_RELEASING})
COUNTING = frozenset({Breaker.CLOSED, Breaker.OPEN_BLOCKED})


@frozen(kw_only=True)
class CircuitMemory:
    """What a breaker remembers, in this life and the next.

    Attributes:
        state: Where it is.
        since_ns: When the cool-down began.
        cooldown_ns: How long it is; 0 if there is none.
        tally: The calls that count.
        conditions: Each condition that stands, with its reason.
        causes: What opened it, each with its reason.
        consent: The first of the two operators who reset a latched breaker.
        passes: Probes that have passed while it waits for an order that may try.
    """

    state: Breaker = Breaker.CLOSED
    since_ns: int = 0
    cooldown_ns: int = field(default=0, validator=validators.ge(0))
    tally: Tally = field(factory=Tally)
    conditions: dict[str, str] = field(factory=dict[str, str])
    causes: dict[str, str] = field(factory=dict[str, str])
    consent: str = ""
    passes: int = field(default=0, validator=validators.ge(0))

    def __attrs_post_init__(self) -> None:
        """Refuse a memory whose parts do not agree."""
        state = self.state
        require(
            holds=(self.cooldown_ns > 0) == (state in COOLING),
            problem=f"{state} with a cool-down of {self.cooldown_ns} ns",
        )
        require(
            holds=not (self.conditions and state in UNCONDITIONAL),
            problem=f"{state} while a condition stands",
        )
        require(
            holds=bool(self.conditions) or state is not Breaker.OPEN_BLOCKED,
            problem=f"{state} while no condition stands",
        )
        require(
            holds=bool(self.causes) == (state not in COUNTING),
            problem=f"{state} with {len(self.causes)} causes",
        )
        require(
            holds=bool(self.consent) == (state is Breaker.LATCHED_RELEASING),
            problem=f"{state} with consent of {self.consent!r}",
        )
        require(
            holds=not self.passes or state is Breaker.HALF_OPEN_TRIAL,
            problem=f"{state} with {self.passes} probes that have passed",
        )
