"""The view in the terminal, with keys as they are pressed."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.machines.support import buy, sell
from tests.machines.test_lives import lost, world
from verifill.cli.traveller import Traveller
from verifill.cli.tui import look
from verifill.engine.errors import ConfigError
from verifill.replay.travel import Jump, Travel

heights: list[int] = []
"""Of the list of records, in lines, at the end of each view."""


@pytest.fixture
def travel(tmp_path: Path) -> Travel:
    """A run whose first order is lost."""
    made = world(tmp_path, [buy("1", name="A"), sell("0.5", name="B")], submits=[lost])
    made.live()
    return Travel(made.log)


@pytest.fixture
def app(travel: Travel) -> Traveller:
    """The view of it."""
    return Traveller(travel)


def pressed(app: Traveller, *keys: str, size: tuple[int, int] = (140, 50)) -> Traveller:
    """The view after some keys."""

    async def press() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.press(*keys)
            await pilot.pause()
            heights.append(app.query_one("#list").size.height)
            app.exit()

    asyncio.run(press())
    return app


def test_it_begins_at_the_first_record_and_steps_by_keys(app: Traveller) -> None:
    assert 3 == pressed(app, "right", "right", "right", "left").seq


def test_it_ends_at_the_last_record(app: Traveller, travel: Travel) -> None:
    assert travel.last_seq == pressed(app, "end", "right").seq


def test_it_jumps_to_the_next_retry_and_back(app: Traveller, travel: Travel) -> None:
    retry = travel.following(Jump.RETRY, after=0)

    assert retry == pressed(app, "r").seq
    last = travel.preceding(Jump.RETRY, before=travel.last_seq)
    assert last == pressed(Traveller(travel), "end", "R").seq


def test_a_record_is_a_line_of_the_list_in_a_narrow_terminal_too(travel: Travel) -> None:
    """Else the one that is shown would be scrolled out of sight."""
    pressed(Traveller(travel), "end")
    pressed(Traveller(travel), "end", size=(80, 24))

    wide, narrow = heights[-2:]
    assert travel.last_seq <= wide == narrow


def test_a_number_is_gone_to(app: Traveller) -> None:
    assert 12 == pressed(app, "g", "1", "2", "enter").seq


def test_no_number_leaves_it_where_it_is(app: Traveller) -> None:
    assert 1 == pressed(app, "g", "enter").seq


def test_what_is_not_there_is_said_and_nothing_moves(app: Traveller) -> None:
    pressed(app, "x")

    assert (1, "there is no refused after record 1") == (app.seq, app.said)


def test_a_record_is_marked_and_unmarked(app: Traveller) -> None:
    assert 1 == pressed(app, "m", "right").marked


def test_without_textual_the_extra_is_named(
    travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "verifill.cli.traveller", None)

    with pytest.raises(ConfigError, match=r"pip install 'verifill\[tui\]'"):
        look(travel.folder)
