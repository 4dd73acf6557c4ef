"""The reference strategies run as written, and stand where fixtures/strategies.json says."""

import json
import runpy
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from verifill.backtest import Outcome, run
from verifill.build import build
from verifill.config import load_config
from verifill.ending import Ending
from verifill.engine.log.reader import Log
from verifill.machines.strategy import Fate
from verifill.venues.keys import Scales

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "docs" / "examples"
REFERENCE = {s["name"]: s for s in json.loads((ROOT / "fixtures" / "strategies.json").read_text())}
CASH_AND_CARRY = REFERENCE["btc_cash_and_carry"]
STAKING = REFERENCE["eth_leveraged_staking_flash"]
NEUTRAL = REFERENCE["usdt_market_neutral"]


class Ran:
    """An example that has run.

    Attributes:
        outcome: what came of it.
        log: what it wrote.
    """

    def __init__(self, config: Path, folder: Path) -> None:
        parts = build(load_config(config), work=folder / "market")
        self.scales: Scales = parts.scales
        self.outcome: Outcome = run(parts, folder / "log")
        self.log = Log(folder / "log")
        self._positions = self.log.stream("positions").collect()
        self._instructions = self.log.stream("instructions").collect()

    def numbers(self, name: str) -> list[int]:
        """Numbers of the instructions with a name."""
        return self._instructions.filter(pl.col("name") == name)["instruction"].to_list()

    def position(self, key: str, number: int, *, first: bool = False) -> Decimal:
        """A position as it was read last (or first) while an instruction was verified."""
        seen = self._positions.filter(pl.col("key") == key, pl.col("instruction") == number)
        return self.scales.amount(key, seen["total"][0 if first else -1])

    def before(self, key: str, number: int) -> Decimal:
        """A position as it was last read up to and with an instruction."""
        seen = self._positions.filter(pl.col("key") == key, pl.col("instruction") <= number)
        return self.scales.amount(key, seen["total"][-1])

    def verdicts(self) -> dict[int, str]:
        """Instruction -> verdict, where it is no plain match."""
        notes = self.log.stream("notes").collect()
        return dict(zip(notes["instruction"], notes["kind"], strict=True))


def changed(config: str, folder: Path, *changes: tuple[str, str]) -> Path:
    """A copy of an example's configuration with some of its text replaced."""
    text = (EXAMPLES / config).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    text = text.replace("../../fixtures", str(ROOT / "fixtures"))
    text = text.replace('source = "', f'source = "{EXAMPLES}/')
    path = folder / config
    path.write_text(text)
    return path


def amounts(deltas: Mapping[str, str]) -> dict[str, Decimal]:
    return {key: Decimal(amount) for key, amount in deltas.items()}


@pytest.fixture(scope="module")
def carry(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return Ran(EXAMPLES / "cash_and_carry.toml", tmp_path_factory.mktemp("carry"))


@pytest.mark.parametrize("step", CASH_AND_CARRY["steps"], ids=lambda step: step["id"])
def test_cash_and_carry_stands_after_each_step_where_the_reference_says(
    carry: Ran, step: dict[str, Any]
) -> None:
    after = amounts(step["balances_after"])
    if step["id"] == "A-ext1":
        number = carry.numbers("A7")[0]  # the funding fell due while A7 was being verified
        seen = {key: carry.position(key, number) for key in after}
    else:
        submitted = step.get("phase") == "submitted+mined"
        number = carry.numbers(step["id"].removesuffix("s"))[0]
        seen = {key: carry.position(key, number, first=submitted) for key in after}

    assert after == seen


def test_funding_while_a_hedge_is_verified_is_explained_and_not_a_mismatch(carry: Ran) -> None:
    ledger = carry.log.stream("ledger").collect()

    assert "MATCHED_EXPLAINED" == carry.verdicts()[carry.numbers("A7")[0]]
    assert ("FUNDING", 3_201_000_000) == ledger.select("cause", "amount").row(0)


def test_cash_and_carry_leaves_with_no_hedge_and_no_more_than_dust(carry: Ran) -> None:
    closing = carry.outcome.closing

    assert Ending.COMPLETED == carry.outcome.ending
    assert [0, 0, 0] == [total for key, total in closing.items() if ":Perp:" in key]
    assert 748 == closing["binance.spot:BaseToken:BTC"]


def test_a_fee_in_a_third_asset_is_paid_from_that_asset(tmp_path: Path) -> None:
    variant = CASH_AND_CARRY["variant_A5_bnb_fee"]
    config = changed(
        "cash_and_carry.toml",
        tmp_path,
        ('quantity = "12.51252"', f'quantity = "{variant["qty"]}"'),
        ('fee = "0.001"\nfee_asset = "received" # bought coins pay the fee in coins',
         'fee = "0.00075"\nfee_asset = "BNB"\nfee_price = "binance.spot:BNB/USDT"'),
        ('"binance.spot" = ["USDT", "BTC"]', '"binance.spot" = ["USDT", "BTC", "BNB"]'),
        ("BTC = 8\n", "BTC = 8\nBNB = 8\n"),
        ('"wallet:BaseToken:ETH" = "0.5"',
         '"wallet:BaseToken:ETH" = "0.5"\n"binance.spot:BaseToken:BNB" = "2"'),
        ('[[data.series]]\nname = "funding', f"""[[data.bars]]
instrument = "binance.spot:BNB/USDT"
file = "{tmp_path}/bnb.parquet"
price_decimals = 2

[[data.series]]
name = "funding"""),
    )  # fmt: skip
    spot = pl.read_parquet(ROOT / "fixtures/data/examples/btc_binance_spot.parquet")
    prices = ["open", "high", "low", "close"]
    flat = spot.with_columns(
        pl.lit(Decimal(600)).cast(spot.schema["open"]).alias(p) for p in prices
    )
    flat.write_parquet(tmp_path / "bnb.parquet")
    ran = Ran(config, tmp_path)
    number = ran.numbers("A5")[0]
    moved = {
        key: ran.position(key, number) - ran.before(key, number - 1) for key in variant["deltas"]
    }

    assert amounts(variant["deltas"]) == moved


def test_a_hedge_filled_in_part_goes_on_as_a_child_under_a_new_key(tmp_path: Path) -> None:
    variant = CASH_AND_CARRY["variant_A7_timeout"]
    config = changed(
        "cash_and_carry.toml",
        tmp_path,
        ("lag_s = 120", 'lag_s = 120\nliquidity = "volume"\nparticipation = "0.0125"'),
    )
    ran = Ran(config, tmp_path)
    first, child = ran.numbers("A7")[0], variant["child_instruction"]
    moved = {
        key: ran.position(key, first) - ran.before(key, first - 1)
        for key in variant["recorded_deltas"]
    }
    remainder = ran.log.stream("instructions").filter(pl.col("name") == child["id"]).collect()
    intents = ran.log.records().filter(pl.col("event") == "accepted").collect()["intent_id"]

    assert amounts(variant["recorded_deltas"]) == moved
    assert [int(Decimal(child["qty"]) * 10**8)] == remainder["quantity"].to_list()
    assert [first] == remainder["parent"].to_list()
    assert intents.n_unique() == intents.len()
    assert Decimal("-3.75") == ran.before("bybit.uta:Perp:BTCUSDT", ran.numbers("A7.r2")[0])


@pytest.fixture(scope="module")
def staking(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return Ran(EXAMPLES / "leveraged_staking.toml", tmp_path_factory.mktemp("staking"))


STAKING_STEPS = [step for step in STAKING["steps"] if step["id"] != "B0"]


@pytest.mark.parametrize("step", STAKING_STEPS, ids=lambda step: step["id"])
def test_leveraged_staking_rehearses_each_step_as_the_reference_says(
    staking: Ran, step: dict[str, Any]
) -> None:
    after = amounts(step["balances_after"])
    number = staking.numbers(step["id"])[0]

    assert after == {key: staking.position(key, number) for key in after}


def test_leveraged_staking_commits_all_steps_in_one_transaction(staking: Ran) -> None:
    commit = 8  # after seven rehearsals
    closing = amounts(STAKING["closing"])
    moves = staking.log.stream("moves").filter(pl.col("instruction") == commit).collect()

    assert closing == {key: staking.before(key, commit) for key in closing}
    assert 1 == moves["ref"].str.split(":").list.first().n_unique()
    assert [0, 1, 2, 3, 4, 5, 6] == sorted(set(moves["step"]) - {-1})


def test_leveraged_staking_is_left_with_the_last_digit_of_the_reference(staking: Ran) -> None:
    exit_steps = STAKING["exit_30d"]
    scales, closing = staking.scales, staking.outcome.closing
    key = "dsa:BaseToken:WETH"

    assert Decimal(exit_steps["net_WETH"]) == scales.amount(key, closing[key])
    assert Decimal(exit_steps["steps"][3]["WETH"]) == staking.position(
        key, staking.numbers("X4")[0]
    ) - staking.before(key, staking.numbers("X3")[0])
    assert [0, 0] == [total for key, total in closing.items() if "aave" in key]


def test_a_step_that_would_revert_is_found_in_rehearsal_and_costs_nothing(tmp_path: Path) -> None:
    cap = ('debt_token = "vDebtWETH"', 'debt_token = "vDebtWETH"\nborrow_cap = "399"')
    ran = Ran(changed("leveraged_staking.toml", tmp_path, cap), tmp_path)
    opening = {"dsa:BaseToken:WETH": 100 * 10**18, "eoa:BaseToken:ETH": 2 * 10**17}

    assert Ending.FAILED == ran.outcome.ending
    assert [Fate.ROLLED_BACK] == [entry.fate for entry in ran.outcome.report.entries]
    assert opening == {key: total for key, total in ran.outcome.closing.items() if total}
    assert "cap of vDebtWETH" in ran.outcome.reason


def test_the_saga_twin_reaches_its_target_by_rounds(tmp_path: Path) -> None:
    ran = Ran(EXAMPLES / "leveraged_staking_saga.toml", tmp_path)
    supplied = "aave_v3:aToken:aweETH"
    owed = ran.outcome.closing["aave_v3:debtToken:vDebtWETH"]

    assert Ending.COMPLETED == ran.outcome.ending
    assert Decimal("268.928") == ran.scales.amount("dsa:BaseToken:WETH", owed)
    assert Decimal("311.259259259259259257") == ran.scales.amount(
        supplied, ran.outcome.closing[supplied]
    )


def test_the_saga_twin_is_taken_back_newest_first_when_its_third_round_fails(
    tmp_path: Path,
) -> None:
    cap = ('debt_token = "vDebtWETH"', 'debt_token = "vDebtWETH"\nborrow_cap = "150"')
    ran = Ran(changed("leveraged_staking_saga.toml", tmp_path, cap), tmp_path)
    told = ran.log.stream("instructions").filter(pl.col("role") == "COMPENSATION").collect()
    left = {key: total for key, total in ran.outcome.closing.items() if total}

    assert Ending.FAILED == ran.outcome.ending
    assert [Fate.ROLLED_BACK] == [entry.fate for entry in ran.outcome.report.entries]
    assert told["parent"].to_list() == sorted(told["parent"], reverse=True)
    # what it cost: 0.1 % of each sale, gas, and two units of rounding for each supply
    assert {"dsa:BaseToken:WETH", "eoa:BaseToken:ETH", "aave_v3:aToken:aweETH"} == set(left)
    assert 100_756 == left["dsa:BaseToken:WETH"] // 10**15 + 1
    assert 6 == left["aave_v3:aToken:aweETH"]


@pytest.fixture(scope="module")
def neutral(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return Ran(EXAMPLES / "market_neutral.toml", tmp_path_factory.mktemp("neutral"))


@pytest.mark.parametrize("step", NEUTRAL["steps"], ids=lambda step: step["id"])
def test_market_neutral_stands_after_each_step_where_the_reference_says(
    neutral: Ran, step: dict[str, Any]
) -> None:
    after = amounts(step["balances_after"])
    commit = 18  # C10, after nine instructions and eight rehearsals
    number = commit if step["id"] == "C10" else neutral.numbers(step["id"].removesuffix("s"))[0]
    requested = step["op"].endswith("(requested)")

    assert after == {key: neutral.position(key, number, first=requested) for key in after}


def test_market_neutral_closes_where_the_reference_says(neutral: Ran) -> None:
    scales, closing = neutral.scales, neutral.outcome.closing
    held = {
        key: scales.amount(key, total)
        for key, total in closing.items()
        if total and ":Setting:" not in key
    }

    assert amounts(NEUTRAL["closing"]) == held


@pytest.mark.parametrize("name", ["cash_and_carry", "leveraged_staking_saga", "market_neutral"])
def test_both_executors_leave_the_same_log(name: str, tmp_path: Path) -> None:
    logs: list[Log] = []
    for executor in ("compiled", "transitions"):
        parts = build(load_config(EXAMPLES / f"{name}.toml"), work=tmp_path / executor / "market")
        run(parts, tmp_path / executor / "log", executor=executor)
        logs.append(Log(tmp_path / executor / "log"))
    one, other = logs

    assert one.records().collect().equals(other.records().collect())
    for stream in one.header["streams"]:
        assert one.stream(stream).collect().equals(other.stream(stream).collect())


def test_the_embedding_example_runs_in_under_a_hundred_lines(tmp_path: Path) -> None:
    path = EXAMPLES / "embedding.py"
    result = runpy.run_path(str(path))["main"](
        tmp_path / "run", [64_000_00, 64_100_00, 70_000_00, 70_000_00]
    )
    closing = {"desk:BaseToken:BTC": Decimal("1.5"), "desk:BaseToken:USD": Decimal(950)}

    assert closing == result.outcome.closing
    assert len(path.read_text().splitlines()) < 100
