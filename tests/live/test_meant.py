"""Prod is meant or refused, whatever the venues are; where nothing is real, so is the word."""

from pathlib import Path

import pytest
from attrs import evolve

from tests.exchanges.places import BINANCE
from tests.exchanges.worlds import settings_of, written
from verifill.assembly.endpoints import check_meant
from verifill.config import ChainConfig, Config, EvmAccountConfig, EvmConfig
from verifill.engine.errors import ConfigError
from verifill.live import run_live
from verifill.ways import way_to


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return settings_of(written(tmp_path, [BINANCE], 1))


@pytest.mark.parametrize(
    ("environment", "prod", "said"),
    [
        ("prod", False, "where orders are real; say so with --prod"),
        ("dev", True, '--prod is given, and environment is "dev"'),
        ("", True, '--prod is given, and environment is ""'),
    ],
)
def test_prod_is_meant_or_refused(
    config: Config, environment: str, said: str, *, prod: bool
) -> None:
    with pytest.raises(ConfigError, match=said):
        check_meant(evolve(config, environment=environment), prod=prod)


def test_prod_is_said_where_it_is_meant(config: Config) -> None:
    check_meant(evolve(config, environment="prod"), prod=True)
    check_meant(evolve(config, environment="dev"), prod=False)
    check_meant(evolve(config, environment="prod"), prod=False, real=False)


def test_prod_is_refused_where_no_venue_is_real(config: Config, tmp_path: Path) -> None:
    simulated = evolve(config, ccxt={}, environment="prod")
    with pytest.raises(ConfigError, match="all of them are loopback servers"):
        run_live(simulated, folder=tmp_path / "run", prod=True)
    with pytest.raises(ConfigError, match="all of them are loopback servers"):
        run_live(config, folder=tmp_path / "run", port=1, prod=True)

    assert not (tmp_path / "run").exists()


def test_prod_is_meant_where_chains_are_the_only_venues(config: Config) -> None:
    evm = EvmConfig(chain_id=1, accounts={"wallet": EvmAccountConfig(address="0x" + "1" * 40)})
    chains = {"ethereum": ChainConfig(accounts={"wallet": ("ETH",)}, evm=evm)}
    alone = evolve(config, ccxt={}, exchanges={}, chains=chains, environment="prod")
    with pytest.raises(ConfigError, match="say so with --prod"):
        way_to(alone, 0, {})
