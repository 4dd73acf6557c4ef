"""Every adapter keeps the contract, and each check finds the adapter that does not."""

from decimal import Decimal
from functools import partial

import pytest
from attrs import evolve

from tests.venues import adapters, chains
from tests.venues.adapters import Honest, subject
from tests.venues.exchanges import HOUR_NS, IDEAL
from verifill.venues.contract import Contract, ContractBreach, Subject
from verifill.venues.instructions import (
    Approve,
    Borrow,
    Claim,
    FlashBorrow,
    FlashRepay,
    Instruction,
    InternalTransfer,
    Operation,
    Repay,
    SetEMode,
    Stake,
    Supply,
    Swap,
    Transfer,
    Unstake,
    Unwrap,
    Withdraw,
    Wrap,
)
from verifill.venues.samples import samples
from verifill.venues.simulated.model import ExchangeModel

MODELS = {
    "ideal": IDEAL,
    "spread": ExchangeModel(spread=10_000, slippage=7_000),
    "behind": ExchangeModel(lag_ns=HOUR_NS // 2),
    "slow": ExchangeModel(withdrawal_ns=HOUR_NS // 2, withdrawal_fees={"USDT": 10**8}),
    "thin": ExchangeModel(liquidity=lambda _instrument, _side, quantity: quantity // 2),
}

WRONG: list[tuple[type[Honest], str]] = [
    (adapters.ListsFailures, "check_start_up_failures_are_texts"),
    (adapters.DeclaresTooMuch, "check_what_is_declared_is_carried_out"),
    (adapters.DeniesAll, "check_what_is_declared_is_carried_out"),
    (adapters.Expires, "check_what_is_declared_is_carried_out"),
    (adapters.TakesAnything, "check_what_is_not_declared_is_denied"),
    (adapters.DeniesWithAnEffect, "check_what_is_not_declared_is_denied"),
    (adapters.TakesNegatives, "check_a_negative_amount_is_denied"),
    (adapters.ExpectsWithAnEffect, "check_nothing_happens_before_submit"),
    (adapters.ExpectsElsewhere, "check_an_expectation_is_of_tracked_keys"),
    (adapters.ExpectsBackwards, "check_an_expectation_is_of_tracked_keys"),
    (adapters.ExpectsTooLittle, "check_an_order_does_what_is_expected"),
    (adapters.ExpectsTheWrongAmount, "check_an_order_does_what_is_expected"),
    (adapters.SkewsAFill, "check_an_honest_receipt_has_no_flaw"),
    (adapters.FindsNothing, "check_an_honest_receipt_has_no_flaw"),
    (adapters.SkewsAFill, "check_effects_are_in_the_ledger_once"),
    (adapters.LosesARow, "check_effects_are_in_the_ledger_once"),
    (adapters.RepeatsARow, "check_effects_are_in_the_ledger_once"),
    (adapters.NamesAllTheSame, "check_effects_are_in_the_ledger_once"),
    (adapters.MovesWithoutARow, "check_rows_add_up_to_totals"),
    (adapters.RepeatsAReading, "check_reading_again_repeats_nothing"),
    (adapters.ChangesByBeingRead, "check_reading_again_repeats_nothing"),
    (adapters.LacksWhatIsZero, "check_a_reading_lacks_no_position"),
    (adapters.ReadsThePast, "check_a_reading_is_not_older_than_what_it_shows"),
    (adapters.DatesRowsAhead, "check_a_reading_is_not_older_than_what_it_shows"),
    (adapters.TellsOtherwise, "check_query_agrees_with_submit"),
    (adapters.NeverEnds, "check_query_agrees_with_submit"),
    (adapters.SendsByAsking, "check_query_agrees_with_submit"),
    (adapters.NeverKnew, "check_an_unknown_order_is_absent"),
    (adapters.SendsByAsking, "check_an_unknown_order_is_absent"),
    (adapters.CountsTwice, "check_a_key_counts_once"),
    (adapters.ForksNothing, "check_a_fork_changes_nothing"),
]


# The adapters that there are.


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_the_simulated_exchange_keeps_the_contract(model: ExchangeModel) -> None:
    assert {} == Contract(lambda: subject(model)).run()


def test_an_adapter_around_it_keeps_the_contract_too() -> None:
    assert {} == Contract(lambda: subject(IDEAL, Honest)).run()


def on_chain() -> Subject:
    """A chain with a trial of every operation that it declares."""
    made = chains.world({
        f"wallet:BaseToken:{asset}": amount
        for asset, amount in {"ETH": "100", "WETH": "100", "eETH": "10", "weETH": "10"}.items()
    } | {"eoa:BaseToken:ETH": "1"}, chains.MODED)  # fmt: skip
    return Subject(
        venue=made.chain,
        trials=CALLS,
        wait=partial(made.wait, 10 * chains.DAY_NS),
        feeds=(made.network, made.exchange),
    )


ONE = Decimal(1)
LENT = {"market": "aave_v3", "account": "wallet"}
FLASH = {"lender": "morpho", "asset": "WETH", "account": "wallet"}
CALLS: tuple[Instruction | tuple[Instruction, ...], ...] = (
    Transfer(account="wallet", to="binance.spot", asset="ETH", amount=ONE),
    InternalTransfer(account="wallet", to="eoa", asset="ETH", amount=ONE),
    Wrap(account="wallet", asset="ETH", into="WETH", amount=ONE),
    Unwrap(account="wallet", asset="WETH", into="ETH", amount=ONE),
    Approve(account="wallet", spender="aave_v3", asset="WETH", amount=Decimal(50)),
    Supply(asset="WETH", amount=Decimal(10), **LENT),
    Borrow(asset="WETH", amount=ONE, **LENT),
    Repay(asset="WETH", amount=ONE, **LENT),
    Withdraw(asset="WETH", amount=ONE, **LENT),
    SetEMode(category=1, **LENT),
    Stake(account="wallet", asset="ETH", into="eETH", amount=ONE),
    Unstake(account="wallet", asset="eETH", into="ETH", amount=ONE),
    Claim(account="wallet", asset="eETH", into="ETH"),
    Swap(account="wallet", pool="curve", asset="weETH", into="WETH", amount=ONE, min_out=ONE),
    (FlashBorrow(amount=ONE, **FLASH), FlashRepay(amount=ONE, **FLASH)),
)


def test_the_simulated_chain_keeps_the_contract() -> None:
    assert {} == Contract(on_chain).run()


# Adapters that are wrong on purpose.


@pytest.mark.parametrize(
    ("wrong", "check"), WRONG, ids=lambda value: getattr(value, "__name__", value)
)
def test_a_wrong_adapter_is_found_by_the_check(wrong: type[Honest], check: str) -> None:
    contract = Contract(lambda: subject(ExchangeModel(withdrawal_ns=1), wrong))

    with pytest.raises(ContractBreach):
        contract.checks()[check]()


def test_every_check_finds_some_adapter() -> None:
    assert set(Contract(on_chain).checks()) == {check for _, check in WRONG}


def test_whatever_an_adapter_raises_is_a_finding() -> None:
    found = Contract(lambda: subject(IDEAL, adapters.Raises)).run()

    assert "ConnectionError('no answer to 1')" == found["check_rows_add_up_to_totals"]
    assert "check_what_is_not_declared_is_denied" not in found


def test_a_chain_of_instructions_needs_a_venue_to_fork() -> None:
    def made() -> Subject:
        return evolve(subject(IDEAL), trials=[adapters.TRIALS[:2]])

    with pytest.raises(ContractBreach, match="needs a venue to fork"):
        Contract(made).check_rows_add_up_to_totals()


def test_a_subject_may_need_no_time_to_settle() -> None:
    def made() -> Subject:
        asked = subject(IDEAL)
        return Subject(venue=asked.venue, trials=adapters.TRIALS[:1])

    Contract(made).check_effects_are_in_the_ledger_once()


def test_there_is_a_sample_of_every_operation() -> None:
    assert sorted(Operation) == sorted(sample.op for sample in samples("wallet"))
    assert {"wallet"} == {sample.account for sample in samples("wallet")}
