"""What a log tells of its guard: since when a breaker is open, and what lets it send again."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.machines.lives import Mailbox, Moments, World
from tests.machines.support import SECOND_NS, buy
from tests.machines.test_guarding import QUICK, VENUE, busy, guarded
from tests.machines.test_lives import lies, world
from verifill.guarded import Guarded, Seen
from verifill.guarded import guarded as told_by
from verifill.machines.scopes import GLOBAL


def told(made: World) -> Guarded:
    return told_by(made.reader, made.reader)


def seen(these: Sequence[Seen], scope: str) -> Seen:
    return next(one for one in these if one.scope == scope)


def test_a_breaker_that_cools_tells_when_a_probe_is_due(tmp_path: Path) -> None:
    made = guarded(tmp_path, busy, busy)
    made.live(2)
    one = seen(told(made).breakers, VENUE)
    tripped = made.reader.records().filter(event="tripped").collect()["wall_ns"][0]
    due = datetime.fromtimestamp(tripped // SECOND_NS + QUICK.cooldown_s, tz=UTC)

    assert ("OPEN.COOLING", tripped) == (one.state, one.since_ns)
    assert f"a probe, from {due:%Y-%m-%d %H:%M:%S} UTC on" == one.reset
    assert ["2 failures in a row, the last: 429"] == one.reasons
    assert "UNHEALTHY" == seen(told(made).health, VENUE).state


def test_a_latched_breaker_tells_who_was_the_first_of_two(tmp_path: Path) -> None:
    mailbox = Mailbox({"HELD": ["reset-breaker"]})
    made = world(tmp_path, [buy("1")], submits=[lies], mailbox=mailbox)
    made.live(2)
    one = seen(told(made).breakers, GLOBAL)

    assert "LATCHED.RELEASING" == one.state
    assert "a second operator must reset it; ann was the first" == one.reset
    assert one.reasons[0].startswith("contradiction on desk.spot: ")


def test_a_log_in_which_nothing_has_changed_tells_nothing(tmp_path: Path) -> None:
    made = world(tmp_path)
    assert "KILLED" == made.live(1, Moments("aside", 1))

    assert Guarded() == told(made)
