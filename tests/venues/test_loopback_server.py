"""The server itself: what it takes from strangers, its administration, its market."""

import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import msgspec
import pytest

from tests.venues.exchanges import BTC_DATA, PERP_DATA, START_NS, buy, internal, withdraw
from tests.venues.loopback import PATIENCE_S, Host, Inside
from verifill.engine.errors import DataError, EnvironmentDefect, NotObserved
from verifill.venues.instructions import Instruction
from verifill.venues.loopback import server as sockets
from verifill.venues.loopback.admin import Allow, Pass
from verifill.venues.loopback.faults import Break, Delivery, Fault, Mangle, Route
from verifill.venues.loopback.market import MovingMarket, TapeMarket, WalkMarket
from verifill.venues.loopback.server import HELD_MAX, HOST
from verifill.venues.loopback.transport import Answered, Http, Lost
from verifill.venues.loopback.wire import Candle, Refusal, encode
from verifill.venues.orders import Outcome

DAY_NS = 86_400 * 10**9


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    made = Host(tmp_path_factory.mktemp("host")).start()
    yield made
    assert 0 == made.stop()


@pytest.fixture
def server(tmp_path: Path) -> Inside:
    return Inside(tmp_path)


def refusal(server: Inside, method: str, target: str, body: bytes = b"") -> str:
    """Why a request of a client is refused."""
    attempt = server.transport()(method, target, body)
    assert isinstance(attempt, Answered)
    assert HTTPStatus.BAD_REQUEST <= attempt.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return msgspec.json.decode(attempt.body, type=Refusal).reason


# Strangers.


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\x16\x03\x01\x00\xff",
        b"GET",
        b"POST /binance/submit HTTP/1.1\r\nContent-Length: nine\r\n\r\n",
        b"DELETE /binance/submit HTTP/1.1\r\n\r\n",
    ],
)
def test_whatever_a_stranger_says_the_next_one_is_answered(host: Host, said: bytes) -> None:
    with socket.create_connection((HOST, host.ready.port), PATIENCE_S) as stranger:
        stranger.sendall(said)

    assert () == host.exchange().start_up_failures()


def test_it_is_reached_from_this_machine_only(host: Host) -> None:
    told = Path("/proc/net/tcp").read_text().split()
    bound = [address for address in told if address.endswith(f":{host.ready.port:04X}")]

    assert {"0100007F"} == {address.partition(":")[0] for address in bound}


def stranger(host: Host) -> socket.socket:
    """A connection that asks for the status."""
    made = socket.create_connection((HOST, host.ready.port), PATIENCE_S)
    made.sendall(b"GET /binance/status HTTP/1.0\r\n\r\n")
    return made


def test_held_connections_keep_nobody_waiting_and_are_not_kept_for_ever(host: Host) -> None:
    hold = Fault(
        name="hold", on=Route.STATUS, times=HELD_MAX + 8, delivery=Delivery(before=Break.HOLD)
    )
    host.arm(hold)
    with ExitStack() as stack:
        strangers = [stack.enter_context(stranger(host)) for _ in range(HELD_MAX + 8)]

        assert () == host.exchange().start_up_failures()
        assert b"" == strangers[0].recv(1)


def test_an_answer_that_never_comes_is_lost_and_not_asked_for_again(host: Host) -> None:
    host.arm(Fault(name="hold", on=Route.STATUS, delivery=Delivery(before=Break.HOLD)))
    attempt = Http(host.ready.port, timeout_s=0.2)("GET", "/binance/status")

    assert isinstance(attempt, Lost)
    assert "timed out" in attempt.reason


def test_an_answer_that_drips_is_lost_when_its_time_is_over_and_keeps_nobody_waiting(
    host: Host,
) -> None:
    host.arm(Fault(name="drip", on=Route.STATUS, delivery=Delivery(mangle=Mangle.DRIP)))
    with stranger(host) as patient:
        drips = b"".join(patient.recv(1 << 12) for _ in range(4))
        host.arm(Fault(name="drip", on=Route.STATUS, delivery=Delivery(mangle=Mangle.DRIP)))
        attempt = Http(host.ready.port, timeout_s=0.5)("GET", "/binance/status")

        assert isinstance(attempt, Lost)
        assert "TimeoutError" in attempt.reason
        assert () == host.exchange().start_up_failures()
    assert drips.endswith(b" ")


def test_an_answer_that_breaks_off_is_lost(host: Host) -> None:
    host.arm(Fault(name="half", on=Route.STATUS, delivery=Delivery(mangle=Mangle.TRUNCATE)))
    attempt = host.transport()("GET", "/binance/status")

    assert isinstance(attempt, Lost)
    assert "breaks off" in attempt.reason


@pytest.mark.parametrize(
    ("method", "target", "told"),
    [
        ("GET", "/", "there is no /"),
        ("GET", "/binance/nothing", "there is no /binance/nothing"),
        ("GET", "/binance/submit", "GET is not how to ask"),
        ("POST", "/binance/query?key=a", "POST is not how to ask"),
        ("GET", "/binance/query", "KeyError('key')"),
        ("GET", "/binance/positions?since=x", "invalid literal"),
        ("GET", "/nowhere/status", "there is no venue 'nowhere'"),
        ("GET", "/binance/candles?instrument=X&interval_s=1&count=1", "there is no instrument"),
        ("POST", "/binance/submit", "it cannot be read"),
        ("GET", "/ethereum/fork_positions?fork=9", "no such dry run"),
        ("POST", "/binance/fork", "no transactions to rehearse"),
    ],
)
def test_a_request_that_means_nothing_is_refused(
    server: Inside, method: str, target: str, told: str
) -> None:
    lines = len(server.service.world.hosted["binance"].book.arrivals)

    assert told in refusal(server, method, target)
    assert lines == len(server.service.world.hosted["binance"].book.arrivals)


@pytest.mark.parametrize(
    "asked",
    [internal("1", "BTC"), withdraw("1", "ETH"), internal("1", "USDT", to="elsewhere")],
)
def test_what_moves_a_position_that_is_not_kept_is_refused(
    server: Inside, asked: Instruction
) -> None:
    client = server.exchange()
    receipt = client.submit(client.order(1, asked))

    assert Outcome.REJECTED_DEFINITIVE is receipt.outcome
    assert "INVALID" in receipt.reason


# The sockets, turned by hand.


class ByHand:
    """A server in this process, which answers when it is told to."""

    def __init__(self, folder: Path) -> None:
        self.inside = Inside(folder)
        self.server = sockets.Server(self.inside.service, ready=folder / "ready.json")

    def ask(self, said: bytes, port: int) -> bytes:
        with socket.create_connection((HOST, port), PATIENCE_S) as client:
            client.sendall(said)
            self.server.turn()
            answer = b""
            while got := client.recv(65_536):
                answer += got
            return answer

    def status(self) -> bytes:
        return self.ask(b"GET /binance/status HTTP/1.0\r\n\r\n", self.server.ready.port)

    def admin(self, target: bytes, body: bytes) -> bytes:
        head = b"POST %s HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % (target, len(body))
        return self.ask(head + body, self.server.ready.admin_port)


@pytest.fixture
def by_hand(tmp_path: Path) -> Iterator[ByHand]:
    made = ByHand(tmp_path)
    yield made
    made.server.close()
    made.inside.close()


def on_status(delivery: Delivery) -> Fault:
    return Fault(name="status", on=Route.STATUS, delivery=delivery)


def test_an_answer_has_its_length_and_its_headers(by_hand: ByHand) -> None:
    limited = Delivery(before=Break.STATUS, status=429, retry_after_s=7)
    by_hand.inside.arm(on_status(limited))
    refused, answered = by_hand.status(), by_hand.status()

    assert b" 429 " in refused.splitlines()[0]
    assert b"Retry-After: 7" in refused
    assert b" 200 " in answered.splitlines()[0]
    head, _, body = answered.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head


def test_an_answer_can_be_broken_off_or_come_twice(by_hand: ByHand) -> None:
    whole = by_hand.status()
    by_hand.inside.arm(
        on_status(Delivery(mangle=Mangle.TRUNCATE)), on_status(Delivery(mangle=Mangle.TWICE))
    )
    half, twice = by_hand.status(), by_hand.status()

    assert len(half) < len(whole)
    assert 2 == twice.count(b" 200 OK")


def test_a_connection_can_be_reset(by_hand: ByHand) -> None:
    by_hand.inside.arm(on_status(Delivery(after=Break.DROP)))

    with pytest.raises(ConnectionResetError):
        by_hand.status()


def test_a_port_can_be_closed_and_opened_again(by_hand: ByHand) -> None:
    by_hand.admin(b"/allow", b'{"reach": false}')
    by_hand.admin(b"/allow", b'{"reach": false}')
    with pytest.raises(ConnectionRefusedError):
        by_hand.status()
    by_hand.admin(b"/allow", b"{}")

    assert b" 200 " in by_hand.status()


def test_a_journal_that_cannot_be_written_ends_the_server_without_an_answer(
    tmp_path: Path,
) -> None:
    by_hand = ByHand(tmp_path)
    by_hand.inside.close()  # its file is gone from under it

    with pytest.raises(EnvironmentDefect, match="the server stops"):
        by_hand.admin(b"/pass", b'{"seconds": 60}')

    by_hand.server.close()


def test_it_stops_when_it_is_told_to_and_when_its_parent_is_another(tmp_path: Path) -> None:
    inside = Inside(tmp_path)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    orphan = sockets.Server(inside.service, parent=-1)
    orphan.run()
    told = sockets.Server(inside.service)
    told.stop()
    told.run()
    for number, handler in before.items():
        signal.signal(number, handler)

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, told.ready.port), PATIENCE_S)


# Dry runs.


def test_old_dry_runs_are_thrown_away(tmp_path: Path) -> None:
    chain = Inside(tmp_path, "chain").chain()
    forks = [chain.fork() for _ in range(9)]

    with pytest.raises(NotObserved, match="no such dry run"):
        forks[0].read()
    assert forks[8].read().totals == forks[1].read().totals
    assert () == forks[8].start_up_failures()


def test_a_dry_run_that_cannot_be_begun_is_not_observed(tmp_path: Path) -> None:
    server = Inside(tmp_path, "chain")
    chain = server.chain()
    server.allow(reach=False)

    with pytest.raises(NotObserved, match="no dry run"):
        chain.fork()


# Administration.


@pytest.mark.parametrize(
    ("method", "target", "body", "told"),
    [
        ("GET", "/nothing", b"", "there is no GET /nothing; there are GET /state"),
        ("POST", "/arm", b"{}x", "malformed"),
        ("POST", "/arm", b'{"use": ["nothing"]}', "there is no fault 'nothing'"),
        ("POST", "/allow", b'{"everything": true}', "unknown field"),
        ("POST", "/post", b'{"venue": "x", "key": "k", "units": 1}', "there is no venue 'x'"),
    ],
)
def test_a_command_that_means_nothing_is_refused(
    host: Host, method: str, target: str, body: bytes, told: str
) -> None:
    attempt = Http(host.ready.admin_port, PATIENCE_S)(method, target, body)

    assert isinstance(attempt, Answered)
    assert HTTPStatus.BAD_REQUEST == attempt.status
    assert told in attempt.body.decode()


def test_faults_can_be_disarmed(server: Inside) -> None:
    server.arm("timeout_after", "dropped_before")
    armed = server.state().armed
    server.disarm()

    assert ("timeout_after", "dropped_before") == armed
    assert () == server.state().armed


def test_messages_of_the_administration_are_plain_json() -> None:
    assert b'{"trade":true,"read":true,"reach":true}' == encode(Allow())
    assert b'{"seconds":5}' == encode(Pass(5))


# Market data.


def test_prices_have_a_heartbeat_and_the_time(server: Inside) -> None:
    market = server.market()
    first = market.beat, market.time_ns
    server.wait(60)
    market.refresh()

    assert (first[0] + 1, first[1] + 60 * 10**9) == (market.beat, market.time_ns)
    assert "64010.00" == str(market.close(BTC_DATA))
    assert [6_401_000] == market.closes(BTC_DATA, 3)
    assert 12 * 10**9 == market.series["gas_price"]
    assert "0.000000012000000000" == f"{market.rate('gas_price'):f}"


def test_prices_that_cannot_be_fetched_stay_as_old_as_they_are(server: Inside) -> None:
    market = server.market()
    before = market.time_ns
    server.wait(60)
    server.allow(reach=False)

    with pytest.raises(NotObserved):
        market.refresh()
    assert before == market.time_ns


def walked(seed: str, stops: list[int]) -> dict[str, int]:
    market = WalkMarket(START_NS, {BTC_DATA: 64_010_00, PERP_DATA: 64_030_00}, seed=seed)
    for stop_ns in stops:
        market.advance(START_NS + stop_ns)
    return market.prices


def test_a_walk_is_a_function_of_seed_and_time() -> None:
    far = walked("a", [3_600 * 10**9])

    assert far == walked("a", [10**9, 10**9, 7 * 10**8, 1_000 * 10**9, 3_600 * 10**9])
    assert far != walked("b", [3_600 * 10**9])
    assert far != walked("a", [10**9])


def test_a_walk_never_reaches_zero() -> None:
    market = WalkMarket(START_NS, {"X": 1}, seed="a", width=10**8)
    market.advance(START_NS + 1_000 * 10**9)

    assert 1 <= market.price("X")


def test_a_tape_says_what_is_written_and_then_stays() -> None:
    market = TapeMarket(START_NS, [(0, {"X": 10}), (60, {"X": 14}), (90, {"X": 12})])
    seen: list[int] = []
    for second in (0, 59, 60, 61, 500):
        market.advance(START_NS + second * 10**9)
        seen.append(market.price("X"))

    assert [10, 10, 14, 14, 12] == seen


def test_candles_are_of_what_was_quoted() -> None:
    start_ns = 1_700_000_040 * 10**9  # a whole minute
    tape = [(0, {"X": 10}), (30, {"X": 14}), (59, {"X": 9}), (60, {"X": 12})]
    market = TapeMarket(start_ns, tape)
    market.advance(start_ns + 100 * 10**9)

    first, second = Candle(start_ns, 10, 14, 9, 9), Candle(start_ns + 60 * 10**9, 12, 12, 12, 12)
    assert (first, second) == market.candles("X", 60, 5)
    assert (second,) == market.candles("X", 60, 1)
    assert () == market.candles("X", 60, 0)
    with pytest.raises(DataError, match="there is no instrument"):
        market.candles("Y", 60, 1)


def test_a_market_that_does_not_move_has_the_time() -> None:
    market = MovingMarket(START_NS, {"X": 10})
    market.advance(START_NS + DAY_NS)

    assert (START_NS + DAY_NS, 10) == (market.time_ns, market.price("X"))


# Refusals of the venue's own rules.


def test_what_breaks_the_rules_of_the_venue_is_refused_with_its_reason(server: Inside) -> None:
    client = server.exchange()
    fine = client.order(1, buy("0.01"))
    odd = replace(fine, quantity=-5)
    far = client.order(2, buy("0.01", "1000"))
    twisted = replace(client.order(3, buy("0.01", "64100")), limit=1)

    assert "is not positive" in client.submit(odd).reason
    assert "outside the collar" in client.submit(far).reason
    assert "is not exact" in client.submit(twisted).reason
    assert Outcome.REJECTED_DEFINITIVE is client.submit(twisted).outcome
    assert {} == {key: e for key, e in server.effects().items() if e.effects}
