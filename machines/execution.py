"""The execution manager: runs one instruction through the tight loop.

Each state of the table that is not terminal has an activity here, a method of the same
name. It does the work of the state and answers with the event that tells how it went;
where that leads is the table's business. Nothing here chooses a next state.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from verifill.engine.clock import NANOSECONDS, Clock
from verifill.engine.digest import intent_key
from verifill.engine.errors import NotObserved, UserDefect
from verifill.engine.executor import Executor
from verifill.engine.paths import Activity
from verifill.machines.leg import UNJUDGED, Leg
from verifill.machines.meaning import FOUND, SENT, SETTLED
from verifill.machines.patience import Patience
from verifill.machines.policies import Policies
from verifill.machines.recalling import recall, rest_left_ns
from verifill.machines.reconcile import VerdictKind, reconcile, shows, sort_rows
from verifill.machines.records import Records
from verifill.machines.repeating import repeats
from verifill.machines.sealing import sealed
from verifill.machines.tight_loop import Tight, TightEvent
from verifill.machines.unanswered import unanswered
from verifill.machines.unguarded import OPEN, Open
from verifill.venues.orders import (
    FINAL,
    HAD,
    Bundle,
    LedgerRow,
    Outcome,
    Reading,
    Receipt,
    Request,
    Trouble,
)


class ExecutionManager:
    """The activities of the tight loop, for one leg at a time.

    Args:
        machine: the running machine.
        clock: time, and how to let it pass.
        records: where decisions, receipts and verdicts are written.
        policies: how often to try.
        missed_ticks: told how many ticks fell due during a wait.
        watch: shown the ledger rows that came beside an order's own.

    Attributes:
        leg: what is under way, or was last.
        run: name of a live run, of which the keys of its orders are made; a backtest has no keys.
        intents: how many orders were made so far; each has the number of its intent.
        resends: whether what was not executed may be sent again.
        guard: asked before each send; a backtest asks nobody.
    """

    def __init__(
        self,
        *,
        machine: Executor,
        clock: Clock,
        records: Records,
        policies: Policies,
        missed_ticks: Callable[[int], None],
        watch: Callable[[list[LedgerRow]], None],
    ) -> None:
        self._machine = machine
        self._clock = clock
        self._records = records
        self._policies = policies
        self._missed_ticks = missed_ticks
        self._watch = watch
        self._patience = Patience(clock)
        self.run = ""
        self.intents = 0
        self.resends = True
        self.guard: Open = OPEN
        self.leg: Leg
        self.activities: Mapping[Tight, Activity] = {
            Tight.SEND: self.send,
            Tight.AWAIT_POSITION: self.await_position,
            Tight.RECONCILE: self.reconcile,
            Tight.RETRY_QUERY: self.retry_query,
            Tight.RETRY_OBSERVE: self.retry_observe,
            Tight.RETRY_RESEND: self.retry_resend,
        }

    def begin(self, leg: Leg) -> None:
        """Take up the next leg; the one before is at rest, or the table would not lead here."""
        context = self._machine.context
        if context.instruction:
            self._machine.cut()
        context.instruction = leg.number
        context.attempt = leg.sends + 1  # an earlier process life may have sent it before
        self.leg = leg
        self._records.remember()

    # One method for each state.

    def send(self) -> TightEvent:
        """Make the request exact, check it, expect, and send it once."""
        leg = self.leg
        leg.sends += 1
        if leg.sends > 1:
            self._machine.cut()
            self._machine.context.attempt = leg.sends
            leg.verdict = UNJUDGED
        self.intents += 1
        reason = leg.denial or self._prepare(leg) or self.guard.deny(leg, self._machine.state)
        self._records.decision(leg)
        if reason:
            return self.answered(leg, self._denied(leg, reason))
        if unsealed := sealed(leg):
            return self.answered(leg, unsealed)
        self._records.intent(leg)
        receipt = self._submit(leg)
        leg.wait_s = self._waits_out_s(leg, receipt)
        self.guard.answered(leg, receipt)
        return self.answered(leg, receipt)

    def await_position(self) -> TightEvent:
        """Wait until the order is final and a reading shows its effect."""
        leg = self.leg
        receipt = leg.receipt
        final = receipt.outcome in FINAL
        if not final:
            leg.receipt = receipt = self._query(leg)
            final = receipt.outcome in FINAL
        try:
            leg.observation = leg.monitor.observe()
        except NotObserved:
            return self._pend(leg)
        return self._look(leg, final=final)

    def _look(self, leg: Leg, *, final: bool) -> TightEvent:
        """Whether what was observed shows the effect of what is final."""
        receipt, observation = leg.receipt, leg.observation
        leg.evidence = evidence = sort_rows(leg.monitor.totals, observation.rows, receipt)
        if final and shows(receipt, evidence, observation, leg.expectation.bounds):
            return TightEvent.OBSERVED
        return self._pend(leg)

    def reconcile(self) -> TightEvent:
        """Compare what was expected with what was seen; close the books if they agree."""
        leg = self.leg
        request, receipt, monitor = leg.request, leg.receipt, leg.monitor
        as_of_ns = leg.observation.as_of_ns
        leg.assessment = assessment = leg.handler.assess(request, receipt, monitor)
        ordered = 1 if type(request) is Bundle else request.quantity  # all of it or nothing
        if 0 < assessment.executed < ordered:
            self._expect_part(leg)
        leg.verdict = verdict = reconcile(
            expectation=leg.expectation,
            assessment=assessment,
            receipt=receipt,
            ordered=ordered,
            evidence=leg.evidence,
            observation=leg.observation,
            suspense=monitor.suspense,
            elapsed_ns=as_of_ns - monitor.settled_ns,
        )
        if verdict.others:
            self._watch(verdict.others)
        if leg.recorded != receipt:  # a second look at positions has the same one
            leg.recorded = receipt
            self._records.receipt(leg)
        self._records.verdict(leg)
        kind = verdict.kind
        if kind is VerdictKind.CONTRADICTION:
            self.guard.contradicted(leg)
        if kind in SETTLED:
            monitor.settle(verdict.ledger, verdict.accepted, assessment.bases, as_of_ns)
            self.guard.settled(leg)
            self._records.remember()
        return FOUND[kind]

    def retry_query(self) -> TightEvent:
        """Ask what became of the order: found, proof of absence, or still nobody knows."""
        leg = self.leg
        leg.queries += 1
        before = leg.receipt
        told = self._repeat(leg) if leg.repeats else None  # the log holds it since the last record
        if leg.recalls:  # likewise
            recall(leg, self.guard, self._records)
        leg.receipt = told or self._query(leg)
        if leg.receipt.outcome is Outcome.ABSENT:
            return TightEvent.ABSENT
        policies, patience = self._policies_of(leg), self._patience
        if leg.receipt.outcome is Outcome.UNKNOWN:
            return self._ask_again(leg)
        if leg.overdue and rest_left_ns(leg) == 0:
            return self._recall(leg)
        if leg.overdue and (leg.receipt == before or patience.over(leg, policies)):
            if self._repeats(leg):
                return TightEvent.REPEAT
            return self._give_up("overdue: the settlement window has passed")
        leg.deadline_ns = 0
        return TightEvent.FOUND

    def _ask_again(self, leg: Leg) -> TightEvent:
        """Nobody knows yet: wait, and send what may be sent once more, while there is patience."""
        policies, patience = self._policies_of(leg), self._patience
        if patience.ends(leg, policies):
            was_held, leg.held = leg.held, ""
            if was_held and self._repeats(leg):  # a person has it asked for again
                return TightEvent.REPEAT
            return self._give_up(f"no proof either way: {leg.receipt.reason}")
        self._wait(max(patience.pause_ns(leg, policies), leg.wait_s * NANOSECONDS))
        return TightEvent.REPEAT if self._repeats(leg) else TightEvent.UNKNOWN

    def retry_observe(self) -> TightEvent:
        """Look at the positions again, while looks are left."""
        leg = self.leg
        readings = self._policies_of(leg).readings
        if readings.exhausted(leg.readings):
            self.guard.mismatched(leg)
            return TightEvent.EXHAUSTED
        self._pause(readings.wait_after_s(leg.readings))
        leg.readings += 1
        return TightEvent.OBSERVE

    def retry_resend(self) -> TightEvent:
        """Send again with a new key, while sends are left and it makes sense."""
        leg = self.leg
        if not self._may_resend(leg, leg.receipt):
            return TightEvent.EXHAUSTED
        pause_s = self._policies_of(leg).sends.wait_after_s(leg.sends)
        self._pause(max(pause_s, leg.wait_s))
        leg.deadline_ns = leg.overdue = leg.queries = leg.rests_until_ns = 0
        leg.had = False
        return TightEvent.RESEND

    def remember(self) -> None:
        """Let the next record hold where things stand."""
        self._records.remember()

    def ask(self, leg: Leg) -> Receipt:
        """What the venue says of a leg's order now; it changes nothing."""
        return self._query(leg)

    # Where another has sent the order and goes no further.

    def answered(self, leg: Leg, receipt: Receipt) -> TightEvent:
        """What an answer of the venue means for a leg that was sent."""
        leg.receipt, leg.recorded = receipt, None
        return SENT[receipt.outcome]

    def seen(self, reading: Reading) -> TightEvent:
        """What the first reading after a final answer shows."""
        self.leg.observation = reading
        return self._look(self.leg, final=True)

    # What they are made of.

    def _prepare(self, leg: Leg) -> str:
        """Make the request exact and check it ourselves; why it must not be sent, or empty."""
        handler, monitor, wanted = leg.handler, leg.monitor, leg.wanted
        try:
            if isinstance(wanted, tuple):
                request: Request = Bundle(self.intents, wanted[0].instruction.account, wanted)
            else:
                request = handler.resolve(wanted, self.intents, leg.late)
            leg.request = request
            if self.run:
                leg.request = request = self._named(leg, request)
            reason = handler.deny(request)
            if reason:
                return reason
            leg.expectation = expectation = handler.expect(request, monitor)
        except UserDefect as error:
            return str(error)
        if expectation.bounds.keys() <= monitor.totals.keys():
            return ""
        untracked = sorted(expectation.bounds.keys() - monitor.totals.keys())
        return f"not tracked: {', '.join(untracked)}; declare the position"

    def _named(self, leg: Leg, request: Request) -> Request:
        """The request with its key, and with the deadline that goes into its intent."""
        context, handler = self._machine.context, leg.handler
        key = intent_key(self.run, context.tick, context.chain, leg.number, leg.sends)
        deadline_of = getattr(handler, "deadline_ns", None)  # of those that are `Dated`
        deadline_ns = deadline_of() if deadline_of else 0
        return replace(request, key=key, deadline_ns=deadline_ns)

    def _denied(self, leg: Leg, reason: str) -> Receipt:
        """The answer to what never left."""
        self._records.note(leg.number, "DENIED", {"reason": reason})
        return Receipt(Outcome.DENIED_LOCAL, reason=reason)

    def _submit(self, leg: Leg) -> Receipt:
        """Send, once. Whatever goes wrong after that leaves the outcome unknown (law 5)."""
        try:
            return leg.handler.submit(leg.request)
        except Exception as error:  # noqa: BLE001 - the venue may have it all the same
            return unanswered(error)

    def _may_resend(self, leg: Leg, receipt: Receipt) -> bool:
        sends = self._policies_of(leg).sends
        return self.resends and receipt.retryable and not sends.exhausted(leg.sends)

    def _waits_out_s(self, leg: Leg, receipt: Receipt) -> int:
        """For how long a busy venue is left alone by the order itself, which is sent again then.

        Where nothing is sent again, or it would be waited for too long, that is the breaker's.
        """
        again = leg.repeats or self._may_resend(leg, receipt)
        if receipt.trouble is not Trouble.BUSY or not again:
            return 0
        longest_s = self._policies_of(leg).timeouts.tight_loop_s
        return receipt.wait_s if receipt.wait_s <= longest_s else 0

    def _query(self, leg: Leg) -> Receipt:
        """Ask. What the venue has had once it cannot prove to be absent: then nobody knows."""
        leg.had = leg.had or leg.receipt.outcome in HAD
        try:
            receipt = leg.handler.query(leg.request)
        except Exception as error:  # noqa: BLE001 - no answer is not an answer
            receipt = unanswered(error)
        if leg.had and receipt.outcome is Outcome.ABSENT:
            why = f"the venue had it, and now: {receipt.reason}"
            receipt = Receipt(Outcome.UNKNOWN, reason=why)
        self.guard.queried(leg, receipt)
        return receipt

    def _repeats(self, leg: Leg) -> bool:
        """Whether a request is to be sent once more, and may be; then it is remembered."""
        return self.resends and repeats(leg, self.guard, self._records, self._machine.state)

    def _repeat(self, leg: Leg) -> Receipt | None:
        """Send once more; what the venue tells of the order by that, or None."""
        receipt = self._submit(leg)
        leg.wait_s, leg.repeats = self._waits_out_s(leg, receipt), False
        self.guard.answered(leg, receipt)
        if leg.request.sealed or receipt.outcome not in HAD:
            return None  # by a key, a second submit is told of the first
        self.guard.queried(leg, receipt)
        return receipt

    def _recall(self, leg: Leg) -> TightEvent:
        """Have what rests cancelled, at once, and again while there is patience."""
        policies, patience = self._policies_of(leg), self._patience
        if leg.queries > 1:
            if patience.ends(leg, policies):
                leg.queries = 0  # whoever asks later has it cancelled again
                patience.begin_anew()
                return self._give_up("it rests still, though it was cancelled")
            self._wait(patience.pause_ns(leg, policies))
        leg.recalls = True
        self._records.remember()
        return TightEvent.RECALL

    def _policies_of(self, leg: Leg) -> Policies:
        return self._policies.at(leg.rules.name, leg.operation)

    def _expect_part(self, leg: Leg) -> None:
        """Expect no more than the part that was executed, which is final."""
        part = replace(leg.order, quantity=leg.assessment.executed)
        leg.expectation = leg.handler.expect(part, leg.monitor)

    def _pend(self, leg: Leg) -> TightEvent:
        """Poll with growing waits inside the settlement window; it costs no attempt (R9)."""
        now_ns = self._clock.monotonic_ns
        left_ns = rest_left_ns(leg)
        rests = left_ns is not None
        if left_ns is None and not leg.deadline_ns:
            leg.deadline_ns, leg.polls = now_ns + leg.window_ns, 0
        left_ns = leg.deadline_ns - now_ns if left_ns is None else left_ns
        if left_ns <= 0:
            if rests and not leg.overdue:  # from now on a cancel is waited for
                leg.queries = 0
                self._patience.begin_anew()
            leg.overdue += 1
            return TightEvent.OVERDUE
        self._records.pending(leg)
        if not rests and self._patience.turns_slow(leg):
            self._records.note(leg.number, "SLOW", {"pending_s": leg.soft_window_s})
        wait_ns = min(leg.poll_ns << min(leg.polls, 16), leg.window_ns, left_ns)
        leg.polls += 1
        self._wait(wait_ns)
        return TightEvent.PENDING

    def _give_up(self, reason: str) -> TightEvent:
        self.leg.held = reason
        self._records.note(self.leg.number, "HELD", {"reason": reason})
        return TightEvent.EXHAUSTED

    def _pause(self, duration_s: float) -> None:
        self._wait(round(duration_s * NANOSECONDS))

    def _wait(self, duration_ns: int) -> None:
        """Let time pass; ticks that fall due meanwhile are coalesced and logged."""
        machine = self._machine
        machine.cut()
        missed = self._clock.wait(duration_ns)
        machine.context.time_ns = self._clock.now_ns
        if missed:
            self._missed_ticks(missed)
