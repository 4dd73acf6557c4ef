"""Orders that rest at an exchange: filled, timed out, cancelled; at most one effect per intent.

The engine is the real one, time passes where somebody sleeps, and what was executed is counted
by the exchange itself. CI runs a sample, `--every 1` all.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest

from fixtures.exchange.faults import Do, Fault
from fixtures.exchange.record import What
from tests.exchanges.places import BINANCE, PLACES, Place, Traded
from tests.exchanges.test_faults import filled, of, orders
from tests.exchanges.test_killed import KilledError
from tests.exchanges.worlds import Running, once
from verifill.assembly.loopback import Hosting
from verifill.machines.full_loop import Full
from verifill.machines.recovery import Found
from verifill.machines.tight_loop import TightEvent
from verifill.result import RunResult
from verifill.start import Connect
from verifill.venues.instructions import Instruction
from verifill.venues.orders import Receipt, Request
from verifill.venues.time_in_force import TimeInForce

TIMEOUT_S = 10
TICKS = 25
ON_CANCEL = (
    Do.RESET_BEFORE,
    Do.STATUS_BEFORE,
    Do.HOLD,
    Do.RESET_AFTER,
    Do.STATUS_AFTER,
    Do.TRUNCATE,
    Do.PAGE,
    Do.EMPTY,
    Do.TWICE,
)
KINDS = ("spot", "perpetual")
KILLS = [(do, before) for do in (None, *ON_CANCEL) for before in (True, False)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    every = int(str(metafunc.config.getoption("--every")))
    if "before" in metafunc.fixturenames:
        metafunc.parametrize(("do", "before"), KILLS if every == 1 else KILLS[:2])
    elif "do" in metafunc.fixturenames:
        metafunc.parametrize("do", ON_CANCEL if every == 1 else ON_CANCEL[::4])
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", KINDS if every == 1 else KINDS[1:])
    if "place" in metafunc.fixturenames:  # each test at another one
        at = sum(map(ord, metafunc.function.__name__)) % len(PLACES)
        places = list(PLACES.values())
        metafunc.parametrize("place", places if every == 1 else places[at : at + 1], ids=named)


def named(place: Place) -> str:
    return place.venue


def waiting(place: Place, traded: Traded, force: TimeInForce = TimeInForce.GTC) -> Instruction:
    """An order to buy below the market."""
    return place.trade(traded, limit=Decimal(59000), time_in_force=force, timeout_s=TIMEOUT_S)


def tried(wanted: Instruction) -> str:
    """A strategy that lets it be, whatever became of it."""
    return once(wanted, ended=("DONE", "FAILED_CLEAN"))


def events(run: RunResult) -> list[str]:
    return [str(event) for event in run.transitions.collect()["event"]]


def cancels(running: Running, place: Place) -> int:
    """Orders that somebody took out of the book, by the exchange's own record."""
    return sum(effect.what is What.CANCEL for effect in running.control.effects(place.venue))


def met(running: Running, place: Place, traded: Traded, *, sent: int = 1) -> Callable[[], object]:
    """The price comes to where an order rests, once there were so many and somebody slept."""

    def move() -> None:
        if len(running.control.counts(place.venue)) == sent:
            running.control.move(place.venue, place.market(traded), Decimal(58000))

    return move


@pytest.mark.parametrize("force", [TimeInForce.GTC, TimeInForce.POST_ONLY])
def test_it_rests_until_its_price_comes_and_is_verified_then(
    running: Running, place: Place, tmp_path: Path, kind: str, force: TimeInForce
) -> None:
    traded = of(place, kind)
    running.asleep = met(running, place, traded)
    strategy = tried(waiting(place, traded, force))
    ended, run = running.live(tmp_path, place, strategy=strategy, ticks=3)

    assert Full.STOPPED == ended.state, ended.reason
    assert Decimal(traded.least) == filled(running, place, traded)
    assert [1] == orders(running, place)
    assert 0 == cancels(running, place)
    assert TightEvent.RECALL not in events(run)


def test_after_its_time_out_it_is_cancelled_once_and_nothing_happened(
    running: Running, place: Place, tmp_path: Path, kind: str
) -> None:
    traded = of(place, kind)
    begun_ns = running.offset_ns
    ended, run = running.live(tmp_path, place, strategy=tried(waiting(place, traded)), ticks=TICKS)
    told = events(run)

    assert Full.STOPPED == ended.state, ended.reason
    assert Decimal(0) == filled(running, place, traded)
    assert [1] == orders(running, place)
    assert 1 == cancels(running, place)
    assert 1 == told.count(TightEvent.RECALL) == told.count(TightEvent.OVERDUE)
    assert TightEvent.UNEXECUTED in told
    assert running.offset_ns - begun_ns >= TIMEOUT_S * 10**9


def test_what_was_filled_in_part_is_verified_and_the_remainder_is_a_child(
    running: Running, place: Place, tmp_path: Path
) -> None:
    traded = of(place, "perpetual")
    part = Decimal(traded.least) // Decimal(traded.lot) // 2 * Decimal(traded.lot)
    running.control.thin(place.venue, place.market(traded), part)
    running.asleep = met(running, place, traded, sent=2)
    wanted = place.trade(
        traded, limit=Decimal(60010), time_in_force=TimeInForce.GTC, timeout_s=TIMEOUT_S
    )
    ended, run = running.live(tmp_path, place, strategy=once(wanted), ticks=TICKS)

    assert Full.STOPPED == ended.state, ended.reason
    assert Decimal(traded.least) == filled(running, place, traded)
    assert [1, 1] == orders(running, place)
    assert 1 == cancels(running, place)
    assert 1 == events(run).count(TightEvent.PARTIAL)


def test_a_fault_on_a_cancel_neither_doubles_nor_loses_it(
    running: Running, place: Place, tmp_path: Path, do: Do, kind: str
) -> None:
    traded = of(place, kind)
    running.control.arm(Fault(on=place.cancel, do=do))
    ended, run = running.live(tmp_path, place, strategy=tried(waiting(place, traded)), ticks=TICKS)
    running.control.release()

    assert Full.STOPPED == ended.state, ended.reason
    assert Decimal(0) == filled(running, place, traded)
    assert [1] == orders(running, place)
    assert 1 == cancels(running, place)
    assert 1 <= events(run).count(TightEvent.RECALL) <= 2


def test_an_order_that_is_filled_while_it_is_cancelled_is_adopted_as_that(
    running: Running, place: Place, tmp_path: Path, kind: str
) -> None:
    traded = of(place, kind)
    strategy = tried(waiting(place, traded))

    def fill(_request: Request) -> None:
        running.control.move(place.venue, place.market(traded), Decimal(58000))

    connect = recalled(place.venue, before=fill)
    ended, run = running.live(tmp_path, place, strategy=strategy, ticks=TICKS, connect=connect)

    assert Full.STOPPED == ended.state, ended.reason
    assert Decimal(traded.least) == filled(running, place, traded)
    assert [1] == orders(running, place)
    assert 0 == cancels(running, place)
    assert [TightEvent.RECALL, TightEvent.FOUND] == [
        event for event in events(run) if event in (TightEvent.RECALL, TightEvent.FOUND)
    ]


def test_killed_around_a_cancel_the_next_life_ends_it_without_a_double(
    running: Running, place: Place, tmp_path: Path, do: Do | None, *, before: bool
) -> None:
    traded = place.any
    strategy = tried(waiting(place, traded))
    if do:
        running.control.arm(Fault(on=place.cancel, do=do))
    killed = {"before" if before else "after": kill}
    with suppress(KilledError):
        running.live(
            tmp_path,
            place,
            strategy=strategy,
            ticks=TICKS,
            connect=recalled(place.venue, **killed),
        )
    running.control.release()
    resting = cancels(running, place) == 0
    ended, run = running.live(tmp_path, place, strategy=strategy, ticks=TICKS)

    assert Full.STOPPED == ended.state, ended.reason
    assert Decimal(0) == filled(running, place, traded)
    assert 1 == cancels(running, place)
    assert {1} == set(orders(running, place))
    assert not (resting and do is None and not before)
    # one of the first life; of the second one, and one more where the fault took that
    assert 3 >= events(run).count(TightEvent.RECALL)


def test_killed_between_place_and_cancel_its_time_goes_on(running: Running, tmp_path: Path) -> None:
    strategy = tried(waiting(BINANCE, BINANCE.any))
    slept = running.sleeps

    def die() -> None:
        if running.control.counts("binance") and running.sleeps > slept + 5:
            raise KilledError

    running.asleep = die
    with pytest.raises(KilledError):
        running.live(tmp_path, BINANCE, strategy=strategy, ticks=TICKS)
    running.asleep = lambda: None
    ended, _ = running.live(tmp_path, BINANCE, strategy=strategy, ticks=TICKS)

    assert Full.STOPPED == ended.state, ended.reason
    assert [1] == orders(running, BINANCE)
    assert 1 == cancels(running, BINANCE)


def kill(_request: Request) -> None:
    raise KilledError


def recalled(
    venue: str,
    *,
    before: Callable[[Request], None] | None = None,
    after: Callable[[Request], None] | None = None,
) -> Callable[[Connect], Connect]:
    """Something happens before or after each cancel."""

    def changed(connect: Connect) -> Connect:
        def connected(hosting: Hosting, found: Found, since: Mapping[str, int]) -> object:
            connection = connect(hosting, found, since)
            real = connection.venues[venue]
            recall: Callable[[Request], Receipt] = vars(type(real))["recall"].__get__(real)

            def beside(request: Request) -> Receipt:
                if before:
                    before(request)
                receipt = recall(request)
                if after:
                    after(request)
                return receipt

            vars(real)["recall"] = beside
            return connection

        return connected  # type: ignore[return-value]  # a venue with something beside it

    return changed
