"""The tight loop on a venue that follows a script: what it does, sends, waits and logs."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from attrs import evolve
from msgspec import structs

from tests.machines.support import (
    BTC,
    COIN,
    OPENING,
    PATIENT,
    RULES,
    Act,
    Ask,
    Bars,
    Plans,
    Played,
    Script,
    Scripted,
    buy,
    play,
    scripted,
    sell,
)
from verifill.engine.errors import EngineDefect, LogError, VenueError
from verifill.machines.loop import LoopPolicy
from verifill.venues.instructions import MAX, Instruction, Operation, Wrap
from verifill.venues.orders import Outcome, Reading, Receipt, Request
from verifill.venues.simulated.model import ExchangeModel

HALF = ExchangeModel(liquidity=lambda _instrument, _side, quantity: quantity // 2)


def says(outcome: Outcome, *, retryable: bool = False) -> Act:
    """Answers, and does nothing."""
    return lambda _request, _ask: Receipt(outcome, reason="scripted", retryable=retryable)


def does_and_says(outcome: Outcome) -> Act:
    """Does what it is asked, and says something else."""

    def act(request: Request, ask: Ask) -> Receipt:
        ask(request)
        return Receipt(outcome, reason="scripted")

    return act


def breaks(error: Exception, *, after: bool = False) -> Act:
    """Raises, before the request has arrived or after."""

    def act(request: Request, ask: Ask) -> Receipt:
        if after:
            ask(request)
        raise error

    return act


LOST = breaks(ConnectionError("lost"))
SILENT = breaks(TimeoutError("no answer"))


def hides(times: int) -> Callable[[Reading], Reading]:
    """Delivers the first rows that there are only so many readings later."""
    kept: list[Reading] = []

    def view(reading: Reading) -> Reading:
        if reading.rows or kept:
            kept.append(reading)
        if not kept or len(kept) > times + 1:
            return reading
        if len(kept) == times + 1:
            return replace(reading, rows=kept[0].rows)
        return replace(reading, rows=())

    return view


def told(
    folder: Path,
    script: Script | None = None,
    *,
    policy: LoopPolicy | None = None,
    model: ExchangeModel | None = None,
    bars: Bars | None = None,
) -> tuple[Played, Scripted]:
    """A run of one purchase."""
    stage, venue = scripted(script, model=model, bars=bars or Bars(1))
    return play(folder, stage, Plans([buy(name="A7")]), policy=policy), venue


def test_an_instruction_is_sent_observed_and_matched(tmp_path: Path) -> None:
    played, venue = told(tmp_path)

    assert ("accepted observed matched", ["DONE"], [1]) == (
        played.story, played.fates, venue.numbers,
    )  # fmt: skip
    assert OPENING[BTC] + COIN == played.totals[BTC]


# Unknown: asked about, never taken for refused.


@pytest.mark.parametrize(
    "error", [TimeoutError("10 s"), ValueError("unreadable"), VenueError("502"), KeyError("id")]
)
def test_an_exception_after_the_first_byte_is_an_unknown_outcome(
    tmp_path: Path, error: Exception
) -> None:
    played, venue = told(tmp_path, Script(submits=[breaks(error, after=True)]))

    assert ("unknown found observed matched", ["DONE"]) == (played.story, played.fates)
    assert [1] == venue.numbers
    assert OPENING[BTC] + COIN == played.totals[BTC]


def test_a_defect_of_our_own_is_no_answer_of_the_venue(tmp_path: Path) -> None:
    with pytest.raises(EngineDefect):
        told(tmp_path / "sent", Script(submits=[breaks(EngineDefect("ours"))]))
    with pytest.raises(LogError):
        told(tmp_path / "asked", Script(submits=[LOST], queries=[breaks(LogError("full"))]))


def test_what_is_proved_absent_is_sent_again_with_a_new_key(tmp_path: Path) -> None:
    played, venue = told(tmp_path, Script(submits=[LOST]), policy=PATIENT, bars=Bars(2))

    assert "unknown absent observed unexecuted resend accepted observed matched" == played.story
    assert ([1, 2], [5.0]) == (venue.numbers, played.waits_s)
    assert OPENING[BTC] + COIN == played.totals[BTC]


def test_there_are_three_sends_with_waits_of_five_and_ten_seconds(tmp_path: Path) -> None:
    played, venue = told(tmp_path, Script(submits=[LOST] * 9), policy=PATIENT)
    once = "unknown absent observed unexecuted"

    assert f"{once} resend {once} resend {once} exhausted" == played.story
    assert ([1, 2, 3], [5.0, 10.0]) == (venue.numbers, played.waits_s)
    assert ["FAILED_CLEAN"] == played.fates
    attempts = played.records.filter(event="unknown")["attempt"].to_list()
    assert [1, 2, 3] == attempts


def test_a_backtest_tries_once(tmp_path: Path) -> None:
    played, venue = told(tmp_path, Script(submits=[LOST]))

    assert "unknown absent observed unexecuted exhausted" == played.story
    assert ([1], ["FAILED_CLEAN"], "STOPPED") == (venue.numbers, played.fates, played.state)


def test_no_proof_either_way_is_held(tmp_path: Path) -> None:
    played, venue = told(tmp_path, Script(submits=[SILENT], queries=[SILENT] * 9), policy=PATIENT)

    assert "unknown unknown unknown exhausted" == played.story
    assert [5.0, 10.0] == played.waits_s
    assert ("INSTRUCTION.HELD", ["HELD"]) == (played.state, played.fates)
    assert ([1], 3) == (venue.numbers, len(venue.asked))
    assert "no proof either way: TimeoutError('no answer')" == played.reason
    assert [f'{{"reason":"{played.reason}"}}'] == played.notes("HELD")


def test_nothing_is_sent_after_what_is_held(tmp_path: Path) -> None:
    stage, venue = scripted(Script(submits=[SILENT], queries=[SILENT]))

    played = play(tmp_path, stage, Plans([buy(), sell()], [sell()]))

    assert (["HELD", "EXPIRED"], [1]) == (played.fates, venue.numbers)


def test_an_answer_comes_in_time(tmp_path: Path) -> None:
    played, _ = told(
        tmp_path, Script(submits=[breaks(OSError(), after=True)], queries=[SILENT]), policy=PATIENT
    )

    assert "unknown unknown found observed matched" == played.story


def test_a_venue_cannot_prove_absence_while_it_is_asked_to_execute(tmp_path: Path) -> None:
    played, _ = told(tmp_path, Script(submits=[does_and_says(Outcome.ABSENT)]))

    assert "unknown found observed matched" == played.story


def test_absent_although_it_moved_is_held(tmp_path: Path) -> None:
    script = Script(
        submits=[breaks(TimeoutError(), after=True)],
        queries=[says(Outcome.ABSENT, retryable=True)],
    )
    played, venue = told(tmp_path, script, policy=PATIENT)

    assert ("unknown absent observed contradicted", "INSTRUCTION.HELD") == (
        played.story, played.state,
    )  # fmt: skip
    assert [1] == venue.numbers


# Denied: it never left.


@pytest.mark.parametrize(
    ("instruction", "reason"),
    [
        (buy("0"), "is not positive"),
        (buy("0.00000001"), "no multiple of the lot"),
        (buy("1", limit="1"), "outside the collar"),
        (buy(MAX), "give a quantity"),
        (
            Wrap(account="desk.spot", asset="ETH", into="WETH", amount=Decimal(1)),
            "desk does not support WRAP",
        ),
        (structs.replace(buy(), account="moon"), "'moon' is of no venue"),
        (structs.replace(buy(), symbol="BTC/EUR"), "has no 'BTC/EUR'"),
    ],
)
def test_what_must_not_be_sent_is_denied(
    tmp_path: Path, instruction: Instruction, reason: str
) -> None:
    stage, venue = scripted()

    played = play(tmp_path, stage, Plans([instruction]))

    assert ("denied exhausted", ["FAILED_CLEAN"], []) == (
        played.story, played.fates, venue.sent,
    )  # fmt: skip
    assert reason in played.reason
    assert reason in played.notes("DENIED")[0].replace('\\"', '"')


def test_what_never_left_is_sent_again_where_that_makes_sense(tmp_path: Path) -> None:
    unreachable = says(Outcome.DENIED_LOCAL, retryable=True)

    played, venue = told(tmp_path, Script(submits=[unreachable]), policy=PATIENT)

    assert ("denied resend accepted observed matched", [1, 2]) == (played.story, venue.numbers)


# Refused: looked at too.


def test_refused_and_nothing_moved_is_clean(tmp_path: Path) -> None:
    stage, _ = scripted()

    played = play(tmp_path, stage, Plans([buy("100")]))

    assert "refused observed unexecuted exhausted" == played.story
    assert (["FAILED_CLEAN"], OPENING) == (played.fates, played.totals)
    assert "insufficient desk.spot:BaseToken:USDT" in played.reason


def test_refused_for_now_is_sent_again(tmp_path: Path) -> None:
    busy = says(Outcome.REJECTED_DEFINITIVE, retryable=True)

    played, venue = told(tmp_path, Script(submits=[busy]), policy=PATIENT)

    assert "refused observed unexecuted resend accepted observed matched" == played.story
    assert [1, 2] == venue.numbers


def test_refused_although_it_moved_is_a_contradiction(tmp_path: Path) -> None:
    played, venue = told(
        tmp_path, Script(submits=[does_and_says(Outcome.REJECTED_DEFINITIVE)]), policy=PATIENT
    )

    assert ("refused observed contradicted", "INSTRUCTION.HELD", ["HELD"], [1]) == (
        played.story, played.state, played.fates, venue.numbers,
    )  # fmt: skip
    assert "REJECTED_DEFINITIVE, yet" in played.reason


def test_a_second_try_that_is_denied_tells_its_own_reason(tmp_path: Path) -> None:
    """The price went up while the first try was given up: the limit is outside the collar."""
    busy = says(Outcome.REJECTED_DEFINITIVE, retryable=True)
    bars = Bars(2, {2: {"desk.spot:BTC/USDT": 50_000_00}})
    slow = evolve(PATIENT, tight_loop=evolve(
        PATIENT.tight_loop, sends=evolve(PATIENT.tight_loop.sends, wait_s=60.0)
    ))  # fmt: skip
    stage, _ = scripted(Script(submits=[busy]), bars=bars)

    played = play(tmp_path, stage, Plans([buy(limit="40000")]), policy=slow)

    assert "refused observed unexecuted resend denied exhausted" == played.story
    assert "outside the collar" in played.reason


def test_an_order_that_found_nothing_to_fill_it_is_clean(tmp_path: Path) -> None:
    dry = ExchangeModel(liquidity=lambda _instrument, _side, _quantity: 0)

    played, _ = told(tmp_path, model=dry)

    assert ("accepted observed unexecuted exhausted", ["FAILED_CLEAN"]) == (
        played.story, played.fates,
    )  # fmt: skip


# Pending: costs no attempt, until the settlement window has passed.


def test_an_acknowledgement_is_no_fill(tmp_path: Path) -> None:
    waiting = [does_and_says(Outcome.ACCEPTED)] * 2
    played, venue = told(tmp_path, Script(submits=waiting[:1], queries=waiting))

    assert ("accepted pending pending observed matched", ["DONE"]) == (played.story, played.fates)
    assert [1.0, 2.0] == played.waits_s
    assert {1} == set(played.records.filter(event="pending")["attempt"])
    assert ([1], 3) == (venue.numbers, len(venue.asked))


def test_a_view_of_positions_that_lags_is_waited_for(tmp_path: Path) -> None:
    played, _ = told(tmp_path, model=ExchangeModel(lag_ns=3 * 10**9))

    assert ("accepted pending pending observed matched", ["DONE"]) == (played.story, played.fates)


def test_no_answer_while_waiting_is_waited_for(tmp_path: Path) -> None:
    script = Script(submits=[does_and_says(Outcome.ACCEPTED)], queries=[SILENT])

    assert "accepted pending observed matched" == told(tmp_path, script)[0].story


def test_what_shows_no_effect_in_its_window_is_held_and_never_failed(tmp_path: Path) -> None:
    for_ever = [says(Outcome.ACCEPTED)] * 99
    played, venue = told(tmp_path, Script(submits=for_ever, queries=for_ever), policy=PATIENT)

    assert f"accepted {'pending ' * 6}overdue exhausted" == played.story
    assert [1.0, 2.0, 4.0, 8.0, 16.0, 29.0] == played.waits_s
    assert ("INSTRUCTION.HELD", [1]) == (played.state, venue.numbers)
    assert "overdue: the settlement window has passed" == played.reason


def test_what_a_venue_has_accepted_it_cannot_prove_to_be_absent(tmp_path: Path) -> None:
    gone = says(Outcome.ABSENT, retryable=True)
    script = Script(submits=[does_and_says(Outcome.ACCEPTED)], queries=[SILENT, gone, gone])

    played, venue = told(tmp_path, script, policy=PATIENT)

    assert "accepted pending pending pending observed matched" == played.story
    assert [1] == venue.numbers


def test_done_without_a_ledger_row_is_held_when_its_window_is_over(tmp_path: Path) -> None:
    """The venue says it is done, and the accounts never show it."""
    stage, venue = scripted(Script(submits=[done_elsewhere]))
    played = play(tmp_path, stage, Plans([buy()]))

    assert played.story.endswith("pending overdue exhausted")
    assert ("INSTRUCTION.HELD", [1]) == (played.state, venue.numbers)


def done_elsewhere(request: Request, _ask: Ask) -> Receipt:
    """Filled in an account that nobody sees."""
    stage, other = scripted()
    stage.bars.next_tick()
    return other.exchange.submit(request)


def test_what_is_found_after_its_window_has_a_window_again(tmp_path: Path) -> None:
    late = [does_and_says(Outcome.ACCEPTED)] * 7
    played, _ = told(tmp_path, Script(submits=late[:1], queries=late))

    assert f"accepted {'pending ' * 6}overdue found observed matched" == played.story


def test_an_order_that_nobody_can_find_after_its_window_is_held(tmp_path: Path) -> None:
    script = Script(submits=[says(Outcome.ACCEPTED)], queries=[SILENT] * 99)

    assert told(tmp_path, script)[0].story.endswith("overdue exhausted")


def test_ticks_that_fall_due_in_a_wait_are_ignored_and_logged(tmp_path: Path) -> None:
    slow = evolve(RULES, windows_s={Operation.SPOT_TRADE: 300}, poll_s=60)
    waiting = [does_and_says(Outcome.ACCEPTED)] * 2
    stage, _ = scripted(Script(submits=waiting[:1], queries=waiting), rules=slow, bars=Bars(5))
    plans = Plans([buy()])

    played = play(tmp_path, stage, plans)

    ignored = played.records.filter(kind="IGNORED")
    assert [("tick", "INSTRUCTION.AWAIT_POSITION", "INSTRUCTION.AWAIT_POSITION")] * 3 == list(
        ignored.select("event", "from", "to").iter_rows()
    )
    assert ["DONE"] == [entry.fate for entry in plans.reports[1].entries]
    assert [1, 1, 1] == ignored["instance"].to_list()
    assert 2 == played.machine.context.tick  # the first, and the one after it was over


# Mismatched: looked at again, never sent again.


def test_a_mismatch_is_looked_at_again(tmp_path: Path) -> None:
    played, venue = told(tmp_path, Script(view=hides(1)), policy=PATIENT)

    assert "accepted observed mismatched observe observed matched" == played.story
    assert ([5.0], [1], ["DONE"]) == (
        played.waits_s, venue.numbers, played.fates,
    )  # fmt: skip


def test_a_mismatch_that_stays_is_a_failure_after_three_looks(tmp_path: Path) -> None:
    played, venue = told(tmp_path, Script(view=hides(99)), policy=PATIENT)
    look = "observed mismatched"

    assert f"accepted {look} observe {look} observe {look} exhausted" == played.story
    assert [5.0, 10.0] == played.waits_s
    assert ("STOPPED", ["MISMATCHED"], [1]) == (played.state, played.fates, venue.numbers)
    assert "INSTRUCTION.FAILED.MISMATCH" in played.records["from"].to_list()


def test_a_receipt_is_recorded_once_however_often_positions_are_looked_at(tmp_path: Path) -> None:
    played, _ = told(tmp_path, Script(view=hides(99)), policy=PATIENT)

    assert 1 == len(played.rows("fills"))


# In part: the remainder is a child with a new key and a name of its own.


def test_the_remainder_is_a_child_with_a_new_key(tmp_path: Path) -> None:
    played, venue = told(tmp_path, model=HALF, policy=LoopPolicy(remainders=2))

    part = "accepted observed partial"
    assert (f"{part} {part} {part}", [1, 2, 3]) == (played.story, venue.numbers)
    wanted = ["name", "role", "instruction", "parent", "quantity"]
    assert [
        ("A7", "PLAN", 1, 0, COIN),
        ("A7.r1", "REMAINDER", 2, 1, COIN // 2),
        ("A7.r2", "REMAINDER", 3, 2, COIN // 4),
    ] == [tuple(row[column] for column in wanted) for row in played.rows("instructions")]
    assert (["IN_PART"], OPENING[BTC] + COIN * 7 // 8) == (played.fates, played.totals[BTC])


def test_a_remainder_that_is_done_completes_its_instruction(tmp_path: Path) -> None:
    left = iter([COIN // 4])
    once = ExchangeModel(liquidity=lambda _instrument, _side, quantity: next(left, quantity))

    played, _ = told(tmp_path, model=once)

    assert "accepted observed partial accepted observed matched" == played.story
    assert (["DONE"], OPENING[BTC] + COIN) == (played.fates, played.totals[BTC])


def test_a_remainder_that_is_not_executed_leaves_its_instruction_in_part(tmp_path: Path) -> None:
    left = iter([COIN // 4])
    once = ExchangeModel(liquidity=lambda _instrument, _side, _quantity: next(left, 0))

    played, _ = told(tmp_path, model=once)

    assert "accepted observed partial accepted observed unexecuted exhausted" == played.story
    assert ["IN_PART"] == played.fates


def test_every_row_of_the_log_has_the_amounts_of_its_own_send(tmp_path: Path) -> None:
    busy = says(Outcome.REJECTED_DEFINITIVE, retryable=True)
    played, _ = told(tmp_path, Script(submits=[busy, busy]), policy=PATIENT)

    assert list(range(1, len(played.records) + 1)) == played.records["seq"].to_list()
    intents = played.records.filter(pl.col("kind") == "INTENT")
    assert ["instruct", "resend", "resend"] == intents["event"].to_list()
    assert [COIN] * 3 == intents["quantity"].to_list()
    observed = played.records.filter(pl.col("kind") == "OBSERVED")
    assert [None, None, COIN] == observed["quantity"].to_list()
