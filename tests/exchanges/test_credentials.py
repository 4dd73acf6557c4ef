"""Keys: where they come from, what they may do, and where they never appear."""

import logging
from pathlib import Path

import pytest
from attrs import evolve
from typer.testing import CliRunner

from fixtures.exchange.faults import Do, Fault
from fixtures.exchange.opening import KEY, OWNER_KEY, PASSPHRASE, SECRET
from tests.exchanges.places import BINANCE, HYPERLIQUID, OKX, PLACES, Place
from tests.exchanges.worlds import Running, once, settings_of, written
from verifill.assembly.ccxt import through_ccxt
from verifill.cli.app import app
from verifill.engine.errors import ConfigError
from verifill.live import run_live
from verifill.machines.full_loop import Full
from verifill.venues.ccxt.credentials import Credentials, credentials_of, variable

SECRETS = (KEY, SECRET, PASSPHRASE, OWNER_KEY)


def refused(tmp_path: Path, environment: str, *, prod: bool = False, same: str = "dev") -> str:
    """What is said of a configuration that is not connected.

    Args:
        same: the environment that has the endpoints.
    """
    settings = settings_of(written(tmp_path, [BINANCE], 1))
    environments = {same: settings.environments["dev"]}
    settings = evolve(settings, environment=environment, environments=environments)
    with pytest.raises(ConfigError) as error:
        through_ccxt(settings, BINANCE.variables, prod=prod)
    return str(error.value)


def test_they_are_named_by_venue_and_environment() -> None:
    assert "BINANCE_PROD_API_KEY" == variable("binance", "prod", "API_KEY")
    assert "MY_BYBIT_DEV_SECRET" == variable("my-bybit", "dev", "SECRET")


def test_a_missing_one_is_named_and_a_present_one_not_shown() -> None:
    with pytest.raises(ConfigError) as error:
        credentials_of("okx", "prod", OKX_NEEDS, {"OKX_PROD_API_KEY": "very secret"})

    assert "OKX_PROD_SECRET, OKX_PROD_PASSWORD" in str(error.value)
    assert "very secret" not in str(error.value)


OKX_NEEDS = ("API_KEY", "SECRET", "PASSWORD")


def test_they_are_not_shown_and_are_taken_out_of_words() -> None:
    credentials = Credentials(api_key="kkk", secret="sss", password="ppp")

    assert "Credentials(api_key=***, secret=***, password=***)" == repr(credentials)
    assert "a *** b *** c ***" == credentials.scrub("a kkk b sss c ppp")


def test_keys_of_another_environment_are_not_taken(tmp_path: Path) -> None:
    said = refused(tmp_path, "staging")

    assert "BINANCE_STAGING_API_KEY, BINANCE_STAGING_SECRET" in said


@pytest.mark.parametrize(
    ("environment", "prod", "said"),
    [
        ("prod", False, "where orders are real; say so with --prod"),
        ("dev", True, '--prod is given, and environment is "dev"'),
        ("elsewhere", False, "one of dev, staging, prod"),
    ],
)
def test_prod_is_meant_or_refused(
    tmp_path: Path, environment: str, said: str, *, prod: bool
) -> None:
    assert said in refused(tmp_path, environment, prod=prod)


def test_an_endpoint_belongs_to_dev_alone(tmp_path: Path) -> None:
    said = refused(tmp_path, "prod", prod=True, same="prod")

    assert "only dev has an endpoint" in said


def test_an_endpoint_is_on_this_machine(tmp_path: Path) -> None:
    config = written(tmp_path, [BINANCE], 1)
    config.write_text(config.read_text().replace("http://127.0.0.1:1", "https://api.example"))
    with pytest.raises(ConfigError, match=r"Allowed is http://127\.0\.0\.1:PORT"):
        through_ccxt(settings_of(config), BINANCE.variables)


def test_a_key_that_may_withdraw_is_refused_unless_it_is_allowed(
    running: Running, tmp_path: Path
) -> None:
    for place in (BINANCE, PLACES["bybit"], OKX):
        running.control.permit(place.venue, "withdraw", on=True)
    for place in (BINANCE, PLACES["bybit"], OKX, evolve(HYPERLIQUID, withdrawals=False)):
        connected = running.connected(tmp_path / place.venue, place)
        (*_, failure) = connected.venues[place.venue].start_up_failures()
        connected.close()

        assert "this key may withdraw" in failure, place.venue


def test_a_key_that_may_not_trade_is_refused(running: Running, tmp_path: Path) -> None:
    running.control.permit("bybit", "trade", on=False)
    connected = running.connected(tmp_path, PLACES["bybit"])
    failures = connected.venues["bybit"].start_up_failures()
    connected.close()

    assert ("bybit.uta: this key may not trade here",) == failures


def test_rules_that_are_laxer_than_those_of_the_exchange_are_refused(
    running: Running, tmp_path: Path
) -> None:
    spot, perpetual = BINANCE.traded
    lax = evolve(
        BINANCE,
        traded=(evolve(spot, lot="0.000001", min_notional="1"), evolve(perpetual, tick="0.05")),
    )
    connected = running.connected(tmp_path, lax)
    failures = "\n".join(connected.venues["binance"].start_up_failures())
    connected.close()

    assert "BTC/USDT: lot is 0.000001, and there a multiple of 0.00001" in failures
    assert "BTC/USDT: min_notional is 1" in failures
    assert "BTC/USDT:USDT: tick is 0.05, and there a multiple of 0.1" in failures


def test_secrets_are_nowhere_but_in_the_environment(
    running: Running,
    tmp_path: Path,
    place: Place,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    for do in (Do.TRUNCATE, Do.PAGE):
        running.control.arm(Fault(on=place.create, do=do))
        if place is not HYPERLIQUID:  # whose questions are all alike, those of the start too
            running.control.arm(Fault(on=place.query, do=do, skip=1))
    settings = [place.leverage(9)] if place.perpetual else []
    strategy = once(place.trade(place.any), *settings)
    ended, _ = running.live(tmp_path, place, strategy=strategy, ticks=4)
    log = str(tmp_path / "run")
    for command in (
        ["status", log],
        ["log", "show", log, "--wide", "--last", "500"],
        ["log", "export", log, "--to", str(tmp_path / "all.jsonl")],
        ["report", log, "-o", str(tmp_path / "page.html")],
    ):
        done = CliRunner().invoke(app, command)
        assert 0 == done.exit_code, done.output
        (tmp_path / f"{command[0]}.txt").write_text(done.output)
    told = [caplog.text, *capfd.readouterr()]
    files = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]

    assert Full.STOPPED == ended.state, ended.reason
    assert 8 < len(files)
    for secret in SECRETS:
        assert not any(secret in text for text in told)
        assert not any(secret.encode() in content for content in files)
        assert not any(b"signature=" in content for content in files)


def test_secrets_are_in_no_repr_and_in_no_error(
    running: Running, tmp_path: Path, place: Place
) -> None:
    config = settings_of(written(tmp_path, [place], running.server.port))
    through = running.through(config, [place])
    connected = running.connected(tmp_path, place)
    venue = connected.venues[place.venue]
    told = [repr(one) for one in (through, vars(through), connected, venue, vars(venue))]
    for do in (Do.TRUNCATE, Do.PAGE, Do.EMPTY, Do.RESET_AFTER, Do.STATUS_BEFORE):
        running.control.arm(Fault(on="*", do=do, times=1, skip=1))
        told += venue.start_up_failures()
        running.control.disarm()
    connected.close()
    told.append(repr(config))

    assert len(told) > 8
    for secret in place.variables.values():
        if secret != place.variables.get("HYPERLIQUID_DEV_API_KEY"):  # an address, which is public
            assert not any(secret in text for text in told), told


def test_live_asks_for_the_keys_before_anything_else(tmp_path: Path) -> None:
    config = written(tmp_path, [BINANCE], 1)
    with pytest.raises(ConfigError, match="BINANCE_DEV_API_KEY"):
        run_live(config, folder=tmp_path / "run")

    assert not (tmp_path / "run").exists()
