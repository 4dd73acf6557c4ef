"""What is outside of a live engine, asked by way of `Answers`: clock, venues, strategy, operators.

Each stands between the engine and the real thing. In a replay there is no real thing: the
answers are those of the log, and nothing is reached.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, NoReturn, TypeVar, cast

import msgspec
from msgspec import defstruct, structs

from verifill.engine.answers import MONOTONIC, WALL, Answers, Form, form
from verifill.engine.clock import WallClock
from verifill.engine.command import Command
from verifill.engine.commands import CommandName
from verifill.engine.errors import EngineDefect
from verifill.machines.loop import blamed
from verifill.machines.memory import OrderMemory, entries_of, plain, plan_of
from verifill.machines.operator import Mailbox
from verifill.machines.setup import VenueSetup
from verifill.machines.strategy import Plan, PlanReport, Positions, Strategy, checked
from verifill.venues.expectation import Assessment, Bound, Expectation, Origin
from verifill.venues.instructions import AnyInstruction, Instruction
from verifill.venues.interfaces import Dated, Entered, Forkable, PositionFeed, Resting, Venue
from verifill.venues.market import Books, MarketView
from verifill.venues.orders import Cause, LedgerRow, Order, Reading, Receipt, Request

RESTING: Final = "resting"
ENTERED: Final = "entered"
DATED: Final = "dated"
FORKABLE: Final = "forkable"
ABILITIES: Final[Mapping[str, type]] = {
    RESTING: Resting,
    ENTERED: Entered,
    DATED: Dated,
    FORKABLE: Forkable,
}

T = TypeVar("T")


def _lean(value: msgspec.Struct) -> dict[str, Any]:
    """A value without the fields that are as they are by default."""
    told: dict[str, Any] = msgspec.to_builtins(value)
    usual = {one.name: one.default for one in structs.fields(value)}
    return {name: part for name, part in told.items() if getattr(value, name) != usual[name]}


def _pairs(units: Mapping[str, int]) -> list[list[Any]]:
    return [[key, amount] for key, amount in units.items()]


TEXT = form(str)
COUNT = form(int)
TEXTS: Form[Sequence[str]] = Form(list, tuple)
# in pairs, because the order of keys is that of what is written of them
UNITS: Form[Mapping[str, int]] = Form(_pairs, dict)
RECEIPT: Form[Receipt] = Form(_lean, lambda told: msgspec.convert(told, Receipt))
EXPECTATION: Form[Expectation] = Form(
    lambda expectation: [
        [key, bound.low, bound.high, str(bound.origin)] for key, bound in expectation.bounds.items()
    ],
    lambda told: Expectation(
        {key: Bound(low, high, Origin(origin)) for key, low, high, origin in told}
    ),
)
ASSESSMENT: Form[Assessment] = Form(
    lambda one: [one.executed, _pairs(one.effects), one.flaw, _pairs(one.bases)],
    lambda told: Assessment(told[0], dict(told[1]), told[2], dict(told[3])),
)
PLAN: Form[Plan] = Form(
    lambda plan: [plain(one) for one in entries_of(plan)], lambda told: list(plan_of(told))
)
COMMANDS: Form[Sequence[Command]] = Form(
    lambda commands: [
        [one.id, one.at_ns, one.actor, one.reason, str(one.name), dict(one.arguments)]
        for one in commands
    ],
    lambda told: tuple(_command(*one) for one in told),
)


def _command(
    number: int, at_ns: int, actor: str, reason: str, name: str, arguments: Mapping[str, str]
) -> Command:
    return Command(
        id=number,
        at_ns=at_ns,
        actor=actor,
        reason=reason,
        name=CommandName(name),
        arguments=arguments,
    )


class Nobody:
    """Stands where nobody is asked: the answers are there already."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever is asked for
        """A function that must not be called."""

        def called(*_given: object, **_named: object) -> NoReturn:
            msg = f"a replay has called {name} of what is outside; nothing was reached"
            raise EngineDefect(msg)

        return called


NOBODY: Final[Any] = Nobody()


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


TICK = form(tuple[bool, int])


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
            told: dict[str, Any] = {"changed": _pairs(changed)}
        else:
            told = {"totals": _pairs(totals)}
        told["rows"] = [list(structs.astuple(row)) for row in reading.rows]
        told["behind"] = _pairs(reading.behind)
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
            lambda order: _order_told(order, instruction),
            lambda told: _order_made(told, instruction, number),
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

    def _entry_values(self) -> Mapping[str, int]:
        return self._ask("entry_values", self._venue.entry_values, UNITS)

    def _deadline_ns(self) -> int:
        return self._ask("deadline", self._venue.deadline_ns, COUNT)

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
    ENTERED: ("entry_values",),
    DATED: ("deadline_ns",),
    FORKABLE: ("fork",),
}


def _order_told(order: Order, asked: Instruction) -> list[Any]:
    """An order, of which the instruction is left out where it is what was asked."""
    memory = OrderMemory.of(order)
    told = [memory.quantity, memory.limit, memory.prices]
    return told if order.instruction == asked else [*told, plain(memory)["instruction"]]


def _order_made(told: Sequence[Any], asked: Instruction, number: int) -> Order:
    quantity, limit, prices, *other = told
    instruction: Any = msgspec.convert(other[0], AnyInstruction) if other else asked
    kind = _kind_of_order(tuple(prices))
    exact: dict[str, Any] = {"number": number, "quantity": quantity, "limit": limit, **prices}
    return kind(instruction=instruction, **exact)


@cache
def _kind_of_order(names: tuple[str, ...]) -> type[Order]:
    """The type of orders that have further numbers."""
    fields = [(name, int) for name in names]
    made = defstruct("HeardOrder", fields, bases=(Order,), frozen=True, kw_only=True)
    return cast("type[Order]", made)


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


STATE: Form[Mapping[str, Any]] = Form(dict, dict)
NONE: Form[None] = Form(lambda _answer: None, lambda _told: None)


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
