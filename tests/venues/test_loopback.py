"""The loopback venue, over a real server process: the contract, the classes, a restart."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

import pytest
from attrs import define

from tests.venues.adapters import TRIALS
from tests.venues.exchanges import BTC, HOUR_NS, buy
from tests.venues.loopback import Host, Inside, Server
from tests.venues.test_contract import CALLS
from verifill.venues.contract import Contract, Subject
from verifill.venues.loopback.faults import Break, Delivery, Fault, Route
from verifill.venues.loopback.journal import Quoted
from verifill.venues.loopback.local import Local
from verifill.venues.loopback.transport import Answered, Lost
from verifill.venues.orders import Outcome
from verifill.venues.rules import Idempotency

HOURS_S = 2 * HOUR_NS // 10**9


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A server of class K; it is stopped at the end."""
    made = Host(tmp_path).start()
    yield made
    made.stop()


def test_what_is_submitted_is_executed_and_read(host: Host) -> None:
    client = host.exchange()
    opening = client.read()
    order = client.order(1, buy("0.5", "64100"))

    receipt = client.submit(order)
    closing = client.read()

    assert Outcome.EXECUTED is receipt.outcome
    assert receipt == client.query(order)
    assert 49_950_000 == closing.totals[BTC] - opening.totals[BTC]
    assert {"binance.spot-1"} == {row.ref for row in closing.rows}
    assert 1 == host.effect(1)


def test_in_one_process_a_client_is_answered_without_sockets(tmp_path: Path) -> None:
    server = Inside(tmp_path)
    local = Local(server.service)
    server.arm(Fault(name="dropped", on=Route.PRICES, delivery=Delivery(before=Break.DROP)))

    assert isinstance(local("GET", "/binance/prices"), Lost)
    answer = local("GET", "/binance/prices")
    assert isinstance(answer, Answered)
    assert 200 == answer.status
    server.close()


def test_quoted_prices_are_what_orders_meet_and_are_there_again(tmp_path: Path) -> None:
    server = Inside(tmp_path)
    bars = "binance.spot:BTC/USDT"
    now_ns = server.service.now_ns()
    server.service.record(Quoted(now_ns, {bars: 7_000_000}, {bars: 7_000_100}, {"gas_price": 3}))
    server.close()
    again = Inside(tmp_path)
    market = again.service.world.market
    order = again.exchange().order(1, buy("0.5", "71000"))

    assert (7_000_000, 7_000_100) == (market.price(bars), market.mark(bars))
    assert 3 == market.value("gas_price")
    assert 7_000_000 == again.exchange().submit(order).fills[0].price
    assert 7_000_000 == market.candles(bars, 60, 1)[0].close
    again.close()


# The contract.


@define
class Subjects:
    """Servers that are started one after another; each ends before the next."""

    begin: Callable[[], Server]
    end: Callable[[], None] = lambda: None

    def exchange(self) -> Subject:
        self.end()
        server = self.begin()
        return Subject(
            venue=server.exchange(),
            trials=TRIALS,
            wait=partial(server.wait, HOURS_S),
            feeds=(server.feed("network"), server.feed("ethereum")),
        )

    def chain(self) -> Subject:
        self.end()
        server = self.begin()
        venue = server.chain()

        def wait() -> None:
            server.wait(10 * 86_400)
            venue.refresh()

        feeds = (server.feed("network"), server.feed("binance"))
        return Subject(venue=venue, trials=CALLS, wait=wait, feeds=feeds)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Callable[[str], Subjects]]:
    """Subjects that are processes."""
    hosts: list[Host] = []

    def end() -> None:
        while hosts:
            assert 0 == hosts.pop().stop()

    def of(world: str) -> Subjects:
        def begin() -> Host:
            hosts.append(Host(Path(mkdtemp(dir=tmp_path)), world).start())
            return hosts[-1]

        return Subjects(begin, end)

    yield of
    end()


def inside(folder: Path, world: str, klass: Idempotency = Idempotency.K) -> Subjects:
    return Subjects(lambda: Inside(Path(mkdtemp(dir=folder)), world, klass))


def test_the_client_of_an_exchange_keeps_the_contract_over_sockets(
    processes: Callable[[str], Subjects],
) -> None:
    assert {} == Contract(processes("exchange").exchange).run()


@pytest.mark.parametrize("klass", list(Idempotency))
@pytest.mark.parametrize("world", ["exchange", "behind", "slow"])
def test_the_client_of_an_exchange_keeps_the_contract(
    tmp_path: Path, world: str, klass: Idempotency
) -> None:
    assert {} == Contract(inside(tmp_path, world, klass).exchange).run()


def test_the_client_of_a_chain_keeps_the_contract(tmp_path: Path) -> None:
    assert {} == Contract(inside(tmp_path, "chain").chain).run()


def test_one_check_of_a_chain_over_sockets(processes: Callable[[str], Subjects]) -> None:
    Contract(processes("chain").chain).check_rows_add_up_to_totals()
