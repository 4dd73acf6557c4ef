"""A plan whose fields are of wrong types is refused before anything is sent."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.runs import ran, ticks
from verifill.ending import Ending
from verifill.venues.chains import Atomicity, Chain, Step
from verifill.venues.instructions import (
    MAX,
    Instruction,
    Late,
    Repay,
    SetLeverage,
    Side,
    SpotTrade,
    Transfer,
)
from verifill.venues.typed import misfit

GOOD: dict[str, Any] = {
    "account": "binance.spot",
    "symbol": "BTC/USDT",
    "side": Side.BUY,
    "quantity": Decimal("0.01"),
}
WRONG: list[tuple[str, Any, str]] = [
    ("side", "BUY", "SpotTrade: side is 'BUY' of type str; give a Side"),
    ("quantity", 1, "quantity is 1 of type int; give a Decimal or Late or Max"),
    ("quantity", 0.01, "quantity is 0.01 of type float; give a Decimal"),
    ("quantity", "0.01", "quantity is '0.01' of type str"),
    ("limit", 42100.0, "limit is 42100.0 of type float; give a Decimal or None"),
    ("name", 7, "name is 7 of type int; give a str"),
    ("symbol", None, "symbol is None of type NoneType"),
]


def spot(**changes: Any) -> SpotTrade:  # noqa: ANN401 - wrong types are the point
    return SpotTrade(**{**GOOD, **changes})


@pytest.mark.parametrize(("field", "value", "words"), WRONG)
def test_a_field_of_a_wrong_type_is_named_with_what_it_may_be(
    field: str, value: object, words: str
) -> None:
    assert words in misfit(spot(**{field: value}))


@pytest.mark.parametrize(
    "instruction",
    [
        spot(),
        spot(quantity=Late("A1", "k")),
        Repay(account="w", market="m", asset="a", amount=MAX),
        SetLeverage(account="a", symbol="s", leverage=3),
        Transfer(account="a", to="b", asset="c", amount=Decimal(1)),
    ],
)
def test_what_fits_is_let_through(instruction: Instruction) -> None:
    assert "" == misfit(instruction)


def test_a_bare_instruction_says_nothing_to_do() -> None:
    assert "bare Instruction" in misfit(Instruction(account="binance.spot"))


@pytest.mark.parametrize(("field", "value", "words"), WRONG[:-2])
def test_a_wrong_field_ends_the_run_and_sends_nothing(
    field: str, value: object, words: str, tmp_path: Path
) -> None:
    folder, outcome = ran(tmp_path, ticks([[spot(**{field: value})]]))

    assert Ending.FAILED == outcome.ending
    assert words in outcome.reason
    assert not (folder / "000001.fills.parquet").exists()


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        (Chain(kind="SAGA", steps=()), "kind is 'SAGA'; give Atomicity.ONE_TX"),  # type: ignore[arg-type] # the mistake
        (Chain(kind=Atomicity.SAGA, steps=("buy",)), "has 'buy' among its steps"),  # type: ignore[arg-type] # the mistake
        (
            Chain(kind=Atomicity.SAGA, steps=(Chain(kind=Atomicity.SAGA, steps=()),)),  # type: ignore[arg-type] # the mistake
            "a step is an instruction or a Step",
        ),
        (
            Chain(kind=Atomicity.SAGA, steps=(Step(spot(side="SELL")),)),
            "side is 'SELL'",
        ),
    ],
)
def test_a_chain_is_looked_into(chain: Chain, words: str, tmp_path: Path) -> None:
    _, outcome = ran(tmp_path, ticks([[chain]]))

    assert words in outcome.reason


def test_a_quantity_that_nothing_could_count_is_denied(tmp_path: Path) -> None:
    huge = spot(quantity=Decimal(10) ** 30)
    _, outcome = ran(tmp_path, ticks([[huge]]))

    assert Ending.FAILED == outcome.ending
    assert "worth more than can be counted" in outcome.reason
