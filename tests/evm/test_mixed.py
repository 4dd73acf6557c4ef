"""One saga over an exchange and a chain: two ways to venues, one run, one order at a time."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from fixtures.exchange.control import Control
from fixtures.exchange.opening import open_host
from fixtures.exchange.server import Server
from tests.evm.world import World
from tests.exchanges.places import BINANCE, Place
from verifill import Atomicity, Borrow, Chain, Side, SpotTrade, Step, Wrap
from verifill.machines.full_loop import Full

BUY: Final = SpotTrade(
    account="binance.spot", symbol="BTC/USDT", side=Side.BUY, quantity=Decimal("0.00123")
)
WRAP: Final = Wrap(account="wallet", asset="ETH", into="WETH", amount=Decimal(1))
TOO_MUCH: Final = Borrow(account="wallet", market="aave_v3", asset="WETH", amount=Decimal(500))


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name, value in BINANCE.variables.items():
        monkeypatch.setenv(name, value)
    server = Server(open_host())
    yield server
    server.close()


def beside(world: World, place: Place, port: int, *steps: Step) -> Path:
    """The configuration of a market, with an exchange through ccxt beside it."""
    plan = Chain(kind=Atomicity.SAGA, steps=steps)
    bars = "".join(
        f'[[data.bars]]\ninstrument = "{one.account}:{one.symbol}"\n'
        f'file = "chain.csv"\nprice_decimals = 2\n'
        for one in place.traded
    )
    opening = "".join(f'"{key}" = "{amount}"\n' for key, amount in place.opening.items())
    more = f"{bars}\n[opening]\n{opening}\n{place.exchange_toml()}"
    file = world.planning([plan], more=more)
    text = file.read_text().replace('environment = "here"', 'environment = "dev"')
    text = text.replace("[environments.here.endpoints]", "[environments.dev.endpoints]").replace(
        "\nethereum = ", f'\n{place.venue} = "http://127.0.0.1:{port}"\nethereum = ', 1
    )
    text = text.replace('venues = ["ethereum"]', f'venues = ["{place.venue}", "ethereum"]')
    text = text.replace("\nUSDT = 6\n", "\nUSDT = 18\nBTC = 18\n")
    file.write_text(text)
    return file


def test_an_exchange_and_a_chain_are_legs_of_one_saga(world: World, exchange: Server) -> None:
    config = beside(world, BINANCE, exchange.port, Step(BUY), Step(WRAP))
    ended = world.run(config)

    assert f"{Full.ATOMIC}.COMMITTED" in world.states(), (ended, world.notes("FAILURE"))
    assert 10**18 == world.balance(world.weth)
    assert [1] == list(Control(exchange.port).counts("binance").values())


def test_a_failure_on_the_chain_takes_back_what_was_done_on_both(
    world: World, exchange: Server
) -> None:
    config = beside(world, BINANCE, exchange.port, Step(BUY), Step(WRAP), Step(TOO_MUCH))
    ended = world.run(config)

    assert f"{Full.ATOMIC}.ROLLED_BACK" in world.states(), (ended, world.notes("FAILURE"))
    assert 2 == world.states().count(f"{Full.ATOMIC}.COMPENSATE.DONE")
    assert 0 == world.balance(world.weth)
    orders = Control(exchange.port).counts("binance")
    assert [1, 1] == sorted(orders.values())  # bought once, and sold once
    held = Control(exchange.port).totals("binance")["spot"]["BTC"]
    assert 0 <= held - 10 < Decimal("0.00001")  # less than a lot is left of it
