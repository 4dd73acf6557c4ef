"""The guard of a live engine: breakers, trading states, feeds and health, asked and told.

    reason = guard.deny(leg, state)      # before a send
    ... send ...
    guard.answered(leg, receipt)         # after it, always
    guard.settled(leg)                   # once the position is verified

Every change is on the disk before anything follows from it: what one call changes is written
in one transaction, with all that the guard then remembers, before the call returns.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from verifill.engine.clock import NANOSECONDS
from verifill.machines.changes import Change
from verifill.machines.circuit_memory import LATCHED
from verifill.machines.feeds import Feeds
from verifill.machines.figures import Figures
from verifill.machines.gate import Gate
from verifill.machines.health import MACHINE, START_UP, Components, Health
from verifill.machines.leg import REHEARSAL, Leg
from verifill.machines.limits import Alarm
from verifill.machines.measuring import Measuring, measure_margins
from verifill.machines.monitor import PositionMonitor
from verifill.machines.purpose import account_of_leg, answer_of, cancel_at, sending_of
from verifill.machines.saved import handed_over
from verifill.machines.scopes import GLOBAL, account_scope, feed_scope, strategy_scope
from verifill.machines.sending import Sending
from verifill.machines.surroundings import Probed, Surroundings, parts_of, since_of
from verifill.machines.trading_state import TradingState
from verifill.machines.unguarded import Open
from verifill.venues.keys import account_of
from verifill.venues.market import Books
from verifill.venues.orders import Cause, LedgerRow, Outcome, Receipt

VENUE: Final = "venue:"
AWAY: Final = "away"


class Guard(Open):
    """Asks gate, feeds and health, and writes down what changes.

    Args:
        around: what it works within.
        state: what it remembered in an earlier life; None if there was none.

    Raises:
        StateError: the state is not what `state` hands over.

    Attributes:
        gate: breakers and trading states.
        feeds: market data.
        health: of every component.
        verified: told of each order whose positions are verified.
    """

    def __init__(self, around: Surroundings, state: Mapping[str, Any] | None = None) -> None:
        self._around = around
        self._strategy = around.strategy
        self._now_ns = around.now_ns
        self.verified: Callable[[Leg], None] = _nothing
        self._told: list[Change] = []
        self._since: dict[str, int] = {}
        self._kept: Mapping[str, Any] | None = None  # what the log surely holds, but for clocks
        self._news: Mapping[str, Any] = {}  # what was told last, for the log
        told: Mapping[str, Any] = {}
        lasting = around.limits.persistent_loops
        if state is None:
            self.health = Components(self._tell, persistent_loops=lasting)
            self.gate = Gate(around.limits, self._tell)
            self.feeds = Feeds(around.feed_limits, self._tell)
        else:
            told = state
            health, gate, feeds = parts_of(state)
            self.health = Components.restored(self._tell, health, persistent_loops=lasting)
            self.gate = Gate.restored(around.limits, self._tell, gate)
            self.feeds = Feeds.restored(around.feed_limits, self._tell, feeds)
            self._since = since_of(state)
        self._measuring = self._measures(told.get("figures"))

    def _measures(self, figures: object) -> Measuring | None:
        """What holds figures against limits of money; None if there are none."""
        around = self._around
        if around.worth is None:
            return None
        counted = Figures.restored(around.worth, figures) if figures else Figures(around.worth)
        return Measuring(counted, self.gate, around.limits, around.strategy)

    def state(self) -> dict[str, Any]:
        """All that it remembers, as plain values for JSON."""
        return handed_over(self._memories())

    def _memories(self) -> dict[str, Any]:
        """All that it remembers, as the frozen values that it is made of."""
        return {
            "gate": self.gate.memory,
            "feeds": self.feeds.memory,
            "health": self.health.memory,
            "figures": self._measuring.figures.memory if self._measuring else None,
            "since": dict(self._since),
        }

    def news(self) -> dict[str, Any] | None:
        """All that it remembers, for the log; None if that holds the same, but for clocks.

        Who goes on from an older reading of a clock reads it anew, and as much time has passed.
        """
        memories = self._memories()
        if self._kept == memories:
            return None
        self._kept, self._news = None, memories
        return memories

    def keeping(self) -> Callable[[], None]:
        """What is to be called once the log holds the last `news` as the newest."""
        return partial(self._keep, self._news)

    def _keep(self, memories: Mapping[str, Any]) -> None:
        self._kept = memories

    def begin(self, venues: Iterable[str]) -> None:
        """A new process life begins: nothing has succeeded in it yet, whatever did before.

        Args:
            venues: of the run.
        """
        now_ns = self._now_ns()
        known = {*self.health.names, *venues, strategy_scope(self._strategy)}
        for component in sorted(known):
            self.health.expect(component)
        self.feeds.begin(now_ns)
        self.gate.recover(now_ns)
        self._write()

    # Before and after a send.

    def deny(self, leg: Leg, state: str) -> str:
        """Why an order must not be sent now; if empty, `answered` must follow the send."""
        if leg.role == REHEARSAL:
            return ""
        self._back()
        self._measure(leg.monitor)
        sending = sending_of(leg, state, self._strategy)
        reason = self.gate.may_send(sending, self._now_ns())
        self._write()
        return reason

    def answered(self, leg: Leg, receipt: Receipt) -> None:
        """What came of a send."""
        if leg.role == REHEARSAL:
            return
        wait_s = 0 if leg.wait_s else receipt.wait_s  # else the order itself waits for it
        sending = sending_of(leg, "", self._strategy)
        self._report(sending, receipt, wait_s)
        self._heed(sending.venue, receipt)
        if receipt.outcome is Outcome.UNKNOWN:
            self.gate.unknown(leg.request.key, account_of_leg(leg), self._now_ns())
        self._write()

    def _report(self, sending: Sending, receipt: Receipt, wait_s: int) -> None:
        self.gate.outcome(
            sending,
            answer_of(receipt),
            self._now_ns(),
            reason=receipt.reason,
            wait_ns=wait_s * NANOSECONDS,
        )

    def _heed(self, venue: str, receipt: Receipt) -> None:
        """A venue says for how long to stay away; the next process life must know it too."""
        if receipt.wait_s:
            self.gate.stay_away(venue, receipt.wait_s * NANOSECONDS, self._now_ns())
            reason = f"it said to stay away for {receipt.wait_s} s"
            self.health.find(venue, AWAY, Health.DEGRADED, reason)

    def away_ns(self) -> int:
        """For how long still a venue is not to be called, by its own word; 0 if none said so."""
        return self.gate.away_ns(self._now_ns()) if self.gate.away else 0

    def _back(self) -> None:
        """What a venue said of staying away is over."""
        if self.gate.away:
            for venue in self.gate.back(self._now_ns()):
                self.health.find(venue, AWAY, Health.HEALTHY, "it may be called again")

    def queried(self, leg: Leg, receipt: Receipt) -> None:
        """What the venue, or a person, says of an order whose outcome was unknown."""
        if receipt.outcome is Outcome.UNKNOWN:
            self.gate.advance(self._now_ns())
        else:
            self.gate.resolved(leg.request.key, self._now_ns())
        self._write()

    def deny_cancel(self, venue: str) -> str:
        """Why a venue must not be asked to cancel now; if empty, `cancelled` must follow it."""
        reason = self.gate.may_send(cancel_at(venue, self._strategy), self._now_ns())
        self._write()
        return reason

    def cancelled(self, venue: str, receipt: Receipt) -> None:
        """What came of a cancel."""
        self._report(cancel_at(venue, self._strategy), receipt, receipt.wait_s)
        self._heed(venue, receipt)
        self._write()

    # What is measured.

    def settled(self, leg: Leg) -> None:
        """A position is verified, and the books are settled with it."""
        self.verified(leg)
        if self._measuring and leg.role != REHEARSAL:
            self._measuring.filled(leg, self._now_ns())
            self._write()

    def measured(self, monitor: PositionMonitor) -> None:
        """Hold the books of now against the limits of money."""
        self._measure(monitor)
        self._write()

    def margined(self, venues: Mapping[str, object]) -> None:
        """Hold what venues tell of their margins against the least that is allowed."""
        if self._around.limits.margin_min is not None:
            measure_margins(self.gate, self._strategy, venues, self._now_ns())
            self._write()

    def adopted(self, before: Books, after: Books) -> None:
        """The books were changed on an operator's word."""
        if self._measuring:
            self._measuring.adopted(before, after)
            self._write()

    def _measure(self, monitor: PositionMonitor) -> None:
        if self._measuring:
            self._measuring.measure(monitor, self._now_ns())

    # What must not be.

    def mismatched(self, leg: Leg) -> None:
        """The positions are not what they should be, after the last look."""
        self._of_leg(Alarm.MISMATCH, leg)

    def contradicted(self, leg: Leg) -> None:
        """A venue says one thing, and its accounts another."""
        self._of_leg(Alarm.CONTRADICTION, leg)

    def strayed(self, row: LedgerRow) -> None:
        """A ledger row came that no instruction of ours has caused."""
        if row.cause is Cause.TRADE:
            told = f"{row.ref} moved {row.key} by {row.amount}, and is no fill of ours"
            self._alarm(Alarm.UNTRACKED_FILL, account_of(row.key), told)

    def _of_leg(self, alarm: Alarm, leg: Leg) -> None:
        """A dry run moves nothing that is ours: what goes wrong there ends its chain, no more."""
        if leg.role != REHEARSAL:
            self._alarm(alarm, account_of_leg(leg), leg.reason)

    def _alarm(self, alarm: Alarm, account: str, reason: str) -> None:
        self.gate.raise_alarm(alarm, account, reason)
        self.health.find(account_scope(account), alarm, Health.UNHEALTHY, reason)
        self._write()

    @property
    def latched(self) -> str:
        """Why nothing may be sent before two operators have reset it; empty if it may."""
        circuit = self.gate.scopes.circuit(GLOBAL)
        if circuit.state not in LATCHED:
            return ""
        why = "; ".join(circuit.memory.causes.values())
        return f"breaker {GLOBAL} is {circuit.state}: {why}; two operators must reset it"

    # Market data, and what is seen of the venues.

    def fresh(self, venues: Collection[str], problem: str) -> str:
        """Why the strategy must not decide upon what was just fetched, or empty.

        Args:
            venues: whose market data it looks at.
            problem: why it could not be fetched; empty if it was.
        """
        now_ns = self._now_ns()
        for venue in sorted(venues):
            if problem:
                self.feeds.lost(venue, now_ns, problem)
            else:
                self.feeds.connect(venue, now_ns)
                self.feeds.heartbeat(venue, now_ns)
                self.health.ready(feed_scope(venue))
        told = problem or self.feeds.may_decide(sorted(venues), now_ns)
        self.gate.stale(self._strategy, told)
        self._write()
        return told

    def clock_offset(self, offset_ns: int) -> None:
        """How far our clock is from that of the venues."""
        self.gate.clock_offset(offset_ns)
        self._write()

    def started(self, told: Mapping[str, Sequence[str]]) -> None:
        """How the start-up tests of the venues went: name -> what failed."""
        for venue, failures in told.items():
            if failures:
                self.health.find(venue, START_UP, Health.NOT_READY, "; ".join(failures))
            else:
                self.health.ready(venue)
        self._write()

    def ready(self) -> None:
        """All start-up tests have passed: what hangs on them may be used from now on."""
        self._back()
        for component in self.health.names:
            self.health.ready(component)
        self._write()

    def loop_ended(self, failed: Iterable[str]) -> None:
        """A tick is over in which instructions on these accounts failed."""
        self.health.loop_ended(strategy_scope(self._strategy), sorted(set(failed)))
        self._write()

    def probe(self, venues: Mapping[str, Probed]) -> None:
        """Make the probes that are due."""
        for scope in self.gate.due(self._now_ns()):
            name = scope.removeprefix(VENUE).rpartition(":")[0]
            if name in venues:  # else an earlier life had it, and nothing is sent there
                self.gate.probe(scope, partial(_asked, venues[name]), self._now_ns())
        self._write()

    # What operators say.

    def kill(self, actor: str, reason: str) -> None:
        """From now on nothing is sent but cancels."""
        if self._trading is not TradingState.HALTED:
            self.gate.scopes.halt(GLOBAL, actor, reason)
        self._write()

    def ease(self, actor: str, reason: str) -> None:
        """An engine that was killed is resumed: what reduces risk may be sent again."""
        if self._trading is TradingState.HALTED:
            self.gate.scopes.resume(GLOBAL, actor, reason)
        self._write()

    def only_reduce(self, actor: str, reason: str) -> None:
        """From now on nothing is sent but what takes risk away; from HALTED, that again."""
        if self._trading is TradingState.ACTIVE:
            self.gate.scopes.reduce(GLOBAL, actor, reason)
        elif self._trading is TradingState.HALTED:
            self.gate.scopes.resume(GLOBAL, actor, reason)
        self._write()

    def resume(self, scope: str, actor: str, reason: str) -> str:
        """Widen what a scope may send, by one step; why that is refused, or empty."""
        known = sorted(self.gate.scopes.tradings)
        if scope not in known:
            return f"there is no trading state {scope!r}; there are {', '.join(known) or 'none'}"
        refusal = self.gate.scopes.resume(scope, actor, reason)
        if self._measuring and not refusal and scope == strategy_scope(self._strategy):
            self._measuring.figures.excuse_loss()
            self.gate.excuse_naked(self._strategy)
        self._write()
        return refusal

    def reset(self, scope: str, actor: str, reason: str) -> str:
        """Reset a breaker that waits for an operator; why that is refused, or empty."""
        known = sorted(self.gate.scopes.circuits)
        if scope not in known:
            return f"there is no breaker {scope!r}; there are {', '.join(known) or 'none'}"
        refusal = self.gate.scopes.reset(scope, actor, reason)
        if self._measuring and not refusal:
            self._measuring.excuse(scope)
        self._write()
        return refusal

    @property
    def _trading(self) -> TradingState:
        return self.gate.scopes.trading(GLOBAL).state

    # What they are made of.

    def _tell(self, change: Change) -> None:
        """Keep a change, to be written before anything follows from it."""
        self._told.append(change)
        if change.source != change.target:
            self._since[f"{change.machine} {change.scope}"] = self._now_ns()
        if change.machine != MACHINE:
            self.health.told(change)

    def _write(self) -> None:
        if self._told:
            changes, self._told, memories = self._told, [], self._memories()
            self._around.write(changes, memories)
            self._keep(memories)


def _asked(venue: Probed) -> str:
    return "; ".join(venue.start_up_failures())


def _nothing(_leg: Leg) -> None:
    """Nobody is told."""
