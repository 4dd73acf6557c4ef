"""What is outside of a live engine, asked by way of `Answers`: clock, venues, strategy, operators.

Each stands between the engine and the real thing. In a replay there is no real thing: the
answers are those of the log, and nothing is reached.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar

from msgspec import to_builtins

from verifill.engine.answers import MONOTONIC, WALL, Answers
from verifill.engine.clock import WallClock
from verifill.engine.command import Command
from verifill.engine.form import Form
from verifill.machines.forms import (
    ASSESSMENT,
    COMMANDS,
    COUNT,
    DECIMAL,
    DECIMALS,
    EXPECTATION,
    NOBODY,
    NONE,
    PLAN,
    RECEIPT,
    STATE,
    TEXT,
    TEXTS,
    TICK,
    UNITS,
    order_made,
    order_told,
    pairs,
)
from verifill.machines.loop import blamed
from verifill.machines.operator import Mailbox
from verifill.machines.setup import VenueSetup
from verifill.machines.strategy import Plan, PlanReport, Positions, Strategy, checked
from verifill.venues.expectation import Assessment, Expectation
from verifill.venues.instructions import Instruction
from verifill.venues.interfaces import (
    Dated,
    Entered,
    Forkable,
    Margined,
    PositionFeed,
    Recallable,
    Resting,
    Sealing,
    Venue,
)
from verifill.venues.market import Books, MarketView
from verifill.venues.orders import Cause, LedgerRow, Order, Reading, Receipt, Request

RESTING: Final = "resting"
RECALLABLE: Final = "recallable"
ENTERED: Final = "entered"
MARGINED: Final = "margined"
DATED: Final = "dated"
SEALING: Final = "sealing"
FORKABLE: Final = "forkable"
ABILITIES: Final[Mapping[str, type]] = {
    RESTING: Resting,
    RECALLABLE: Recallable,
    ENTERED: Entered,
    MARGINED: Margined,
    DATED: Dated,
    SEALING: Sealing,
    FORKABLE: Forkable,
}

T = TypeVar("T")


def abilities_of(venue: Venue) -> tuple[str, ...]:
    """What a venue can do beyond `Venue`."""
    return tuple(name for name, kind in ABILITIES.items() if isinstance(venue, kind))


class HeardClock(WallClock):
    """The wall clock.

    Args:
        answers: who is asked.
        inner: the real one.
    """

    def __init__(self, answers: Answers, inner: WallClock) -> None:
        self._answers = answers
        self._inner = inner
        self.between = NOBODY.between
        self.late = 0

    @property
    def now_ns(self) -> int:
        """See `Clock.now_ns`."""
        return self._answers.clock(WALL, lambda: self._inner.now_ns)

    @property
    def monotonic_ns(self) -> int:
        """See `Clock.monotonic_ns`."""
        return self._answers.clock(MONOTONIC, lambda: self._inner.monotonic_ns)

    def next_tick(self) -> bool:
        """See `Clock.next_tick`."""

        def tick(between: Callable[[], bool]) -> tuple[bool, int]:
            self._inner.between = between
            return self._inner.next_tick(), self._inner.late

        ticked, self.late = self._answers.wait("tick", tick, TICK, self.between)
        return ticked

    def wait(self, duration_ns: int) -> int:
        """See `Clock.wait`."""

        def wait(between: Callable[[], bool]) -> int:
            self._inner.between = between
            return self._inner.wait(duration_ns)

        return self._answers.wait("wait", wait, COUNT, self.between)


class HeardFeed:
    """Position updates; what has not changed since the reading before is not written again.

    Args:
        answers: who is asked.
        name: of the feed.
        inner: the real one.
    """

    def __init__(self, answers: Answers, name: str, inner: PositionFeed) -> None:
        self._answers = answers
        self._name = name
        self._inner = inner
        self._totals: Mapping[str, int] = {}
        self._form: Form[Reading] = Form(self._plain, self._made)

    def read(self) -> Reading:
        """See `PositionFeed.read`."""
        reading = self._answers.ask(f"{self._name}.read", self._inner.read, self._form)
        self._totals = dict(reading.totals)
        return reading

    def _plain(self, reading: Reading) -> dict[str, Any]:
        totals, before = reading.totals, self._totals
        if list(before) == list(totals):
            changed = {key: units for key, units in totals.items() if before[key] != units}
            told: dict[str, Any] = {"changed": pairs(changed)}
        else:
            told = {"totals": pairs(totals)}
        told["rows"] = to_builtins(
            [(row.ref, row.key, row.amount, row.cause, row.time_ns) for row in reading.rows]
        )
        told["behind"] = pairs(reading.behind)
        return {"as_of_ns": reading.as_of_ns} | {name: part for name, part in told.items() if part}

    def _made(self, told: Mapping[str, Any]) -> Reading:
        whole = told.get("totals")
        totals = {**self._totals, **dict(told.get("changed", ()))} if whole is None else dict(whole)
        rows = tuple(
            LedgerRow(ref, key, units, Cause(cause), at_ns)
            for ref, key, units, cause, at_ns in told.get("rows", ())
        )
        return Reading(told["as_of_ns"], totals, rows, dict(told.get("behind", ())))


class HeardVenue(HeardFeed):
    """A venue; implements `Venue`, and what its abilities say.

    Args:
        answers: who is asked.
        setup: what it is.
        inner: the real one.
        name: how questions to it begin.
    """

    def __init__(self, answers: Answers, setup: VenueSetup, inner: Any, name: str = "") -> None:  # noqa: ANN401 - with any abilities
        super().__init__(answers, name or setup.rules.name, inner)
        self.rules = setup.rules
        self._venue: Any = inner
        for ability in setup.abilities:
            for method in _METHODS[ability]:
                setattr(self, method, getattr(self, f"_{method}"))

    def resolve(self, instruction: Instruction, number: int, late: int | None) -> Order:
        """See `OrderHandler.resolve`."""
        orders: Form[Order] = Form(
            lambda order: order_told(order, instruction),
            lambda told: order_made(told, instruction, number, self.rules),
        )
        return self._ask("resolve", lambda: self._venue.resolve(instruction, number, late), orders)

    def deny(self, request: Request) -> str:
        """See `OrderHandler.deny`."""
        return self._ask("deny", lambda: self._venue.deny(request), TEXT)

    def expect(self, request: Request, books: Books) -> Expectation:
        """See `OrderHandler.expect`."""
        return self._ask("expect", lambda: self._venue.expect(request, books), EXPECTATION)

    def assess(self, request: Request, receipt: Receipt, books: Books) -> Assessment:
        """See `OrderHandler.assess`."""
        return self._ask("assess", lambda: self._venue.assess(request, receipt, books), ASSESSMENT)

    def submit(self, request: Request) -> Receipt:
        """See `OrderHandler.submit`."""
        return self._ask("submit", lambda: self._venue.submit(request), RECEIPT)

    def query(self, request: Request) -> Receipt:
        """See `OrderHandler.query`."""
        return self._ask("query", lambda: self._venue.query(request), RECEIPT)

    def start_up_failures(self) -> tuple[str, ...]:
        """See `Venue.start_up_failures`."""
        failures: Sequence[str] = self._ask("start_up", self._venue.start_up_failures, TEXTS)
        return tuple(failures)

    def _open_orders(self) -> Sequence[str]:
        return self._ask("open_orders", self._venue.open_orders, TEXTS)

    def _cancel(self, key: str) -> Receipt:
        return self._ask("cancel", lambda: self._venue.cancel(key), RECEIPT)

    def _recall(self, request: Request) -> Receipt:
        return self._ask("recall", lambda: self._venue.recall(request), RECEIPT)

    def _entry_values(self) -> Mapping[str, int]:
        return self._ask("entry_values", self._venue.entry_values, UNITS)

    def _margins(self) -> Mapping[str, Decimal]:
        return self._ask("margins", self._venue.margins, DECIMALS)

    def _deadline_ns(self) -> int:
        return self._ask("deadline", self._venue.deadline_ns, COUNT)

    def _seal(self, request: Request) -> tuple[str, ...]:
        sealed: Sequence[str] = self._ask("seal", lambda: self._venue.seal(request), TEXTS)
        return tuple(sealed)

    def _again(self, request: Request) -> tuple[str, ...]:
        sealed: Sequence[str] = self._ask("again", lambda: self._venue.again(request), TEXTS)
        return tuple(sealed)

    def _fork(self) -> Venue:
        forks: Form[tuple[Any, tuple[str, ...]]] = Form(
            lambda fork: list(fork[1]), lambda told: (NOBODY, tuple(told))
        )
        fork, abilities = self._ask("fork", self._forked, forks)
        setup = VenueSetup(rules=self.rules, abilities=abilities)
        return HeardVenue(self._answers, setup, fork, f"{self._name}.dry")

    def _forked(self) -> tuple[Any, tuple[str, ...]]:
        fork = self._venue.fork()
        return fork, abilities_of(fork)

    def _ask(self, question: str, do: Callable[[], T], form: Form[T]) -> T:
        return self._answers.ask(f"{self._name}.{question}", do, form)


_METHODS: Mapping[str, Sequence[str]] = {
    RESTING: ("open_orders", "cancel"),
    RECALLABLE: ("recall",),
    ENTERED: ("entry_values",),
    MARGINED: ("margins",),
    DATED: ("deadline_ns",),
    SEALING: ("seal", "again"),
    FORKABLE: ("fork",),
}


class HeardStrategy:
    """The strategy of a user; what it raises is an answer too.

    Args:
        answers: who is asked.
        inner: the real one.
    """

    def __init__(self, answers: Answers, inner: Strategy) -> None:
        self._answers = answers
        self._inner: Any = inner

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:
        """See `Strategy.decide`."""

        def decide() -> Plan:
            try:
                return checked(self._inner.decide(market, positions, last))
            except (Exception, SystemExit) as error:
                raise blamed(error) from error

        return self._answers.ask("decide", decide, PLAN)


class HeardState(HeardStrategy):
    """A strategy with a state of its own; implements `Stateful`."""

    def state(self) -> Mapping[str, Any]:
        """See `Stateful.state`."""
        return self._answers.ask("state", self._inner.state, STATE)

    def restore(self, state: Mapping[str, Any]) -> None:
        """See `Stateful.restore`."""
        self._answers.ask("restore", lambda: self._inner.restore(state), NONE)


class HeardMailbox:
    """Where operators' commands wait; implements `Mailbox`.

    Args:
        answers: who is asked.
        inner: the real one.
    """

    def __init__(self, answers: Answers, inner: Mailbox) -> None:
        self._answers = answers
        self._inner = inner

    def pending(self) -> Sequence[Command]:
        """See `Mailbox.pending`."""
        nothing: Sequence[Command] = ()
        return self._answers.ask_if(
            "pending", lambda: tuple(self._inner.pending()), COMMANDS, nothing
        )

    def answer(self, number: int, text: str, at_ns: int, *, taken: bool = True) -> None:
        """See `Mailbox.answer`."""
        self._inner.answer(number, text, at_ns, taken=taken)


class HeardWorth:
    """What things are worth at the prices of the last look; implements `Worth`.

    Args:
        answers: who is asked.
        inner: the real one.
    """

    def __init__(self, answers: Answers, inner: Any) -> None:  # noqa: ANN401 - a `Worth`
        self._answers = answers
        self._inner = inner

    def value(self, asset: str, units: int) -> Decimal:
        """See `Worth.value`."""
        return self._answers.ask(f"value.{asset}", lambda: self._inner.value(asset, units), DECIMAL)

    def equity(self, books: Books) -> Decimal:
        """See `Worth.equity`."""
        return self._answers.ask("equity", lambda: self._inner.equity(books), DECIMAL)

    def deltas(self, books: Books) -> Mapping[str, Decimal]:
        """See `Worth.deltas`."""
        return self._answers.ask("deltas", lambda: self._inner.deltas(books), DECIMALS)
