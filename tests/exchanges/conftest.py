"""Fixtures: exchanges on this machine, and each of the places in turn."""

from collections.abc import Iterator

import pytest

from tests.exchanges.places import PLACES, Place
from tests.exchanges.worlds import Running


@pytest.fixture
def running() -> Iterator[Running]:
    one = Running()
    yield one
    one.close()


@pytest.fixture(params=[name for name, place in PLACES.items() if place.perpetual])
def levered(request: pytest.FixtureRequest) -> Place:
    """Each of the places that have a perpetual."""
    return PLACES[request.param]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    return PLACES[request.param]
