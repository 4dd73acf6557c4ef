"""What is kept of answers is given again, in whatever way it was written down."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from verifill.engine.answers import BETWEEN, MONOTONIC, SLICES, WALL, Answers, Keeping
from verifill.engine.errors import DataError, IllegalEvent, NotObserved
from verifill.engine.executor import Context
from verifill.engine.form import form
from verifill.engine.log.expand import Nesting
from verifill.engine.log.live import LiveLog, Moment
from verifill.engine.log.record import Record
from verifill.engine.replay.difference import ABSENT, Field, Sort, fields_of
from verifill.engine.replay.given import DivergedError, Given, OverError

TEXT = form(str)
COUNT = form(int)
NESTING = Nesting("whole", "0", ["A"], ["go"], {"": "whole"}, {"whole": ["go"]},
                  {"whole": "tick"}, {})  # fmt: skip
Life = Callable[[Answers, LiveLog], None]


class Store:
    """Keeps records in memory; implements `Store`."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def append(self, records: Sequence[Record], /) -> int:
        self.records += records
        return len(self.records) + 1

    def anchor(self) -> None:
        """Nothing."""


def moments() -> Callable[[], Moment]:
    """Moments, each later than the one before."""
    times = iter(range(1000, 10_000, 100))
    return lambda: Moment(next(times), 7)


def note(log: LiveLog) -> None:
    log.note("NOTE", "A", Context())


def kept(life: Life) -> list[dict[str, Any]]:
    """The records of a life, as its log holds them."""
    store = Store()
    log = LiveLog(store, NESTING, moments())
    life(Keeping(log), log)
    return [
        {name: getattr(one, name) for name in one.__struct_fields__}
        | {"seq": seq, "from": one.source, "to": one.target, "cause_seq": seq - 1}
        for seq, one in enumerate(store.records, start=2)
    ]


def given(rows: list[dict[str, Any]], *, ended: bool = True) -> tuple[Given, LiveLog]:
    answers = Given(rows, 1, ended=ended)
    return answers, LiveLog(answers, NESTING, answers.moment)


def entries(rows: list[dict[str, Any]]) -> list[Any]:
    payloads: list[dict[str, Any]] = [row["payload"] or {} for row in rows]
    return [entry for payload in payloads for entry in payload.get("answers", ())]


def nobody() -> Any:  # noqa: ANN401 - never returns
    pytest.fail("somebody was asked")


def test_an_answer_is_kept_once_and_given_as_often_as_it_was_asked_for() -> None:
    told = iter(["a", "a", "a", "b", "b"])

    def life(answers: Answers, log: LiveLog) -> None:
        for _ in range(3):
            answers.ask("x", lambda: next(told), TEXT)
        answers.ask("y", lambda: 1, COUNT)
        answers.ask("x", lambda: next(told), TEXT)
        note(log)
        answers.ask("x", lambda: next(told), TEXT)
        note(log)

    rows = kept(life)
    again, log = given(rows)

    assert [[3, "x", "a"], ["y", 1], ["x", "b"], ["x"]] == entries(rows)
    assert ["a", "a", "a"] == [again.ask("x", nobody, TEXT) for _ in range(3)]
    assert 1 == again.ask("y", nobody, COUNT)
    assert "b" == again.ask("x", nobody, TEXT)
    note(log)
    assert "b" == again.ask("x", nobody, TEXT)
    note(log)
    assert 2 == again.count
    again.end()


def raised(error: BaseException) -> Callable[[], str]:
    def do() -> str:
        raise error

    return do


@pytest.mark.parametrize(
    "error",
    [
        NotObserved("no answer"),
        ValueError("five"),
        SystemExit(3),
        DataError("bad", path="x.csv", row=3),
        IllegalEvent(machine="m", state="A", event="e", legal=("go",)),
    ],
)
def test_what_was_raised_is_raised_again_and_speaks_the_same(error: BaseException) -> None:
    def life(answers: Answers, log: LiveLog) -> None:
        with pytest.raises(type(error)):
            answers.ask("x", raised(error), TEXT)
        answers.ask("x", lambda: "fine", TEXT)
        note(log)

    again, _ = given(kept(life))

    with pytest.raises(Exception) as caught:  # noqa: PT011 - compared below
        again.ask("x", nobody, TEXT)
    assert (str(error), repr(error)) == (str(caught.value), repr(caught.value))
    assert isinstance(caught.value, type(error)) or not isinstance(error, NotObserved)
    assert "fine" == again.ask("x", nobody, TEXT)


def test_nothing_is_not_kept() -> None:
    told = iter(["", "a", ""])

    def life(answers: Answers, log: LiveLog) -> None:
        for _ in range(3):
            answers.ask_if("x", lambda: next(told), TEXT, "")
        note(log)

    rows = kept(life)
    again, _ = given(rows)

    assert [["x", "a"]] == entries(rows)
    assert ["a", ""] == [again.ask_if("x", nobody, TEXT, "") for _ in range(2)]


def test_clocks_count_from_the_record_before() -> None:
    def life(answers: Answers, log: LiveLog) -> None:
        answers.clock(WALL, lambda: 999)
        note(log)
        answers.clock(WALL, lambda: 1001)
        answers.clock(MONOTONIC, lambda: 9)
        note(log)

    rows = kept(life)
    again, log = given(rows)

    assert [["wall", 999], ["wall", 1], ["monotonic", 2]] == entries(rows)
    assert 999 == again.clock(WALL, nobody)
    note(log)
    assert (1001, 9) == (again.clock(WALL, nobody), again.clock(MONOTONIC, nobody))


def acting(answers: Answers, log: LiveLog, script: Sequence[str]) -> Callable[[], bool]:
    """What an engine does between the slices of a wait."""
    left = iter(script)

    def between() -> bool:
        what = next(left)
        if what == "time":
            answers.clock(WALL, lambda: 5)
        elif what == "ask":
            answers.ask("x", lambda: "a", TEXT)
        elif what == "record":
            note(log)
        return what == "end"

    return between


def counted(between: Callable[[], bool]) -> int:
    """Waits; how many slices there were."""
    count = 1
    while not between():
        count += 1
    return count


def test_of_a_wait_only_slices_in_which_something_was_asked_are_kept() -> None:
    def life(answers: Answers, log: LiveLog) -> None:
        script = ("", "time", "time", "ask", "record", "", "end")
        answers.wait("wait", counted, COUNT, acting(answers, log, script))
        note(log)

    rows = kept(life)
    again, log = given(rows)
    between = acting(again, log, ("time", "time", "ask", "record", "end"))

    assert [[SLICES, [5, 5]], [BETWEEN], ["x", "a"], [BETWEEN], [BETWEEN], ["wait", 7]] == (
        entries(rows)
    )
    assert 7 == again.wait("wait", counted, COUNT, between)
    note(log)
    again.end()


def one(answers: Answers, log: LiveLog) -> None:
    answers.ask("x", lambda: "a", TEXT)
    note(log)


def test_another_question_departs() -> None:
    again, _ = given(kept(one))

    with pytest.raises(DivergedError, match="asks for y, where the log has x before this record"):
        again.ask("y", nobody, TEXT)


def test_a_question_more_departs() -> None:
    again, _ = given(kept(one))
    again.ask("x", nobody, TEXT)

    with pytest.raises(DivergedError, match="where the log has nothing more before") as caught:
        again.ask("x", nobody, TEXT)
    assert (Sort.ASKED, 2, 1) == (
        (
            caught.value.difference.sort,
            caught.value.difference.seq,
            caught.value.difference.cause_seq,
        )
    )


def test_a_question_less_departs() -> None:
    _, log = given(kept(one))

    with pytest.raises(DivergedError, match="has not asked for x before this record"):
        note(log)


def test_a_life_that_was_cut_off_is_over_where_its_log_ends() -> None:
    again, log = given(kept(one), ended=False)
    again.ask("x", nobody, TEXT)
    note(log)

    with pytest.raises(OverError):
        again.ask("x", nobody, TEXT)
    with pytest.raises(OverError):
        again.clock(WALL, nobody)
    assert again.coming("market") is None
    with pytest.raises(OverError):
        note(log)
    again.anchor()
    again.end()


def test_a_record_after_the_end_of_a_life_that_ended_is_a_tail() -> None:
    _, log = given(kept(lambda _answers, log: note(log)))
    note(log)

    with pytest.raises(DivergedError, match="the replay goes on, and the log has ended") as caught:
        note(log)
    extra = caught.value.difference
    assert (Sort.EXTRA, 3, 2, None) == (extra.sort, extra.seq, extra.cause_seq, extra.expected)
    assert extra.actual is not None


def test_a_life_that_ends_before_its_log_misses_a_record() -> None:
    again, _ = given(kept(lambda _answers, log: note(log)))

    with pytest.raises(DivergedError, match="the replay has ended, and the log goes on"):
        again.end()


def test_what_comes_under_a_name_is_that_of_the_next_record_that_has_it() -> None:
    def life(_answers: Answers, log: LiveLog) -> None:
        note(log)
        log.tell("market", {"time_ns": 1})
        note(log)

    again, _ = given(kept(life))

    assert {"time_ns": 1} == again.coming("market")


def test_fields_of_payloads_are_compared_to_their_leaves() -> None:
    ours: dict[str, Any] = {"event": "a", "payload": {"x": {"y": [1, {}]}, "z": []}}
    theirs: dict[str, Any] = {"event": "b", "payload": {"x": {"y": [2]}, "z": []}}

    assert (
        Field("event", "a", "b"),
        Field("payload.x.y[0]", 1, 2),
        Field("payload.x.y[1]", {}, ABSENT),
    ) == fields_of(ours, theirs)
