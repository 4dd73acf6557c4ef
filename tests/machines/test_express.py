"""The usual way in one go leaves the log that the activities leave, one after the other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import polars.selectors as cs
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from polars.testing import assert_frame_equal

from tests.machines.support import (
    BTC,
    OPENING,
    USDT,
    Act,
    Ask,
    Bars,
    Plans,
    Script,
    View,
    as_it_is,
    buy,
    honest,
    move,
    play,
    scripted,
    sell,
)
from tests.machines.test_executors import WORLDS
from tests.machines.test_saga import gives
from tests.machines.test_tight_loop import hides
from verifill.engine.errors import EngineDefect, LogError
from verifill.engine.log.reader import Log
from verifill.engine.log.schema import STREAMS
from verifill.machines.loop import FullLoop, LoopPolicy
from verifill.venues.instructions import Late, SpotTrade
from verifill.venues.orders import LedgerRow, Reading, Receipt, Request

HELD = "INSTRUCTION.HELD"


def step_by_step(loop: FullLoop) -> None:
    loop.express.open = False


def as_usual(_loop: FullLoop) -> None:
    """Nothing is changed."""


def assert_one_log(folder: Path, world: dict[str, Any]) -> str:
    """The state that a run ends in, either way, after an ordinary purchase and sale.

    The first trade of its kind goes step by step; from then on the usual way is known.
    """
    both = [
        play(
            folder / before.__name__,
            scripted(
                Script(
                    submits=[honest, honest, *world["submits"]],
                    queries=world["queries"],
                    view=after(2, world["view"]()),
                ),
                bars=Bars(6),
                model=gives(100, 100, *world["parts"]),
                opening=OPENING | {USDT: world.get("usdt", OPENING[USDT])},
            )[0],
            Plans([buy("1")], [sell("1")], *world["plans"]),
            policy=world["policy"],
            before=before,
        )
        for before in (as_usual, step_by_step)
    ]
    one, other = both
    assert (one.state, one.reason, one.totals) == (other.state, other.reason, other.totals)
    for stream in STREAMS:
        assert_frame_equal(told(one.log, stream), told(other.log, stream))
    assert_frame_equal(one.records, other.records)
    return one.state


def told(log: Log, stream: str) -> pl.DataFrame:
    """A stream in plain texts: which number stands for one is nobody's business."""
    return log.stream(stream).with_columns(cs.enum().cast(pl.String)).collect()


def after(count: int, view: View) -> View:
    """A view that begins after so many readings with rows in them."""
    seen: list[Reading] = []

    def shown(reading: Reading) -> Reading:
        if len(seen) == count:
            return view(reading)
        if reading.rows:
            seen.append(reading)
        return reading

    return shown


def skewed(**changes: int) -> Act:
    """A venue that says something else of its fill than what it did."""

    def act(request: Request, ask: Ask) -> Receipt:
        receipt = ask(request)
        changed = [
            replace(f, **{name: getattr(f, name) + by for name, by in changes.items()})
            for f in receipt.fills
        ]
        return replace(receipt, fills=tuple(changed))

    return act


SKEWED: Mapping[str, Act] = {
    "more": skewed(quantity=1), "less": skewed(quantity=-1), "dearer": skewed(price=1),
    "far": skewed(price=10**6), "cheaper": skewed(fee=-1),
}  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(WORLDS, st.lists(st.sampled_from(list(SKEWED.values())), max_size=2))
def test_the_usual_way_leaves_the_log_of_its_activities(
    world: dict[str, Any], skews: list[Act]
) -> None:
    given = world | {"submits": world["submits"] + skews, "view": lambda: hides(world["hides"])}
    with TemporaryDirectory() as folder:
        assert_one_log(Path(folder), given)


def plain(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a world is made of
    """Two purchases, with nothing unusual but what is given."""
    world: dict[str, Any] = {
        "plans": [[buy("1")], [buy("1")]], "submits": [], "queries": [],
        "parts": [], "policy": LoopPolicy(), "view": lambda: as_it_is,
    }  # fmt: skip
    return world | changes


def shown(change: View) -> Callable[[], View]:
    """Readings with rows are changed, as long as they are looked at."""
    return lambda: lambda reading: change(reading) if reading.rows else reading


def row(reading: Reading, **changes: Any) -> Reading:  # noqa: ANN401 - fields of any type
    """The reading with its first row changed."""
    first, *rest = reading.rows
    return replace(reading, rows=(replace(first, **changes), *rest))


def one_more(reading: Reading) -> Reading:
    """Rows and balances agree, and are a unit more than the fill says."""
    first = reading.rows[0]
    totals = reading.totals | {first.key: reading.totals[first.key] + 1}
    return replace(row(reading, amount=first.amount + 1), totals=totals)


def beside(reading: Reading) -> Reading:
    first = reading.rows[0]
    more = LedgerRow("f1", first.key, 0, first.cause, first.time_ns)
    return replace(reading, rows=(*reading.rows, more))


VIEWS: Mapping[str, View] = {
    "as it is": lambda reading: reading,
    "beside": beside,
    "one more": one_more,
    "of another": lambda reading: row(reading, ref="x"),
    "another amount": lambda reading: row(reading, amount=1),
    "another key": lambda reading: row(reading, key=BTC),
    "unknown key": lambda reading: row(reading, key="desk:BaseToken:KING"),
    "one missing": lambda reading: replace(reading, rows=reading.rows[1:]),
    "all missing": lambda reading: replace(reading, rows=()),
    "old": lambda reading: replace(reading, as_of_ns=reading.as_of_ns - 1),
    "another total": lambda reading: replace(reading, totals=reading.totals | {USDT: 7}),
    "no total": lambda reading: replace(reading, totals={BTC: reading.totals[BTC]}),
}


@pytest.mark.parametrize("skew", SKEWED)
def test_a_skewed_fill_stops_the_run_either_way(tmp_path: Path, skew: str) -> None:
    assert "STOPPED" == assert_one_log(tmp_path, plain(submits=[SKEWED[skew]]))


@pytest.mark.parametrize("view", VIEWS)
def test_an_unusual_reading_is_judged_either_way(tmp_path: Path, view: str) -> None:
    assert assert_one_log(tmp_path, plain(view=shown(VIEWS[view]))) in {"STOPPED", HELD}


def test_a_part_is_not_the_usual_way(tmp_path: Path) -> None:
    assert "STOPPED" == assert_one_log(tmp_path, plain(parts=[25]))


class BrokenError(Exception):
    """What a venue's client may raise."""


def raises(error: BaseException) -> Act:
    """The venue has it, and its answer is an error."""

    def act(request: Request, ask: Ask) -> Receipt:
        ask(request)
        raise error

    return act


def unreadable(reading: Reading) -> Reading:
    if reading.rows:
        raise BrokenError
    return reading


def test_an_answer_that_is_an_error_is_unknown_either_way(tmp_path: Path) -> None:
    assert HELD == assert_one_log(
        tmp_path, plain(submits=[raises(BrokenError())], queries=[raises(BrokenError())] * 9)
    )


@pytest.mark.parametrize("error", [EngineDefect("ours"), LogError("full"), KeyboardInterrupt()])
@pytest.mark.parametrize("before", [as_usual, step_by_step])
def test_what_no_venue_can_be_the_cause_of_ends_the_run_with_the_decision_in_the_log(
    tmp_path: Path, error: BaseException, before: Callable[[FullLoop], None]
) -> None:
    with pytest.raises(type(error)):
        last_words(tmp_path, before, submits=[honest, raises(error)])


@pytest.mark.parametrize("before", [as_usual, step_by_step])
def test_positions_that_cannot_be_read_leave_the_order_awaited(
    tmp_path: Path, before: Callable[[FullLoop], None]
) -> None:
    with pytest.raises(BrokenError):
        last_words(tmp_path, before, view=after(1, unreadable))


def last_words(
    folder: Path,
    before: Callable[[FullLoop], None],
    submits: Sequence[Act] = (),
    view: View = as_it_is,
) -> None:
    """Run two purchases of which the second goes wrong; the log has both decisions."""
    stage, _ = scripted(Script(submits=submits, view=view), bars=Bars(3))
    try:
        play(folder, stage, Plans([buy("1")], [buy("1")]), before=before)
    finally:
        log = Log(folder)
        awaited = "SEND" if submits else "AWAIT_POSITION"
        assert f"INSTRUCTION.{awaited}" == log.records().collect()["to"][-1]
        assert [1, 2] == log.stream("instructions").collect()["instruction"].to_list()


@pytest.mark.parametrize(
    "trade",
    [
        buy("1", limit="50000"), buy("1", name="A9"), buy("0.000001"), buy("1e9"),
        buy(Late("A1", BTC)),
    ],
    ids=["limit", "name", "off the lot", "too dear", "late-bound"],
)  # fmt: skip
def test_a_trade_that_is_not_plain_goes_step_by_step(tmp_path: Path, trade: SpotTrade) -> None:
    assert "STOPPED" == assert_one_log(tmp_path, plain(plans=[[trade], [buy("1")]]))


@pytest.mark.parametrize(
    "changes", [{"side": "BUY"}, {"account": []}, {"quantity": 1}, {"symbol": None}]
)
def test_a_trade_of_wrong_types_is_the_strategys_error_either_way(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    wrong = structs.replace(buy("1"), **changes)

    assert "STOPPED" == assert_one_log(tmp_path, plain(plans=[[wrong]]))


def test_totals_beyond_64_bits_go_step_by_step(tmp_path: Path) -> None:
    assert "STOPPED" == assert_one_log(tmp_path, plain(usdt=10**20))


def test_several_trades_of_a_plan_go_the_usual_way_one_by_one(tmp_path: Path) -> None:
    assert "STOPPED" == assert_one_log(
        tmp_path, plain(plans=[[buy("1"), sell("2"), move(), buy("3")], [buy("1")]])
    )


def test_one_of_several_trades_that_goes_wrong_stops_those_after_it(tmp_path: Path) -> None:
    skewed_second = plain(plans=[[buy("1"), sell("2"), buy("3")]], submits=[honest, SKEWED["more"]])

    assert "STOPPED" == assert_one_log(tmp_path, skewed_second)


def test_a_position_that_is_not_tracked_has_no_usual_way(tmp_path: Path) -> None:
    opening = {key: total for key, total in OPENING.items() if key != BTC}
    stage, _ = scripted(bars=Bars(2), opening=OPENING)
    played = play(tmp_path, evolve(stage, opening=opening), Plans([buy("1")]))

    assert "HALTED" in played.state or played.reason
