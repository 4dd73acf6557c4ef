"""The usual way in one go leaves the log that the activities leave, one after the other."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from polars.testing import assert_frame_equal

from tests.machines.support import (
    BTC,
    USDT,
    Act,
    Ask,
    Bars,
    Plans,
    Script,
    View,
    as_it_is,
    buy,
    play,
    scripted,
)
from tests.machines.test_executors import WORLDS
from tests.machines.test_saga import gives
from tests.machines.test_tight_loop import hides
from verifill.engine.log.schema import STREAMS
from verifill.machines.loop import FullLoop, LoopPolicy
from verifill.venues.orders import LedgerRow, Reading, Receipt, Request

HELD = "INSTRUCTION.HELD"


def step_by_step(loop: FullLoop) -> None:
    loop.manager.straight = False


def as_usual(_loop: FullLoop) -> None:
    """Nothing is changed."""


def assert_one_log(folder: Path, world: dict[str, Any]) -> str:
    """The state that a run ends in, either way."""
    both = [
        play(
            folder / before.__name__,
            scripted(
                Script(submits=world["submits"], queries=world["queries"], view=world["view"]()),
                bars=Bars(4),
                model=gives(*world["parts"]),
            )[0],
            Plans(*world["plans"]),
            policy=world["policy"],
            before=before,
        )
        for before in (as_usual, step_by_step)
    ]
    one, other = both
    assert (one.state, one.reason, one.totals) == (other.state, other.reason, other.totals)
    assert one.log.manifest == other.log.manifest
    for stream in STREAMS:
        assert_frame_equal(one.log.stream(stream).collect(), other.log.stream(stream).collect())
    return one.state


def skewed(**changes: int) -> Act:
    """A venue that says something else of its fill than what it did."""

    def act(request: Request, ask: Ask) -> Receipt:
        receipt = ask(request)
        changed = [
            structs.replace(f, **{name: getattr(f, name) + by for name, by in changes.items()})
            for f in receipt.fills
        ]
        return structs.replace(receipt, fills=tuple(changed))

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
        "plans": [[buy("1", name="A1")], [buy("1")]], "submits": [], "queries": [],
        "parts": [], "policy": LoopPolicy(), "view": lambda: as_it_is,
    }  # fmt: skip
    return world | changes


def shown(change: View) -> Callable[[], View]:
    """Readings with rows are changed, as long as they are looked at."""
    return lambda: lambda reading: change(reading) if reading.rows else reading


def row(reading: Reading, **changes: Any) -> Reading:  # noqa: ANN401 - fields of any type
    """The reading with its first row changed."""
    first, *rest = reading.rows
    return structs.replace(reading, rows=(structs.replace(first, **changes), *rest))


def one_more(reading: Reading) -> Reading:
    """Rows and balances agree, and are a unit more than the fill says."""
    first = reading.rows[0]
    totals = reading.totals | {first.key: reading.totals[first.key] + 1}
    return structs.replace(row(reading, amount=first.amount + 1), totals=totals)


def beside(reading: Reading) -> Reading:
    first = reading.rows[0]
    more = LedgerRow("f1", first.key, 0, first.cause, first.time_ns)
    return structs.replace(reading, rows=(*reading.rows, more))


VIEWS: Mapping[str, View] = {
    "as it is": lambda reading: reading,
    "beside": beside,
    "one more": one_more,
    "of another": lambda reading: row(reading, ref="x"),
    "another amount": lambda reading: row(reading, amount=1),
    "another key": lambda reading: row(reading, key=BTC),
    "unknown key": lambda reading: row(reading, key="desk:BaseToken:KING"),
    "one missing": lambda reading: structs.replace(reading, rows=reading.rows[1:]),
    "all missing": lambda reading: structs.replace(reading, rows=()),
    "old": lambda reading: structs.replace(reading, as_of_ns=reading.as_of_ns - 1),
    "another total": lambda reading: structs.replace(reading, totals=reading.totals | {USDT: 7}),
    "no total": lambda reading: structs.replace(reading, totals={BTC: reading.totals[BTC]}),
}


@pytest.mark.parametrize("skew", SKEWED)
def test_a_skewed_fill_stops_the_run_either_way(tmp_path: Path, skew: str) -> None:
    assert "STOPPED" == assert_one_log(tmp_path, plain(submits=[SKEWED[skew]]))


@pytest.mark.parametrize("view", VIEWS)
def test_an_unusual_reading_is_judged_either_way(tmp_path: Path, view: str) -> None:
    assert assert_one_log(tmp_path, plain(view=shown(VIEWS[view]))) in {"STOPPED", HELD}


def test_a_part_is_not_the_usual_way(tmp_path: Path) -> None:
    assert "STOPPED" == assert_one_log(tmp_path, plain(parts=[25]))
