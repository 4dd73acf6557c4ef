"""From a configuration to the parts of a run."""

from decimal import Decimal
from pathlib import Path

import attrs
import polars as pl
import pytest

from tests.config.examples import MINIMAL, WHOLE, load
from verifill.backtest import Outcome, run
from verifill.build import build, described
from verifill.ending import Ending
from verifill.engine.digest import sha256_file
from verifill.engine.errors import ConfigError, DataError
from verifill.engine.log.reader import Log
from verifill.machines.strategy import Plan, PlanReport, Positions
from verifill.venues.instructions import Instruction, PerpTrade, Side, SpotTrade, Transfer, Wrap
from verifill.venues.market import MarketView
from verifill.venues.rules import RATE_UNIT
from verifill.venues.simulated.chain import SimulatedChain
from verifill.venues.simulated.exchange import SimulatedExchange
from verifill.venues.simulated.liquidity import Chance, Participation

PERP = "binance.usdm:Perp:BTCUSDT"
SPOT_INSTRUMENT = "exchanges.binance.instruments[0]"


class Plans:
    """One instruction a tick, then nothing."""

    def __init__(self, *instructions: Instruction) -> None:
        self._plans = [[instruction] for instruction in instructions]

    def decide(self, _market: MarketView, _positions: Positions, _last: PlanReport) -> Plan:
        return self._plans.pop(0) if self._plans else []


def ran(
    folder: Path, *instructions: Instruction, changes: tuple[tuple[str, str], ...] = ()
) -> Outcome:
    config = load(folder, WHOLE, *changes)
    parts = attrs.evolve(build(config, work=folder / "work"), strategy=Plans(*instructions))
    return run(parts, folder / "log", config=described(config))


def refused(folder: Path, text: str, *changes: tuple[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        build(load(folder, text, *changes), work=folder / "work")
    return str(caught.value).removeprefix(f"{folder}/run.toml: ")


def test_every_position_that_can_move_is_tracked(tmp_path: Path) -> None:
    opening = build(load(tmp_path), work=tmp_path / "work").opening

    assert {
        "in_transit:binance.spot:USDT", "in_transit:binance.spot:ETH", "in_transit:wallet:ETH",
        "binance.spot:BaseToken:BTC", "binance.spot:BaseToken:USDT", "binance.spot:BaseToken:ETH",
        "binance.spot:BaseToken:BNB", "binance.usdm:BaseToken:USDT", PERP,
        "binance.usdm:Setting:BTCUSDT.leverage",
        "wallet:BaseToken:USDT", "wallet:BaseToken:ETH", "wallet:BaseToken:WETH",
        "wallet:BaseToken:eETH", "wallet:BaseToken:weETH", "safe:BaseToken:WETH",
        "wallet:Claim:eETH", "wallet:Allowance:WETH@aave_v3", "flash:debt:WETH",
        "aave_v3:aToken:aWETH", "aave_v3:debtToken:vDebtWETH", "spark:aToken:spweETH",
    } == opening.keys()  # fmt: skip


def test_opening_positions_fill_their_keys_in_units(tmp_path: Path) -> None:
    parts = build(load(tmp_path), work=tmp_path / "work")

    assert 1_000_000 * 10**8 == parts.opening["binance.spot:BaseToken:USDT"]
    assert 10**19 + 1 == parts.opening["wallet:BaseToken:ETH"]
    assert -150_000_000 == parts.opening[PERP]
    assert 3 == parts.opening["binance.usdm:Setting:BTCUSDT.leverage"]
    assert 0 == parts.opening["wallet:BaseToken:WETH"]
    assert {PERP: -150_000_000 * 42_000_100} == parts.bases


def test_a_leverage_can_be_given_as_a_position(tmp_path: Path) -> None:
    line = '"binance.usdm:Setting:BTCUSDT.leverage" = 9\n'
    config = load(tmp_path, WHOLE, ("[entry_prices]", f"{line}[entry_prices]"))
    opening = build(config, work=tmp_path / "work").opening

    assert 9 == opening["binance.usdm:Setting:BTCUSDT.leverage"]


def test_settings_become_the_rules_of_an_exchange(tmp_path: Path) -> None:
    exchange = build(load(tmp_path), work=tmp_path / "work").venues[0]
    spot = exchange.rules.instrument("binance.spot", "BTC/USDT")
    perpetual = exchange.rules.instrument("binance.usdm", "BTCUSDT")

    assert isinstance(exchange, SimulatedExchange)
    assert (1000, 1, 5 * 10**8, 2, 2) == (
        spot.lot, spot.tick, spot.min_notional, spot.exponent, spot.price_decimals
    )  # fmt: skip
    assert ("BNB", "binance.spot:BNB/USDT", 2) == (
        spot.fees.paid_in, spot.fees.price, spot.fees.exponent
    )  # fmt: skip
    assert RATE_UNIT // 100 == spot.collar
    assert ("BTCUSDT", "USDT", 100, 3) == (
        perpetual.base, perpetual.quote, perpetual.tick, perpetual.exponent
    )  # fmt: skip
    assert 2 == exchange.rules.poll_s


def test_settings_become_the_rules_of_a_chain(tmp_path: Path) -> None:
    parts = build(load(tmp_path), work=tmp_path / "work")
    chain = parts.venues[1]

    assert isinstance(chain, SimulatedChain)
    assert 1_018_085_923_463_130_800_000_000_000 == chain.indices()["supply:aave_v3:WETH"]
    assert 10**27 == chain.indices()["borrow:aave_v3:WETH"]
    assert {"weETH", "eETH", "spweETH"} <= {link.asset for link in parts.links}


def test_settings_become_policy_and_tolerance(tmp_path: Path) -> None:
    parts = build(load(tmp_path), work=tmp_path / "work")
    key = "wallet:BaseToken:eETH"

    assert (False, 2) == (parts.policy.fail_fast, parts.policy.remainders)
    assert 4 == parts.policy.tight_loop.sends.attempts
    assert {key: 2} == parts.tolerance.absolute
    assert {key: 10_000} == parts.tolerance.relative
    assert {key: -3_000_000} == parts.tolerance.accrual
    assert {key: 10} == parts.tolerance.budget
    assert {"binance", "ethereum"} == parts.subscribed
    assert "USDT" == parts.quote


def test_a_short_file_subscribes_to_all_venues_and_fails_fast(tmp_path: Path) -> None:
    parts = build(load(tmp_path, MINIMAL), work=tmp_path / "work")

    assert {"binance"} == parts.subscribed
    assert parts.policy.fail_fast
    assert () == tuple(parts.feeds)


def test_funding_that_was_due_before_the_start_is_not_paid(tmp_path: Path) -> None:
    outcome = ran(tmp_path)
    rows = Log(tmp_path / "log").stream("ledger").collect()

    # Rates every eight hours from the day before; bars known from 01:00 to 24:00, when the
    # view of positions is too far behind to show the last payment.
    assert Ending.COMPLETED is outcome.ending
    assert ["08:00", "16:00"] == [
        f"{moment:%H:%M}" for moment in rows["time_ns"].cast(pl.Datetime("ns"))
    ]


def test_the_parts_run_on_both_venues_and_between_them(tmp_path: Path) -> None:
    outcome = ran(
        tmp_path,
        Wrap(account="wallet", asset="ETH", into="WETH", amount=Decimal(1)),
        SpotTrade(
            account="binance.spot", symbol="BTC/USDT", side=Side.BUY, quantity=Decimal("0.01")
        ),
        PerpTrade(account="binance.usdm", symbol="BTCUSDT", side=Side.BUY, quantity=Decimal("0.5")),
        Transfer(account="wallet", to="binance.spot", asset="ETH", amount=Decimal(2)),
        Transfer(account="binance.spot", to="wallet", asset="ETH", amount=Decimal(1)),
    )

    assert (Ending.COMPLETED, "") == (outcome.ending, outcome.reason)
    assert 10**18 == outcome.closing["wallet:BaseToken:WETH"]
    assert 10**18 == outcome.closing["binance.spot:BaseToken:ETH"]
    assert -100_000_000 == outcome.closing[PERP]
    assert 1_000_000 == outcome.closing["binance.spot:BaseToken:BTC"]


def test_an_instruction_to_a_venue_without_subscription_is_denied(tmp_path: Path) -> None:
    outcome = ran(
        tmp_path,
        Wrap(account="wallet", asset="ETH", into="WETH", amount=Decimal(1)),
        changes=(('venues = ["binance", "ethereum"]', 'venues = ["binance"]'),
                 ("fail_fast = false", "fail_fast = true")),
    )  # fmt: skip

    assert Ending.FAILED is outcome.ending
    assert "of no venue that the strategy subscribes to" in outcome.reason


def test_liquidity_is_by_volume_by_chance_or_unlimited(tmp_path: Path) -> None:
    def liquidity(name: str) -> object:
        config = load(tmp_path, WHOLE, ('liquidity = "volume"', f'liquidity = "{name}"'))
        exchange = build(config, work=tmp_path / "work").venues[0]
        return exchange._model.liquidity  # type: ignore[attr-defined]  # noqa: SLF001 - no other way to see it

    assert isinstance(liquidity("volume"), Participation)
    assert isinstance(liquidity("random"), Chance)
    assert "unlimited" == liquidity("unlimited").__name__  # type: ignore[attr-defined]  # a function


def test_a_perpetual_that_is_closed_at_the_start_has_no_entry_value(tmp_path: Path) -> None:
    changes = ((f'"{PERP}" = "-1.5"\n', ""), (f'[entry_prices]\n"{PERP}" = "42000.1"\n', ""))
    parts = build(load(tmp_path, WHOLE, *changes), work=tmp_path / "work")

    assert {} == parts.bases


def test_only_the_side_of_a_reserve_that_there_is_needs_a_series(tmp_path: Path) -> None:
    changes = (
        ('a_token = "aWETH"\n', ""),
        ('name = "supply_rate', 'name = "x'),
        ('"supply:aave_v3:WETH" = "1.0', '"borrow:aave_v3:WETH" = "1.0'),
    )
    opening = build(load(tmp_path, WHOLE, *changes), work=tmp_path / "work").opening

    assert "aave_v3:debtToken:vDebtWETH" in opening
    assert "aave_v3:aToken:aWETH" not in opening


def test_the_header_tells_the_settings_the_strategy_and_the_run_before(tmp_path: Path) -> None:
    config = load(tmp_path)

    assert config.as_dict() | {
        "strategy_digest": sha256_file(tmp_path / "strategy.py")
    } == described(config)


def test_a_strategy_from_a_module_has_no_file_to_digest(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL, ('"strategy.py"', '"module:Class"'))

    assert config.as_dict() == described(config)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('["USDT", "ETH"], "b', '["USDT", "XYZ"], "b',
         'exchanges.binance.accounts."binance.spot" names "XYZ", which is not in [assets]'),
        ("withdrawal_fees = { ETH", "withdrawal_fees = { XYZ", 'withdrawal_fees names "XYZ"'),
        ('base = "BTC"\n', 'base = "XYZ"\n', 'instruments[1].base names "XYZ"'),
        ('fee_asset = "BNB"', 'fee_asset = "XYZ"', f'{SPOT_INSTRUMENT}.fee_asset names "XYZ"'),
        ('asset = "weETH"\na_token', 'asset = "XYZ"\na_token', 'reserves[1].asset names "XYZ"'),
        ('safe = ["WETH"]', 'safe = ["XYZ"]', 'chains.ethereum.accounts."safe" names "XYZ"'),
        ('instrument = "binance.spot:BTC/USDT"', 'instrument = "x"',
         f'{SPOT_INSTRUMENT}.data names "binance.spot:BTC/USDT", which is not in [[data.bars]]'),
        ('fee_price = "binance.spot:BNB/USDT"', 'fee_price = "x"', '.fee_price names "x"'),
        ('gas_price = "gas_price"', 'gas_price = "x"', 'gas_price names "x", which is not in [[d'),
        ('name = "supply_rate', 'name = "x', 'reserves names "supply_rate:aave_v3:WETH"'),
        ('name = "borrow_rate', 'name = "x', 'reserves names "borrow_rate:aave_v3:WETH"'),
        ('venues = ["binance", "ethereum"]', 'venues = ["x"]', 'strategy.venues names "x", which'),
        ('"binance.spot" = { assets', "x = { assets", 'routes names "x", which is not in the acc'),
        ('account = "binance.usdm"', 'account = "x"', 'instruments[1].account names "x"'),
        ('account = "binance.usdm"', 'account = "wallet"', "an account of another venue"),
        ('assets = ["USDT", "ETH"], delay', 'assets = ["WETH"], delay', "does not hold; add it"),
        ("accounts = { wallet = [", '"accounts" = { "binance.spot" = ["ETH"], wallet = [',
         "binance.spot is declared 2 times; allowed is once"),
        ("[chains.ethereum]\n", '[chains.binance]\naccounts = { x = ["ETH"] }\n[chains.ethereum]\n',
         "binance is declared 2 times"),
        ('symbol = "BTCUSDT"\nperpetual = true', 'symbol = "BTCUSDT"\nperpetual = true\ndata = "x"',
         'instruments[1].data names "x"'),
        ('collar = "0.01"', 'collar = "0.00001"', "no fill could pass"),
        ('"binance.spot:BaseToken:USDT" = 1', '"binance.spot:BaseToken:USDX" = 1',
         'opening."binance.spot:BaseToken:USDX" is not tracked here; tracked are in_transit:'),
        ('BNB" = "12.5"', 'BNB" = "12.500000001"', "at most 8 decimals: decimals of BNB"),
        ('[tolerances."wallet:BaseToken:eETH"]', "[tolerances.x]", 'tolerances."x" is not tracked'),
        ('"wallet:BaseToken:USDT" = 5_000', '"in_transit:wallet:ETH" = 1', "is on its way"),
        ('"wallet:BaseToken:USDT" = 5_000', '"wallet:Claim:eETH" = 1', "is on its way"),
        ('[entry_prices]\n"binance.usdm:Perp:BTCUSDT" = "42000.1"', "", "give its price in [entry"),
        ('= "42000.1"', '= "42000.1234"', "at most 3 decimals: those of the prices"),
        ('"binance.usdm:Perp:BTCUSDT" = "42000.1"',
         '"binance.usdm:Perp:BTCUSDT" = 1\n"x" = 1', 'entry_prices."x" is no perpetual'),
        ('lot = "0.00001"', 'lot = "0.000000001"', f"{SPOT_INSTRUMENT}.lot is 0.000000001"),
        ('tick = "0.01"', 'tick = "0.001"', "set price_decimals higher there"),
        ("BTC = 8\nUSDT = 8", "BTC = 2\nUSDT = 8", "set BTC to 6 or more in [assets]"),
        ("BNB = 8", "BNB = 0", "set BNB to 6 or more in [assets]"),
        ("weETH = 18", "weETH = 8", "chains.ethereum: "),
        ('gas_payers = { safe = "wallet" }', 'gas_payers = { x = "wallet" }', "names 'x'"),
        ('= "1.018085923463130800"', '= "1.0000000000000000000000000001"', "an index is kept in"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_together_are_refused(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    changes = [(old, new)]
    if "BTC = 2" in new:
        changes += [('lot = "0.00001"', 'lot = "0.01"'), ('lot = "0.001"', 'lot = "0.01"')]
    if "BNB = 0" in new:
        changes += [('BNB" = "12.5"', 'BNB" = 12')]

    assert words in refused(tmp_path, WHOLE, *changes)


def test_a_symbol_or_the_bars_of_two_perpetuals_cannot_be_there_twice(tmp_path: Path) -> None:
    twice = '[[exchanges.binance.instruments]]\naccount = "binance.spot"\nsymbol = "BTC/USDT"\n'
    other = twice.replace("BTC/USDT", "X/Y") + 'base = "BTC"\nquote = "USDT"\nperpetual = true\n'
    other += 'data = "binance.usdm:BTCUSDT"\n'

    for added, words in ((twice, "binance.spot BTC/USDT"), (other, "perpetuals of binance on")):
        change = ("[exchanges.binance.market]", f"{added}[exchanges.binance.market]")
        assert f"{words}" in refused(tmp_path, WHOLE, change)


def test_two_perpetuals_of_one_symbol_have_the_same_decimals(tmp_path: Path) -> None:
    added = (
        '[exchanges.okx]\naccounts = { okx = ["USDT"] }\n[[exchanges.okx.instruments]]\n'
        'account = "okx"\nsymbol = "BTCUSDT"\nbase = "ETH"\nquote = "USDT"\nperpetual = true\n'
        'data = "binance.usdm:BTCUSDT"\n'
    )

    words = refused(tmp_path, WHOLE, ("[chains.ethereum]", f"{added}[chains.ethereum]"))

    assert "BTCUSDT would have 18 decimals, and has 8 elsewhere; say in [assets] which" in words


def test_a_run_without_a_venue_is_refused(tmp_path: Path) -> None:
    text = MINIMAL.partition("[exchanges")[0]

    assert "there is no venue; declare one under [exchanges] or [chains]" == refused(tmp_path, text)


def test_data_that_cannot_be_used_is_refused_by_its_file(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL, ('file = "btc.csv"', 'file = "none.csv"'))

    with pytest.raises(DataError, match=r"none\.csv"):
        build(config, work=tmp_path / "work")


def test_reading_the_data_tells_its_progress(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    build(
        load(tmp_path, MINIMAL),
        work=tmp_path / "work",
        progress=lambda done, total: told.append((done, total)),
    )

    assert told[-1][0] == told[-1][1] > 0
