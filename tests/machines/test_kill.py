"""Kills: nothing new, nothing that rests, and on request nothing that is held."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.machines.lives import Mailbox, Moments, World
from tests.machines.resting import Book, breaks, resting, silent
from tests.machines.support import (
    BNB,
    BTC,
    COIN,
    LEVERAGE,
    MARGIN,
    OPENING,
    SIZE,
    USDT,
    Act,
    buy,
    go,
    honest,
)
from tests.machines.test_lives import check
from tests.machines.test_recovery import PIVOT, STRANDED, TOO_MUCH, cut, mismatches, refuses
from tests.machines.test_saga import saga
from verifill.engine.errors import InstructionError, NotObserved
from verifill.machines.flattening import ROUNDS_MAX
from verifill.machines.strategy import Fate
from verifill.venues.orders import Cause, Order, Reading

AWAIT = "INSTRUCTION.AWAIT_POSITION"
HELD = "INSTRUCTION.HELD"
FLAT = {BTC: 0, SIZE: 0, BNB: COIN, LEVERAGE: 5}


def cancels(made: World) -> list[dict[str, str]]:
    """Every cancel that is in the log, in order."""
    rows = made.reader.stream("notes").collect().to_dicts()
    return [json.loads(row["payload"]) for row in rows if row["kind"] == "CANCEL"]


def flattened(made: World) -> list[dict[str, Any]]:
    rows = made.reader.stream("notes").collect().to_dicts()
    return [json.loads(row["payload"]) for row in rows if row["kind"] == "FLATTEN"]


def books(made: World) -> dict[str, int]:
    return made.loop.monitor.totals


# Cancels.


def test_a_kill_cancels_the_order_in_flight_and_verifies_that_nothing_moved(
    tmp_path: Path,
) -> None:
    """It is not sent again, though it could be."""
    book = Book()
    made = resting(tmp_path, [buy("1"), buy("2")], book=book, mailbox=Mailbox({AWAIT: ["kill"]}))

    assert "STOPPED" == made.live()
    (key,) = book.cancelled
    assert [(key, "EXPIRED", "desk")] == [
        (c["key"], c["outcome"], c["venue"]) for c in cancels(made)
    ]
    ((_, answer),) = made.mailbox.answers
    assert answer.endswith(f"; cancelled {key} at desk: EXPIRED, cancelled")
    assert "observed unexecuted exhausted fail stop finish" in made.story
    assert 1 == len(made.venue.sent)
    assert OPENING == books(made)
    check(made)


def test_a_cancel_that_loses_the_race_against_a_fill_leaves_an_order_that_is_verified(
    tmp_path: Path,
) -> None:
    book = Book(answers=[honest])
    made = resting(tmp_path, [buy("1"), buy("2")], book=book, mailbox=Mailbox({AWAIT: ["kill"]}))

    assert "STOPPED" == made.live()
    assert ["EXECUTED"] == [one["outcome"] for one in cancels(made)]
    assert "observed matched fail stop finish" in made.story
    assert OPENING[BTC] + COIN == books(made)[BTC]
    check(made)


@pytest.mark.parametrize("lost", [silent, breaks])
def test_a_cancel_without_an_answer_is_sent_again_while_the_order_rests(
    tmp_path: Path, lost: Act
) -> None:
    book = Book(answers=[lost, lost])
    made = resting(tmp_path, [buy("1")], book=book, mailbox=Mailbox({AWAIT: ["kill"]}))

    assert "STOPPED" == made.live()
    assert ["UNKNOWN", "UNKNOWN", "EXPIRED"] == [one["outcome"] for one in cancels(made)]
    assert "unexecuted exhausted fail stop finish" in made.story
    check(made)


def test_an_order_in_flight_that_the_venue_does_not_list_is_cancelled_too(tmp_path: Path) -> None:
    book = Book(hidden=True)
    made = resting(tmp_path, [buy("1")], book=book, mailbox=Mailbox({AWAIT: ["kill"]}))

    assert "STOPPED" == made.live()
    assert 1 == len(book.cancelled)


def test_a_list_of_open_orders_that_cannot_be_had_is_told_once_and_asked_for_again(
    tmp_path: Path,
) -> None:
    book = Book(unlisted=3, hidden=True)
    made = resting(tmp_path, [buy("1")], book=book, mailbox=Mailbox({AWAIT: ["kill"]}))

    assert "STOPPED" == made.live()
    first, second = cancels(made)
    assert {"venue": "desk", "reason": "no answer"} == first
    assert "EXPIRED" == second["outcome"]
    ((_, answer),) = made.mailbox.answers
    assert "the open orders of desk are not known: no answer" in answer


def test_what_is_executed_already_is_not_cancelled(tmp_path: Path) -> None:
    """Its position is waited for."""
    book = Book(rests=0, hidden=True)
    made = resting(tmp_path, [buy("1")], book=book, mailbox=Mailbox({AWAIT: ["kill"]}))
    real = made.venue.read
    late = [False, False, False, True, True]

    def read() -> Reading:
        if late and late.pop(0):
            msg = "down"
            raise NotObserved(msg)
        return real()

    made.venue.read = read  # type: ignore[method-assign]  # it is down for a while
    assert "STOPPED" == made.live()
    assert ["kill"] == [name for name, _ in made.mailbox.answers]
    assert [] == cancels(made)
    assert "matched fail stop finish" in made.story


def test_a_kill_that_waits_for_a_new_life_cancels_before_anything_is_asked(tmp_path: Path) -> None:
    book = Book()
    made = resting(tmp_path, [buy("1")], [buy("2")], book=book)
    cut(made, "accepted")

    made.mailbox.replies |= {"RECOVER": ["kill"], "HALTED": ["resume"]}
    assert "STOPPED" == made.live()
    assert 1 == len(book.cancelled)
    told = made.reader.records().collect()
    (operator,) = told.filter(kind="OPERATOR", to="RECOVER")["seq"]
    asked = told.filter(event="resolve_instruction")["seq"][0]
    assert operator < asked
    assert made.story.startswith("recover resolve_instruction found observed unexecuted exhausted")
    assert "fail stop resume recovered" in made.story
    check(made)


def test_a_kill_that_waits_for_a_new_life_halts_it_where_nothing_is_in_flight(
    tmp_path: Path,
) -> None:
    made = resting(tmp_path, [], [buy("1")], mailbox=Mailbox({"RECOVER": ["kill"]}))

    assert "STOPPED" == made.live()
    assert "recover recovered halt finish" == made.story
    assert "killed by ann: because" == made.loop.reason
    assert [] == made.venue.sent


def test_other_commands_wait_until_recovery_is_over(tmp_path: Path) -> None:
    made = resting(tmp_path, [], mailbox=Mailbox({"RECOVER": ["status"]}))

    assert "STOPPED" == made.live(2)
    ((_, answer),) = made.mailbox.answers
    assert answer.startswith("IDLE")


def test_a_resume_that_was_posted_before_a_kill_does_not_undo_it(tmp_path: Path) -> None:
    class Both(Mailbox):
        """A resume waits; then a kill comes."""

        def pending(self) -> Sequence[Any]:
            if not self.answers and not self._waiting and self.state() == "IDLE":
                self.replies = {"IDLE": ["resume"]}
                super().pending()
                self._waiting, first = [], list(self._waiting)
                self.replies = {"IDLE": ["kill"]}
                super().pending()
                self._waiting += first
                return [self._waiting[0]]
            return list(self._waiting) if self.state() == "HALTED" else ()

    made = resting(tmp_path, [buy("1")], mailbox=Both())

    assert "STOPPED" == made.live()
    assert ("resume", "refused: a kill was posted after it") == made.mailbox.answers[1]


def test_a_kill_while_an_order_is_held_cancels_it_and_asks_again(tmp_path: Path) -> None:
    book = Book()
    made = resting(tmp_path, [buy("1")], book=book, mailbox=Mailbox({HELD: ["kill"]}))

    assert "STOPPED" == made.live()
    assert "exhausted ask found observed unexecuted exhausted fail stop finish" in made.story
    assert 1 == len(book.cancelled)
    check(made)


def test_a_killed_life_that_is_cut_off_is_halted_in_the_next_one_with_nothing_resting(
    tmp_path: Path,
) -> None:
    book = Book(answers=[silent] * 100)
    made = resting(tmp_path, [buy("1")], book=book, mailbox=Mailbox({AWAIT: ["kill"]}))
    cut(made, "pending", times=4)
    book.answers.clear()

    assert "STOPPED" == made.live()
    assert "recover blocked finish" == made.story
    assert 1 == len(book.cancelled)
    made.mailbox.replies["HALTED"] = ["resume"]
    assert "STOPPED" == made.live(2)
    assert "resume resolve_instruction found observed unexecuted" in made.story


# Flat.

SHORT = go("-3", name="hedge")
TO_SELL_BNB = "1.00000000, there is no instrument to sell it by"


def kinds(made: World) -> list[tuple[str, str]]:
    """Operation and side of what was sent, in order."""
    orders: list[Any] = made.venue.sent
    return [(str(one.instruction.op), str(one.instruction.side)) for one in orders]


CLOSED = [("PERP_TRADE", "BUY"), ("SPOT_TRADE", "SELL")]


def test_a_kill_while_idle_closes_the_positions_before_it_halts(tmp_path: Path) -> None:
    made = resting(tmp_path, [SHORT], [], [buy("1")], mailbox=Mailbox({"IDLE": ["status"] * 3}))
    made.mailbox.replies["COMPLETE"] = []
    assert "STOPPED" == made.live(1)
    made.mailbox.replies = {"IDLE": ["kill yes"]}

    assert "STOPPED" == made.live()
    assert made.story.startswith("recover recovered tick instruct accepted observed matched")
    assert made.story.endswith("complete rest tick complete rest halt finish")
    assert CLOSED == kinds(made)[1:]
    assert FLAT.items() <= books(made).items()
    assert [{"given up": "", "left": {BNB: TO_SELL_BNB}}] == flattened(made)
    ((_, answer),) = made.mailbox.answers[-1:]
    assert answer.endswith(
        f"positions are closed first, but for: {BNB} 1.00000000 (there is no instrument to sell "
        "it by)"
    )
    roles = made.reader.stream("instructions").collect()["role"].to_list()
    assert ["PLAN", "FLATTEN", "FLATTEN"] == roles
    check(made)


def test_what_is_under_way_is_resolved_before_positions_are_closed(tmp_path: Path) -> None:
    mailbox = Mailbox({AWAIT: ["kill yes"], "HALTED": ["resume"]})
    book = Book()
    made = resting(tmp_path, [buy("1"), buy("2")], [buy("1")], book=book, mailbox=mailbox)

    assert "STOPPED" == made.live(6)
    assert [("global", "reduce", "REDUCING"), ("global", "halt", "HALTED")] == made.asides[:2]
    assert [("global", "resume", "REDUCING")] == made.asides[2:]  # a second one opens it all
    assert 1 == len(book.cancelled)
    assert "unexecuted exhausted fail rest tick instruct accepted" in made.story
    assert "complete rest halt resume recovered tick instruct denied" in made.story
    assert [("SPOT_TRADE", "BUY"), ("SPOT_TRADE", "SELL")] == kinds(made)
    assert [Fate.FAILED_CLEAN, Fate.EXPIRED] == [
        entry.fate for entry in made.strategy.reports[1].entries
    ]  # the strategy is told of its own plan, not of the one in its place
    check(made)


WHEN = {"pending": AWAIT, "idle": "IDLE", "halted": "HALTED", "recovering": "RECOVER"}


@pytest.mark.parametrize("when", WHEN)
def test_a_life_that_is_cut_off_anywhere_while_positions_are_closed_is_gone_on_with(
    tmp_path: Path, every: int, when: str
) -> None:
    """Once it is on the disk that the command was taken, it is carried out, or halted and told."""

    def made(name: str) -> World:
        (tmp_path / name).mkdir()
        book = Book(rests=int(when == "pending"))
        one = resting(tmp_path / name, [SHORT, buy("1")], [buy("1")], book=book)
        if when != "pending":
            assert "STOPPED" == one.live(1)
        if when == "halted":
            one.mailbox.replies["IDLE"] = ["kill"]
        one.mailbox.replies[WHEN[when]] = ["kill yes"]
        return one

    whole, moments = made("whole"), Moments()
    assert "STOPPED" == whole.live(6, moments)
    assert FLAT.items() <= books(whole).items()
    everywhere = [
        (place, number, after)
        for place in ("commit", "send")
        for number in range(1, moments.seen[place] + 1)
        for after in (False, True)
    ]
    for place, number, after in everywhere[::every]:
        one = made(f"{place} {number} {after}")
        assert "KILLED" == one.live(6, Moments(place, number, after))
        assert "STOPPED" == one.live(6)
        assert {} == one.client.book.open  # type: ignore[attr-defined]  # as it was made
        check(one)
        operator = one.reader.records().collect().filter(kind="OPERATOR")["payload"].to_list()
        if any('"flatten":"yes"' in said for said in operator):
            flat = FLAT.items() <= books(one).items()
            assert flat or one.story == "recover blocked finish", (place, number, after, one.story)
            assert one.story.endswith(("halt finish", "recover blocked finish"))
            assert flat or when == "halted"


def test_what_is_refused_is_given_up_and_the_rest_is_closed(tmp_path: Path) -> None:
    """Its reason would be the same; what follows it in the plan is in the next one."""
    made = resting(
        tmp_path, [SHORT], mailbox=Mailbox({"HALTED": ["kill yes"]}), submits=[honest, refuses]
    )
    made.live(1)
    made.mailbox.replies = {"IDLE": ["kill yes"]}

    assert "STOPPED" == made.live()
    assert "unexecuted exhausted fail rest tick instruct accepted observed matched" in made.story
    (told,) = flattened(made)
    assert {SIZE: "-3.00000000, not now", BNB: TO_SELL_BNB} == told["left"]
    assert 0 == books(made)[BTC]
    assert -3 * COIN == books(made)[SIZE]
    check(made)


def test_what_is_less_than_the_venue_takes_is_left_and_told(tmp_path: Path) -> None:
    opening = {**OPENING, BTC: 10 * COIN + 7, SIZE: 0, BNB: 0}
    made = resting(tmp_path, mailbox=Mailbox({"IDLE": ["kill yes"]}), opening=opening)

    assert "STOPPED" == made.live()
    (told,) = flattened(made)
    assert {BTC: "0.00000007, it is less than a lot"} == told["left"]
    assert 7 == books(made)[BTC]


def test_a_venue_that_the_strategy_may_not_use_is_left_as_it_is(tmp_path: Path) -> None:
    made = resting(tmp_path, mailbox=Mailbox({"IDLE": ["kill yes"]}))
    made.subscribed = ()

    assert "STOPPED" == made.live()
    (told,) = flattened(made)
    assert {BTC, USDT, MARGIN, BNB} == set(told["left"])
    assert [] == made.venue.sent


def test_what_the_venue_would_refuse_is_not_sent(tmp_path: Path) -> None:
    made = resting(tmp_path, mailbox=Mailbox({"IDLE": ["kill yes"]}))
    made.venue.deny = lambda request: "beyond the collar" * bool(request)  # type: ignore[method-assign]  # so it says

    assert "STOPPED" == made.live()
    (told,) = flattened(made)
    assert "10.00000000, beyond the collar" == told["left"][BTC]
    assert [] == made.venue.sent


def test_an_order_that_cannot_be_made_is_left(tmp_path: Path) -> None:
    made = resting(tmp_path, mailbox=Mailbox({"IDLE": ["kill yes"]}))

    def resolve(*_given: object) -> Order:
        msg = "no price"
        raise InstructionError(msg)

    made.venue.resolve = resolve  # type: ignore[assignment]  # so it says
    assert "STOPPED" == made.live()
    (told,) = flattened(made)
    assert "10.00000000, no price" == told["left"][BTC]


def test_positions_that_come_back_are_closed_so_often_and_no_more(tmp_path: Path) -> None:
    made = resting(tmp_path, mailbox=Mailbox({"IDLE": ["kill yes"]}))
    real = made.venue.read

    def read() -> Reading:
        accounts = made.venue.exchange.accounts
        if not accounts.totals[BTC]:
            accounts.post(f"gift {len(made.venue.sent)}", BTC, COIN, Cause.INTEREST)
        return real()

    made.venue.read = read  # type: ignore[method-assign]  # somebody is generous
    assert "STOPPED" == made.live(20)
    assert ROUNDS_MAX == len(made.venue.sent)
    (told,) = flattened(made)
    assert f"1.00000000, it is there after {ROUNDS_MAX} plans" == told["left"][BTC]


def test_positions_are_not_closed_where_they_are_not_what_they_should_be(tmp_path: Path) -> None:
    made = resting(tmp_path, mailbox=Mailbox({"IDLE": ["kill yes"]}), submits=[mismatches])

    assert "STOPPED" == made.live()
    assert made.story.endswith("exhausted hold finish")
    (told,) = flattened(made)
    assert "mismatch" in told["given up"]


def test_positions_that_move_by_themselves_are_not_closed(tmp_path: Path) -> None:
    made = resting(tmp_path, mailbox=Mailbox({"IDLE": ["kill yes"]}))
    made.stale = ["", "old"]  # a moment between the kill and its plan
    real, count = made.venue.read, iter(range(99))

    def read() -> Reading:
        if next(count) == 2:
            made.venue.exchange.accounts.totals[BTC] -= 5
        return real()

    made.venue.read = read  # type: ignore[method-assign]  # somebody takes something
    assert "STOPPED" == made.live()
    assert "skip tick fail stop finish" in made.story
    (told,) = flattened(made)
    assert told["given up"].startswith("moved between instructions without a ledger row")
    assert [] == made.venue.sent


def test_a_reading_that_fails_once_is_taken_again_before_positions_are_closed(
    tmp_path: Path,
) -> None:
    made = resting(tmp_path, mailbox=Mailbox({"IDLE": ["kill yes"]}))
    real, count = made.venue.read, iter(range(99))

    def read() -> Reading:
        if next(count) == 2:
            msg = "down"
            raise NotObserved(msg)
        return real()

    made.venue.read = read  # type: ignore[method-assign]  # it is down for a moment
    assert "STOPPED" == made.live()
    assert "tick fail rest tick instruct" in made.story
    assert 0 == books(made)[BTC]


def test_a_second_kill_leaves_the_positions_as_they_are(tmp_path: Path) -> None:
    book = Book()
    mailbox = Mailbox({"IDLE": ["kill yes"], AWAIT: ["kill"]})
    made = resting(tmp_path, [], book=book, mailbox=mailbox)

    assert "STOPPED" == made.live()
    assert made.story.endswith("unexecuted exhausted fail stop finish")
    assert 1 == len(book.cancelled)
    assert OPENING == books(made)


def test_positions_are_closed_from_halted_by_way_of_the_opening_balance(tmp_path: Path) -> None:
    mailbox = Mailbox({"IDLE": ["kill"], "HALTED": ["kill", "kill yes"]})
    made = resting(tmp_path, mailbox=mailbox)

    assert "STOPPED" == made.live(9)
    assert "recover recovered halt resume recovered tick instruct accepted" in made.story
    assert made.story.endswith("complete rest halt finish")
    assert 0 == books(made)[BTC]


def test_positions_are_not_closed_where_the_opening_balance_is_another(tmp_path: Path) -> None:
    mailbox = Mailbox({"IDLE": ["kill"]})
    made = resting(tmp_path, mailbox=mailbox)
    made.live(1)
    mailbox.replies["HALTED"] = ["kill yes"]
    made.venue.exchange.accounts.totals[BTC] -= 5

    assert "STOPPED" == made.live(9)
    assert made.story.endswith("blocked resume blocked finish")
    (told,) = flattened(made)
    assert told["given up"].startswith("opening balance: moved between instructions")
    assert [] == made.venue.sent


def test_a_stranded_chain_is_settled_before_positions_can_be_closed(tmp_path: Path) -> None:
    mailbox = Mailbox({STRANDED: ["kill yes", "settle"], "HALTED": ["kill yes"]})
    made = resting(tmp_path, [saga(PIVOT, TOO_MUCH)], mailbox=mailbox)

    assert "STOPPED" == made.live(9)
    first = mailbox.answers[0][1]
    assert first.endswith("a chain is stranded: settle it, then kill with flatten again")
    assert "strand settled resume recovered tick instruct" in made.story
    assert 0 == books(made)[BTC]


def test_a_stop_while_positions_are_closed_is_gone_on_with(tmp_path: Path) -> None:
    made = resting(tmp_path, [SHORT], mailbox=Mailbox({"IDLE": ["kill yes"]}))
    made.stale = ["", "old", "old"]

    assert "STOPPED" == made.live(2)
    assert [] == made.venue.sent
    assert "STOPPED" == made.live()
    assert made.story.startswith("recover recovered tick instruct")
    assert made.story.endswith("halt finish")
    assert 0 == books(made)[BTC]
