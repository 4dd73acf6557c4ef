"""How long an outcome is waited for: by the monotonic clock, and its end is never a failure."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import evolve

from tests.machines.support import RULES, Ask, Bars, Plans, Played, Script, buy, play, scripted
from tests.machines.test_tight_loop import SILENT, does_and_says, says
from verifill.engine.retry import RetryPolicy
from verifill.machines.loop import LoopPolicy
from verifill.machines.policies import Policies, Timeouts
from verifill.venues.instructions import Operation
from verifill.venues.orders import Outcome, Receipt, Request
from verifill.venues.rules import Idempotency, VenueRules

MANY = RetryPolicy(attempts=100)
USUAL = Policies(sends=RetryPolicy(), readings=RetryPolicy(), queries=MANY)
LIMITED = evolve(RULES, idempotency=Idempotency.D, recv_window_s=10, query_lag_s=5)
HELD = "INSTRUCTION.HELD"


def played(
    folder: Path, script: Script, policies: Policies = USUAL, rules: VenueRules = RULES
) -> Played:
    """A run of one purchase."""
    stage, _ = scripted(script, bars=Bars(1), rules=rules)
    return play(folder, stage, Plans([buy()]), policy=LoopPolicy(tight_loop=policies))


def patient(seconds: float) -> Policies:
    return evolve(USUAL, timeouts=Timeouts(tight_loop_s=seconds))


def never() -> Script:
    """Nobody ever answers."""
    return Script(submits=[SILENT], queries=[SILENT] * 200)


@pytest.mark.parametrize(
    ("seconds", "waits_s"),
    [
        (120, [5.0, 10.0, 20.0, 40.0, 45.0]),
        (60, [5.0, 10.0, 20.0, 25.0]),
        (4, [4.0]),
        (200, [5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 5.0]),
    ],
)
def test_an_unknown_outcome_is_asked_for_until_the_time_is_over_and_then_held(
    tmp_path: Path, seconds: float, waits_s: Sequence[float]
) -> None:
    run = played(tmp_path, never(), patient(seconds))

    assert (HELD, list(waits_s)) == (run.state, run.waits_s)
    assert seconds == sum(waits_s)
    assert f"unknown {'unknown ' * len(waits_s)}exhausted" == run.story


def test_a_number_of_questions_ends_it_too(tmp_path: Path) -> None:
    run = played(tmp_path, never(), evolve(USUAL, queries=RetryPolicy(attempts=2)))

    assert (HELD, [5.0]) == (run.state, run.waits_s)


@pytest.mark.parametrize("lag_s", [5, 600])
def test_a_proof_that_is_still_to_come_is_waited_for(tmp_path: Path, lag_s: int) -> None:
    """Class D proves nothing before deadline and lag: its own time is longer than ours."""
    late = evolve(LIMITED, query_lag_s=lag_s)
    run = played(tmp_path, never(), evolve(patient(3), queries=RetryPolicy(attempts=1)), late)

    assert HELD == run.state
    assert lag_s + 10 < sum(run.waits_s[:-1])  # the last question but one could have been proof
    assert sum(run.waits_s[:-1]) < lag_s + 10 + 2


def test_what_is_proven_in_its_time_is_sent_again(tmp_path: Path) -> None:
    gone = says(Outcome.ABSENT, retryable=True)
    run = played(tmp_path, Script(submits=[SILENT], queries=[SILENT] * 3 + [gone]), rules=LIMITED)

    ends = "absent observed unexecuted resend accepted observed matched"
    assert f"unknown unknown unknown unknown {ends}" == run.story
    assert [5.0, 10.0, 1.0, 5.0] == run.waits_s  # the last before the second send


def test_each_send_has_its_own_time(tmp_path: Path) -> None:
    gone = says(Outcome.ABSENT, retryable=True)
    script = Script(submits=[SILENT] * 2, queries=[SILENT, gone] + [SILENT] * 99)
    run = played(tmp_path, script, patient(12))

    assert [5.0, 5.0, 5.0, 7.0] == run.waits_s
    assert HELD == run.state


def test_an_overdue_order_is_asked_for_while_nobody_answers(tmp_path: Path) -> None:
    """The window has passed, and just then the venue is out of reach."""
    on = says(Outcome.ACCEPTED)
    script = Script(submits=[does_and_says(Outcome.ACCEPTED)], queries=[on] * 7 + [SILENT] * 2)
    run = played(tmp_path, script)

    assert run.story.endswith("overdue unknown unknown found observed matched")


def test_an_order_that_tells_news_for_ever_is_held_when_the_time_is_over(tmp_path: Path) -> None:
    """A window again for whatever is new, but none that begins after the tight loop's time."""
    count = iter(range(500))

    def news(_request: Request, _ask: Ask) -> Receipt:
        return Receipt(Outcome.ACCEPTED, reason=f"looked at {next(count)} times")

    run = played(tmp_path, Script(submits=[news], queries=[news] * 500))

    assert (HELD, 2) == (run.state, run.story.count("overdue"))
    assert 120 == sum(run.waits_s)


def test_a_slow_operation_is_waited_for_as_long_as_its_window(tmp_path: Path) -> None:
    slow = evolve(RULES, windows_s={Operation.SPOT_TRADE: 7200})
    on = says(Outcome.ACCEPTED)
    run = played(tmp_path, Script(submits=[on], queries=[on] * 500), patient(5), slow)

    assert (HELD, 7200) == (run.state, sum(run.waits_s))
    assert {1} == set(run.records.filter(event="pending")["attempt"])


def test_what_is_pending_beyond_its_soft_window_is_told_once(tmp_path: Path) -> None:
    rules = evolve(RULES, soft_windows_s={Operation.SPOT_TRADE: 10})
    waiting = [does_and_says(Outcome.ACCEPTED)] * 6
    run = played(tmp_path, Script(submits=waiting[:1], queries=waiting), rules=rules)

    assert ['{"pending_s":10}'] == run.notes("SLOW")
    assert run.story.endswith("pending observed matched")


def test_an_order_that_is_soon_done_is_not_slow(tmp_path: Path) -> None:
    rules = evolve(RULES, soft_windows_s={Operation.SPOT_TRADE: 10})
    waiting = [does_and_says(Outcome.ACCEPTED)] * 2
    run = played(tmp_path, Script(submits=waiting[:1], queries=waiting), rules=rules)

    assert not run.notes("SLOW")
