"""What a new process life makes of what an earlier one left: chains, remainders, refusals."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve

from tests.machines import test_one_tx
from tests.machines.lives import Client, KilledError, Mailbox, Moments, World
from tests.machines.support import BTC, COIN, OPENING, Act, Ask, buy, honest, move, sell
from tests.machines.test_lives import LIVE, THREE, check, lost, refused, silent, world
from tests.machines.test_one_tx import one_tx, stage_of, too_much_wanted
from tests.machines.test_saga import saga
from tests.venues.test_chain_bundles import ENTRY
from verifill.engine.errors import NotObserved
from verifill.machines.strategy import Fate
from verifill.venues.chains import Step, Undo
from verifill.venues.interfaces import Venue
from verifill.venues.orders import Outcome, Reading, Receipt, Request
from verifill.venues.simulated.chain import SimulatedChain


class Forking(Client):
    """A connection to a chain, which can be rehearsed on."""

    def fork(self) -> Venue:
        chain: Any = self._venue
        fork: Venue = chain.fork()
        return fork


class Sending(SimulatedChain):
    """A chain that remembers what was sent to it."""

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - as it is made
        super().__init__(**given)
        self.sent: list[Request] = []
        self.acts: list[Act] = []

    def submit(self, request: Request) -> Receipt:
        self.sent.append(request)
        act = self.acts.pop(0) if self.acts else honest
        return act(request, super().submit)

    @property
    def numbers(self) -> list[int]:
        return [request.number for request in self.sent]


def chained(folder: Path, steps: Sequence[Any] = ENTRY, acts: Sequence[Act] = ()) -> World:
    """A plan with a chain that goes out as one transaction."""
    folder.mkdir()
    stage, chain = stage_of(Sending)
    venue: Any = chain
    venue.acts += acts
    return World(folder, stage, venue, [[one_tx(steps)]], LIVE, client=Forking)


def books_agree(made: World) -> bool:
    """Whether the books are what the chain shows."""
    venue: Any = made.venue
    totals: dict[str, int] = venue.accounts.totals
    return made.loop.monitor.totals == totals


@pytest.mark.parametrize(
    ("steps", "acts"),
    [(ENTRY, []), (ENTRY, [silent]), (ENTRY, [lost]), (too_much_wanted(), [])],
    ids=["honest", "silent", "lost", "abandoned"],
)
def test_one_transaction_is_sent_once_however_it_is_cut_off(
    tmp_path: Path, steps: Sequence[Any], acts: list[Act], every: int
) -> None:
    whole = chained(tmp_path / "whole", steps, acts)
    moments = Moments()
    assert "STOPPED" == whole.live(2, moments)
    everywhere = [
        (place, number, after)
        for place in ("commit", "send")
        for number in range(1, moments.seen.get(place, 0) + 1)
        for after in (False, True)
    ]
    for place, number, after in everywhere[len(acts) % every :: every]:
        made = chained(tmp_path / f"{place} {number} {after}", steps, acts)
        assert "KILLED" == made.live(2, Moments(place, number, after))
        assert "STOPPED" == made.live(2), (place, number, after, made.story)
        assert len(made.venue.sent) <= 2
        assert len(made.venue.numbers) == len(set(made.venue.numbers))
        assert books_agree(made)


def test_a_transaction_of_unknown_outcome_is_held_in_the_next_life_too(tmp_path: Path) -> None:
    made = chained(tmp_path / "held", acts=[silent])
    venue: Any = made.venue

    def silence(_request: Request) -> Receipt:
        return Receipt(Outcome.UNKNOWN)

    venue.query = silence

    assert "ATOMIC.COMMIT.HELD" == made.live()
    assert "ATOMIC.COMMIT.HELD" == made.live()
    assert made.story.startswith("recover resolve_commit unknown")

    legs = made.loop.manager.leg.number
    made.mailbox.replies["COMMIT.HELD"] = ["void 99", "adopt 99", f"ask {legs}"]
    del venue.query
    real = venue.query
    asked: list[Request] = []

    def query(request: Request) -> Receipt:
        asked.append(request)
        return Receipt(Outcome.UNKNOWN) if len(asked) <= THREE.attempts else real(request)

    venue.query = query
    assert "STOPPED" == made.live(1)
    assert [False, False, True] == [
        not text.startswith("refused") for _, text in made.mailbox.answers
    ]
    assert 1 == len(venue.sent)
    assert books_agree(made)


@pytest.mark.parametrize(
    ("event", "times", "then"),
    [
        ("begin", 1, "abandon fail"),
        ("rehearse", 2, "abandon fail"),
        ("commit", 1, "abandon fail"),
        ("matched", len(ENTRY) + 1, "committed complete"),
        ("committed", 1, "recovered"),
    ],
)
def test_a_transaction_is_gone_on_with_from_wherever_it_was(
    tmp_path: Path, event: str, times: int, then: str
) -> None:
    made = chained(tmp_path / "one")
    cut(made, event, times=times)

    assert "STOPPED" == made.live(1)
    assert made.story.startswith(f"recover {then}")
    assert books_agree(made)


class Skewed(test_one_tx.Skewed, Sending):
    """A step of the transaction gives one unit more, in all books."""


def test_a_transaction_that_mismatched_is_stranded_in_the_next_life_too(tmp_path: Path) -> None:
    stage, chain = stage_of(Skewed)
    venue: Any = chain
    made = World(tmp_path, stage, venue, [[one_tx(ENTRY)]], LIVE, client=Forking)
    cut(made, "exhausted")

    assert STRANDED == made.live(1)
    assert "recover strand" == made.story


# Sagas.

STRANDED = "ATOMIC.STRANDED"
PIVOT = Step(buy("1"), undo=Undo.NEVER)
TOO_MUCH = buy("100000")


@define(kw_only=True)
class Until(Moments):
    """Ends the life once an event is on the disk, for the so-manieth time."""

    made: World
    event: str
    times: int

    def around(self, place: str, do: Callable[[], Any]) -> Any:  # noqa: ANN401 - of any type
        answer = do()
        events = self.made.events if place == "commit" else []
        if events[-1:] == [self.event] and events.count(self.event) == self.times:
            raise KilledError
        return answer


def cut(made: World, event: str, *, times: int = 1, ticks: int = 4) -> None:
    """End a life when an event is on the disk."""
    assert "KILLED" == made.live(ticks, Until(made=made, event=event, times=times))


def test_a_saga_that_is_cut_off_while_it_compensates_is_taken_back(tmp_path: Path) -> None:
    made = world(tmp_path, [saga(buy("1"), buy("2"), TOO_MUCH)])
    cut(made, "compensate")

    assert "STOPPED" == made.live(1)
    assert "compensate" in made.story
    assert made.story.count("matched") == 2
    assert made.loop.monitor.totals[BTC] == OPENING[BTC]
    check(made)


def test_an_operator_takes_back_what_a_chain_has_left(tmp_path: Path) -> None:
    mailbox = Mailbox()
    made = world(tmp_path, [saga(buy("1"), PIVOT, TOO_MUCH), sell("1", name="B")], mailbox=mailbox)

    assert STRANDED == made.live()
    assert STRANDED == made.live()
    assert "recover strand" == made.story

    mailbox.replies[STRANDED] = ["compensate", "compensate"]
    assert STRANDED == made.live(2)  # what the pivot did stays
    (taken_back, nothing_left) = (text for _, text in mailbox.answers)
    assert "the newest effect that is left is taken back" == taken_back
    assert "refused: nothing of the chain is left that can be taken back" == nothing_left
    assert "recover strand compensate accepted observed matched strand" == made.story
    assert STRANDED == made.live(1)  # and the next life knows

    mailbox.replies |= {STRANDED: ["settle"], "HALTED": ["resume"]}
    assert "STOPPED" == made.live(2)
    check(made)


SETTLED = 3  # the commit of the command, in the life that hears it


@pytest.mark.parametrize("number", range(1, 5))
def test_a_chain_that_is_settled_stays_so_wherever_the_life_is_cut_off(
    tmp_path: Path, number: int
) -> None:
    """Between the command and its move, too: then the fate of the chain is all that is known."""
    made = world(tmp_path, [saga(buy("1"), PIVOT, TOO_MUCH)])
    assert STRANDED == made.live()

    made.mailbox.replies |= {STRANDED: ["settle"]}
    assert "KILLED" == made.live(1, Moments("commit", number, after=True))
    made.mailbox.replies |= {STRANDED: ["settle"], "HALTED": ["resume"]}
    assert "STOPPED" == made.live(1)
    said = "strand settled" if number < SETTLED else "blocked"
    assert f"recover {said} resume recovered finish" == made.story
    check(made)


def refuses(_request: Request, _ask: Ask) -> Receipt:
    """Does not take it."""
    return Receipt(Outcome.REJECTED_DEFINITIVE, reason="not now")


@pytest.mark.parametrize("restart", [False, True])
def test_an_operator_has_a_compensation_that_failed_tried_anew(
    tmp_path: Path, *, restart: bool
) -> None:
    """A new instruction with a new key: that the one before was not executed is proven."""
    made = world(tmp_path, [saga(buy("1"), TOO_MUCH)], submits=[honest, honest, refuses])
    made.mailbox.replies[STRANDED] = [] if restart else ["compensate"]
    assert ("STOPPED" if not restart else STRANDED) == made.live()
    if restart:
        made.mailbox.replies[STRANDED] = ["compensate"]
        assert "STOPPED" == made.live()

    assert "strand compensate accepted observed matched rolled_back" in made.story
    keys = [request.key for request in made.venue.sent]
    assert 4 == len(keys) == len(set(keys))
    assert made.loop.monitor.totals[BTC] == OPENING[BTC]
    check(made)


@pytest.mark.parametrize(
    ("parts", "submits", "remainders"),
    [([100, 100, 50], [], 0), ([100, 100, 50], [honest, honest, honest, refuses], 1)],
    ids=["the rest of it", "its remainder that failed"],
)
def test_only_what_is_left_of_a_compensation_is_tried_anew(
    tmp_path: Path, parts: list[int], submits: list[Act], remainders: int
) -> None:
    made = world(tmp_path, [saga(buy("1"), TOO_MUCH)], parts=parts, submits=submits)
    made.policy = evolve(LIVE, remainders=remainders)
    assert STRANDED == made.live()

    made.mailbox.replies[STRANDED] = ["compensate"]
    assert "STOPPED" == made.live()
    assert "recover strand compensate accepted observed matched rolled_back" in made.story
    assert made.loop.monitor.totals[BTC] == OPENING[BTC]
    check(made)


def test_a_compensation_that_is_not_proven_is_never_tried_anew(tmp_path: Path) -> None:
    made = world(tmp_path, [saga(buy("1"), TOO_MUCH)], submits=[honest, honest, mismatches])
    made.mailbox.replies[STRANDED] = ["compensate"]

    assert STRANDED == made.live()
    ((_, told),) = made.mailbox.answers
    assert "refused: nothing of the chain is left that can be taken back" == told
    assert 3 == len(made.venue.sent)


def test_a_strategy_is_told_that_its_chain_was_stranded(tmp_path: Path) -> None:
    mailbox = Mailbox({STRANDED: ["compensate", "settle"], "HALTED": ["resume"]})
    made = world(tmp_path, [saga(PIVOT, TOO_MUCH), sell("1", name="B")], mailbox=mailbox)

    assert "STOPPED" == made.live(3)
    refused_first = mailbox.answers[0][1]
    assert "refused: nothing of the chain is left that can be taken back" == refused_first
    told = made.strategy.reports[-1]
    assert [Fate.STRANDED, Fate.EXPIRED] == [entry.fate for entry in told.entries]


@pytest.mark.parametrize(
    ("event", "times", "then"),
    [
        ("begin", 1, "abandon fail"),
        ("step", 1, "step accepted"),
        ("matched", 1, "step accepted"),
        ("refused", 1, "resolve_step"),
        ("exhausted", 1, "compensate accepted"),
        ("compensate", 1, "compensate accepted"),
        ("matched", 3, "compensate accepted"),
        ("matched", 4, "abandon fail"),
        ("rolled_back", 1, "recovered"),
    ],
)
def test_a_saga_is_gone_on_with_from_wherever_it_was(
    tmp_path: Path, event: str, times: int, then: str
) -> None:
    made = world(tmp_path, [saga(buy("1"), buy("2"), TOO_MUCH)])
    cut(made, event, times=times)

    assert "STOPPED" == made.live(1)
    assert made.story.startswith(f"recover {then}")
    assert made.loop.monitor.totals[BTC] == OPENING[BTC]
    check(made)


def mismatches(request: Request, ask: Ask) -> Receipt:
    """Does it, and tells of more than it did."""
    receipt = ask(request)
    fills = [replace(f, quantity=f.quantity + 1000) for f in receipt.fills]
    return replace(receipt, fills=tuple(fills))


@pytest.mark.parametrize("number", [0, 2])
def test_a_mismatch_in_a_saga_strands_it_in_the_next_life_too(tmp_path: Path, number: int) -> None:
    """In a step, and in a compensation."""
    acts: list[Act] = [*[honest] * number, mismatches]
    made = world(tmp_path, [saga(buy("1"), TOO_MUCH)], submits=acts)
    cut(made, "exhausted", times=1 if number == 0 else 2)

    assert STRANDED == made.live(1)
    assert made.story == "recover strand"


def test_the_remainder_of_a_step_is_sent_by_the_next_life(tmp_path: Path) -> None:
    made = world(tmp_path, [saga(buy("1"), buy("2"))], parts=[50])
    cut(made, "partial")

    assert "STOPPED" == made.live(1)
    assert made.story.startswith("recover step accepted observed matched step accepted")
    assert made.loop.monitor.totals[BTC] - OPENING[BTC] == 3 * COIN
    check(made)


def test_the_remainder_of_a_compensation_is_sent_by_the_next_life(tmp_path: Path) -> None:
    made = world(tmp_path, [saga(buy("1"), TOO_MUCH)], parts=[100, 100, 50])
    cut(made, "partial")

    assert "STOPPED" == made.live(1)
    assert made.story.startswith("recover compensate accepted observed matched rolled_back")
    check(made)


def test_a_step_with_more_remainders_than_allowed_turns_back_in_the_next_life(
    tmp_path: Path,
) -> None:
    made = world(tmp_path, [saga(buy("1"), buy("2"))], parts=[50])
    made.policy = evolve(LIVE, remainders=0)
    cut(made, "partial")

    assert "STOPPED" == made.live(1)
    assert made.story.startswith("recover compensate accepted observed matched rolled_back")


def test_an_order_in_flight_in_a_compensation_is_asked_for(tmp_path: Path) -> None:
    made = world(tmp_path, [saga(buy("1"), TOO_MUCH)])
    cut(made, "accepted", times=2)

    assert "STOPPED" == made.live(1)
    assert made.story.startswith("recover resolve_compensation found observed matched rolled_back")
    check(made)


# What is denied stays denied.


def test_what_was_denied_is_not_sent_by_the_next_life(tmp_path: Path) -> None:
    """Its account is not of a venue that the strategy subscribes to."""
    made = world(tmp_path, [saga(buy("1"), move("1"))])
    made.subscribed = ()
    cut(made, "step")

    assert "STOPPED" == made.live(1)
    assert [] == made.venue.sent


# Parts.


def test_a_remainder_that_was_not_sent_leaves_its_entry_in_part(tmp_path: Path) -> None:
    made = world(tmp_path, [buy("1", name="A"), sell("1", name="B")], parts=[50])
    cut(made, "instruct", times=2)

    assert "STOPPED" == made.live(1)
    (told,) = made.strategy.reports
    assert [Fate.IN_PART, Fate.EXPIRED] == [entry.fate for entry in told.entries]
    assert 1 == len(made.venue.sent)


def test_an_entry_that_was_done_is_not_told_as_expired_two_ticks_later(tmp_path: Path) -> None:
    made = world(tmp_path, [buy("1", name="A")], [], [])
    cut(made, "tick", times=3)

    assert "STOPPED" == made.live(1)
    notes = made.reader.stream("notes").collect()
    assert [] == notes.filter(kind="EXPIRED").to_dicts()


@pytest.mark.parametrize("event", ["complete", "rest", "matched"])
def test_a_strategy_is_told_of_its_plan_though_the_life_ended_before_its_next_tick(
    tmp_path: Path, event: str
) -> None:
    made = world(tmp_path, [buy("1", name="A")])
    cut(made, event)

    assert "STOPPED" == made.live(1)
    told = made.strategy.reports[-1]
    assert [("A", Fate.DONE)] == [(entry.wanted.name, entry.fate) for entry in told.entries]


@pytest.mark.parametrize("event", ["fail", "rest"])
def test_a_strategy_is_told_of_a_failure_though_the_life_ended_before_its_next_tick(
    tmp_path: Path, event: str
) -> None:
    made = world(tmp_path, [buy("1", name="A"), buy("2", name="B")], submits=[refused])
    cut(made, event)

    assert "STOPPED" == made.live(1)
    told = made.strategy.reports[-1]
    assert [Fate.FAILED_CLEAN, Fate.EXPIRED] == [entry.fate for entry in told.entries]


def test_what_a_life_has_recovered_is_told_though_it_ends_before_its_next_plan(
    tmp_path: Path,
) -> None:
    made = world(tmp_path, [buy("1", name="A"), sell("1", name="B")])
    cut(made, "matched")
    cut(made, "tick", times=2)

    assert "STOPPED" == made.live(1)
    told = made.strategy.reports[-1]
    assert [Fate.DONE, Fate.EXPIRED] == [entry.fate for entry in told.entries]
    assert 1 == len(made.venue.sent)


# A venue that has had it.


def test_what_a_venue_has_had_is_not_absent_in_the_next_life(tmp_path: Path) -> None:
    made = world(tmp_path, [buy("1")], submits=[takes])
    cut(made, "accepted")
    made.venue.query = lambda _request: Receipt(Outcome.ABSENT, reason="gone")  # type: ignore[assignment]  # it forgets

    assert "INSTRUCTION.HELD" == made.live(1)
    assert 1 == len(made.venue.sent)


def takes(_request: Request, _ask: Ask) -> Receipt:
    """Has it, and says no more."""
    return Receipt(Outcome.ACCEPTED)


@pytest.mark.parametrize("said", ["void", "ask", "adopt"])
def test_what_is_said_of_an_order_that_was_held_waits_until_it_is_held_again(
    tmp_path: Path, said: str
) -> None:
    """Whoever says it to an engine that is stopped is not refused by the next one on its way."""
    made = world(tmp_path, [buy("1")], submits=[takes])
    cut(made, "accepted")
    made.venue.query = lambda _request: Receipt(Outcome.ABSENT, reason="gone")  # type: ignore[assignment]  # it forgets
    assert "INSTRUCTION.HELD" == made.live(1)

    made.mailbox.replies["RETRY.QUERY"] = [said]
    made.live(1)
    ((name, text),) = made.mailbox.answers
    assert said == name
    assert "does not apply" not in text


# A summary.


def summaries(made: World) -> list[dict[str, object]]:
    """What recovery has written down of itself."""
    notes = made.reader.stream("notes").collect().filter(kind="RECOVERY")
    return [json.loads(text) for text in notes["payload"]]


SILENCE = Receipt(Outcome.UNKNOWN, reason="no answer")


@pytest.mark.parametrize(
    ("event", "answer", "fate", "complete"),
    [
        ("accepted", SILENCE, "adopted", True),
        ("intent", Receipt(Outcome.ABSENT), "voided", True),
        ("intent", SILENCE, "held", False),
    ],
)
def test_what_became_of_what_was_in_flight_is_summed_up_once_it_is_known(
    tmp_path: Path, event: str, answer: Receipt, fate: str, *, complete: bool
) -> None:
    made = world(tmp_path, [buy("1")])
    if event == "accepted":
        cut(made, event)
    else:
        assert "KILLED" == made.live(1, Moments("send", 1))
        made.venue.query = lambda _request: answer  # type: ignore[assignment]  # it tells no more
    made.live(1)
    first, last = summaries(made)[-2:]

    assert not first["complete"]
    assert last.keys() == {fate, "complete"}
    assert last["complete"] is complete


def test_where_nothing_was_in_flight_recovery_is_complete_at_once(tmp_path: Path) -> None:
    made = world(tmp_path, [buy("1")])
    made.live(1)

    assert [True] == [one["complete"] for one in summaries(made)]


# A person must look.


def test_a_mismatch_halts_until_it_is_resumed_and_the_strategy_is_told_in_the_next_life(
    tmp_path: Path,
) -> None:
    made = world(tmp_path, [buy("1", name="A"), sell("1", name="B")], submits=[mismatches])
    assert "STOPPED" == made.live(2)
    assert made.story.endswith("exhausted hold finish")

    made.mailbox.replies["HALTED"] = ["adopt-external", "resume"]
    cut(made, "resume")
    assert "STOPPED" == made.live(1)
    assert made.story.startswith("recover recovered tick")  # it was resumed before it was cut off
    (told,) = made.strategy.reports
    assert [Fate.MISMATCHED, Fate.EXPIRED] == [entry.fate for entry in told.entries]


def test_an_operator_is_told_why_nothing_can_be_taken_back(tmp_path: Path) -> None:
    made = world(tmp_path, [saga(buy("1"), PIVOT, PIVOT, TOO_MUCH)])
    made.mailbox.replies[STRANDED] = ["compensate", "compensate"]

    assert STRANDED == made.live()
    (first, second) = (text for _, text in made.mailbox.answers)
    assert first.startswith("refused: step 4: ")
    assert first.endswith("cannot be undone: it is a pivot")
    assert "the newest effect that is left is taken back" == second


def test_what_came_after_an_order_in_flight_is_told_as_expired_though_a_reading_fails(
    tmp_path: Path,
) -> None:
    made = world(tmp_path, [buy("1", name="A"), sell("1", name="B")])
    cut(made, "accepted")
    readings = iter([True, False, True, True])
    real = made.venue.read

    def read() -> Reading:
        if not next(readings, True):
            msg = "down"
            raise NotObserved(msg)
        return real()

    made.venue.read = read  # type: ignore[method-assign]  # it is down for a while
    assert "STOPPED" == made.live(2)
    assert "tick fail" in made.story
    told = made.strategy.reports[-1]
    assert [Fate.DONE, Fate.EXPIRED] == [entry.fate for entry in told.entries]
    check(made)


def test_positions_that_cannot_be_read_are_told_beside_a_start_up_test_that_failed(
    tmp_path: Path,
) -> None:
    made = world(tmp_path, [buy("1")])

    def read() -> Reading:
        msg = "down"
        raise NotObserved(msg)

    made.venue.read = read  # type: ignore[method-assign]  # it is down
    failed = ("no permission",)
    made.venue.start_up_failures = lambda: failed  # type: ignore[method-assign]  # it fails
    assert "STOPPED" == made.live(1)

    assert "recover blocked finish" == made.story
    assert made.loop.reason.endswith("no permission; position query: down")


def test_a_reading_that_fails_at_recovery_blocks_it(tmp_path: Path) -> None:
    made = world(tmp_path, [buy("1")])
    made.live(1)
    real = made.venue.read

    def read() -> Reading:
        msg = "down"
        raise NotObserved(msg)

    made.venue.read = read  # type: ignore[method-assign]  # it is down
    assert "STOPPED" == made.live(1)
    assert "recover blocked finish" == made.story
    assert "position query: down" == made.loop.reason

    made.venue.read = real  # type: ignore[method-assign]  # it is up again
    made.mailbox.replies["HALTED"] = ["resume"]
    assert "STOPPED" == made.live(2)
    assert made.story.startswith("recover blocked resume recovered")
