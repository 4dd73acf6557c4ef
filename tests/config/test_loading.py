"""Loading a configuration: what it may say, and how each mistake is refused."""

import copy
import os
import pickle
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from tests.config.examples import MINIMAL, WHOLE, load, write
from verifill.config import load_config
from verifill.config.loading import PREFIX
from verifill.engine.errors import ConfigError
from verifill.venues.instructions import Operation

INSTRUMENT = "exchanges.binance.instruments[0]"
BTC = 'symbol = "BTC/USDT"\n'
LOT, FEE, DEEP = 'lot = "0.00001"', 'fee = "0.00075"', 'deep = "0.5"'
SOURCE = 'source = "strategy.py:Waiting"\n'
UNDECLARED = "strategy.source is missing"


def refused(folder: Path, text: str, *changes: tuple[str, str], **variables: str) -> str:
    """The words of the refusal, without the file they begin with."""
    environment = {PREFIX + name: value for name, value in variables.items()}
    with pytest.raises(ConfigError) as caught:
        load(folder, text, *changes, environment=environment)
    return str(caught.value).removeprefix(f"{folder}/run.toml: ")


def test_every_section_is_read(tmp_path: Path) -> None:
    config = load(tmp_path)

    assert 3600 == config.loop.interval_s
    assert config.loop.fail_fast is False
    assert ("a", 1, True) == config.strategy.options["words"]
    assert {"deep": "0.5"} == config.strategy.options["table"]
    assert Decimal("0.00000001") == config.data.constants["gas_price"]
    assert Decimal("42000.1") == config.entry_prices["binance.usdm:Perp:BTCUSDT"]
    assert {Operation.TRANSFER: 7200} == config.exchanges["binance"].windows_s
    assert Decimal("0.25") == config.exchanges["binance"].market.lag_s
    assert {Operation.WRAP: 50_000} == config.chains["ethereum"].gas
    assert ("aave_v3", "spark") == tuple(r.market for r in config.chains["ethereum"].reserves)
    assert 720 == config.routes["binance.spot"].delay_s
    assert Decimal("-0.03") == config.tolerances["wallet:BaseToken:eETH"].accrual


def test_the_defaults_make_a_short_file_enough(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL)

    instrument = config.exchanges["binance"].instruments[0]
    assert ("backtest", 60, 10, None) == (config.mode, *attrs.astuple(config.loop))
    assert ("BTC", "USDT") == (instrument.base, instrument.quote)
    assert "binance.spot:BTC/USDT" == instrument.data
    assert "error" == config.data.gaps
    assert config.strategy.venues is None


def test_retries_are_the_strategys_over_the_modes_over_the_defaults(tmp_path: Path) -> None:
    sends = load(tmp_path).policies.sends

    assert (4, 0.5, 3.0, 9.0) == attrs.astuple(sends)
    assert 1 == load(tmp_path).policies.queries.attempts
    assert 3 == load(tmp_path).retry.live.over(load(tmp_path).retry.live, "live").sends.attempts


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    assert tmp_path / "logs" / "whole" == load(tmp_path).log_folder
    assert tmp_path / "runs" / "run" == load(tmp_path, MINIMAL).log_folder
    assert tmp_path.parent / "x" == load(tmp_path, MINIMAL).path(Path("../x"))
    assert Path("/x") == load(tmp_path, MINIMAL).path(Path("/x"))


def test_a_configuration_cannot_be_changed_and_can_be_handed_to_another_process(
    tmp_path: Path,
) -> None:
    config = load(tmp_path)

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        config.seed = 1  # type: ignore[misc]  # that it cannot be is what is tested
    with pytest.raises(TypeError):
        config.assets["X"] = 1  # type: ignore[index]  # likewise
    assert config == pickle.loads(pickle.dumps(config))  # noqa: S301 - our own bytes
    assert config == copy.deepcopy(config)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("seed = 7", "sead = 7", "sead is unknown; did you mean seed?; known there are mode,"),
        (BTC, f"{BTC}bogus = 1\n", f"{INSTRUMENT}.bogus is unknown; known there are account,"),
        ("[routes]", "[routs]", "routs is unknown; did you mean routes?"),
        ("remainders = 2", 'remainders = "2"', 'loop.remainders is "2"; allowed is a whole number'),
        ("remainders = 2", "remainders = true", "is true; allowed is a whole number"),
        ("fail_fast = false", 'fail_fast = "no"', 'is "no"; allowed is true or false'),
        ('"strategy.py:Waiting"', "5", "strategy.source is 5; allowed is text, in quotes"),
        ('log = "logs/whole"', 'log = ""', 'log is ""; allowed is a path, in quotes'),
        ('venues = ["binance", "ethereum"]', 'venues = "x"', "allowed is a list: [ ]"),
        ("[loop]", "[[loop]]", "allowed is a table, [loop]"),
        (LOT, "lot = 0.1", f"{INSTRUMENT}.lot is 0.1, a float, which is not exact"),
        (DEEP, "deep = 0.5", "deep is 0.5, a float, which is not exact; quote"),
        (DEEP, "deep = 2024-01-01", "deep is 2024-01-01; allowed is text, a whole"),
        (LOT, 'lot = "1e-5"', 'is "1e-5"; allowed is a number, quoted if it has'),
        (LOT, "lot = true", "is true; allowed is a number, quoted if it has"),
        ("remainders = 2", "remainders = 1001", "is 1001; allowed is 0 to 1000"),
        ("seed = 7", "seed = -1", "seed is -1; allowed is 0 or more"),
        ("BTC = 8", "BTC = 37", "assets.BTC is 37; allowed is 0 to 36"),
        ("BTC = 8", '"B:C" = 8', 'assets."B:C" is "B:C"; allowed is letters, digits'),
        ('venues = ["binance", "ethereum"]', "venues = []", "strategy.venues is empty; allowed is"),
        (LOT, "lot = 0", f"{INSTRUMENT}.lot is 0; allowed is more than 0"),
        (FEE, 'fee = "1.5"', "fee is 1.5; allowed is 0 to 1, with at most"),
        (FEE, 'fee = "0.000000001"', "with at most 8 decimals"),
        ('assets = ["WETH"]', "assets = []", "lenders[0].assets is empty; allowed is at least one"),
        ('accounts = { "binance.spot" = ["USDT", "ETH"]', 'accounts = { "flash" = ["ETH"]',
         'exchanges.binance.accounts.flash is "flash"; allowed is letters'),
        ('["USDT", "ETH"], "binance.usdm"', '["U T"], "binance.usdm"',
         'accounts."binance.spot"[0] is "U T"'),
        ('gaps = "carry"', 'gaps = "x"', 'data.gaps is "x"; allowed is "error", "skip", "carry"'),
        ('accrual = "none"', 'accrual = "x"', 'is "x"; allowed is "rate", "index", "none"'),
        ('"SET_LEVERAGE", "INT', '"WRAP", "INT', 'operations[2] is "WRAP"; allowed is "SPOT'),
        ("TRANSFER = 7200", "TRANSFR = 7200", 'windows_s.TRANSFR is "TRANSFR"; allowed is "SPOT'),
        (f'account = "binance.spot"\n{BTC}', BTC, f"{INSTRUMENT}.account is missing"),
        (BTC, 'symbol = "BTC-USDT"\n', f"{INSTRUMENT}: base is missing, and symbol is"),
        (BTC, 'symbol = "BTCUSDT"\nbase = "BTC"\n', f"{INSTRUMENT}: quote is missing"),
        ('fee_price = "binance.spot:BNB/USDT"\n', "", 'fee_asset is "BNB", so fee_price must name'),
        (SOURCE, "", UNDECLARED),
        ("words = [", "api_key = [", "strategy.options.api_key is named like a credential"),
        ('mode = "backtest"', 'mode = "dream"', 'mode is "dream"; allowed is "backtest"'),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_its_key_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    assert words in refused(tmp_path, WHOLE, (old, new))


def test_a_refusal_begins_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"^{tmp_path}/run\.toml: seed is -1"):
        load(tmp_path, WHOLE, ("seed = 7", "seed = -1"))


def test_toml_that_is_none_is_refused_with_its_line(tmp_path: Path) -> None:
    words = refused(tmp_path, MINIMAL, ("[assets]", "[assets"))

    assert words.startswith("it cannot be read as TOML: ")
    assert "line 8" in words


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: there is no such file; correct"):
        load_config(tmp_path / "none.toml", {})


def test_a_folder_and_what_is_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigError, match="it is a folder; name the file in it"):
        load_config(tmp_path, {})
    with pytest.raises(ConfigError, match="it cannot be read as TOML"):
        load_config(tmp_path / "bytes.toml", {})


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied"), "you may not read it"),
        (OSError(5, "Input/output error"), "it cannot be read: Input/output error"),
    ],
)
def test_a_file_that_the_system_refuses_is_told_without_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    def refuse(*_given: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr(Path, "read_text", refuse)
    assert words in (told := refused(tmp_path, MINIMAL))
    assert "Errno" not in told


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    environment = {
        "VERIFILL_LOOP_INTERVAL_S": "300",
        "VERIFILL_LOOP_FAIL_FAST": "true",
        "VERIFILL_RETRY_BACKTEST_SENDS_WAIT_S": "0.25",
        "VERIFILL_STRATEGY_SOURCE": "other.py",
        "VERIFILL_STRATEGY_VENUES": '["binance"]',
        "VERIFILL_DATA_GAPS": "skip",
        "VERIFILL_ASSETS": "{ BTC = 3 }",
        "VERIFILL_LOG": "elsewhere",
        "VERIFILL_CREDENTIALS_BINANCE_KEY": "not read",
        "PATH": "/bin",
    }
    config = load(tmp_path, environment=environment)

    assert (300, 2, True) == attrs.astuple(config.loop)
    assert Decimal("0.25") == config.retry.backtest.sends.wait_s
    assert 2 == config.retry.backtest.sends.attempts
    assert ("other.py", ("binance",)) == (config.strategy.source, config.strategy.venues)
    assert ("skip", {"BTC": 3}) == (config.data.gaps, dict(config.assets))
    assert tmp_path / "elsewhere" == config.log_folder


def test_the_environment_may_give_what_the_file_leaves_out(tmp_path: Path) -> None:
    environment = {"VERIFILL_STRATEGY_SOURCE": "other.py"}
    config = load(tmp_path, MINIMAL, ('source = "strategy.py"\n', ""), environment=environment)

    assert "other.py" == config.strategy.source


def test_the_environment_of_the_process_is_read_unless_another_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERIFILL_SEED", "5")

    assert "5" == os.environ["VERIFILL_SEED"]
    assert 5 == load_config(write(tmp_path, MINIMAL)).seed


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("LOOP_INTERVALS", "3", "belongs to no setting; the closest are VERIFILL_LOOP_INTERVAL_S,"),
        ("XYZ", "3", "belongs to no setting; the closest are VERIFILL_"),
        ("LOP_REMAINDER", "1", "VERIFILL_LOOP_REMAINDERS"),
        ("LOOP_INTERVAL_S", "soon", 'VERIFILL_LOOP_INTERVAL_S: loop.interval_s is "soon"; allowed'),
        ("LOOP_INTERVAL_S", "0", "loop.interval_s is 0; allowed is 1 to 31536000"),
        ("ASSETS", "{ BTC = 99 }", "assets.BTC is 99; allowed is 0 to 36"),
        ("MODE", "dream", 'mode is "dream"; allowed is "backtest", "paper", "live"'),
        ("RETRY_LIVE_SENDS_FACTOR", "0.5", "retry.live.sends.factor is 0.5; allowed is 1 to 10"),
    ],
)
def test_a_variable_is_refused_like_a_key(
    tmp_path: Path, name: str, value: str, words: str
) -> None:
    refusal = refused(tmp_path, MINIMAL, **{name: value})

    assert refusal.startswith(f"environment variable VERIFILL_{name}")
    assert words in refusal
