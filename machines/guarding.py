"""The guard of a live engine: breakers, trading states, feeds and health, asked and told.

    reason = guard.deny(leg, state)      # before a send
    ... send ...
    guard.answered(leg, receipt)         # after it, always

Every change is on the disk before anything follows from it: what one call changes is written
in one transaction, with all that the guard then remembers, before the call returns.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

from attrs import field, frozen

from verifill.engine.clock import NANOSECONDS
from verifill.engine.errors import StateError
from verifill.engine.log.live import Aside
from verifill.machines.changes import Change
from verifill.machines.circuit_memory import LATCHED
from verifill.machines.feeds import Feeds
from verifill.machines.gate import Gate
from verifill.machines.health import MACHINE, Components, Health
from verifill.machines.leg import Leg
from verifill.machines.limits import Alarm
from verifill.machines.scopes import GLOBAL, account_scope, strategy_scope
from verifill.machines.sending import Purpose, Sending
from verifill.machines.tally import Answer
from verifill.machines.thresholds import FeedLimits, Thresholds
from verifill.machines.trading_state import TradingState
from verifill.venues.instructions import Operation, PerpTrade
from verifill.venues.keys import account_of
from verifill.venues.orders import Bundle, Cause, LedgerRow, Outcome, Receipt, Trouble

VENUE: Final = "venue:"
ONE_TX: Final = "ONE_TX"
TAKES_BACK: Final = "ATOMIC.COMPENSATE."
FLATTEN: Final = "FLATTEN"
REHEARSAL: Final = "REHEARSAL"

ANSWERS: Final[Mapping[Trouble, Answer]] = {
    Trouble.NONE: Answer.ANSWERED,
    Trouble.BUSY: Answer.FAILED,
    Trouble.BARRED: Answer.BARRED,
}
NO_ANSWER: Final = frozenset({Outcome.UNKNOWN, Outcome.DENIED_LOCAL})
"""Outcomes of a send that say that the venue was not reached."""


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
        write: where changes are written.
        now_ns: wall time.
    """

    limits: Thresholds = field(factory=Thresholds)
    feed_limits: FeedLimits = field(factory=FeedLimits)
    strategy: str = "strategy"
    write: Write
    now_ns: Callable[[], int]


class Open:
    """No guard: a backtest asks nobody."""

    def deny(self, leg: Leg, state: str) -> str:  # noqa: ARG002 - one face
        """Nothing is denied."""
        return ""

    def answered(self, leg: Leg, receipt: Receipt) -> None:
        """Nothing follows."""

    def queried(self, leg: Leg, receipt: Receipt) -> None:
        """Nothing follows."""

    def mismatched(self, leg: Leg) -> None:
        """Nothing follows."""

    def contradicted(self, leg: Leg) -> None:
        """Nothing follows."""


OPEN: Final = Open()


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
    """

    def __init__(self, around: Surroundings, state: Mapping[str, Any] | None = None) -> None:
        self._around = around
        self._strategy = around.strategy
        self._now_ns = around.now_ns
        self._told: list[Change] = []
        lasting = around.limits.persistent_loops
        if state is None:
            self.health = Components(self._tell, persistent_loops=lasting)
            self.gate = Gate(around.limits, self._tell)
            self.feeds = Feeds(around.feed_limits, self._tell)
            return
        try:
            told = [state[name] for name in ("health", "gate", "feeds")]
        except KeyError as error:
            msg = f"the log holds a guard without its {error}. Restore the log from a copy"
            raise StateError(msg) from error
        health, gate, feeds = told
        self.health = Components.restored(self._tell, health, persistent_loops=lasting)
        self.gate = Gate.restored(around.limits, self._tell, gate)
        self.feeds = Feeds.restored(around.feed_limits, self._tell, feeds)

    def state(self) -> dict[str, Any]:
        """All that it remembers, as plain values for JSON."""
        return {
            "gate": self.gate.state(),
            "feeds": self.feeds.state(),
            "health": self.health.state(),
        }

    def begin(self) -> None:
        """A new process life begins."""
        self.gate.recover(self._now_ns())
        self._write()

    # Before and after a send.

    def deny(self, leg: Leg, state: str) -> str:
        """Why an order must not be sent now; if empty, `answered` must follow the send."""
        if leg.role == REHEARSAL:
            return ""
        reason = self.gate.may_send(self._sending(leg, state), self._now_ns())
        self._write()
        return reason

    def answered(self, leg: Leg, receipt: Receipt) -> None:
        """What came of a send."""
        if leg.role == REHEARSAL:
            return
        answer = Answer.FAILED if receipt.outcome in NO_ANSWER else ANSWERS[receipt.trouble]
        self.gate.outcome(
            self._sending(leg, ""),
            answer,
            self._now_ns(),
            reason=receipt.reason,
            wait_ns=0 if leg.wait_s else receipt.wait_s * NANOSECONDS,
        )
        if receipt.outcome is Outcome.UNKNOWN:
            self.gate.unknown(leg.request.key, self._account(leg), self._now_ns())
        self._write()

    def queried(self, leg: Leg, receipt: Receipt) -> None:
        """What the venue, or a person, says of an order whose outcome was unknown."""
        if receipt.outcome is Outcome.UNKNOWN:
            self.gate.advance(self._now_ns())
        else:
            self.gate.resolved(leg.request.key, self._now_ns())
        self._write()

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
            self._alarm(alarm, self._account(leg), leg.reason)

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
        told = problem or self.feeds.may_decide(sorted(venues), now_ns)
        self._write()
        return told

    def clock_offset(self, offset_ns: int) -> None:
        """How far our clock is from that of the venues."""
        self.gate.clock_offset(offset_ns)
        self._write()

    def started(self, venue: str, failures: Sequence[str]) -> None:
        """How the start-up tests of a venue went."""
        if failures:
            self.health.find(venue, "start_up", Health.NOT_READY, "; ".join(failures))
        else:
            self.health.ready(venue)
        self._write()

    def loop_ended(self, failed: Iterable[str]) -> None:
        """A tick is over in which instructions on these accounts failed."""
        self.health.loop_ended(strategy_scope(self._strategy), sorted(set(failed)))
        self._write()

    def probe(self, venues: Mapping[str, Probed]) -> None:
        """Make the probes that are due."""
        for scope in self.gate.due(self._now_ns()):
            name = scope.removeprefix(VENUE).rpartition(":")[0]
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
        self._write()
        return refusal

    def reset(self, scope: str, actor: str, reason: str) -> str:
        """Reset a breaker that waits for an operator; why that is refused, or empty."""
        known = sorted(self.gate.scopes.circuits)
        if scope not in known:
            return f"there is no breaker {scope!r}; there are {', '.join(known) or 'none'}"
        refusal = self.gate.scopes.reset(scope, actor, reason)
        self._write()
        return refusal

    @property
    def _trading(self) -> TradingState:
        return self.gate.scopes.trading(GLOBAL).state

    # What they are made of.

    def _sending(self, leg: Leg, state: str) -> Sending:
        wanted = leg.wanted
        return Sending(
            venue=leg.rules.name,
            operation=ONE_TX if isinstance(wanted, tuple) else str(wanted.op),
            account=self._account(leg),
            strategy=self._strategy,
            purpose=_purpose(leg, state),
            least=_is_least(leg),
        )

    def _account(self, leg: Leg) -> str:
        wanted = leg.wanted
        return wanted[0].instruction.account if isinstance(wanted, tuple) else wanted.account

    def _tell(self, change: Change) -> None:
        """Keep a change, to be written before anything follows from it."""
        self._told.append(change)
        if change.machine != MACHINE:
            self.health.told(change)

    def _write(self) -> None:
        if self._told:
            changes, self._told = self._told, []
            self._around.write(changes, self.state())


def _purpose(leg: Leg, state: str) -> Purpose:
    """What an order does to the risk that there is.

    What takes a chain back and what trades a position flat reduces, and so does an order
    that the venue itself keeps from opening anything.
    """
    wanted = leg.wanted
    if state.startswith(TAKES_BACK) or leg.role == FLATTEN:
        return Purpose.REDUCE
    if isinstance(wanted, PerpTrade) and wanted.reduce_only:
        return Purpose.REDUCE
    if not isinstance(wanted, tuple) and wanted.op is Operation.CANCEL:
        return Purpose.CANCEL
    return Purpose.OPEN


def _is_least(leg: Leg) -> bool:
    """Whether an order is of one lot, where no least notional asks for more."""
    request = leg.request
    if isinstance(request, Bundle):
        return False
    place = (request.instruction.account, str(getattr(request.instruction, "symbol", "")))
    instrument = leg.rules.instruments.get(place)
    return bool(
        instrument and not instrument.min_notional and 0 < request.quantity <= instrument.lot
    )


def asides(changes: Sequence[Change], state: Mapping[str, Any]) -> list[Aside]:
    """Changes as a log takes them, the last one with all that is remembered after it."""
    *before, last = map(_aside, changes)
    return [*before, last._replace(payload={**last.payload, "guard": state})]


def _aside(change: Change) -> Aside:
    payload = {"scope": change.scope, "reason": change.reason, "actor": change.actor}
    return Aside(change.machine, change.source, change.event, change.target, change.move, payload)


def _asked(venue: Probed) -> str:
    return "; ".join(venue.start_up_failures())
