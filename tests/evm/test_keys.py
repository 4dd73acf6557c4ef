"""Keys: where they come from, and that nothing shows them."""

import json
from pathlib import Path

import pytest
from eth_account import Account

from fixtures.chain.anvil import KEYS
from fixtures.chain.settings import KEY, WALLET
from tests.evm.world import World
from verifill.assembly.evm import EvmWay
from verifill.config import load_config
from verifill.engine.errors import ConfigError
from verifill.venues.evm.keys import from_key, from_keystore
from verifill.ways import way_to

SECRET = KEYS[1]


def refused(world: World, account: str, variables: dict[str, str]) -> str:
    config = world.planning([])
    text = config.read_text().replace(f'key = "env:{KEY}"', account)
    config.write_text(text)
    with pytest.raises(ConfigError) as caught:
        way_to(load_config(config), 0, variables)
    return str(caught.value)


def test_a_key_in_a_configuration_is_refused_and_not_shown(world: World) -> None:
    told = refused(world, f'key = "{SECRET}"', {})

    assert "never the secret itself" in told
    assert SECRET not in told


def test_a_variable_that_is_not_set_is_named(world: World) -> None:
    assert f"environment variable {KEY}, which is not set" in refused(
        world, f'key = "env:{KEY}"', {}
    )


def test_what_is_no_key_is_not_shown(world: World) -> None:
    told = refused(world, f'key = "env:{KEY}"', {KEY: "0xnot-a-key"})

    assert "is no private key" in told
    assert "not-a-key" not in told


def test_a_keystore_opens_with_its_own_password_only(world: World, tmp_path: Path) -> None:
    file = tmp_path / "wallet.json"
    file.write_text(json.dumps(Account.encrypt(bytes.fromhex(SECRET[2:]), "right", iterations=1)))
    said = f'keystore = "{file}", unlock = "env:OPENS"'
    told = refused(world, said, {"OPENS": "wrong-word"})

    assert "is no keystore, or the password is not its own" in told
    assert "wrong-word" not in told
    assert WALLET == from_keystore(file, "right", "it").address
    with pytest.raises(ConfigError, match="cannot be read"):
        from_keystore(tmp_path / "none.json", "right", "it")
    assert "unlock is missing" in refused(world, f'keystore = "{file}"', {})


def test_a_signer_shows_its_address_alone() -> None:
    signer = from_key(SECRET, "it")

    assert f"LocalSigner({WALLET})" == repr(signer)


def test_a_way_shows_its_name_alone(world: World) -> None:
    config = load_config(world.planning([]))
    way = EvmWay.of(config, "ethereum", "http://host/key-in-it", {KEY: SECRET})

    assert "EvmWay(ethereum)" == repr(way)


def test_nothing_of_a_key_is_in_a_log(world: World) -> None:
    world.run(world.planning([]))
    told = b"".join(file.read_bytes() for file in world.log.iterdir() if file.is_file())

    assert SECRET[2:].encode() not in told
    assert bytes.fromhex(SECRET[2:]) not in told
