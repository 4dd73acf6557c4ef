"""How long the outcome of one send is waited for: by the monotonic clock, never by the wall.

The tight loop's time bounds waiting, and nothing else. When it is over the outcome is as
unknown as before, so its end is HELD and never a failure. It does not end what the venue
itself has declared to take longer: a settlement window, and the deadline and lag after which
a class D venue can prove that an order is absent.
"""

from typing import Final, Protocol

from attrs import define

from verifill.engine.clock import NANOSECONDS, SLICE_NS
from verifill.machines.leg import Leg
from verifill.machines.policies import Policies

PROOFS: Final = 2
"""Questions after deadline and lag that a proof may need (DOMAIN, 4.3: not found, twice)."""


class Steady(Protocol):
    """What is asked for the time."""

    @property
    def monotonic_ns(self) -> int:
        """A time that never goes back and that nobody sets."""
        ...


@define
class Patience:
    """For one send at a time; the first question or look after it starts the time."""

    _clock: Steady
    _send: tuple[int, int] = (0, 0)
    _since_ns: int = 0
    _late: int = 0
    _slow: bool = False

    def begin_anew(self) -> None:
        """Wait for something else of the same send now."""
        self._send = (0, 0)

    def waited_ns(self, leg: Leg) -> int:
        """Since the first time that the outcome of this send was waited for."""
        send, now_ns = (leg.number, leg.sends), self._clock.monotonic_ns
        if send != self._send:
            self._send, self._since_ns, self._late, self._slow = send, now_ns, 0, False
        return now_ns - self._since_ns

    def over(self, leg: Leg, policies: Policies) -> bool:
        """Whether an order that the venue has is waited for no longer, whatever it tells."""
        longest_ns = max(_tight_ns(policies), leg.window_ns)
        return leg.overdue > 1 and self.waited_ns(leg) >= longest_ns

    def ends(self, leg: Leg, policies: Policies) -> bool:
        """Whether a question without an answer was the last."""
        waited_ns, proof_ns = self.waited_ns(leg), _proof_ns(leg)
        if waited_ns >= proof_ns:
            self._late += 1
        if proof_ns and self._late < PROOFS:
            return False
        return policies.queries.exhausted(leg.queries) or waited_ns >= _tight_ns(policies)

    def pause_ns(self, leg: Leg, policies: Policies) -> int:
        """Until the next question: not beyond a moment at which its answer may end the wait."""
        waited_ns = self.waited_ns(leg)
        pause_ns = round(policies.queries.wait_after_s(leg.queries) * NANOSECONDS)
        ahead = [end - waited_ns for end in (_proof_ns(leg), _tight_ns(policies))]
        return min([pause_ns, *(left for left in ahead if left > 0)])

    def turns_slow(self, leg: Leg) -> bool:
        """Whether something pending is over its soft window now; true once for each send."""
        waited_ns, soft_ns = self.waited_ns(leg), leg.soft_window_s * NANOSECONDS
        slow = bool(soft_ns) and waited_ns >= soft_ns and not self._slow
        self._slow = self._slow or slow
        return slow


def _tight_ns(policies: Policies) -> int:
    return round(policies.timeouts.tight_loop_s * NANOSECONDS)


def _proof_ns(leg: Leg) -> int:
    """When a not-found may be proof, counted from a question after the send; 0: at once."""
    rules = leg.rules
    declared_s = rules.recv_window_s + rules.query_lag_s
    # a slice more, because the venue counts in its own time and perhaps in whole seconds
    return declared_s * NANOSECONDS + SLICE_NS if declared_s else 0
