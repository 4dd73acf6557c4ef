"""A call is over when its time is, however its answer comes: drips of it gain nothing."""

import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any, Final

import pytest
from urllib3.util import connection

from verifill.venues.ccxt.client import Client, Failed
from verifill.venues.ccxt.dialects import DIALECTS
from verifill.venues.ccxt.outcomes import created
from verifill.venues.deadline import ANSWER_MAX
from verifill.venues.evm.node import LostError, Node, NotSentError
from verifill.venues.loopback.transport import Http, Lost
from verifill.venues.orders import Outcome

TIMEOUT_S: Final = 0.3
SILENCE_S: Final = 0.05  # always shorter than the time-out
DRIPS: Final = 60  # so many that what counts silence hears the whole answer in the end
BODY: Final = b'{"jsonrpc": "2.0", "id": 0, "result": "0x1"}'
"""An answer to a node's client; to others it is one as well, or at least whole."""
HEAD: Final = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}"


def dripping_head() -> list[bytes]:
    return [HEAD.encode() + b"\r\n", b"X-Drip: "] + [b"a"] * DRIPS + [b"\r\n\r\n", BODY]


def dripping_body() -> list[bytes]:
    padded = HEAD.replace(str(len(BODY)), str(len(BODY) + DRIPS))
    return [padded.encode() + b"\r\n\r\n", *[b" "] * DRIPS, BODY]


def dripping_chunks() -> list[bytes]:
    head = HEAD.replace(f"Content-Length: {len(BODY)}", "Transfer-Encoding: chunked")
    last = f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n"
    return [head.encode() + b"\r\n\r\n", *[b"1\r\n \r\n"] * DRIPS, last]


WAYS: Final = pytest.mark.parametrize(
    "answer", [dripping_head(), dripping_body(), dripping_chunks()], ids=["head", "body", "chunks"]
)


@contextmanager
def dripping(answer: list[bytes]) -> Generator[int]:
    """A server that gives one answer, piece by piece, with a short silence after each."""
    gone = Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1 << 16)
            for piece in answer:
                connection.sendall(piece)
                if gone.wait(SILENCE_S):
                    return

    def serve(listener: socket.socket) -> None:
        while not gone.is_set():
            try:
                drip(listener)
            except OSError:  # the client has hung up, or the test is over
                continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(SILENCE_S)
        thread = Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            gone.set()
            thread.join()


def by_loopback(port: int) -> str:
    attempt = Http(port, TIMEOUT_S)("GET", "/binance/status")
    assert isinstance(attempt, Lost)
    return attempt.reason


def time_there(exchange: Any) -> object:  # noqa: ANN401 - of ccxt
    return exchange.publicGetTime()


def by_exchange(port: int) -> str:
    client = Client("binance", {}, port=port)
    try:
        attempt = client.attempt(TIMEOUT_S, time_there)
    finally:
        client.close()
    assert isinstance(attempt, Failed)
    assert attempt.evidence.left
    assert Outcome.UNKNOWN is created(attempt, "a" * 32, DIALECTS["binance"]).outcome
    return attempt.reason


def by_node(port: int) -> str:
    node = Node(f"http://127.0.0.1:{port}", TIMEOUT_S)
    try:
        with pytest.raises(LostError) as lost:
            node.call("eth_chainId")
    finally:
        node.close()
    return str(lost.value)


@WAYS
@pytest.mark.parametrize("ask", [by_loopback, by_exchange, by_node])
def test_an_answer_that_drips_is_none_when_the_time_is_over(
    answer: list[bytes], ask: Callable[[int], str]
) -> None:
    with dripping(answer) as port:
        assert ask(port)


def test_an_answer_without_end_is_none() -> None:
    with dripping([HEAD.split("\r\n")[0].encode() + b"\r\n\r\n", b" " * (ANSWER_MAX + 1)]) as port:
        attempt = Http(port, 60)("GET", "/binance/status")

    assert isinstance(attempt, Lost)


def test_what_was_sent_is_not_sent_on_to_where_an_answer_points() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = listener.getsockname()[1]
    away = f"HTTP/1.1 307 Away\r\nLocation: http://127.0.0.1:{nobody}/\r\nContent-Length: 0\r\n\r\n"
    with dripping([away.encode()]) as port:
        assert by_exchange(port)
        assert by_node(port)  # lost, and not NotSentError: the first request has left


def test_all_addresses_of_a_name_share_the_time_to_connect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[float] = []

    def refuse(_address: object, timeout_s: float, **_more: object) -> None:
        given.append(timeout_s)
        raise TimeoutError

    def found(*_asked: object, **_more: object) -> list[object]:
        return list(addresses)

    addresses = [(0, 0, 0, "", (f"192.0.2.{last}", 80)) for last in range(1, 5)]
    monkeypatch.setattr("verifill.venues.requests_deadline.getaddrinfo", found)
    monkeypatch.setattr(connection, "create_connection", refuse)
    node = Node("http://node.example", 8)
    try:
        with pytest.raises(NotSentError):
            node.call("eth_chainId")
    finally:
        node.close()

    assert [True] == [timeout_s <= 2 for timeout_s in given]
