"""Endpoints by venue and environment: no credential in them, none shown."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.config.examples import MINIMAL, WHOLE, load
from verifill.assembly.endpoints import endpoints_of, lines_of, ports_of
from verifill.assembly.references import check_references, venue_names
from verifill.config import Config
from verifill.engine.errors import ConfigError
from verifill.machines.policies import Policies, Timeouts
from verifill.venues.loopback.transport import Http, Transport

HERE = "http://127.0.0.1:4711"
SECRET = "https://rpc.example/v2/0123456789abcdef"


def said(**endpoints: str) -> str:
    lines = [f'{venue} = "{endpoint}"' for venue, endpoint in endpoints.items()]
    return "\n".join(["", "[environments.dev.endpoints]", *lines, ""])


def loaded(folder: Path, more: str, text: str = MINIMAL, chosen: str = "dev") -> Config:
    environment = {"VERIFILL_ENVIRONMENT": chosen} if chosen else {}
    config = load(folder, text + more, environment=environment)
    check_references(config)
    return config


def refused(folder: Path, more: str, variables: Mapping[str, str], **how: str) -> str:
    with pytest.raises(ConfigError) as caught:
        found(folder, more, variables, **how)
    return str(caught.value)


def found(folder: Path, more: str, variables: Mapping[str, str], **how: str) -> dict[str, str]:
    config = loaded(folder, more, **how)
    return endpoints_of(config, variables, venue_names(config))


def test_each_venue_has_its_endpoint_in_the_environment_that_is_chosen(tmp_path: Path) -> None:
    text = said(binance=HERE, ethereum="env:ETH_RPC") + said(binance="https://b").replace(
        "dev", "prod"
    )

    assert {"binance": HERE, "ethereum": SECRET} == found(
        tmp_path, text, {"ETH_RPC": SECRET}, text=WHOLE
    )


def test_neither_the_environment_nor_its_endpoints_change_the_digest(tmp_path: Path) -> None:
    with_them, without = loaded(tmp_path, said(binance=HERE)), loaded(tmp_path, "", chosen="")

    assert with_them.digest == without.digest
    assert HERE not in str(with_them.as_dict())


@pytest.mark.parametrize(
    ("more", "chosen", "words"),
    [
        (said(binance=HERE), "", "no environment is chosen; set environment to one of"),
        ("", "", "[environments]: none, or give the port of `verifill venue serve` with --port"),
        (said(binance=HERE), "live", 'environment names "live", which is not in [environments]'),
        (said(binnance=HERE), "dev", 'environments.dev.endpoints names "binnance", which is not'),
        ("\n[environments.dev]\nendpoints = {}\n", "dev", "endpoints is empty"),
        (said(binance="env:RPC"), "dev", "binance is held by the environment variable RPC: it is"),
    ],
)
def test_what_cannot_be_reached_is_told(tmp_path: Path, more: str, chosen: str, words: str) -> None:
    assert words in refused(tmp_path, more, {}, chosen=chosen)


def test_a_venue_without_an_endpoint_is_named(tmp_path: Path) -> None:
    told = refused(tmp_path, said(binance=HERE), {}, text=WHOLE)

    assert "environments.dev.endpoints.ethereum is missing" in told


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://user:pass@host", "https://host/?key=1", "https://host#1", "ftp://host", "host:80",
        "http://:1", "http://host:99999", "http://ho st", "http://host:0", "env:A-B", "",
        "http://[::1",
    ],
)  # fmt: skip
def test_what_is_no_endpoint_is_refused_and_not_shown(tmp_path: Path, endpoint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, said(binance=endpoint))
    told = str(caught.value)

    assert "environments.dev.endpoints.binance is not an endpoint: " in told
    assert not endpoint or endpoint not in told


def test_a_secret_that_is_no_endpoint_is_not_shown(tmp_path: Path) -> None:
    told = refused(tmp_path, said(binance="env:RPC"), {"RPC": "https://me:pass@host"})

    assert "there is a user or a password in it" in told
    assert "pass@" not in told


def test_a_loopback_server_is_here_and_one_for_all_venues(tmp_path: Path) -> None:
    config = loaded(tmp_path, said(binance=HERE))

    both = ports_of(config, {"binance": HERE, "ethereum": f"{HERE}/"})
    assert {"binance": 4711, "ethereum": 4711} == both
    with pytest.raises(ConfigError, match="of several loopback servers"):
        ports_of(config, {"binance": HERE, "ethereum": "http://127.0.0.1:4712"})


@pytest.mark.parametrize("endpoint", ["https://127.0.0.1:1", "http://host:1", "http://127.0.0.1"])
def test_other_endpoints_are_for_venues_that_there_are_not_yet(
    tmp_path: Path, endpoint: str
) -> None:
    with pytest.raises(ConfigError, match="is not that of a loopback server"):
        ports_of(loaded(tmp_path, said(binance=HERE)), {"binance": endpoint})


def test_each_request_has_the_time_out_of_what_it_is_for() -> None:
    slow = Policies(timeouts=Timeouts(execution_s=60, reading_s=2))
    policies = Policies(places={("binance", ""): Policies(timeouts=Timeouts(reading_s=2)),
                                ("binance", "TRANSFER"): slow})  # fmt: skip
    lines = lines_of({"binance": 1, "ethereum": 1}, policies)

    reading = [patience(lines[name].reading) for name in ("binance", "ethereum")]
    assert [2, 10] == reading
    sending = [patience(lines["binance"].execution[o]) for o in ("TRANSFER", "SPOT_TRADE", "")]
    assert [60, 30, 30] == sending


def patience(transport: Transport) -> float:
    assert isinstance(transport, Http)
    return transport.timeout_s
