"""What a chain quotes, and when it is too old to be believed."""

import re
import time
from collections.abc import Callable, Generator

import pytest

from fixtures.chain.anvil import KEYS
from fixtures.chain.deploy import ZERO
from fixtures.chain.settings import KEY, WALLET
from tests.evm.befalling import owning
from tests.evm.world import ETHER, World
from verifill.assembly.connection import Connection
from verifill.assembly.history import prepared
from verifill.assembly.loopback import Hosting
from verifill.config import load_config
from verifill.engine.amounts import to_decimal
from verifill.engine.errors import ConfigError, NotObserved
from verifill.links import to_header
from verifill.machines.recovery import Found
from verifill.valuing import LiveWorth
from verifill.venues.evm.abi import call_of, unhex, word
from verifill.venues.evm.market import ACCOUNT_DATA, HEALTH
from verifill.venues.evm.venue import EvmChain
from verifill.venues.keys import asset_of
from verifill.venues.orders import Outcome
from verifill.ways import way_to


@pytest.fixture
def connected(world: World) -> Generator[Callable[[], Connection]]:
    """Connects to the market as a run would."""
    made: list[Connection] = []

    def connect() -> Connection:
        config = load_config(world.planning([]))
        hosting = Hosting.of(config, prepared(config, world.folder / "history", None))
        way = way_to(config, 0, {KEY: "0x" + "11" * 32})
        made.append(way(hosting, Found(), {}))
        return made[-1]

    yield connect
    for one in made:
        one.close()


def test_rates_are_those_of_the_newest_block(connected: Callable[[], Connection]) -> None:
    one = connected()

    assert one.refresh() is None  # a chain tells no clock that ours could be held to
    assert 108 * 10**16 - 2 <= one.market.value("weETH") <= 108 * 10**16
    assert one.market.value("borrow_rate:aave_v3:WETH") > 0
    assert one.market.rate("gas_price") * 10**9 == 200
    with pytest.raises(NotObserved, match="a chain quotes no instrument"):
        one.market.close("WETH/USDT")
    with pytest.raises(NotObserved, match="a chain quotes no instrument"):
        one.market.closes("WETH/USDT", 3)


def test_shares_are_worth_what_they_are_at_the_block_of_the_reading(
    connected: Callable[[], Connection], world: World
) -> None:
    """The rates move after the last look at the market, and before the positions are read."""
    one = connected()
    one.refresh()
    staked, aave = world.market.tokens.staked, world.market.aave
    world.wrapped("20")
    world.admin.send(staked, "submit(address)", ZERO, value=10 * ETHER, sender=WALLET)
    approve, supply = "approve(address,uint256)", "supply(address,uint256,address,uint16)"
    world.admin.send(world.weth, approve, aave.pool, 20 * ETHER, sender=WALLET)
    world.admin.send(aave.pool, supply, world.weth, 20 * ETHER, WALLET, 0, sender=WALLET)
    world.rpc("evm_increaseTime", 40 * 86_400)
    world.admin.send(staked, "reward()", value=20_000 * ETHER)
    (venue,) = one.venues.values()
    reading = venue.read()
    config = load_config(world.folder / "chain.toml")
    hosting = Hosting.of(config, prepared(config, world.folder / "again", None))
    decimals = hosting.amounts.scales.as_dict()
    header = {"quote": "WETH", "decimals": decimals, "price_decimals": {}}
    worth = LiveWorth(header | {"links": to_header(hosting.links())}, one.market)

    for key, token in (
        ("wallet:BaseToken:eETH", staked),
        ("aave_v3:aToken:aWETH", aave.a_tokens["WETH"]),
    ):
        shares, held = reading.totals[key], world.balance(token)
        assert held > shares  # what a share was at the start, it is not now
        assert abs(worth.value(asset_of(key), shares) * ETHER - held) < 100


def test_a_node_that_has_fallen_behind_is_not_believed(
    connected: Callable[[], Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    later = time.time_ns() + 3_600 * 10**9
    monkeypatch.setattr("verifill.ways.Times", lambda: _Later(later))
    one = connected()
    with pytest.raises(NotObserved, match="has fallen behind"):
        one.refresh()


class _Later:
    """Another time."""

    def __init__(self, now_ns: int) -> None:
        self.wall_ns = lambda: now_ns
        self.monotonic_ns = lambda: now_ns


def test_the_wrong_key_is_found_at_the_start(connected: Callable[[], Connection]) -> None:
    (venue,) = connected().venues.values()

    assert ("ethereum: the key of wallet is of another address",) == venue.start_up_failures()


def test_a_contract_that_is_not_there_is_found_at_the_start(
    connected: Callable[[], Connection], world: World
) -> None:
    world.rpc("anvil_setCode", world.market.delegate, "0x")
    (venue,) = connected().venues.values()

    assert "ethereum: there is no contract at the address of executor" in venue.start_up_failures()


@pytest.mark.parametrize(
    ("left_out", "named"),
    [
        (r', queue = "[^"]*" }\nweETH', "contracts.eETH.queue"),
        (r"\nweETH = \{ speaks[^\n]*", "contract weETH"),
        (r'\naWETH = "[^\n]*', "token aWETH"),
    ],
)
def test_an_address_that_is_missing_is_named(left_out: str, named: str, world: World) -> None:
    file = world.planning([])
    text = file.read_text()
    instead = " }\nweETH" if "queue" in left_out else ""
    file.write_text(re.sub(left_out, instead, text, count=1))
    assert text != file.read_text()
    config = load_config(file)
    hosting = Hosting.of(config, prepared(config, world.folder / "history", None))
    with pytest.raises(ConfigError, match=f"no address is declared of {re.escape(named)}"):
        way_to(config, 0, {KEY: KEYS[1]})(hosting, Found(), {})


def test_health_is_told_where_something_is_owed(
    connected: Callable[[], Connection], world: World
) -> None:
    """It is asked for with the positions, so it is of their block."""
    (venue,) = connected().venues.values()
    assert isinstance(venue, EvmChain)
    with pytest.raises(NotObserved, match="no health factor is told by aave_v3"):
        venue.margins()  # nothing has been looked at yet
    venue.read()
    assert {} == venue.margins()  # the wallet owes nothing
    owning(world)
    pool, borrow = world.market.aave.pool, "borrow(address,uint256,uint256,uint16,address)"
    usdc = world.market.tokens.of["USDC"]
    world.admin.send(pool, borrow, usdc, 10**9, 2, 0, WALLET, sender=WALLET)
    venue.read()
    asked = {"to": pool, "data": "0x" + call_of(ACCOUNT_DATA, WALLET).hex()}
    told = word(unhex(world.rpc("eth_call", asked, "latest")), HEALTH)
    world.rpc("evm_increaseTime", 86_400)
    world.rpc("evm_mine")

    assert {"aave_v3": to_decimal(told, 18)} == venue.margins()
    assert 1 < venue.margins()["aave_v3"] < 4
    assert () == tuple(venue.open_orders())
    assert Outcome.UNKNOWN is venue.cancel("none").outcome
