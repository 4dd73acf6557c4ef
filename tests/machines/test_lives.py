"""A live engine that is cut off at any moment: one effect for each intent, nothing lost."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.machines.lives import Mailbox, Moments, World
from tests.machines.support import (
    BTC,
    USDT,
    Act,
    Ask,
    Bars,
    Script,
    buy,
    honest,
    move,
    scripted,
    sell,
)
from tests.machines.test_saga import gives, saga
from verifill.engine.retry import RetryPolicy
from verifill.machines.loop import LoopPolicy
from verifill.machines.policies import Policies
from verifill.machines.strategy import Plan
from verifill.venues.orders import Outcome, Receipt, Request

THREE = RetryPolicy(attempts=3)
LIVE = LoopPolicy(fail_fast=False, tight_loop=Policies(sends=THREE, readings=THREE, queries=THREE))


def silent(request: Request, ask: Ask) -> Receipt:
    """The venue does it, and its answer is lost."""
    ask(request)
    return Receipt(Outcome.UNKNOWN, reason="no answer")


def lost(_request: Request, _ask: Ask) -> Receipt:
    """The request never arrives, and nobody knows."""
    return Receipt(Outcome.UNKNOWN, reason="no answer")


def refused(_request: Request, _ask: Ask) -> Receipt:
    return Receipt(Outcome.REJECTED_DEFINITIVE, reason="no")


def lies(request: Request, ask: Ask) -> Receipt:
    """The venue does it, and says that it did not."""
    ask(request)
    return Receipt(Outcome.REJECTED_DEFINITIVE, reason="no")


def world(
    folder: Path,
    *plans: Plan,
    submits: Sequence[Act] = (),
    parts: Sequence[int] = (),
    mailbox: Mailbox | None = None,
) -> World:
    stage, venue = scripted(Script(submits=submits), bars=Bars(0), model=gives(*parts))
    return World(folder, stage, venue, plans, LIVE, mailbox or Mailbox())


PLANS: dict[str, Sequence[Plan]] = {
    "one": [[buy("1", name="A")]],
    "two": [[buy("1", name="A"), sell("2", name="B")]],
    "a tick each": [[buy("1")], [sell("1")]],
    "transfer": [[move("100")], [buy("1")]],
    "saga": [[saga(buy("1"), move("50"), sell("0.5"))]],
    "saga taken back": [[saga(buy("1"), move("50"), buy("100000"))], [buy("1")]],
}
VENUES: dict[str, Sequence[Act]] = {
    "honest": [], "silent": [silent], "lost": [lost], "refused": [refused],
    "second silent": [honest, silent],
}  # fmt: skip
PARTS: dict[str, Sequence[int]] = {"whole": [], "half": [50]}


def check(made: World, *, twice: bool = False) -> None:
    """What must be true however often it was cut off."""
    venue, verdict = made.venue, made.verify()
    assert verdict.conforms, [check for check in verdict.checks if check.count]
    assert len(venue.numbers) == len(set(venue.numbers)) or twice
    intents = made.reader.records().collect().filter(kind="INTENT")
    assert len(intents) == intents["intent_id"].n_unique()
    keys = {request.key for request in venue.sent}
    assert keys <= set(intents["intent_id"])
    books = made.reader.stream("positions").collect()
    shown = venue.exchange.accounts.totals
    for key in (BTC, USDT):
        told = books.filter(key=key)
        if told.height:
            assert shown[key] == told["total"][-1], key


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("part", PARTS)
def test_a_life_that_is_cut_off_anywhere_is_gone_on_with(
    tmp_path: Path, plan: str, venue: str, part: str, every: int
) -> None:
    def made(name: str) -> World:
        folder = tmp_path / name
        folder.mkdir()
        return world(folder, *PLANS[plan], submits=VENUES[venue], parts=PARTS[part])

    whole = made("whole")
    moments = Moments()
    assert "STOPPED" == whole.live(4, moments)
    check(whole)
    everywhere = [
        (place, number, after)
        for place in ("commit", "aside", "send")
        for number in range(1, moments.seen.get(place, 0) + 1)
        for after in (False, True)
    ]
    # each combination begins elsewhere, so that together they are everywhere
    for place, number, after in everywhere[len(plan + venue + part) % every :: every]:
        one = made(f"{place} {number} {after}")
        assert "KILLED" == one.live(4, Moments(place, number, after))
        assert "STOPPED" == one.live(4), (place, number, after, one.story)
        check(one)


HELD = "INSTRUCTION.HELD"


def test_an_order_that_nobody_can_tell_of_is_held_and_stays_held_after_a_restart(
    tmp_path: Path,
) -> None:
    made = world(tmp_path, [buy("1")], submits=[silent])
    made.venue.query = lambda _request: Receipt(Outcome.UNKNOWN)  # type: ignore[assignment]  # the venue falls silent

    assert HELD == made.live()
    assert HELD == made.live()
    assert 1 == len(made.venue.sent)
    assert made.story.startswith("recover resolve_instruction unknown unknown exhausted")


@pytest.mark.parametrize(
    ("submit", "replies", "ends"),
    [
        (silent, ["ask"], "ask found observed matched"),
        (silent, ["adopt"], "adopted observed matched"),
        (lost, ["void"], "voided observed unexecuted exhausted"),
        (lost, ["adopt", "void"], "voided observed unexecuted exhausted"),
    ],
    ids=["ask", "adopt", "void", "a wrong word first"],
)
def test_an_operator_ends_what_is_held(
    tmp_path: Path, submit: Act, replies: list[str], ends: str
) -> None:
    made = world(tmp_path, [buy("1")], submits=[submit], mailbox=Mailbox({HELD: list(replies)}))
    real = made.venue.query
    asked: list[Request] = []

    def query(request: Request) -> Receipt:
        asked.append(request)
        return Receipt(Outcome.UNKNOWN) if len(asked) <= THREE.attempts else real(request)

    made.venue.query = query  # type: ignore[method-assign]  # it falls silent for a while

    assert "STOPPED" == made.live()
    assert ends in made.story
    check(made)


def test_what_does_not_apply_is_refused_with_what_does(tmp_path: Path) -> None:
    made = world(
        tmp_path, [buy("1")], submits=[lies], mailbox=Mailbox({HELD: ["compensate", "settle"]})
    )

    assert HELD == made.live()
    (first, second) = made.mailbox.answers
    do = "abort, adopt, ask, kill, reset-breaker, resume, status, void do"
    assert ("compensate", f"refused: compensate does not apply in {HELD}; {do}") == first
    assert second[1].startswith("refused")
    assert 2 == made.reader.records().collect().filter(kind="OPERATOR").height


def test_a_halted_engine_stays_halted_until_it_is_resumed(tmp_path: Path) -> None:
    made = world(tmp_path, [buy("1")], [buy("1")])
    made.live(1)
    made.venue.exchange.accounts.totals[BTC] += 1  # somebody else trades on the account

    assert "STOPPED" == made.live(1)
    assert "blocked" in made.story
    assert "STOPPED" == made.live(1)
    assert "blocked" in made.story
    assert 1 == len(made.venue.sent)

    made.mailbox.replies["HALTED"] = ["adopt-external", "resume"]
    assert "STOPPED" == made.live(2)
    assert 2 == len(made.venue.sent)
    check(made)


def test_a_command_that_an_earlier_life_has_taken_up_is_not_done_twice(tmp_path: Path) -> None:
    made = world(tmp_path, [buy("1")], submits=[lies], mailbox=Mailbox({HELD: ["status"]}))
    made.mailbox.deaf = True  # it was done, and its answer was lost

    assert HELD == made.live()
    made.mailbox.deaf = False
    assert "STOPPED" == made.live()  # asked again, the venue owns up
    assert [("status", "refused: an earlier process life has taken it already")] == (
        made.mailbox.answers
    )
    assert 1 == made.reader.records().collect().filter(kind="OPERATOR").height
