"""What a live engine remembers: all that it cannot ask the venues for, as plain values.

Positions are asked for, intents are not: which plan was taken up, how far it had come, what
each step of a chain had moved, which order was sent with which limits, and where the books
stood then. A memory is written into the record of every intent and of every verdict, so the
newest one in the log and the last state say all that a new process life needs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from verifill.engine.digest import at_one_go, is_exact
from verifill.engine.errors import StateError
from verifill.machines.leg import Leg
from verifill.machines.strategy import Plan
from verifill.venues.any_instruction import AnyInstruction
from verifill.venues.chains import Atomicity, Chain, Invariant, Step, Undo
from verifill.venues.expectation import Bound, Expectation, Origin
from verifill.venues.interfaces import OrderHandler
from verifill.venues.orders import Bundle, LedgerRow, Order, Request


class StepMemory(Struct, frozen=True, omit_defaults=True):
    """One step of a chain; see `Step`."""

    instruction: AnyInstruction
    undo: Undo | None = None
    undo_by: AnyInstruction | None = None

    @classmethod
    def of(cls, step: Step) -> "StepMemory":
        """The memory of a step."""
        instruction: Any = step.instruction  # one of the union, which no base class can say
        undo: Any = step.undo
        return cls(instruction, undo) if isinstance(undo, Undo) else cls(instruction, None, undo)

    def step(self) -> Step:
        """The step."""
        return Step(self.instruction, self.undo or self.undo_by or Undo.REVERSE)


class ChainMemory(Struct, frozen=True, omit_defaults=True):
    """A chain as the strategy planned it; see `Chain`."""

    kind: Atomicity
    steps: tuple[StepMemory, ...]
    name: str = ""
    invariants: tuple[Invariant, ...] = ()

    @classmethod
    def of(cls, chain: Chain) -> "ChainMemory":
        """The memory of a chain."""
        steps = [s if isinstance(s, Step) else Step(s) for s in chain.steps]
        return cls(chain.kind, tuple(map(StepMemory.of, steps)), chain.name, chain.invariants)

    def chain(self) -> Chain:
        """The chain."""
        steps = tuple(step.step() for step in self.steps)
        return Chain(steps=steps, kind=self.kind, name=self.name, invariants=self.invariants)


class EntryMemory(Struct, frozen=True, omit_defaults=True):
    """One entry of a plan: an instruction or a chain."""

    instruction: AnyInstruction | None = None
    chain: ChainMemory | None = None


def entries_of(plan: Plan) -> Iterator[EntryMemory]:
    """The memory of a plan, entry by entry."""
    for entry in plan:
        if isinstance(entry, Chain):
            yield EntryMemory(chain=ChainMemory.of(entry))
        else:
            one: Any = entry  # one of the union, which no base class can say
            yield EntryMemory(one)


class OrderMemory(Struct, frozen=True, omit_defaults=True):
    """An order, exact.

    Attributes:
        instruction: what was asked for.
        number: of the intent.
        quantity: in units.
        limit: in ticks or units.
        key: of the intent.
        prices: what else a trade was made with: last, lowest and highest price, price of a fee.
        deadline_ns: venue time after which the venue refuses it; 0 where it has no end.
        sealed: the bytes that may be executed; see `Order`.
    """

    instruction: AnyInstruction
    number: int
    quantity: int
    limit: int
    key: str
    prices: dict[str, int] = {}
    deadline_ns: int = 0
    sealed: tuple[str, ...] = ()

    @classmethod
    def of(cls, order: Order) -> "OrderMemory":
        """The memory of an order."""
        kind: Any = type(order)  # which mypy takes for unhashable
        told = {name: getattr(order, name) for name in _beside(kind)}
        prices = {name: value for name, value in told.items() if type(value) is int}
        instruction: Any = order.instruction
        exact = order.number, order.quantity, order.limit, order.key
        return cls(instruction, *exact, prices, order.deadline_ns, order.sealed)

    def order(self, handler: OrderHandler) -> Order:
        """The order, with what its venue makes of its instruction beside its own numbers."""
        exact: dict[str, Any] = {
            "number": self.number,
            "quantity": self.quantity,
            "limit": self.limit,
            "key": self.key,
            "deadline_ns": self.deadline_ns,
            "sealed": self.sealed,
        }
        if not self.prices:
            return Order(instruction=self.instruction, **exact)
        made = handler.resolve(self.instruction, self.number, self.quantity)
        return replace(made, **(exact | self.prices))


@cache
def _beside(kind: type[Order]) -> tuple[str, ...]:
    """The fields of an order beside its own numbers."""
    own = {"number", "quantity", "limit", "deadline_ns"}
    return tuple(one.name for one in fields(kind) if one.name not in own)


class LegMemory(Struct, frozen=True, omit_defaults=True):
    """An instruction on its way; see `Leg`.

    Attributes:
        wanted: what to do, if it is no bundle.
        late: the amount in units, where it is not the instruction's own.
        orders: its order, or those of its bundle; none before it was made exact.
        bundle: whether it is one.
        bounds: position key -> least and greatest change, and why it is as wide.
        own: position key -> units that it moved, once that is verified.
        executed: units that took effect, once that is verified.
        denial: why it must not be sent, if that is known already.
        deadline_ns: venue time after which its venue refuses it; 0 where it has no end.
        sealed: of a bundle: the bytes that may be executed; see `Order`.
    """

    number: int
    parent: int
    role: str
    child: int
    sends: int
    wanted: AnyInstruction | None
    late: int | None
    orders: tuple[OrderMemory, ...]
    bundle: bool
    account: str
    key: str
    bounds: dict[str, tuple[int, int, Origin]] = {}
    own: dict[str, int] = {}
    executed: int = 0
    reason: str = ""
    denial: str = ""
    deadline_ns: int = 0
    sealed: tuple[str, ...] = ()

    @classmethod
    def of(cls, leg: Leg) -> "LegMemory":
        """The memory of a leg."""
        request = leg.request
        bundle = isinstance(leg.wanted, tuple)
        exact = () if isinstance(request, Bundle) else (request,)
        orders = leg.wanted if isinstance(leg.wanted, tuple) else exact
        wanted: Any = None if bundle else leg.wanted
        return cls(
            number=leg.number,
            parent=leg.parent,
            role=leg.role,
            child=leg.child,
            sends=leg.sends,
            wanted=wanted,
            late=leg.late,
            orders=tuple(map(OrderMemory.of, orders)),
            bundle=bundle,
            account=_account(leg),
            key=request.key,
            bounds={k: (b.low, b.high, b.origin) for k, b in leg.expectation.bounds.items()},
            own=dict(leg.verdict.own),
            executed=leg.assessment.executed,
            reason=leg.reason,
            denial=leg.denial,
            deadline_ns=request.deadline_ns,
            sealed=request.sealed if isinstance(request, Bundle) else (),
        )

    def request(self, handler: OrderHandler, number: int) -> Request:
        """What was sent.

        Args:
            handler: where it was sent.
            number: of a bundle's intent.
        """
        orders = tuple(order.order(handler) for order in self.orders)
        if orders and not self.bundle:
            return orders[0]
        return Bundle(number, self.account, orders, self.key, self.deadline_ns, self.sealed)

    def expectation(self) -> Expectation:
        """What it should make of the positions."""
        return Expectation({key: Bound(*told) for key, told in self.bounds.items()})


def _account(leg: Leg) -> str:
    wanted = leg.wanted
    return wanted[0].instruction.account if isinstance(wanted, tuple) else wanted.account


class EffectMemory(Struct, frozen=True, omit_defaults=True):
    """A step of a saga that moved something; see `machines.transaction.Effect`."""

    step: int
    number: int
    own: dict[str, int]
    units: int | None = None


class TransactionMemory(Struct, frozen=True, omit_defaults=True):
    """How far a chain has come; see `AtomicTransaction`."""

    number: int
    next: int
    children: int
    effects: tuple[EffectMemory, ...]
    opening: dict[str, int]
    reason: str
    left: bool = False


class FlattenMemory(Struct, frozen=True, omit_defaults=True):
    """How far the positions were traded flat; see `machines.flattening`.

    Attributes:
        rounds: how many plans there were.
        given_up: position key -> why it stays.
    """

    rounds: int = 0
    given_up: dict[str, str] = {}


class BooksMemory(Struct, frozen=True):
    """The books as they were last settled, and where the readings had come to.

    Attributes:
        totals: position key -> units.
        bases: perpetual's key -> entry value.
        settled_ns: the moment they were verified for.
        cursors: feed -> the ledger row that its next reading begins with.
        suspense: position key -> units that were accepted so far.
        spent: position key -> units of the day's budget.
        day: the day of that budget, since the epoch.
        unbooked: rows before the cursors that the totals do not hold yet.
    """

    totals: dict[str, int]
    bases: dict[str, int]
    settled_ns: int
    cursors: dict[str, int] = {}
    suspense: dict[str, int] = {}
    spent: dict[str, int] = {}
    day: int = -1
    unbooked: tuple[LedgerRow, ...] = ()


class Memory(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of it.

    Attributes:
        tick: number of the tick.
        legs: how many legs were made so far.
        intents: how many orders.
        chains: how many chains.
        done: fate and reason of every entry of the plan that has ended.
        children: how many remainders the entry under way has had.
        outputs: step's name -> position key -> units that it moved.
        books: see `BooksMemory`.
        leg: the instruction under way, or the last one.
        transaction: the chain under way, or none.
        strategy: what the strategy handed over of its own state.
        guard: what breakers, trading states, feeds and health hand over; see `Guard`.
        killed: why nothing more is sent, if an operator has said so and nobody has resumed.
        flatten: how far positions are traded flat, if the operator has said that too.
    """

    tick: int
    legs: int
    intents: int
    done: tuple[tuple[str, str], ...]
    books: BooksMemory
    chains: int = 0
    children: int = 0
    outputs: dict[str, dict[str, int]] = {}
    leg: LegMemory | None = None
    transaction: TransactionMemory | None = None
    strategy: dict[str, Any] | None = None
    guard: dict[str, Any] | None = None
    killed: str = ""
    flatten: FlattenMemory | None = None


def plain(value: Struct) -> Any:  # noqa: ANN401 - of any shape
    """A memory as the plain values that a record's payload is made of."""
    return msgspec.to_builtins(value)


def written(memory: Memory) -> Any:  # noqa: ANN401 - of any shape
    """A memory as a record's payload takes it up: its canonical text, made at one go.

    All of it but the state of a strategy is of types whose text is exact. A state that is not
    is handed on as it is, for the log to refuse it.
    """
    exact = memory.strategy is None or is_exact(memory.strategy)
    return at_one_go(memory) if exact else plain(memory)


def remembered(told: Mapping[str, Any]) -> Memory:
    """The memory that a payload holds.

    Raises:
        StateError: it is none.
    """
    try:
        return msgspec.convert(told, Memory)
    except msgspec.ValidationError as error:
        msg = f"the log holds a memory that cannot be read: {error}. Restore the log from a copy"
        raise StateError(msg) from error


def plan_of(told: object) -> tuple[AnyInstruction | Chain, ...]:
    """The plan that a payload holds.

    Raises:
        StateError: it is none.
    """
    try:
        entries = msgspec.convert(told, tuple[EntryMemory, ...])
    except msgspec.ValidationError as error:
        msg = f"the log holds a plan that cannot be read: {error}. Restore the log from a copy"
        raise StateError(msg) from error
    return tuple(e.chain.chain() if e.chain else _instruction(e) for e in entries)


def _instruction(entry: EntryMemory) -> AnyInstruction:
    if entry.instruction is None:
        msg = "the log holds an empty entry of a plan. Restore the log from a copy"
        raise StateError(msg)
    return entry.instruction
