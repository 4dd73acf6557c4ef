"""Trading on paper at the prices of exchanges, for which no key is needed."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.exchanges.places import BINANCE, PLACES, Place
from tests.exchanges.worlds import Running, once, settings_of, written
from verifill.assembly.ccxt import at_exchanges
from verifill.cli.paper import paper
from verifill.engine.errors import ConfigError
from verifill.result import RunResult


def traded(running: Running, folder: Path, place: Place, *, price: int) -> RunResult:
    """One life on paper that trades, at a price of the exchange."""
    for one in place.traded:
        running.control.move(place.venue, place.market(one), Decimal(price))
    plan = once(*(place.trade(one) for one in place.traded))
    config = written(folder, [place], running.server.port, plan)
    paper(
        config,
        port=None,
        history=False,
        interval_s=None,
        log=folder / "run",
        anchor=None,
        ticks=2,
        style="none",
    )
    return RunResult(folder / "run")


def test_orders_are_filled_on_paper_at_the_price_of_the_exchange(
    running: Running, place: Place, tmp_path: Path
) -> None:
    run = traded(running, tmp_path, place, price=61_000)
    prices = {Decimal(price) for price in run.fills.collect()["price"].to_list()}
    sent = [
        one
        for one in running.control.arrivals()
        if not one.startswith("GET") and not one.endswith("/info")
    ]

    assert all(abs(price / 61_000 - 1) < Decimal("0.01") for price in prices), prices
    assert len(place.traded) == len(run.fills.collect())
    assert [] == sent
    assert [] == running.control.effects(place.venue)


def test_paper_needs_no_key_and_prod_no_word(tmp_path: Path) -> None:
    config = written(tmp_path, [BINANCE], 1)
    text = config.read_text().replace('environment = "dev"', 'environment = "prod"')
    config.write_text(text.replace("[environments.dev.", "[environments.elsewhere."))
    quoting = at_exchanges(settings_of(config), {})
    quoting.close()

    assert {"binance"} == set(quoting.dialects)


def test_an_exchange_whose_prices_nothing_tells_is_named(tmp_path: Path) -> None:
    config = written(tmp_path, [BINANCE, PLACES["okx"]], 1)
    text = config.read_text()
    at = text.index("[ccxt.okx]")
    config.write_text(text[:at])
    with pytest.raises(ConfigError, match="does not have okx, whose prices nothing else tells"):
        at_exchanges(settings_of(config), {})
