"""A loopback exchange for each test: it takes a hundredth of a second."""

from collections.abc import Iterator

import pytest

from fixtures.exchange import Control, Server, open_host, session
from tests.exchange.clients import Loopback


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    """Every exchange, as it opens; what fails in it fails the test."""
    with Server(open_host()) as server, session(server.port) as client:
        yield Loopback(server=server, control=Control(server.port), session=client)
