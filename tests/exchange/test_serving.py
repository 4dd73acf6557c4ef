"""The server itself: it hides no defect, leaves nothing open, and is told in its reference."""

import threading
from pathlib import Path

import pytest
import requests

from fixtures.exchange import Control, Do, Fault, Server, open_host, session
from fixtures.exchange.api import Answer, Dialect, Request
from fixtures.exchange.control import VERBS

ROOT = Path(__file__).parent.parent.parent
REFERENCE = (ROOT / "docs/reference/loopback-exchange.md").read_text()


def test_a_defect_of_the_exchange_is_raised_when_it_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = open_host()

    def fails(self: Dialect, request: Request) -> Answer:
        del self, request
        message = "a defect"
        raise RuntimeError(message)

    monkeypatch.setattr(type(host.dialects["okx"]), "answer", fails)
    server = Server(host)
    with session(server.port) as http, pytest.raises(OSError, match="without response"):
        http.get("https://www.okx.com/api/v5/public/time", timeout=5)

    with pytest.raises(ExceptionGroup) as caught:
        server.close()
    assert ["a defect"] == [str(error) for error in caught.value.exceptions]


def test_closing_ends_what_is_held_up_and_leaves_no_thread() -> None:
    before = threading.active_count()
    host = open_host()
    server = Server(host)
    Control(server.port).arm(Fault(on="*", do=Do.DELAY, times=2))
    with session(server.port) as http:
        asking = threading.Thread(target=_ask, args=(http,))
        asking.start()
        for _ in range(10_000):  # the request is under way after a few milliseconds
            if host.arrivals:
                break
            asking.join(0.001)
        server.close()
        asking.join()

    assert before == threading.active_count()


def _ask(http: requests.Session) -> None:
    with pytest.raises(requests.ConnectionError):
        http.get("https://www.okx.com/api/v5/public/time", timeout=60)


def test_the_reference_tells_every_fault_and_everything_a_test_can_do() -> None:
    assert [] == [do.name for do in Do if f"`{do.name}`" not in REFERENCE]
    assert [] == [verb for verb in VERBS if f"`{verb}`" not in REFERENCE]
