"""How far an account is from a liquidation, by the exchange's own figures."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.exchanges.places import Place
from tests.exchanges.test_funds import order_of
from tests.exchanges.worlds import Running, once
from verifill.engine.errors import NotObserved
from verifill.machines.full_loop import Full
from verifill.venues.ccxt.dialects import DIALECTS
from verifill.venues.ccxt.words import Listed
from verifill.venues.instructions import Side
from verifill.venues.interfaces import Margined


def test_margins_are_told_of_what_carries_a_position(
    running: Running, levered: Place, tmp_path: Path
) -> None:
    place = levered
    connected = running.connected(tmp_path, place)
    connected.refresh()
    venue, perpetual = connected.venues[place.venue], place.perpetual
    assert perpetual
    before = venue.margins()
    venue.submit(order_of(venue, place.trade(perpetual, Side.SELL)))
    name, market = perpetual.account, place.market(perpetual)
    first = venue.margins()[name]
    running.control.move(place.venue, market, Decimal(66_000))  # ten percent against it
    second = venue.margins()[name]
    held = venue.read().totals[f"{name}:BaseToken:{place.wallet}"]
    connected.close()

    assert {} == before
    assert isinstance(venue, Margined)
    assert 1 < second < first
    # the wallet is as it was: a profit or a loss that is not realised is no part of it
    assert held > 199_000 * 10**18


def test_a_least_margin_is_measured_at_an_exchange(
    running: Running, levered: Place, tmp_path: Path
) -> None:
    place, perpetual = levered, levered.perpetual
    assert perpetual
    strategy = once(place.trade(perpetual, Side.SELL))
    more = "\n[breakers]\nmargin_min = '1.5'\n"
    ended, _ = running.live(tmp_path, place, strategy=strategy, ticks=3, more=more)

    assert Full.STOPPED == ended.state, ended.reason


def test_what_margins_apart_has_no_common_figure() -> None:
    class Quoted:
        def __init__(self, quote: str) -> None:
            self.quote = quote

    listed = [
        Listed(instrument=Quoted(quote), symbol=f"BTC/{quote}:{quote}")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # nothing else is read
        for quote in ("USDT", "USDC")
    ]
    with pytest.raises(NotObserved, match="margin apart"):
        DIALECTS["okx"].margin(None, listed)
