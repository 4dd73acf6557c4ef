"""Ctrl-C leaves nothing half done, wherever it comes."""

import signal
import threading
from pathlib import Path

import pytest

from tests.runs import Deciding, buy, history, parts, ran, sell, ticks
from verifill.backtest import Outcome, run
from verifill.ending import Ending
from verifill.interrupts import WAITING, Interrupts
from verifill.machines.strategy import Plan
from verifill.result import RunResult


def pressing(*at: int) -> Deciding:
    """A strategy in which Ctrl-C is pressed so often at its first tick, that at its second..."""
    left = list(at)

    def decide(*_given: object) -> Plan:
        for _ in range(left.pop(0) if left else 0):
            signal.raise_signal(signal.SIGINT)
        return [buy()]

    return Deciding(decide)


def test_the_first_lets_the_tick_be_completed(tmp_path: Path) -> None:
    log, outcome = ran(tmp_path, pressing(0, 1))

    assert (Ending.INTERRUPTED, "STOPPED", 2) == (outcome.ending, outcome.state, outcome.ticks)
    assert 2 == RunResult(log).counts["instructions"]
    assert Ending.INTERRUPTED is RunResult(log).outcome.ending


def test_the_second_is_raised_in_a_strategy_and_the_log_is_whole(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        ran(tmp_path, pressing(0, 0, 2))
    outcome = RunResult(tmp_path / "log").outcome

    assert (Ending.INTERRUPTED, "DECIDE", 3) == (outcome.ending, outcome.state, outcome.ticks)


def test_the_handler_from_before_is_put_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    ran(tmp_path, pressing(1))

    assert before == signal.getsignal(signal.SIGINT)


def test_before_there_is_an_engine_it_is_remembered() -> None:
    stopped: list[bool] = []

    class Loop:
        def stop(self) -> None:
            stopped.append(True)

    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert [] == stopped
        interrupts.watch(Loop())  # type: ignore[arg-type]  # all of a loop that is needed here

    assert [True] == stopped
    assert 2 == interrupts.count


def test_outside_of_a_strategy_none_is_raised(tmp_path: Path) -> None:
    market = history(tmp_path, 5)
    presses = iter((0, 2))

    def between(_ticks: int) -> None:
        for _ in range(next(presses, 0)):
            signal.raise_signal(signal.SIGINT)

    made = parts(market, Deciding(lambda _market, _positions, _last: [buy()]))
    outcome = run(made, tmp_path / "log", progress=between)

    assert outcome.ending in {Ending.COMPLETED, Ending.INTERRUPTED}
    assert RunResult(tmp_path / "log").outcome.ending is outcome.ending


def test_another_thread_runs_without_a_handler(tmp_path: Path) -> None:
    outcomes: list[Outcome] = []
    thread = threading.Thread(
        target=lambda: outcomes.append(ran(tmp_path, ticks([[buy()], [sell()]]))[1])
    )
    thread.start()
    thread.join()

    assert [Ending.COMPLETED] == [outcome.ending for outcome in outcomes]


def test_the_first_in_a_strategy_says_that_it_is_waited_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ran(tmp_path, pressing(0, 1))

    assert WAITING.decode() == capfd.readouterr().err


def test_while_the_engine_works_nothing_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[bool] = []
    market = history(tmp_path, 5)
    made = parts(market, Deciding(lambda _market, _positions, _last: [buy()]))

    def between(_ticks: int) -> None:
        signal.raise_signal(signal.SIGINT)
        seen.append(True)

    run(made, tmp_path / "log", progress=between)

    assert seen
    assert "" == capfd.readouterr().err
