"""`verifill venue`: the configured venues as a process, stopped, killed, and started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.conftest import Verifill
from tests.serving import Serving
from verifill.assembly.history import prepared
from verifill.assembly.loopback import Connected, Hosting, ServerParts, connect
from verifill.cli.failures import ExitCode
from verifill.config import Config, load_config
from verifill.engine.errors import ConfigError
from verifill.venues.instructions import Instruction, PerpTrade, Side, SpotTrade, Transfer
from verifill.venues.loopback.market import TapeMarket, WalkMarket
from verifill.venues.loopback.transport import Http
from verifill.venues.orders import Order, Outcome
from verifill.venues.rules import Idempotency

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "cash_and_carry.toml"
PATIENCE_S = 120
VIRTUAL = """
[loopback]
time = "virtual"
width = "0"
[loopback.venues.bybit]
idempotency = "D"
query_lag_s = 3
recv_window_s = 20
"""
BUY = SpotTrade(
    account="binance.spot",
    symbol="BTC/USDT",
    side=Side.BUY,
    quantity=Decimal("0.01"),
    limit=Decimal(64_100),
)
SHORT = PerpTrade(account="bybit.uta", symbol="BTCUSDT", side=Side.SELL, quantity=Decimal("0.001"))
DEPOSIT = Transfer(account="wallet", to="binance.spot", asset="USDT", amount=Decimal(1_000))


def key(number: int) -> str:
    return f"venue{number:027}"


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., Path]:
    """The example with more in it, as a file."""

    def written(more: str = VIRTUAL, *changes: tuple[str, str]) -> Path:
        text = EXAMPLE.read_text().replace("../../fixtures", str(ROOT / "fixtures"))
        text = text.replace(
            "[opening] # everything else is zero",
            '[opening]\n"binance.spot:BaseToken:USDT" = 5000\n"bybit.uta:BaseToken:USDT" = 5000',
        )
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        file = tmp_path / "venues.toml"
        file.write_text(text + more)
        return file

    return written


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    made = Serving(tmp_path)
    yield made
    made.end()


def hosting(config: Path, tmp_path: Path) -> Hosting:
    settings = load_config(config, {})
    return Hosting.of(settings, prepared(settings, tmp_path / "work", None))


def connected(
    serving: Serving, config: Path, tmp_path: Path, since: dict[str, int] | None = None
) -> Connected:
    made = hosting(config, tmp_path)
    start_ns = made.history.header.start_ns
    got = connect(made, serving.http(), now_ns=lambda: start_ns, since=since)
    got.refresh()
    return got


def order(connection: Connected, venue: str, number: int, instruction: Instruction) -> Order:
    made = connection.venues[venue].resolve(instruction, number, None)
    assert "" == connection.venues[venue].deny(made)
    return replace(made, key=key(number))


def test_a_server_killed_goes_on_where_it_was(
    serving: Serving, config: Callable[..., Path], tmp_path: Path
) -> None:
    file = config()
    process = serving.start(file)
    here = connected(serving, file, tmp_path)
    orders = {
        "binance": order(here, "binance", 1, BUY),
        "bybit": order(here, "bybit", 2, SHORT),
        "ethereum": order(here, "ethereum", 3, DEPOSIT),
    }
    assert [()] * 4 == [venue.start_up_failures() for venue in here.venues.values()]
    opening = {name: venue.read() for name, venue in here.venues.items()}
    here.transit.read()
    sent = [here.venues[name].submit(one).outcome for name, one in orders.items()]
    before = {name: venue.read().totals for name, venue in here.venues.items()}
    cursors = {n: v.cursor or 0 for n, v in here.venues.items()}
    cursors["network"] = here.transit.cursor or 0
    os.kill(process.pid, signal.SIGKILL)
    process.wait(PATIENCE_S)
    serving.start(file)
    there = connected(serving, file, tmp_path, cursors)
    after = {name: venue.read().totals for name, venue in there.venues.items()}

    assert [Outcome.EXECUTED, Outcome.EXECUTED, Outcome.ACCEPTED] == sent
    assert before == after != {name: reading.totals for name, reading in opening.items()}
    assert 1_000 * 10**8 == there.transit.read().totals["in_transit:binance.spot:USDT"]

    serving.admin("/pass", {"seconds": 901})

    assert Outcome.EXECUTED is there.venues["ethereum"].query(orders["ethereum"]).outcome
    assert [1_000 * 10**8] == [row.amount for row in there.venues["binance"].read().rows]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(
    serving: Serving, config: Callable[..., Path], number: signal.Signals
) -> None:
    process = serving.start(config())
    port = serving.told["port"]
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)

    assert (0, "") == (process.returncode, err)
    assert f"listening on 127.0.0.1:{port}, for its operator on " in out


def test_with_its_parent_it_ends(serving: Serving, config: Callable[..., Path]) -> None:
    parent = (
        "import subprocess, sys, time\n"
        "from pathlib import Path\n"
        "process = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL)\n"
        "for _ in range(6_000):\n"
        "    if Path(sys.argv[1]).exists() or process.poll() is not None:\n"
        "        break\n"
        "    time.sleep(0.02)\n"
    )
    command = serving.command(config())
    subprocess.run(
        [sys.executable, "-c", parent, serving.ready, *command], check=True, timeout=PATIENCE_S
    )
    pid = serving.told["pid"]

    assert gone(pid)


def gone(pid: int) -> bool:
    """Wait until a process has ended, which is not our child."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    return False


def test_time_passes_by_itself_on_the_wall_and_cannot_be_told_to(
    serving: Serving, config: Callable[..., Path], tmp_path: Path
) -> None:
    file = config("")
    serving.start(file)
    here = connected(serving, file, tmp_path)
    first_ns = here.market.time_ns
    deadline = time.monotonic() + PATIENCE_S
    while here.market.time_ns == first_ns:
        assert time.monotonic() < deadline
        here.refresh()
    attempt = Http(serving.told["admin_port"])("POST", "/pass", b'{"seconds": 1}')

    assert first_ns < here.market.time_ns
    assert "time passes by itself here" in str(attempt)


def test_a_script_of_faults_is_armed_from_the_start(
    serving: Serving, config: Callable[..., Path], tmp_path: Path, command: Verifill
) -> None:
    file, script = config(), tmp_path / "faults.toml"
    script.write_text('use = ["dropped_after"]')
    process = serving.start(file, "--faults", str(script))
    here = connected(serving, file, tmp_path)
    sent = here.venues["binance"].submit(order(here, "binance", 1, BUY))
    result = command("venue", "effects", serving.journal)
    process.terminate()
    process.communicate(timeout=PATIENCE_S)

    assert Outcome.UNKNOWN is sent.outcome
    assert 0 == result.exit_code
    assert "binance" in result.output
    assert key(1) in result.output
    assert "binance.spot-1" in result.output


def test_what_cannot_be_served_is_told_in_words(
    config: Callable[..., Path], tmp_path: Path, command: Verifill
) -> None:
    file, journal, script = config(), tmp_path / "journal", tmp_path / "faults.toml"
    script.write_text("use = 3")

    def refused(*arguments: str | Path) -> str:
        result = command("venue", "serve", *arguments, "--journal", journal)
        assert ExitCode.BAD_INPUT == result.exit_code, result.output
        return result.output

    assert "cannot be read" in refused(file, "--faults", script)
    assert "No such file" in refused(file, "--faults", tmp_path / "nothing")
    journal.write_text('{"what":{"type":"opened","digest":"x","at_ns":1},"done":[]}\n')
    assert "of other settings" in refused(file)
    assert "no journal" in command("venue", "effects", tmp_path / "nothing").output


def test_a_port_that_is_taken_is_told(
    serving: Serving, config: Callable[..., Path], tmp_path: Path, command: Verifill
) -> None:
    file = config()
    serving.start(file)
    port = str(serving.told["port"])
    result = command("venue", "serve", file, "--journal", tmp_path / "other", "--port", port)

    assert ExitCode.ENVIRONMENT == result.exit_code
    assert "give another port" in result.output


# What follows from a configuration.


def test_the_class_of_a_venue_is_in_the_rules_of_its_client(
    config: Callable[..., Path], tmp_path: Path
) -> None:
    made = hosting(config(), tmp_path)
    bybit, okx = made.rules("bybit"), made.rules("okx")

    assert (Idempotency.D, 3, 20) == (bybit.idempotency, bybit.query_lag_s, bybit.recv_window_s)
    assert (Idempotency.K, 0, 0) == (okx.idempotency, okx.query_lag_s, okx.recv_window_s)


def test_a_market_walks_from_where_the_history_begins_or_follows_it(
    config: Callable[..., Path], tmp_path: Path
) -> None:
    walk = ServerParts(hosting(config(""), tmp_path)).market(0)
    made = hosting(config('[loopback]\nmarket = "tape"\n'), tmp_path / "tape")
    tape = ServerParts(made).market(0)
    first = {name: next(iter(made.history.chunks())).close[name][0] for name in walk.prices}

    assert (WalkMarket, TapeMarket) == (type(walk), type(tape))
    assert first == walk.prices == tape.prices

    tape.advance(10 * 86_400 * 10**9)

    assert first != tape.prices


def test_funding_is_paid_on_a_grid_with_the_rates_of_the_history(
    config: Callable[..., Path], tmp_path: Path
) -> None:
    made = hosting(config("[loopback]\nfunding_s = 3600\n"), tmp_path)
    paid = ServerParts(made).funding("binance", 1_700_000_000 * 10**9)
    (series,) = paid.values()

    assert 1_700_002_800 * 10**9 == series.times[0]
    assert {3_600 * 10**9} == {b - a for a, b in zip(series.times, series.times[1:], strict=False)}
    assert 366 * 24 == len(series.values)


def test_a_venue_that_there_is_not_has_no_class(
    config: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r'loopback.venues names "kraken"; there are binance'):
        hosting(config('[loopback.venues.kraken]\nidempotency = "N"\n'), tmp_path)


def test_a_server_has_no_volumes_to_fill_by(config: Callable[..., Path], tmp_path: Path) -> None:
    volume = ("[exchanges.bybit.market]", '[exchanges.bybit.market]\nliquidity = "volume"')
    made = hosting(config("", volume), tmp_path)

    with pytest.raises(ConfigError, match="a server has no volumes"):
        made.exchanges["bybit"].model(None)


def test_the_settings_of_a_server_do_not_change_a_backtest(config: Callable[..., Path]) -> None:
    def of(more: str) -> Config:
        return load_config(config(more), {})

    assert of("").digest == of(VIRTUAL).digest
    assert of("").hosted_digest != of(VIRTUAL).hosted_digest
