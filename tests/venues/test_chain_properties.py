"""What holds of every transaction on the simulated chain, whatever is in it."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.venues.chains import DAY_NS, Ledger, World, changed, send, world
from verifill.venues.instructions import (
    MAX,
    Amount,
    Borrow,
    FlashBorrow,
    FlashRepay,
    Instruction,
    InternalTransfer,
    Repay,
    Stake,
    Supply,
    Swap,
    Unstake,
    Unwrap,
    Withdraw,
    Wrap,
)
from verifill.venues.orders import Bundle, Cause, Outcome

AMOUNTS: st.SearchStrategy[Amount] = st.one_of(
    st.integers(1, 10),
    st.integers(1, 3 * 10**18),
).map(lambda units: Decimal(units).scaleb(-18))


OR_ALL: st.SearchStrategy[Amount] = AMOUNTS | st.just(MAX)


def calls(
    kind: type[Instruction], amounts: st.SearchStrategy[Amount] = AMOUNTS, **fixed: str
) -> st.SearchStrategy[Instruction]:
    """Instructions of one kind by the smart account, of any amount."""
    given_fields = {name: st.just(value) for name, value in fixed.items()}
    return st.builds(kind, account=st.just("dsa"), amount=amounts, **given_fields)


def swaps(asset: str, into: str) -> st.SearchStrategy[Instruction]:
    """Swaps with any least output."""
    names = {"account": "dsa", "pool": "curve", "asset": asset, "into": into}
    fields = {name: st.just(value) for name, value in names.items()}
    return st.builds(Swap, amount=AMOUNTS, min_out=AMOUNTS, **fields)


INSTRUCTIONS = st.one_of(
    calls(Wrap, asset="ETH", into="WETH"),
    calls(Unwrap, asset="WETH", into="ETH"),
    calls(Wrap, asset="eETH", into="weETH"),
    calls(Unwrap, asset="weETH", into="eETH"),
    calls(Stake, asset="ETH", into="eETH"),
    calls(Unstake, asset="eETH", into="ETH"),
    swaps("WETH", "weETH"),
    swaps("weETH", "WETH"),
    calls(Supply, market="aave_v3", asset="WETH"),
    calls(Supply, market="aave_v3", asset="weETH"),
    calls(Withdraw, OR_ALL, market="aave_v3", asset="weETH"),
    calls(Borrow, market="aave_v3", asset="WETH"),
    calls(Repay, OR_ALL, market="aave_v3", asset="WETH"),
    calls(FlashBorrow, lender="aave_flash", asset="WETH"),
    calls(FlashRepay, lender="aave_flash", asset="WETH"),
    calls(InternalTransfer, to="eoa", asset="ETH"),
)
CHAINS = st.lists(INSTRUCTIONS, min_size=1, max_size=8)


def opened() -> World:
    opening = {f"dsa:BaseToken:{asset}": "2" for asset in ("ETH", "WETH", "eETH", "weETH")}
    opening |= {"eoa:BaseToken:ETH": "1", "aave_v3:aToken:aweETH": "3"}
    opening |= {"aave_v3:debtToken:vDebtWETH": "1.1"}
    venue = world(opening)
    venue.wait(17 * DAY_NS + 1)
    return venue


@given(steps=CHAINS)
@settings(deadline=None)
def test_the_sum_of_the_moves_is_the_change_of_the_totals(steps: list[Instruction]) -> None:
    venue = opened()
    for number, step in enumerate(steps):
        order = venue.chain.resolve(step, number, None)
        if not venue.chain.deny(order):
            before = venue.books().totals

            sent = venue.send(order)

            assert changed(venue, before) == sent.moved()
            assert all(total >= 0 for total in venue.books().totals.values())


@given(steps=CHAINS)
@settings(deadline=None)
def test_a_bundle_happens_whole_or_costs_only_its_gas(steps: list[Instruction]) -> None:
    venue = opened()
    before = venue.books().totals
    orders = tuple(venue.chain.resolve(step, n, None) for n, step in enumerate(steps))

    sent = venue.send(Bundle(50, "dsa", orders))

    gas = {m.key: m.amount for m in sent.receipt.moves if m.cause is Cause.GAS}
    assert {"eoa:BaseToken:ETH"} == set(gas)
    if sent.receipt.outcome is Outcome.EXECUTED:
        assert {-1, *range(len(orders))} == {m.step for m in sent.receipt.moves}
    else:
        assert gas == changed(venue, before)


@given(steps=CHAINS)
@settings(deadline=None)
def test_a_dry_run_never_changes_its_origin_and_foretells_the_bundle(
    steps: list[Instruction],
) -> None:
    venue = opened()
    venue.chain.read()
    before = venue.books().totals
    fork = venue.chain.fork()
    orders = tuple(fork.resolve(step, n, None) for n, step in enumerate(steps))

    rehearsed = [send(fork, order, Ledger(fork.read().totals)) for order in orders]

    assert before == venue.books().totals
    assert () == venue.chain.read().rows
    if all(sent.assessment.executed for sent in rehearsed):
        sent = venue.send(Bundle(50, "dsa", orders))
        if sent.assessment.executed:
            moves = [m for m in sent.receipt.moves if m.cause is not Cause.GAS]
            dry = [m for one in rehearsed for m in one.receipt.moves]
            assert [(m.key, m.amount) for m in dry] == [(m.key, m.amount) for m in moves]
        else:
            assert "still owed" in sent.receipt.reason
