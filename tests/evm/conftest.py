"""One node and one market for each worker; every test begins on the same state of it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.chain.anvil import KEYS, Anvil, anvil
from fixtures.chain.deploy import needed
from tests.evm.world import World


@pytest.fixture(scope="session")
def node() -> Iterator[Anvil]:
    """A node, with the market on it; where there can be none, the tests are skipped and say why."""
    why = needed()
    if why and "CI" not in os.environ:
        pytest.skip(why)
    assert not why, why
    with anvil("--slots-in-an-epoch", "4") as one:
        yield one


@pytest.fixture(scope="session")
def market(node: Anvil) -> World:
    """The market, deployed once."""
    return World.deployed(node)


@pytest.fixture
def world(market: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The market as it was deployed, and a folder for this test."""
    rpc = market.node.rpc
    monkeypatch.setenv("WALLET_KEY", KEYS[1])
    snapshot = rpc("evm_snapshot")
    rpc("evm_mine")  # a block of now
    market.folder = tmp_path
    yield market
    rpc("evm_setAutomine", True)
    assert rpc("evm_revert", snapshot)
