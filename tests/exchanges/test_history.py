"""History that is fetched from an exchange, gone on with, and backtested."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from fixtures.exchange.faults import Do, Fault
from tests.exchanges.worlds import Running
from verifill.cli.app import app

SYMBOLS = {
    "binance": "BTC/USDT",
    "binanceusdm": "BTC/USDT:USDT",
    "bybit": "BTC/USDT",
    "okx": "BTC/USDT",
    "hyperliquid": "BTC/USDC:USDC",
}
BEGIN = datetime.now(UTC).date() - timedelta(days=40)  # one exchange keeps 5,000 bars
SINCE, UNTIL = (str(BEGIN + timedelta(days=days)) for days in (0, 31))
HOURS = 31 * 24
CONFIG = """
[strategy]
source = "buy.py"
[assets]
USDT = 8
BTC = 8
[opening]
"spot:BaseToken:USDT" = "100000"
[exchanges.binance]
accounts = { spot = ["USDT", "BTC"] }
[[exchanges.binance.instruments]]
account = "spot"
symbol = "BTC/USDT"
[data]
[[data.bars]]
instrument = "spot:BTC/USDT"
file = "h.parquet"
"""
BUY = """
from decimal import Decimal
from verifill import Side, SpotTrade

class Buy:
    def decide(self, market, positions, last):
        if positions["spot:BaseToken:BTC"]:
            return []
        return [SpotTrade(account="spot", symbol="BTC/USDT", side=Side.BUY, quantity=Decimal("1"))]
"""


def fetch(
    running: Running, to: Path, venue: str = "binance", until: str = UNTIL, **more: str
) -> tuple[int, str]:
    asked = {"--since": SINCE, "--until": until, "--to": str(to)} | more
    words = [word for pair in asked.items() for word in pair]
    command = ["data", "fetch", venue, SYMBOLS[venue], "1h", *words]
    done = CliRunner().invoke(app, [*command, "--port", str(running.server.port)])
    return done.exit_code, done.output


@pytest.mark.parametrize("venue", SYMBOLS)
def test_every_exchange_tells_its_history(running: Running, tmp_path: Path, venue: str) -> None:
    code, said = fetch(running, tmp_path / "h.parquet", venue)
    assert 0 == code, said
    bars = pl.read_parquet(tmp_path / "h.parquet")

    assert HOURS == bars.height
    assert bars["timestamp"].is_sorted()
    assert bars["close"].dtype.is_decimal()
    assert not (tmp_path / "h.parquet.part").exists()


def test_what_was_fetched_before_an_interruption_is_not_fetched_again(
    running: Running, tmp_path: Path
) -> None:
    file = tmp_path / "h.parquet"
    on = "GET *api.binance.com/api/v3/klines"
    running.control.arm(Fault(on=on, do=Do.STATUS_BEFORE, skip=1, times=3))
    code, said = fetch(running, file)
    had = pl.read_parquet(f"{file}.part").height
    before = len(running.control.arrivals())
    again, _ = fetch(running, file)
    klines = [one for one in running.control.arrivals()[before:] if "klines" in one]

    assert (3, 500, False) == (code, had, "Traceback" in said), said
    assert (0, 1, HOURS) == (again, len(klines), pl.read_parquet(file).height)


def test_a_file_is_gone_on_with_to_a_later_moment(running: Running, tmp_path: Path) -> None:
    file = tmp_path / "h.parquet"
    fetch(running, file, until=str(BEGIN + timedelta(days=10)))
    early = pl.read_parquet(file)
    fetch(running, file)

    assert 10 * 24 == early.height
    assert early.equals(pl.read_parquet(file).head(early.height))


def test_gaps_are_told(running: Running, tmp_path: Path) -> None:
    file = tmp_path / "h.parquet"
    fetch(running, file)
    holed = pl.read_parquet(file).filter(pl.col("timestamp").dt.date() != BEGIN + timedelta(days=6))
    holed.write_parquet(file)
    code, said = fetch(running, file)

    assert 0 == code
    assert "24 missing" in said
    assert f"{BEGIN + timedelta(days=6)} 00:00" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["binance", "NO/SUCH", "1h"], "has no 'NO/SUCH'"),
        (["binance", "BTC/USDT", "7h"], "no bars of '7h'"),
        (["nowhere", "BTC/USDT", "1h"], "no dialect of 'nowhere'"),
    ],
)
def test_what_is_not_there_is_refused(
    running: Running, tmp_path: Path, words: list[str], said: str
) -> None:
    more = ["--since", SINCE, "--to", str(tmp_path / "h.parquet")]
    port = ["--port", str(running.server.port)]
    done = CliRunner().invoke(app, ["data", "fetch", *words, *more, *port])

    assert 2 == done.exit_code
    assert said in done.output


def test_a_backtest_runs_on_it(running: Running, tmp_path: Path) -> None:
    fetch(running, tmp_path / "h.parquet")
    (tmp_path / "buy.py").write_text(BUY)
    (tmp_path / "run.toml").write_text(CONFIG)
    done = CliRunner().invoke(app, ["backtest", str(tmp_path / "run.toml")])

    assert 0 == done.exit_code, done.output
    assert f"{HOURS:,}" in done.output
