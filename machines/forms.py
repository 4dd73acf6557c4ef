"""How the answers of a live engine are written down, and who stands where nobody is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, make_dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Final, NoReturn

import msgspec

from verifill.engine.command import Command
from verifill.engine.commands import CommandName
from verifill.engine.errors import EngineDefect
from verifill.engine.form import Form, form
from verifill.machines.memory import OrderMemory, entries_of, plain, plan_of
from verifill.machines.strategy import Plan
from verifill.venues.any_instruction import AnyInstruction
from verifill.venues.expectation import Assessment, Bound, Expectation, Origin
from verifill.venues.instructions import Instruction, PerpTrade, Side, SpotTrade
from verifill.venues.orders import Order, Receipt
from verifill.venues.rules import VenueRules
from verifill.venues.tickets import TradeOrder, ticket

USUAL: Final[Mapping[str, Any]] = {one.name: one.default for one in fields(Receipt)}
"""Of a receipt, as far as nothing else is said."""


def _lean(receipt: Receipt) -> dict[str, Any]:
    """A receipt without the fields that are as they are by default."""
    told: dict[str, Any] = msgspec.to_builtins(receipt)
    return {name: part for name, part in told.items() if getattr(receipt, name) != USUAL[name]}


def pairs(units: Mapping[str, int]) -> list[list[Any]]:
    """Units in pairs, because the order of keys is that of what is written of them."""
    return [[key, amount] for key, amount in units.items()]


TEXT = form(str)
TICK = form(tuple[bool, int])
DECIMAL: Form[Decimal] = Form(str, Decimal)
DECIMALS: Form[Mapping[str, Decimal]] = Form(
    lambda answer: [[name, str(value)] for name, value in answer.items()],
    lambda told: {name: Decimal(value) for name, value in told},
)
STATE: Form[Mapping[str, Any]] = Form(dict, dict)
NONE: Form[None] = Form(lambda _answer: None, lambda _told: None)
COUNT = form(int)
TEXTS: Form[Sequence[str]] = Form(list, tuple)
# in pairs, because the order of keys is that of what is written of them
UNITS: Form[Mapping[str, int]] = Form(pairs, dict)
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
    lambda one: [one.executed, pairs(one.effects), one.flaw, pairs(one.bases)],
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


def order_told(order: Order, asked: Instruction) -> list[Any]:
    """An order, of which the instruction is left out where it is what was asked."""
    memory = OrderMemory.of(order)
    told = [memory.quantity, memory.limit, memory.prices]
    return told if order.instruction == asked else [*told, plain(memory)["instruction"]]


def order_made(told: Sequence[Any], asked: Instruction, number: int, rules: VenueRules) -> Order:
    """An order; that of a trade with its ticket, by which fills are measured."""
    quantity, limit, prices, *other = told
    instruction: Any = msgspec.convert(other[0], AnyInstruction) if other else asked
    exact: dict[str, Any] = {"number": number, "quantity": quantity, "limit": limit, **prices}
    if isinstance(instruction, SpotTrade | PerpTrade) and "last" in prices:
        instrument = rules.instrument(instruction.account, instruction.symbol)
        buy = instruction.side is Side.BUY
        its = ticket(instrument, buy=buy, expect=NOBODY.expect, assess=NOBODY.assess)
        return TradeOrder(instruction=instruction, ticket=its, **exact)
    return _kind_of_order(tuple(prices))(instruction=instruction, **exact)


@cache
def _kind_of_order(names: tuple[str, ...]) -> type[Order]:
    """The type of orders that have further numbers."""
    further = [(name, int) for name in names]
    return make_dataclass("HeardOrder", further, bases=(Order,), kw_only=True)
