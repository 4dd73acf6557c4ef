"""One node and one market for each worker; every test begins on the same state of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.chain.anvil import KEYS, Anvil, anvil
from fixtures.chain.deploy import needed
from fixtures.chain.settings import KEY
from tests.evm.world import OPTIONS, World


@pytest.fixture(scope="session")
def node() -> Iterator[Anvil]:
    """A node, with the market on it; where there can be none, the tests are skipped and say why."""
    why = needed()
    if why:
        pytest.skip(why)
    with anvil(*OPTIONS) as one:
        yield one


@pytest.fixture(scope="session")
def market(node: Anvil) -> Iterator[World]:
    """The market, deployed once, and the key of its wallet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY, KEYS[1])
        yield World.deployed(node)


@pytest.fixture
def world(market: World, tmp_path: Path) -> Iterator[World]:
    """The market as it was deployed, and a folder for this test."""
    with market.for_a_while(tmp_path) as one:
        yield one
