"""Instructions are frozen values with a text that reads back, one type for each operation."""

from decimal import Decimal
from typing import Any, Union

import msgspec
import pytest

from tests.venues.exchanges import buy, go
from verifill.venues.chains import Atomicity, Chain, Invariant, Step, Undo
from verifill.venues.instructions import (
    MAX,
    NOTHING,
    Amount,
    Cancel,
    Claim,
    ClaimReward,
    Instruction,
    Late,
    Operation,
    SetEMode,
    SetLeverage,
    SetMarginMode,
    Side,
)
from verifill.venues.samples import samples

SAMPLES = samples("wallet")
SIZELESS = (SetLeverage, SetMarginMode, SetEMode, Claim, ClaimReward, Cancel)
ANY: Any = Union[tuple(type(sample) for sample in SAMPLES)]  # noqa: UP007 - made of a list


def operation(instruction: Instruction) -> str:
    return instruction.op


@pytest.mark.parametrize("instruction", SAMPLES, ids=operation)
def test_an_instruction_reads_back_from_its_text(instruction: Instruction) -> None:
    text = msgspec.json.encode(instruction)

    assert instruction == msgspec.json.decode(text, type=ANY)
    assert instruction.op == msgspec.json.decode(text)["op"]


@pytest.mark.parametrize("instruction", SAMPLES, ids=operation)
def test_an_instruction_says_how_much_it_is_about(instruction: Instruction) -> None:
    assert (NOTHING if isinstance(instruction, SIZELESS) else 1) == instruction.size


@pytest.mark.parametrize("instruction", SAMPLES, ids=operation)
def test_an_instruction_cannot_be_changed(instruction: Instruction) -> None:
    with pytest.raises(AttributeError):
        instruction.account = "elsewhere"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]  # frozen is what is tested


def test_every_operation_has_one_type() -> None:
    assert sorted(Operation) == sorted(sample.op for sample in SAMPLES)


@pytest.mark.parametrize("size", [Decimal("0.1"), Late("B3", "dsa:BaseToken:eETH"), MAX])
def test_an_amount_reads_back_as_what_it_was(size: Amount) -> None:
    trade = msgspec.structs.replace(buy(), quantity=size)
    text = msgspec.json.encode(trade)

    assert size == msgspec.json.decode(text, type=ANY).size


def test_the_opposite_of_the_opposite_is_the_side_itself() -> None:
    assert Side.SELL is Side.BUY.opposite
    for side in Side:
        assert side is side.opposite.opposite


def test_a_chain_reads_as_it_was_written() -> None:
    invariant = Invariant(keys=("a", "b"), low=Decimal(-1), high=Decimal(1), since="A5")
    chain = Chain(
        steps=(buy(), Step(go("-1")), Step(go("-1"), Undo.NEVER), Step(buy(), go("1"))),
        kind=Atomicity.SAGA,
        name="carry",
        invariants=(invariant,),
    )

    assert Undo.REVERSE is Step(buy()).undo
    assert b'"kind":"SAGA"' in msgspec.json.encode(chain)
