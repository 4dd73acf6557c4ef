"""Margins in live mode: what venues tell of them, held against the least that is allowed."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from tests.machines.lives import Client, Mailbox, World
from tests.machines.support import MARGIN, SIZE, Bars, go, scripted
from tests.machines.test_lives import LIVE, check
from tests.machines.test_measured import PRICED, STRATEGY, denials, told
from verifill.engine.errors import NotObserved
from verifill.machines.strategy import Plan
from verifill.machines.thresholds import Thresholds

ACCOUNT = "desk.perp"
SHORTS: list[Plan] = [[go("-1")] for _ in range(9)]


class Telling(Client):
    """One life's connection to a venue that tells margins; `None` where it does not answer."""

    said: list[str | None]
    asked = 0

    def margins(self) -> Mapping[str, Decimal]:
        type(self).asked += 1
        ratio = self.said[0] if len(self.said) == 1 else self.said.pop(0)
        if ratio is None:
            msg = "/desk/margins: timed out"
            raise NotObserved(msg)
        return {ACCOUNT: Decimal(ratio)} if ratio else {}


def margined(folder: Path, *said: str | None, least: str | None = "1.5") -> World:
    """A world whose venue tells these margins one after another, and then the last one."""

    class Here(Telling):
        pass

    Here.said = list(said)
    stage, venue = scripted(bars=Bars(0), opening=PRICED | {SIZE: 0, MARGIN: 10**11})
    made = World(folder, stage, venue, SHORTS, LIVE, Mailbox(), client=Here)
    made.limits = Thresholds(margin_min=None if least is None else Decimal(least))
    return made


def asked(made: World) -> int:
    assert issubclass(made.client, Telling)
    return made.client.asked


def test_a_margin_below_its_limit_lets_the_strategy_only_reduce(tmp_path: Path) -> None:
    made = margined(tmp_path, "", "1.5", "1.49")
    made.plans = [[go("-1")], [go("-1")], [go("-1"), go("1", reduce_only=True)], [CURE], [CURE]]
    made.live(6)

    assert [(STRATEGY, "reduce", "REDUCING")] == made.asides
    assert "margin of desk.perp is 1.49, below 1.5" in denials(made)[0]
    assert ["-1", "-1", "1", "1"] == [told(one) for one in made.venue.sent]
    check(made)


CURE = go("1", reduce_only=True)


def test_without_a_limit_no_margin_is_asked_for(tmp_path: Path) -> None:
    made = margined(tmp_path, "0.1", least=None)
    made.live(3)

    assert 0 == asked(made)
    assert [] == made.asides


def test_margins_are_asked_for_once_before_each_decision(tmp_path: Path) -> None:
    made = margined(tmp_path, "2")
    made.live(4)

    assert made.strategy.count == asked(made) == 4


def test_a_margin_that_is_not_told_blocks_the_strategy_until_it_is(tmp_path: Path) -> None:
    made = margined(tmp_path, "2", None, "2")
    made.live(4)

    scope = [(STRATEGY, "blocked", "OPEN.BLOCKED"), (STRATEGY, "cleared", "CLOSED")]
    assert scope == made.asides
    assert "margins cannot be measured: /desk/margins: timed out" in denials(made)[0]
    assert 3 == len(made.venue.sent)  # of four


def test_once_resumed_only_a_thinner_margin_narrows_again(tmp_path: Path) -> None:
    made = margined(tmp_path, "1.4", "1.4", "1.45", "1.4", "1.39")
    made.live(2)
    assert [] == made.venue.sent
    made.mailbox.replies["IDLE"] = [f"resume {STRATEGY}"]
    made.live(4)

    assert ["reduce", "resume", "reduce"] == [event for _, event, _ in made.asides]
    assert 2 == len(made.venue.sent)


def test_a_margin_that_was_wide_enough_meanwhile_narrows_again(tmp_path: Path) -> None:
    made = margined(tmp_path, "1.4", "1.4", "1.6", "1.45")
    made.live(2)
    made.mailbox.replies["IDLE"] = [f"resume {STRATEGY}"]
    made.live(4)

    assert ["reduce", "resume", "reduce"] == [event for _, event, _ in made.asides]


@pytest.mark.parametrize("more", [0, 1])
def test_a_venue_that_tells_no_margins_has_none(tmp_path: Path, more: int) -> None:
    made = margined(tmp_path, "2")
    made.client = Client
    made.live(2 + more)

    assert [] == made.asides
