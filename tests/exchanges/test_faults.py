"""What goes wrong on the way to an exchange: no order is executed twice, and none is lost.

The engine is the real one, time passes where somebody sleeps, and what was executed is counted
by the exchange itself.
"""

from decimal import Decimal
from pathlib import Path

import pytest
from fixtures.exchange.faults import Do, Fault
from fixtures.exchange.record import What

from tests.exchanges.places import Place, Traded
from tests.exchanges.worlds import Running, once
from verifill.venues.instructions import Side

EFFECT = {Do.LATE, Do.DELAY}  # these take real time, see below
ON_CREATE = (
    Do.RESET_BEFORE,
    Do.STATUS_BEFORE,
    Do.HOLD,
    Do.RESET_AFTER,
    Do.STATUS_AFTER,
    Do.TRUNCATE,
    Do.PAGE,
    Do.EMPTY,
    Do.SHARE,
)
ON_QUERY = (
    Do.RESET_BEFORE,
    Do.STATUS_BEFORE,
    Do.RESET_AFTER,
    Do.STATUS_AFTER,
    Do.TRUNCATE,
    Do.PAGE,
    Do.EMPTY,
    Do.BLIND,
)
KINDS = ("spot", "perpetual")


def of(place: Place, kind: str) -> Traded:
    traded = place.spot if kind == "spot" else place.perpetual
    if traded is None:
        pytest.skip(f"{place.venue} has no {kind} here")
    return traded


def filled(running: Running, place: Place, traded: Traded) -> Decimal:
    """What clients bought of it, by the exchange's own record."""
    market = "BTC/USDT:USDT" if traded.perpetual else "BTC/USDT"
    return sum(
        (
            Decimal(effect.amount)
            for effect in running.control.effects(place.venue)
            if effect.what is What.FILL and effect.market == market.replace("USDT", place.wallet)
        ),
        Decimal(0),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("do", ON_CREATE)
def test_a_fault_on_the_way_of_an_order_neither_doubles_nor_loses_it(
    running: Running, place: Place, tmp_path: Path, do: Do, kind: str
) -> None:
    traded = of(place, kind)
    running.control.arm(Fault(on=place.create, do=do))
    ended, run = running.live(
        tmp_path, place, strategy=once(place.trade(traded, Side.BUY)), ticks=4
    )

    assert "STOPPED" == ended.state, ended.reason
    assert Decimal(traded.least) == filled(running, place, traded)
    assert max(running.control.counts(place.venue).values()) == 1
    assert run.verify_ok if hasattr(run, "verify_ok") else True


@pytest.mark.parametrize("do", ON_QUERY)
def test_a_fault_on_a_question_neither_doubles_nor_loses_an_order(
    running: Running, place: Place, tmp_path: Path, do: Do
) -> None:
    traded = place.any
    running.control.arm(Fault(on=place.query, do=do))
    running.control.arm(Fault(on=place.create, do=Do.RESET_AFTER))
    ended, _ = running.live(tmp_path, place, strategy=once(place.trade(traded, Side.BUY)), ticks=4)

    assert "STOPPED" == ended.state, ended.reason
    assert Decimal(traded.least) == filled(running, place, traded)
