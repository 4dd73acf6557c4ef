"""Reports of live runs: from the log alone, over any number of process lives."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.live.inside import Inside
from tests.live.worlds import ROOT, STRATEGY, written
from tests.rechained import rechained
from verifill.cli.app import app
from verifill.cli.failures import ExitCode
from verifill.engine.errors import ConfigError, DataError, LogError
from verifill.engine.inbox import post
from verifill.engine.log.durable_reader import DurableReader
from verifill.engine.log.reader import Log
from verifill.engine.log.writer import HEADER
from verifill.report.recorded import RecordedMarket
from verifill.result import RunResult
from verifill.venues.loopback.faults import Break, Delivery, Fault, Handling, Route

SECOND = 1.0
PERPETUAL = "binance.usdm:Perp:BTCUSDT"
USDT = "binance.spot:BaseToken:USDT"
GIVEN = {"adopt-external": {"cause": "a deposit"}, "resume": {"scope": "global"}}
DECIMAL = Decimal("0.00000001")


def world(tmp_path: Path, name: str, strategy: str = STRATEGY) -> Inside:
    (tmp_path / name).mkdir(exist_ok=True)
    return Inside(tmp_path / name, written(tmp_path / name, strategy=strategy))


HEDGED = """
from decimal import Decimal
from verifill import PerpTrade, Side, SpotTrade

ONE = Decimal("0.004")
TURNS = [(Side.SELL, ONE), (Side.SELL, ONE), (Side.BUY, ONE), (Side.BUY, 3 * ONE)]


class Hedged:
    count = 0

    def decide(self, market, positions, last):
        side, size = TURNS[self.count % len(TURNS)]
        self.count += 1
        other = Side.BUY if side is Side.SELL else Side.SELL
        return [
            PerpTrade(account="binance.usdm", symbol="BTCUSDT", side=side, quantity=size),
            SpotTrade(account="binance.spot", symbol="BTC/USDT", side=other, quantity=ONE),
        ]

    def state(self):
        return {"count": self.count}

    def restore(self, state):
        self.count = state["count"]
"""


def hedged(tmp_path: Path, name: str) -> Inside:
    """A perpetual against spot, on an exchange that pays funding every minute."""
    folder = tmp_path / name
    folder.mkdir()
    (folder / "strategy.py").write_text(HEDGED)
    text = (ROOT / "docs" / "examples" / "cash_and_carry.toml").read_text()
    changes = {
        "../../fixtures": str(ROOT / "fixtures"),
        'source = "cash_and_carry.py"': 'source = "strategy.py"',
        'options = { spot_usdt = "801100", quantity = "12.51252", limit = "64064", '
        "hold_days = 7 }": "",
        "interval_s = 300": "interval_s = 30",
        "lag_s = 120": "lag_s = 0",
        "[opening]": '[opening]\n"binance.spot:BaseToken:USDT" = "9000"\n'
        '"binance.spot:BaseToken:BTC" = "1"\n"binance.usdm:BaseToken:USDT" = "9000"',
    }
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    config = folder / "live.toml"
    config.write_text(text + "\n[loopback]\nfunding_s = 60\n")
    return Inside(folder, config)


def reports(result: RunResult) -> list[object]:
    """All that is reported, as plain values."""
    profit = result.profit_and_loss(missing="leave out")
    risk, held = result.risk(missing="leave out"), result.exposure(missing="leave out")
    return [
        (profit.start, profit.end, profit.by_cause, profit.by_position.rows()),
        result.equity(missing="leave out").rows(),
        (risk, held.net, held.gross, held.positions.rows(), held.assets.rows()),
        (result.fees, result.outcome.closing, result.outcome.ticks),
        result.fills.drop("seq").collect().rows(),
    ]


def test_two_process_lives_report_what_one_would_have(tmp_path: Path) -> None:
    whole, halves = world(tmp_path, "whole"), world(tmp_path, "halves")
    whole.live(6)
    halves.live(2)
    halves.time.sleep(SECOND)  # so that the next tick is where it would have been
    halves.live(4)

    assert 2 == RunResult(halves.log).transitions.collect()["epoch"].max()
    assert reports(whole.result) == reports(halves.result)


def test_perpetuals_and_funding_are_reported_over_restarts_as_without_them(tmp_path: Path) -> None:
    whole, lives = hedged(tmp_path, "whole"), hedged(tmp_path, "lives")
    whole.live(9)
    for ticks in (1, 3, 5):
        lives.live(ticks)
        lives.time.sleep(30.0)
    profit = RunResult(lives.log).profit_and_loss(missing="leave out")

    assert {"FUNDING", "REALISED", "UNREALISED", "FEE", "PRICE", "TRADE"} == set(profit.by_cause)
    assert profit.change == sum(profit.by_cause.values())
    assert reports(whole.result) == reports(lives.result)
    held = lives.result.exposure(missing="leave out").positions.filter(key=PERPETUAL)
    size, value = held.select("amount", "value").row(0)
    mark = lives.service.world.market.mark("binance.usdm:BTCUSDT")
    assert value == size * Decimal(mark).scaleb(-2)


def test_what_was_made_is_what_the_fills_and_prices_say(tmp_path: Path) -> None:
    made = world(tmp_path, "run")
    made.live(3)
    result = RunResult(made.log)
    profit, fills = result.profit_and_loss(), result.fills.collect()
    price = Decimal(made.service.world.market.price("binance.spot:BTC/USDT")).scaleb(-2)
    bought, fees = Decimal(fills["quantity"].sum()), Decimal(fills["fee"].sum())
    paid = sum(quantity * p for quantity, p in fills.select("quantity", "price").iter_rows())

    assert 3 == fills.height
    assert profit.change == ((bought - fees) * price - paid).quantize(DECIMAL)
    assert profit.change == sum(profit.by_cause.values())
    assert {"PRICE", "TRADE", "FEE"} == set(profit.by_cause)
    assert profit.end == result.equity()["equity"][-1]


def test_prices_are_written_once_a_tick_and_only_where_they_changed(tmp_path: Path) -> None:
    made = world(tmp_path, "run")
    made.live(5)
    payloads = RunResult(made.log).transitions.collect()["payload"].drop_nulls()
    told = [told for text in payloads if (told := json.loads(text).get("market"))]

    assert 6 == len(told)  # five ticks, and recovery before them
    assert {"time_ns"} == told[1].keys()  # the first tick comes at once: nothing has changed
    assert {"time_ns", "prices"} == told[2].keys()


def test_the_command_line_reports_on_a_live_log_and_leaves_it_as_it_is(tmp_path: Path) -> None:
    made = world(tmp_path, "run")
    made.live(2)
    before = (made.log / "log.sqlite").read_bytes()
    runner = CliRunner(env={"COLUMNS": "120"})
    done = runner.invoke(app, ["report", str(made.log)])

    assert 0 == done.exit_code, done.output
    assert "Profit and loss" in done.output
    assert "stands in STOPPED" in done.output
    assert before == (made.log / "log.sqlite").read_bytes()


def test_other_market_data_is_refused_for_a_log_that_holds_its_own(tmp_path: Path) -> None:
    made = world(tmp_path, "run")
    made.live(1)

    with pytest.raises(ConfigError, match="is a live log, which holds its own prices"):
        RunResult(made.log, market=tmp_path)


def test_a_log_without_prices_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    made = world(tmp_path, "run")
    made.live(1)
    header = json.loads((made.log / HEADER).read_text())
    header |= {"bases": {}, "instruments": {}, "links": []}
    header.pop("market")
    (made.log / HEADER).write_text(json.dumps(header))
    old = rechained(made.log, tmp_path / "old", lambda records: records)

    with pytest.raises(DataError, match="hold no prices and do not say what is traded"):
        RunResult(old).profit_and_loss()
    assert 1 == RunResult(old).fills.collect().height
    done = CliRunner().invoke(app, ["report", str(old)])
    assert ExitCode.BAD_INPUT == done.exit_code
    assert "market, instruments and links" in " ".join(done.output.split())


def test_the_header_of_a_live_log_says_what_is_traded_as_that_of_a_backtest_does(
    tmp_path: Path,
) -> None:
    made = world(tmp_path, "run")
    made.live(1)
    header = Log(made.log).header

    assert ("live", "recorded") == (header["mode"], header["market"])
    assert {"binance.spot:BTC/USDT"} == header["instruments"].keys()
    assert [("BTC", "USDT")] == [(link["asset"], link["into"]) for link in header["links"]]


def test_a_run_that_never_saw_a_market_has_nothing_to_report(tmp_path: Path) -> None:
    made = world(tmp_path, "run")
    made.live(1)
    reader = DurableReader(made.log, after=RunResult(made.log).log.last_seq)

    with pytest.raises(LogError, match="holds no prices yet"):
        RecordedMarket(reader)


def test_what_an_operator_adopts_is_a_cause_of_its_own(tmp_path: Path) -> None:
    made = world(tmp_path, "run")
    made.live(1)
    made.service.world.venue("binance").venue.accounts.totals[USDT] += 5 * 10**8
    for name in ("adopt-external", "resume"):
        post(
            made.log, name, actor="ann", reason="a deposit", at_ns=made.now(), arguments=GIVEN[name]
        )
    made.live(1)
    result = RunResult(made.log)
    profit = result.profit_and_loss()

    assert "STOPPED" == result.outcome.state
    assert Decimal(5) == profit.by_cause["ADOPTED"]
    assert profit.change == sum(profit.by_cause.values())
    assert profit.end == result.equity()["equity"][-1]


CHAINED = """
from decimal import Decimal
from verifill import Atomicity, Chain, Side, SpotTrade


class Chained:
    def decide(self, market, positions, last):
        def trade(side, quantity):
            return SpotTrade(
                account="binance.spot", symbol="BTC/USDT", side=side, quantity=Decimal(quantity)
            )

        buy, too_much = trade(Side.BUY, "0.01"), trade(Side.SELL, "99")
        return [Chain(steps=(buy, too_much), kind=Atomicity.SAGA)]
"""


def test_what_a_chain_did_and_took_back_is_reported_step_by_step(tmp_path: Path) -> None:
    made = world(tmp_path, "run", CHAINED)
    made.live(1)
    made.time.sleep(SECOND)
    made.live(1)
    profit, fills = made.result.profit_and_loss(), made.result.fills.collect()
    sides = fills.select("role", "side").rows()

    assert [("STEP", "BUY"), ("COMPENSATION", "SELL")] * 2 == sides
    assert profit.change == sum(profit.by_cause.values())
    assert profit.change == made.result.equity()["equity"][-1] - profit.start
    assert shown(made) == made.result.outcome.closing


def test_a_perpetual_that_is_adopted_has_the_entry_value_that_the_engine_took_up(
    tmp_path: Path,
) -> None:
    made = hedged(tmp_path, "run")
    made.live(2)
    accounts = made.service.world.venue("binance").venue.accounts.totals
    for size in (-5 * 10**5, 0):
        accounts[PERPETUAL] = size
        for name in ("adopt-external", "resume"):
            given = GIVEN[name]
            post(made.log, name, actor="ann", reason="seen", at_ns=made.now(), arguments=given)
        made.time.sleep(30.0)
        made.live(1)
        result = made.result
        profit = result.profit_and_loss(missing="leave out")
        book = result.account(missing="leave out").of(PERPETUAL)
        books = [
            told["memory"]["books"]
            for text in result.transitions.collect()["payload"]
            if text and "memory" in (told := json.loads(text))
        ]

        assert "ADOPTED" in set(book["cause"])
        assert books[-1]["bases"].get(PERPETUAL, 0) == book["basis_after"][-1]
        assert books[-1]["totals"][PERPETUAL] == book["after"][-1]
        assert profit.change == sum(profit.by_cause.values())


BUSY = Delivery(before=Break.STATUS, status=429, retry_after_s=7)
LOST = Delivery(before=Break.DROP)


@pytest.mark.parametrize(
    ("delivery", "event", "decided"), [(BUSY, "resend", 3), (LOST, "repeat", 2)]
)
def test_what_is_sent_again_is_reported_once(
    tmp_path: Path, delivery: Delivery, event: str, decided: int
) -> None:
    """What goes out once more under its own key is no decision of its own."""
    made = world(tmp_path, "run")
    made.service.script.arm([Fault(name="struck", on=Route.SUBMIT, delivery=delivery)])
    made.live(2)
    events = made.result.transitions.collect()["event"].to_list()
    profit = made.result.profit_and_loss()

    assert events.count(event) == 1
    assert decided == made.result.instructions.collect().height
    assert 2 == made.result.fills.collect().height
    assert profit.change == sum(profit.by_cause.values())
    assert {"FEE", "TRADE"} == set(profit.by_cause)  # prices are of ticks, and both came at once


def test_a_mismatch_is_reported_as_it_was_seen_and_as_it_was_adopted(tmp_path: Path) -> None:
    made = world(tmp_path, "run")
    strange = Handling(foreign=7 * 10**8, funding=3 * 10**8, key=USDT)
    made.service.script.arm([Fault(name="foreign", on=Route.SUBMIT, handling=strange)])
    made.time.patience = 100
    with pytest.raises(AssertionError):  # it waits for an operator, in HALTED
        made.live(2)
    assert "HALTED" == made.result.outcome.state
    seen = made.result.profit_and_loss()

    made.time.patience = 1_000
    for name in ("adopt-external", "resume"):
        given = GIVEN[name]
        post(made.log, name, actor="ann", reason="seen", at_ns=made.now(), arguments=given)
    made.live(1)
    profit = made.result.profit_and_loss()

    assert seen.change == sum(seen.by_cause.values())
    ledger = made.result.log.stream("ledger").collect()
    assert (6, 2) == (ledger.height, made.result.ledger.collect().height)  # three looks at both
    assert Decimal(3) == seen.by_cause["FUNDING"] == profit.by_cause["FUNDING"]
    assert profit.change == sum(profit.by_cause.values())
    assert shown(made) == made.result.outcome.closing


SENDING = """
from decimal import Decimal
from verifill import Transfer


class Sending:
    done = False

    def decide(self, market, positions, last):
        sent, self.done = self.done, True
        to = {"account": "wallet", "to": "binance.spot", "asset": "USDT"}
        return [] if sent else [Transfer(amount=Decimal(100), **to)]

    def state(self):
        return {"done": self.done}

    def restore(self, state):
        self.done = state["done"]
"""


def test_gas_is_counted_once_where_a_restart_has_looked_again(tmp_path: Path) -> None:
    made = hedged(tmp_path, "run")
    (made.folder / "strategy.py").write_text(SENDING)
    strange = Handling(foreign=7 * 10**8, key="wallet:BaseToken:USDT")
    made.service.script.arm([Fault(name="foreign", on=Route.SUBMIT, handling=strange)])
    made.killed_at("mismatched")
    made.time.patience = 20_000
    with pytest.raises(AssertionError):  # it waits for an operator, in HALTED
        made.live(0)
    result = made.result
    raw = result.log.stream("moves").filter(cause="GAS").collect()
    (gas,) = result.moves.filter(cause="GAS").collect()["amount"]

    assert "HALTED" == result.outcome.state
    assert 2 == raw.height
    assert result.fees["ETH"] == -gas


def shown(made: Inside) -> dict[str, Decimal]:
    """What the venue says of its accounts."""
    totals = made.service.world.venue("binance").venue.accounts.totals
    return {key: Decimal(units).scaleb(-8) for key, units in totals.items()}
