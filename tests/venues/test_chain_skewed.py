"""Two books: a chain that is wrong by one unit is found out by terms or expectation."""

from collections.abc import Iterable
from typing import ClassVar

import pytest

from tests.venues.chains import World, bundle, units, world
from tests.venues.test_chain_bundles import ENTRY, B
from verifill.venues.orders import Bundle, Cause, Fill, Move, Outcome, Receipt
from verifill.venues.simulated.chain import SimulatedChain

WETH, ETH, EETH, WEETH = (f"dsa:BaseToken:{a}" for a in ("WETH", "ETH", "eETH", "weETH"))
FLASH, SHARES, DEBT = "flash:debt:WETH", "aave_v3:aToken:aweETH", "aave_v3:debtToken:vDebtWETH"
GAS = "eoa:BaseToken:ETH"


class Skewed(SimulatedChain):
    """A chain whose accounts and receipts agree with each other, and are wrong."""

    wrong: ClassVar[dict[tuple[int, str], tuple[str, int]]] = {}

    def post(self, ref: str, moves: Iterable[tuple[int, str, int]], cause: Cause) -> list[Move]:
        """Move another amount, or another asset."""
        skewed: list[tuple[int, str, int]] = []
        for step, key, amount in moves:
            other, more = self.wrong.get((step, key), (key, 0))
            skewed.append((step, other, amount + more))
        return super().post(ref, skewed, cause)


def entered(wrong: dict[tuple[int, str], tuple[str, int]]) -> tuple[World, Bundle]:
    venue = world(B["opening"], make=type("Wrong", (Skewed,), {"wrong": wrong}))
    return venue, bundle(venue, ENTRY, "dsa")


def judged(wrong: dict[tuple[int, str], tuple[str, int]]) -> tuple[str, list[str]]:
    """The flaw that assess names, and the keys outside the expectation."""
    venue, transaction = entered(wrong)
    before = venue.books()
    expectation = venue.chain.expect(transaction, before)

    receipt = venue.chain.submit(transaction)

    assessment = venue.chain.assess(transaction, receipt, before)
    after = venue.books().totals
    outside: list[str] = []
    for key, total in after.items():
        bound, change = expectation.bounds.get(key), total - before.totals[key]
        assert change == assessment.effects.get(key, 0)
        if (bound is None and change) or (bound and not bound.low <= change <= bound.high):
            outside.append(key)
    return assessment.flaw, outside


@pytest.mark.parametrize(
    ("step", "key", "more"),
    [
        *[(0, key, more) for key in (WETH, FLASH) for more in (-1, 1)],
        *[(1, key, more) for key in (WETH, ETH) for more in (-1, 1)],
        *[(2, ETH, -1), (2, ETH, 1), (2, EETH, 1), (2, EETH, -3)],
        *[(3, EETH, -1), (3, EETH, 1), (3, WEETH, 1)],
        *[(4, WEETH, -1), (4, WEETH, 1), (4, SHARES, 1), (4, SHARES, -3)],
        *[(5, DEBT, -1), (5, DEBT, 3), (5, WETH, -1), (5, WETH, 1)],
        *[(6, key, more) for key in (WETH, FLASH) for more in (-1, 1)],
    ],
)
def test_a_step_that_is_wrong_by_a_unit_is_named(step: int, key: str, more: int) -> None:
    flaw, _ = judged({(step, key): (key, more)})

    assert flaw.startswith(f"step {step} {ENTRY[step].op}: {key} moved ")


def test_another_asset_is_found_out() -> None:
    flaw, outside = judged({(3, WEETH): (EETH, 0)})

    assert flaw.startswith(f"step 3 WRAP: {EETH} moved ")
    assert {EETH, WEETH} <= set(outside)


def test_a_key_that_the_step_does_not_name_is_found_out() -> None:
    flaw, _ = judged({(4, SHARES): ("aave_v3:aToken:aWETH", 0)})

    assert flaw.startswith("step 4 SUPPLY: ")


def test_a_unit_too_much_of_gas_is_outside_the_expectation() -> None:
    assert ("", [GAS]) == judged({(-1, GAS): (GAS, -1)})


def test_gas_of_another_account_is_a_flaw() -> None:
    flaw, outside = judged({(-1, GAS): ("wallet:BaseToken:ETH", 0)})

    assert "ethereum-tx-1:gas:0: gas of " in flaw
    assert ["wallet:BaseToken:ETH"] == outside


def test_a_rounding_within_its_side_is_accepted() -> None:
    assert ("", []) == judged({(4, SHARES): (SHARES, -2), (5, DEBT): (DEBT, 2)})


def test_a_success_whose_inner_step_did_nothing_is_a_flaw() -> None:
    venue, transaction = entered({})
    books = venue.books()
    venue.chain.expect(transaction, books)
    receipt = venue.chain.submit(transaction)
    moves = tuple(move for move in receipt.moves if move.step != 5)

    hollow = Receipt(Outcome.EXECUTED, (), moves, receipt.effect_ns)

    flaw = venue.chain.assess(transaction, hollow, books).flaw
    assert flaw.startswith(f"step 5 BORROW: {DEBT} moved 0, expected ")


def test_a_transient_position_must_return_to_its_opening() -> None:
    venue, transaction = entered({})
    books = venue.books()
    part = Bundle(3, "dsa", transaction.orders[:1])
    moves = (
        Move("a", WETH, units("400"), Cause.CALL, 0),
        Move("b", FLASH, units("400"), Cause.CALL, 0),
    )

    flaw = venue.chain.assess(part, Receipt(Outcome.EXECUTED, (), moves), books).flaw

    assert f"{FLASH} is {units('400')} off its opening when the transaction ends" == flaw


def test_a_move_beside_those_of_its_step_is_a_flaw() -> None:
    venue, transaction = entered({})
    books = venue.books()
    receipt = venue.chain.submit(transaction)
    nothing = Move("x", GAS, 0, Cause.CALL, 2)
    beside = Move("y", GAS, 5, Cause.CALL, 2)

    noted = Receipt(Outcome.EXECUTED, (), (*receipt.moves, nothing))
    moved = Receipt(Outcome.EXECUTED, (), (*receipt.moves, beside))

    assert "" == venue.chain.assess(transaction, noted, books).flaw
    assert f"step 2 STAKE: {GAS} moved 5, expected not to move" == (
        venue.chain.assess(transaction, moved, books).flaw
    )


def test_moves_of_no_step_and_fills_are_flaws() -> None:
    venue, transaction = entered({})
    books = venue.books()
    venue.chain.expect(transaction, books)
    receipt = venue.chain.submit(transaction)
    stray = Move("x", WETH, 5, Cause.CALL, 9)
    fill = Fill("trade", 1, 1, 0, "ETH")

    strayed = Receipt(Outcome.EXECUTED, (), (*receipt.moves, stray))
    filled = Receipt(Outcome.EXECUTED, (fill,), receipt.moves)

    assert f"x: {WETH} moved 5 in step 9, there is none" == (
        venue.chain.assess(transaction, strayed, books).flaw
    )
    assert "trade: a fill; a transaction has moves" == (
        venue.chain.assess(transaction, filled, books).flaw
    )


def test_bounds_are_those_of_the_expectation_though_time_has_passed_since() -> None:
    venue, transaction = entered({})
    books = venue.books()
    venue.chain.expect(transaction, books)
    receipt = venue.chain.submit(transaction)
    venue.wait(10**15)

    assert "" == venue.chain.assess(transaction, receipt, books).flaw


def test_a_bundle_that_was_expected_in_another_life_is_assessed_all_the_same() -> None:
    venue, transaction = entered({})
    books = venue.books()
    receipt = venue.chain.submit(transaction)

    assert "" == venue.chain.assess(transaction, receipt, books).flaw
