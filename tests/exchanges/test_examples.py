"""The configurations of the docs: each is a backtest, and runs live on a loopback exchange."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from fixtures.exchange.opening import AGENT_KEY, BALANCES, OWNER
from tests.exchanges.places import PLACES
from tests.exchanges.worlds import Running
from verifill.assembly.ccxt import Through, keys_of
from verifill.assembly.quoting import kind_of
from verifill.backtest import run
from verifill.build import build
from verifill.config import load_config
from verifill.ending import Ending
from verifill.engine.log.anchor import FileAnchor
from verifill.live import go_on
from verifill.machines.full_loop import Full
from verifill.result import RunResult
from verifill.start import Outside, Start
from verifill.telling import Style, telling

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = DOCS / "examples"
PAGES = (DOCS / "how-to" / "swap-in-an-exchange.md", DOCS.parent / "README.md")
FIVE = 5
# Hyperliquid's as the example says: an API wallet, which neither moves funds nor withdraws
KEYS = {name: value for place in PLACES.values() for name, value in place.variables.items()} | {
    "HYPERLIQUID_DEV_API_KEY": OWNER,
    "HYPERLIQUID_DEV_SECRET": AGENT_KEY,
}
WALLETS = {
    "binance.spot": ("binance", "spot"),
    "binance.usdm": ("binance", "usdm"),
    "bybit.uta": ("bybit", "UNIFIED"),
    "bybit.funding": ("bybit", "FUND"),
    "okx.trading": ("okx", "trading"),
    "okx.funding": ("okx", "funding"),
    "hyperliquid.spot": ("hyperliquid", "spot"),
    "hyperliquid.perp": ("hyperliquid", "perp"),
}


def at_loopback(text: str, port: int, folder: Path) -> Path:
    """A configuration for staging, on this machine: what only dev may say is said at its end."""
    assert text.count('environment = "staging"') == 1
    venues = re.findall(r"^\[ccxt\.(\w+)\]$", text, flags=re.MULTILINE)
    endpoints = "".join(f'{name} = "http://127.0.0.1:{port}"\n' for name in venues)
    text = text.replace('environment = "staging"', 'environment = "dev"')
    file = folder / "live.toml"
    file.write_text(f"{text}\n[environments.dev.endpoints]\n{endpoints}")
    return file


def placed(file: Path) -> str:
    """The text of an example, from wherever it stands."""
    text = file.read_text()
    for said in re.findall(r'(?:source|file) = "([^"]+)"', text):
        text = text.replace(f'"{said}"', f'"{(file.parent / said).resolve()}"')
    return text


def ran(running: Running, config: Path, log: Path, *, ticks: int = 2) -> RunResult:
    """One life of it, at exchanges that hold what it says that they hold."""
    settings = load_config(config)
    opening = {key: amount for key, amount in settings.opening.items() if ":BaseToken:" in key}
    accounts = {account for name in settings.ccxt for account in settings.ccxt[name].accounts}
    for venue, wallet in (WALLETS[account] for account in accounts):
        for asset in BALANCES[venue][wallet]:
            running.control.balance(venue, wallet, asset, Decimal(0))
    for key, amount in opening.items():
        account, _, asset = key.split(":")
        running.control.balance(*WALLETS[account], asset, Decimal(amount))
    through = Through(settings, kind_of(settings), KEYS, running.times())
    start = Start(
        config=settings,
        connect=through,
        tell=telling(Style.NONE),
        folder=log,
        anchor=FileAnchor(log.with_suffix(".anchor")),
        ticks=ticks,
        outside=Outside(times=running.times()),
        keys=keys_of(settings),
    )
    ended = go_on(start)
    assert Full.STOPPED == ended.state, ended.reason
    return RunResult(log)


@pytest.mark.parametrize("venue", PLACES)
def test_the_example_of_an_exchange_runs_as_a_backtest_and_at_the_exchange(
    running: Running, tmp_path: Path, venue: str
) -> None:
    """The position that it wants, from one order each; its second tick wants nothing more."""
    example = EXAMPLES / "exchanges" / f"{venue}.toml"
    simulated = run(build(load_config(example), work=tmp_path / "market"), tmp_path / "backtest")
    config = at_loopback(placed(example), running.server.port, tmp_path)
    live = ran(running, config, tmp_path / "live")
    sizes = running.control.totals(venue)["positions"].values()

    assert Ending.COMPLETED == simulated.ending
    assert [Decimal("-0.02")] == [size for size in sizes if size]
    assert [1, 1] == list(running.control.counts(venue).values())
    assert 2 == len(live.instructions.collect())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_five_lines_turn_the_simulated_venue_into_binance(
    running: Running, tmp_path: Path, page: Path
) -> None:
    """Those that the page shows, and no other: nothing is taken out, five lines or less come in."""
    (shown,) = re.findall(r"```diff\n(.*?)```", page.read_text(), flags=re.DOTALL)
    lines = shown.splitlines()
    assert {"", " ", "+"} == {line[:1] for line in lines}
    before = "\n".join(line[1:] for line in lines if not line.startswith("+"))
    after = "\n".join(line[1:] for line in lines)
    simulated = placed(EXAMPLES / "rebalance.toml")
    assert simulated.count(before) == 1
    assert len(lines) - len(before.splitlines()) <= FIVE
    real = simulated.replace(before, after)
    config = at_loopback(real, running.server.port, tmp_path)
    live = ran(running, config, tmp_path / "live")
    held = running.control.totals("binance")["spot"]

    assert Decimal("0.499") < held["BTC"] * 60_000 / 1_000_000 < Decimal("0.501")
    assert [1] == list(running.control.counts("binance").values())
    assert 1 == len(live.instructions.collect())
