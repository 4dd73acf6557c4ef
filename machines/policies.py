"""How often to try, how long to wait and how long to be patient, by venue and operation."""

from collections.abc import Mapping

from attrs import field, frozen, validators

from verifill.engine.retry import FAIL_FAST, RetryPolicy

Place = tuple[str, str]
"""A venue and an operation of it; an empty operation stands for all that have no place."""


@frozen(kw_only=True)
class Timeouts:
    """How long to be patient, in seconds of the monotonic clock.

    None of them says anything of the order: when one is over, its outcome is UNKNOWN still.

    Attributes:
        execution_s: for the answer to a request that may have an effect.
        reading_s: for the answer to a question or a reading, which have none.
        tight_loop_s: for the outcome of one send; then its instruction is HELD.
    """

    execution_s: float = field(default=30.0, validator=validators.gt(0))
    reading_s: float = field(default=10.0, validator=validators.gt(0))
    tight_loop_s: float = field(default=120.0, validator=validators.gt(0))


@frozen(kw_only=True)
class Policies:
    """How often the tight loop tries each of its three retries; they are never merged.

    Attributes:
        sends: sends of one instruction, each with a new key and after proof.
        readings: looks at the positions after a mismatch.
        queries: questions about an order of unknown outcome.
        timeouts: how long to be patient.
        places: the policies of some venues and operations, whole, where they differ.
    """

    sends: RetryPolicy = FAIL_FAST
    readings: RetryPolicy = FAIL_FAST
    queries: RetryPolicy = FAIL_FAST
    timeouts: Timeouts = Timeouts()
    places: Mapping[Place, "Policies"] = field(factory=dict[Place, "Policies"])

    def at(self, venue: str, operation: str = "") -> "Policies":
        """The policies of an operation at a venue; of none, those of a bundle."""
        places = self.places
        return places.get((venue, operation)) or places.get((venue, "")) or self
