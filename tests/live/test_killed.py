"""Kill -9 at every moment of a live run, and again while it recovers: one effect per intent.

The process is real, and so is the venue: a server of its own that outlives it. The first
tick of a life commits sixteen times; every one of these moments is tried.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.worlds import LiveWorld, written
from tests.serving import Serving
from verifill.engine.inbox import post

KILLED = -9
COMMITS = {
    2: "begin", 3: "recover", 4: "fresh", 5: "tested", 6: "ready", 7: "recovered", 8: "tick",
    9: "plan", 10: "instruct", 11: "intent", 12: "accepted", 13: "observed", 14: "matched",
    15: "complete", 16: "rest",
}  # fmt: skip
LIVES = [(when, number) for number in COMMITS for when in ("before", "after")]
VIRTUAL = '[loopback]\nwidth = "0"\n'


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("venue")
    made = Serving(folder)
    made.start(written(folder, VIRTUAL))
    yield made
    made.end()


@pytest.fixture
def world(tmp_path: Path, serving: Serving) -> LiveWorld:
    return LiveWorld(tmp_path, written(tmp_path, VIRTUAL), serving)


def test_a_run_that_nobody_kills_sends_once_a_tick(world: LiveWorld) -> None:
    assert 0 == world.run(ticks=2)

    world.check()
    assert [1, 1] == list(world.effects.values())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every commit, before and after it; in a sample before the one and after the next."""
    if "when" in metafunc.fixturenames:
        some = LIVES if metafunc.config.getoption("--every") == 1 else [*LIVES[::4], *LIVES[3::4]]
        names = [f"{when} {COMMITS[number]}" for when, number in some]
        metafunc.parametrize(("when", "number"), some, ids=names)


def test_a_life_that_ends_at_a_commit(world: LiveWorld, when: str, number: int) -> None:
    assert KILLED == world.run(f"{when} commit", str(number))
    assert 0 == world.run(ticks=1)

    world.check()


@pytest.mark.parametrize("moment", ["before send", "after send", "after reading"])
def test_a_life_that_ends_at_a_send_or_a_reading(world: LiveWorld, moment: str) -> None:
    number = 4 if moment == "after reading" else 1  # at the start, twice, and for the decision
    assert KILLED == world.run(moment, str(number))
    assert 0 == world.run(ticks=1)

    world.check()
    resolved = "resolve_instruction" in set(world.records["event"])
    assert resolved


@pytest.mark.parametrize(
    "moment",
    [
        *(f"before commit {number}" for number in range(2, 10)),
        "before question 1",
        "after question 1",
    ],
)
def test_recovery_may_end_at_any_moment_and_is_begun_again(world: LiveWorld, moment: str) -> None:
    assert KILLED == world.run("after send", "1")
    when, number = moment.rsplit(" ", 1)
    assert KILLED == world.run(when, number)
    assert 0 == world.run(ticks=1)

    world.check()
    assert 1 == next(iter(world.effects.values()))


@pytest.mark.parametrize("moment", ["before send", "after send", "after question", "after commit"])
def test_positions_that_are_closed_stay_closed_however_the_engine_ends_meanwhile(
    world: LiveWorld, moment: str
) -> None:
    """A kill with flatten waits for an engine that does not run, and outlives one that ends."""
    assert 0 == world.run(ticks=1)
    post(world.log, "kill", actor="ann", reason="drift", at_ns=1, arguments={"flatten": "yes"})
    if moment == "after question":
        assert KILLED == world.run("after send", "1")
    assert KILLED == world.run(moment, "5" if moment == "after commit" else "1", ticks=2)
    assert 0 == world.run(ticks=1 if "send" in moment or "question" in moment else 2)

    world.check()
    booked = world.payloads("memory")[-1]["books"]["totals"]
    assert 0 == booked["binance.spot:BaseToken:BTC"]
    moves = world.records["to"].drop_nulls()
    assert ["HALTED", "STOPPED"] == [state for state in moves if state.isupper()][-2:]
    assert 2 == sum(world.effects.values())


def test_the_strategy_has_its_own_state_again(world: LiveWorld) -> None:
    assert 0 == world.run(ticks=2)
    assert 0 == world.run(ticks=1)

    names = [one["instruction"]["name"] for plan in world.payloads("plan") for one in plan]
    assert ["B1", "B2", "B3"] == names
