"""A leg: one instruction on its way through the tight loop, with all that is known of it."""

from typing import Final

from msgspec import Struct

from verifill.engine.clock import NANOSECONDS
from verifill.engine.errors import EngineDefect
from verifill.machines.monitor import PositionMonitor
from verifill.machines.reconcile import Evidence, Verdict, VerdictKind
from verifill.venues.expectation import Assessment, Expectation
from verifill.venues.instructions import Instruction, Operation
from verifill.venues.interfaces import OrderHandler
from verifill.venues.orders import Bundle, Order, Outcome, Reading, Receipt, Request
from verifill.venues.rules import VenueRules

REHEARSAL: Final = "REHEARSAL"
"""The role of a dry run: it moves nothing that is ours."""

UNSENT = Bundle(0, "", ())
UNJUDGED = Verdict(VerdictKind.NOT_EXECUTED, {}, {}, [], {}, {})


class Leg(Struct, kw_only=True, gc=False):
    """One instruction on its way through the tight loop.

    Attributes:
        number: number of the instruction.
        parent: the instruction whose remainder or compensation it is, else 0.
        role: why it is there, such as PLAN or REMAINDER.
        wanted: what to do: an instruction, or the orders of a bundle.
        late: the amount in units, where the instruction's own is late-bound.
        denial: why it must not be sent, if that is known already.
        handler: the venue that it goes to.
        monitor: the books that it is verified against.
        rules: what is declared of the venue, its settlement windows among it.
        child: which remainder of its instruction it is, from 1; 0 if none.
        had: whether the venue has said once that it has the order.
        held: why nobody can say what became of it; empty unless it is HELD.
        repeats: whether its request is to be sent once more; the log holds it already.
        recalls: whether what rests of it is to be cancelled; the log holds that already.
        rests_until_ns: venue time until which it may rest; 0 where that is not known yet.
        wait_s: for how long it stays away before it is sent again, because its venue says so.
        recorded: the receipt of this send that the log holds already.
        rows: how many ledger rows the log has seen of it while it was pending.
    """

    number: int
    parent: int
    role: str
    wanted: Instruction | tuple[Order, ...]
    late: int | None
    denial: str
    handler: OrderHandler
    monitor: PositionMonitor
    rules: VenueRules
    child: int = 0
    request: Request = UNSENT
    expectation: Expectation = Expectation({})
    receipt: Receipt = Receipt(Outcome.DENIED_LOCAL)
    observation: Reading = Reading(0, {})
    evidence: Evidence = Evidence({}, {}, [], whole=False)
    assessment: Assessment = Assessment(0, {})
    verdict: Verdict = UNJUDGED
    had: bool = False
    held: str = ""
    repeats: bool = False
    recalls: bool = False
    rests_until_ns: int = 0
    wait_s: int = 0
    recorded: Receipt | None = None
    sends: int = 0
    readings: int = 1
    queries: int = 0
    polls: int = 0
    overdue: int = 0
    rows: int = 0
    deadline_ns: int = 0

    @property
    def operation(self) -> str:
        """What it asks for; empty for a bundle, which asks for several things at once."""
        return "" if isinstance(self.wanted, tuple) else self.wanted.op

    @property
    def _operations(self) -> list[Operation]:
        wanted = self.wanted
        return [o.instruction.op for o in wanted] if isinstance(wanted, tuple) else [wanted.op]

    @property
    def window_ns(self) -> int:
        """Settlement window: of a bundle, that of its slowest step."""
        return max(map(self.rules.window_s, self._operations)) * NANOSECONDS

    @property
    def soft_window_s(self) -> int:
        """After so many seconds something pending is slow: of a bundle, as above; 0: never."""
        return max(map(self.rules.soft_window_s, self._operations))

    @property
    def poll_ns(self) -> int:
        """First wait while something is pending."""
        return self.rules.poll_s * NANOSECONDS

    @property
    def remaining(self) -> int:
        """Units that were asked for and did not take effect."""
        return self.order.quantity - self.assessment.executed

    @property
    def name(self) -> str:
        """How reports refer to it: `A7`, and `A7.r1` for its first remainder."""
        name = "" if isinstance(self.wanted, tuple) else self.wanted.name
        return f"{name}.r{self.child}" if name and self.child else name

    @property
    def order(self) -> Order:
        """The request of a leg that is one instruction.

        Raises:
            EngineDefect: it was not made exact, or is a bundle.
        """
        if isinstance(self.request, Bundle):
            msg = f"leg {self.number} has no order: it was denied, or is a bundle"
            raise EngineDefect(msg)
        return self.request

    @property
    def reason(self) -> str:
        """Why it did not end in a plain match, for people."""
        return self.held or self.verdict.reason or self.receipt.reason
