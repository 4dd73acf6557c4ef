"""What recovery reads from a log's end is what all of the log says, wherever it is cut off."""

import json
from collections.abc import Mapping, Sequence, Sized
from pathlib import Path
from typing import Any, cast

import pytest

from tests.machines.lives import Mailbox, Moments, World
from tests.machines.support import Bars, buy, scripted, sell
from tests.machines.test_saga import saga
from verifill.machines import records
from verifill.machines.full_loop import Full
from verifill.machines.memory import plan_of, remembered
from verifill.machines.recovery import AFTER, BEFORE, FACTS, Found, find
from verifill.machines.strategy import Plan
from verifill.machines.tight_loop import TightEvent
from verifill.venues.chains import Step

TABLES = ("full_loop", "tight_loop", "atomic")
Facts = Mapping[str, Any]


def read_whole(rows: Sequence[Facts]) -> Found:
    """The same by definition: every record is looked at."""
    own = [row for row in rows if row["machine"] in TABLES]
    moves = [row for row in own if row["event"]]
    payloads = [json.loads(row["payload"]) for row in rows if row["payload"]]
    memories = [told["memory"] for told in payloads if "memory" in told]
    guards = [
        told.get("guard") or told["memory"]["guard"]
        for told in payloads
        if "guard" in told or "guard" in told.get("memory", {})
    ]
    plans = [told["plan"] for told in payloads if "plan" in told]
    state, halted = end_of(moves)
    return Found(
        state=state,
        sent=came_after_send(own, "kind", "INTENT"),
        had=came_after_send(own, "event", TightEvent.ACCEPTED, TightEvent.FOUND),
        halted=halted,
        memory=remembered(memories[-1]) if memories else None,
        plan=plan_of(plans[-1]) if plans else (),
        tick=max((row["instance"] for row in own if row["machine"] == "full_loop"), default=0),
        epoch=own[-1]["epoch"] if own else 0,
        guard=guards[-1] if guards else None,
    )


def end_of(moves: Sequence[Facts]) -> tuple[str, bool]:
    """The leaf in which work ended, and whether it is halted without a resume since."""
    blind = {*BEFORE, *AFTER, Full.STOPPED}
    work = [
        at
        for at, row in enumerate(moves)
        if row["to"] not in blind and (row["to"] != Full.HALTED or row["event"] != "blocked")
        and row["event"] != "resume"
    ]  # fmt: skip
    since = moves[work[-1] :] if work else moves
    told = [row for row in since if row["to"] == Full.HALTED or row["event"] == "resume"]
    halted = bool(told) and told[-1]["event"] != "resume"
    return (moves[work[-1]]["to"] if work else ""), halted


def came_after_send(rows: Sequence[Facts], column: str, *wanted: str) -> bool:
    ways = [n for n, row in enumerate(rows) if row["event"] and row["to"].endswith(".SEND")]
    return any(row[column] in wanted for row in rows[ways[-1] if ways else 0 :])


def world(folder: Path, plans: Sequence[Plan], **given: Any) -> World:  # noqa: ANN401 - of World
    stage, venue = scripted(bars=Bars(0))
    return World(folder, stage, venue, plans, **given)


def killed_again_and_again(folder: Path) -> World:
    chain = saga(Step(buy("0.1")), Step(buy("0.2")))
    made = world(folder, [[buy("0.1")], [sell("0.1"), buy("0.2")], [chain]])
    for number in (9, 14, 21, 17):
        made.live(3, Moments("commit", number, after=number % 2 == 0))
    made.live(3)
    return made


def told_by_operators(folder: Path) -> World:
    mailbox = Mailbox({"IDLE": ["status", "kill"], "HALTED": ["resume"]})
    made = world(folder, [[buy("0.1")], [sell("0.1")], [buy("0.1")]], mailbox=mailbox)
    made.live(2)
    made.live(2)
    return made


@pytest.mark.parametrize("lived", [killed_again_and_again, told_by_operators])
def test_from_the_end_it_finds_what_all_of_the_log_says(lived: Any, tmp_path: Path) -> None:  # noqa: ANN401 - one of them
    made = lived(tmp_path)
    rows = list(made.reader.backwards(FACTS))[::-1]
    assert len(rows) > 40

    for length in range(len(rows) + 1):
        told, whole = find(reversed(rows[:length]), TABLES), read_whole(rows[:length])
        assert facts(whole) == facts(told), f"cut off after {length}"
        if whole.under_way or (whole.memory and whole.memory.done):
            assert whole.plan == told.plan
        if whole.resolving:  # else they are of an order that has come to its end
            assert (whole.sent, whole.had) == (told.sent, told.had)


def facts(found: Found) -> tuple[object, ...]:
    """All that recovery goes by, wherever a life ended."""
    return (
        found.state, found.halted, found.memory, found.tick, found.epoch, found.guard,
        found.resolving, found.in_chain, found.under_way, found.cut_off, found.fate, found.blocked,
    )  # fmt: skip


def test_names_that_never_come_again_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "SUBJECTS_MAX", 2)
    names = [f"N{number}" for number in range(5)]
    made = world(tmp_path, [[buy("0.1", name=name)] for name in names])
    made.live(5)

    assert names == made.reader.stream("instructions").collect()["name"].to_list()
    kept = cast("Sized", vars(vars(made.loop)["_records"])["_subjects"])  # it shows nowhere else
    assert 2 >= len(kept)
