"""The reverse of an operation takes back what was observed, and never what was asked for."""

from collections.abc import Mapping
from decimal import Decimal

import pytest
from msgspec import structs

from tests.venues.exchanges import (
    BNB,
    BTC,
    IDEAL,
    LEVERAGE,
    MARGIN,
    PERP,
    SCALES,
    USDT,
    World,
    buy,
    go,
    internal,
    perpetual,
    rich,
    sell,
    set_leverage,
    set_margin_mode,
    spot,
    withdraw,
    world,
)
from verifill.venues.instructions import (
    MAX,
    Approve,
    Borrow,
    Claim,
    Instruction,
    Late,
    Repay,
    Stake,
    Supply,
    Swap,
    Unwrap,
    Withdraw,
    Wrap,
)
from verifill.venues.margin_mode import MarginMode
from verifill.venues.undo import SWAP_LOSS, Reversal, reverse, spends

MODE = "binance.usdm:Setting:BTCUSDT.margin_mode"
ETH, WETH, WEETH = (f"wallet:BaseToken:{asset}" for asset in ("ETH", "WETH", "weETH"))
FIVE = Decimal(5)


def reversal(instruction: Instruction, effects: Mapping[str, int]) -> Reversal:
    found = reverse(instruction, effects)
    assert found is not None
    return found


def take_back(venue: World, instruction: Instruction) -> dict[str, str]:
    """Send, reverse, send that; the positions that are not as they were."""
    before = dict(venue.exchange.accounts.totals)
    back = reversal(instruction, venue.send(instruction).assessment.effects)
    venue.send(back.instruction, back.units)
    now = venue.exchange.accounts.totals
    return {key: str(now[key] - before[key]) for key in now if now[key] != before[key]}


def test_a_purchase_is_sold_again_and_leaves_its_fees() -> None:
    assert {USDT: "-12795599000"} == take_back(rich(), buy())  # two fees of 64 and a bit


def test_a_sale_is_bought_back() -> None:
    left = take_back(rich(), sell())

    assert {BTC: "-100000", USDT: "-6401000000"} == left  # the fee of either


def test_only_what_came_in_is_sold_again() -> None:
    assert Reversal(sell("2"), 7) == reversal(buy("2", "64010"), {BTC: 7, USDT: -9, BNB: -1})


def test_a_trade_of_a_symbol_without_a_slash_is_taken_back() -> None:
    trade = structs.replace(buy(), symbol="BTCUSDT")

    assert 7 == reversal(trade, {USDT: -9, BNB: -1, BTC: 7}).units


def test_a_trade_of_a_symbol_with_a_slash_is_not_mistaken_for_another() -> None:
    trade = structs.replace(buy(), symbol="BTCB/USDT")
    effects = {BTC: -1, "binance.usdm:BaseToken:BTCB": 2, "binance.spot:BaseToken:BTCB": 7}

    assert 7 == reversal(trade, effects).units


@pytest.mark.parametrize("change", ["1", "-1"])
def test_a_perpetual_that_was_opened_is_closed(change: str) -> None:
    assert {MARGIN} == take_back(rich(), go(change)).keys()


def test_what_opened_a_perpetual_is_taken_back_by_reducing_only() -> None:
    back = reversal(go("-3", limit="64000"), {PERP: -7, MARGIN: -1})

    assert Reversal(go("3", reduce_only=True), 7) == back


@pytest.mark.parametrize("held", ["2", "-2"])
def test_what_could_only_reduce_a_perpetual_is_taken_back_by_opening(held: str) -> None:
    venue = rich()
    venue.send(go(held))
    part = go("-1" if held == "2" else "1", reduce_only=True)

    assert {MARGIN} == take_back(venue, part).keys()


def test_an_internal_transfer_goes_back() -> None:
    assert {} == take_back(rich(), internal("5"))


def test_a_leverage_is_set_to_what_it_was() -> None:
    assert {} == take_back(rich(), set_leverage(20))
    assert set_leverage(5) == reversal(set_leverage(20), {LEVERAGE: 15}).instruction


def test_a_margin_mode_is_set_to_what_it_was() -> None:
    isolated = set_margin_mode(MarginMode.ISOLATED)

    assert {} == take_back(rich(), isolated)
    assert set_margin_mode(MarginMode.CROSS) == reversal(isolated, {MODE: 1}).instruction
    assert isolated == reversal(isolated, {}).instruction


def test_an_allowance_is_taken_away() -> None:
    approval = Approve(account="wallet", spender="pool", asset="WETH", amount=FIVE)
    back = reversal(approval, {"wallet:Allowance:WETH@pool": 5})

    assert Reversal(structs.replace(approval, amount=Decimal(0)), None) == back


@pytest.mark.parametrize(
    ("done", "undone", "units"),
    [
        (Supply, Withdraw, 5),  # what was supplied may be worth 2 units less in shares
        (Withdraw, Supply, 7),
        (Borrow, Repay, 7),
        (Repay, Borrow, 7),
    ],
)
@pytest.mark.parametrize("amount", [7, -7])
def test_lending_is_taken_back_by_its_opposite(
    done: type[Supply], undone: type[Supply], units: int, amount: int
) -> None:
    step = done(account="wallet", market="aave", asset="WETH", amount=MAX, name="B5")
    back = reversal(step, {WETH: amount, "wallet:aToken:aWETH": -amount})

    assert units == back.units
    assert back.instruction == undone(
        account="wallet", market="aave", asset="WETH", amount=Decimal(0), name="B5"
    )


def test_a_supply_of_less_than_its_rounding_leaves_nothing_to_withdraw() -> None:
    step = Supply(account="wallet", market="aave", asset="WETH", amount=FIVE)

    assert 0 == reversal(step, {WETH: -1}).units


@pytest.mark.parametrize(("done", "undone"), [(Wrap, Unwrap), (Unwrap, Wrap)])
def test_wrapping_is_taken_back_for_what_came_out(done: type[Wrap], undone: type[Wrap]) -> None:
    step = done(account="wallet", asset="ETH", into="WETH", amount=FIVE)
    back = reversal(step, {ETH: -5, WETH: 5})

    assert 5 == back.units
    assert back.instruction == undone(account="wallet", asset="WETH", into="ETH", amount=Decimal(0))


def swap(amount: str) -> Swap:
    return Swap(
        account="wallet",
        pool="curve",
        asset="WETH",
        into="weETH",
        amount=Decimal(amount),
        min_out=Decimal(4),
    )


def test_a_swap_goes_back_through_its_pool_at_a_bounded_loss() -> None:
    back = reversal(swap("5"), {WETH: -5, WEETH: 4})
    expected = structs.replace(swap("5"), asset="weETH", into="WETH", min_out=Decimal("4.75"))

    assert Reversal(expected, 4) == back


@pytest.mark.parametrize("amount", ["1", "0.000002", "462.981988838153221713", "1e20", "7.7e-5"])
def test_the_bound_of_a_swap_back_is_an_amount_of_its_asset(amount: str) -> None:
    """To the unit of a token of 18 decimals, and never more than the loss allows."""
    back = reversal(swap(amount), {WEETH: 4}).instruction
    assert isinstance(back, Swap)
    units = SCALES.units("wallet:BaseToken:ETH", back.min_out)

    assert 0 < units <= int(Decimal(amount) * 10**18 * (1 - SWAP_LOSS))


def test_a_swap_of_a_late_amount_has_no_bound_and_so_no_reverse() -> None:
    late = structs.replace(swap("5"), amount=Late("B4", WETH))

    assert None is reverse(late, {WETH: -5, WEETH: 4})


@pytest.mark.parametrize(
    "instruction",
    [
        withdraw(),
        Stake(account="wallet", asset="ETH", into="eETH", amount=FIVE),
        Claim(account="wallet", asset="ETH", into="ETH"),
    ],
    ids=lambda instruction: instruction.op,
)
def test_what_cannot_be_taken_back_has_no_reverse(instruction: Instruction) -> None:
    assert None is reverse(instruction, {})


def test_what_had_no_effect_is_taken_back_by_nothing() -> None:
    assert 0 == reversal(buy(), {}).units


def test_a_position_that_was_liquidated_meanwhile_is_not_opened_the_other_way() -> None:
    venue = world({PERP: "0", MARGIN: "13000"}, instruments=[spot(), perpetual()], model=IDEAL)
    back = reversal(go("0.1"), venue.send(go("0.1")).assessment.effects)
    venue.send(go("-0.1"))

    assert {} == venue.send(back.instruction, back.units).moved


# What a step is paid from.


@pytest.mark.parametrize(
    ("instruction", "key"),
    [
        (internal(), USDT),
        (swap("1"), WETH),
        (Wrap(account="wallet", asset="ETH", into="WETH", amount=FIVE), ETH),
        (Repay(account="wallet", market="aave", asset="WETH", amount=FIVE), WETH),
        (Withdraw(account="wallet", market="aave", asset="WETH", amount=FIVE), ""),
        (buy(), ""),
    ],
    ids=lambda value: getattr(value, "op", value),
)
def test_an_instruction_spends_the_asset_that_it_names(instruction: Instruction, key: str) -> None:
    assert key == spends(instruction)
