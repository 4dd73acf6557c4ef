"""An instruction goes to whichever exchange is the cheapest, live as in a backtest."""

from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve

from tests.exchanges.places import BINANCE, BYBIT, OKX, Place
from tests.exchanges.worlds import Running, written
from verifill.backtest import run
from verifill.build import build
from verifill.config import load_config
from verifill.ending import Ending
from verifill.machines.full_loop import Full
from verifill.modes import BACKTEST
from verifill.result import RunResult

PLACES = (BINANCE, BYBIT, OKX)
ASKS = {"binance": 60_030, "bybit": 60_020, "okx": 60_040}
CHEAPEST = '''
from decimal import Decimal
from verifill import Side, SpotTrade

ACCOUNTS = ("binance.spot", "bybit.uta", "okx.trading")
SIZE = Decimal("0.00123")


class Cheapest:
    """Buys once, where the least is asked, and no dearer than that and a thousandth."""

    def __init__(self):
        self.bought = False

    def decide(self, market, positions, last):
        self.bought = self.bought or any(str(entry.fate) == "DONE" for entry in last.entries)
        if self.bought:
            return []
        asks = {account: market.rate(f"ask:{account}:BTC/USDT") for account in ACCOUNTS}
        account = min(asks, key=asks.get)
        limit = (asks[account] * Decimal("1.001")).quantize(Decimal("0.1"))
        return [SpotTrade(
            account=account, symbol="BTC/USDT", side=Side.BUY, quantity=SIZE, limit=limit
        )]

    def state(self):
        return {"bought": self.bought}

    def restore(self, state):
        self.bought = state["bought"]
'''


def named(asks: dict[str, int]) -> str:
    """The asks among the constants: what a backtest takes them for."""
    told = "".join(f'"ask:{account(p)}:BTC/USDT" = {asks[p.venue]}\n' for p in PLACES)
    return f"\n[data.constants]\n{told}"


def at_price(place: Place, price: int) -> Place:
    """The same, with bars at a price."""
    return evolve(place, traded=tuple(evolve(t, price=f"{price}.00") for t in place.traded))


def account(place: Place) -> str:
    assert place.spot
    return place.spot.account


@pytest.mark.parametrize("cheapest", PLACES, ids=lambda place: place.venue)
def test_it_goes_where_the_least_is_asked(
    running: Running, tmp_path: Path, cheapest: Place
) -> None:
    asks = ASKS | {cheapest.venue: 59_900}
    for place in PLACES:
        assert place.spot
        middle = Decimal(asks[place.venue])
        running.control.move(place.venue, place.market(place.spot), middle)
    named_last = {**ASKS, cheapest.venue: 60_990}  # what was said before is not what is so now
    ended, live = running.live(
        tmp_path / "live", *PLACES, strategy=CHEAPEST, ticks=3, more=named(named_last)
    )
    priced = [at_price(place, asks[place.venue]) for place in PLACES]
    config = written(tmp_path / "test", priced, 1, CHEAPEST, named(asks))
    settings = evolve(load_config(config), mode=BACKTEST)
    simulated = run(build(settings, work=tmp_path / "market"), tmp_path / "log")

    assert Full.STOPPED == ended.state, ended.reason
    assert Ending.COMPLETED == simulated.ending
    assert [cheapest.venue] == [p.venue for p in PLACES if running.control.counts(p.venue)]
    assert [account(cheapest)] == accounts(live) == accounts(RunResult(tmp_path / "log"))


def accounts(of: RunResult) -> list[str]:
    return of.instructions.collect()["account"].to_list()
