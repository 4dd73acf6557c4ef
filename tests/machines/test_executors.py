"""Both executors leave the same log, whatever the strategy and the venue do."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.machines.support import (
    BTC,
    GOING_ON,
    PATIENT,
    Act,
    Bars,
    Plans,
    Played,
    Script,
    buy,
    go,
    honest,
    move,
    play,
    scripted,
    sell,
)
from tests.machines.test_saga import gives, saga
from tests.machines.test_tight_loop import LOST, SILENT, does_and_says, hides, says
from verifill.engine.compile import compile_table
from verifill.engine.log.schema import STREAMS
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.loop import LoopPolicy
from verifill.venues.chains import Step, Undo
from verifill.venues.instructions import Instruction, Late
from verifill.venues.orders import Outcome

INSTRUCTIONS: st.SearchStrategy[Instruction] = st.sampled_from(
    [
        buy("2", name="A1"), sell("1"), go("1"), go("-2"), move("5"), buy("0"), buy("1000"),
        sell(Late("A1", BTC)), buy(limit="39999"),
    ]
)  # fmt: skip
STEPS = INSTRUCTIONS | st.builds(Step, INSTRUCTIONS, st.sampled_from([*Undo, buy("1")]))
CHAINS = st.lists(STEPS, max_size=4).map(lambda steps: saga(*steps))
PLANS = st.lists(st.lists(INSTRUCTIONS | CHAINS, max_size=3), max_size=4)

# Does it and says that it never left: nothing shows before the next look at the positions.
LIAR = does_and_says(Outcome.DENIED_LOCAL)
DOES_AND_SAYS = [does_and_says(o) for o in Outcome if o is not Outcome.DENIED_LOCAL]
ANSWERS = st.sampled_from(
    [honest, honest, LOST, SILENT, LIAR, *DOES_AND_SAYS]
    + [says(outcome, retryable=retry) for outcome in Outcome for retry in (False, True)]
)
ACTS: st.SearchStrategy[list[Act]] = st.lists(ANSWERS, max_size=6)
PARTS = st.lists(st.sampled_from([0, 25, 100]), max_size=6)
POLICIES = st.sampled_from([LoopPolicy(), PATIENT, GOING_ON, LoopPolicy(remainders=1)])


def runs(given: dict[str, Any], folder: Path) -> Iterator[Played]:
    """The same run with each executor."""
    for executor in ("compiled", "transitions"):
        script = Script(
            submits=given["submits"], queries=given["queries"], view=hides(given["hides"])
        )
        stage, _ = scripted(script, bars=Bars(4), model=gives(*given["parts"]))
        yield play(
            folder / executor,
            stage,
            Plans(*given["plans"]),
            policy=given["policy"],
            executor=executor,
        )


WORLDS = st.fixed_dictionaries(
    {
        "plans": PLANS, "submits": ACTS, "queries": ACTS, "parts": PARTS, "policy": POLICIES,
        "hides": st.integers(0, 3),
    }
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(WORLDS)
def test_both_executors_leave_the_same_log(world: dict[str, Any]) -> None:
    with TemporaryDirectory() as folder:
        one, other = runs(world, Path(folder))

        assert one.state == other.state
        assert one.totals == other.totals
        assert one.log.manifest == other.log.manifest
        for stream in STREAMS:
            assert_frame_equal(one.log.stream(stream).collect(), other.log.stream(stream).collect())
        assert_frame_equal(one.records, other.records)


@settings(max_examples=60, deadline=None)
@given(WORLDS)
def test_every_transition_in_a_log_is_a_row_of_the_table(world: dict[str, Any]) -> None:
    compiled = compile_table(FULL_LOOP)
    width = len(compiled.events)
    with TemporaryDirectory() as folder:
        played = next(iter(runs(world, Path(folder))))
        records = played.records

    assert list(range(1, len(records) + 1)) == records["seq"].to_list()
    assert {compiled.digest} == set(records["definition_hash"])
    state = compiled.states[compiled.initial]
    for source, event, target, kind in records.select("from", "event", "to", "kind").iter_rows():
        cell = compiled.cells[compiled.state(source) * width + compiled.event(event)]
        expected = source if kind == "IGNORED" else compiled.states[cell]
        assert (state, expected) == (source, target)
        state = target
    assert played.state == state


@settings(max_examples=60, deadline=None)
@given(WORLDS)
def test_nothing_is_sent_twice_under_one_key_and_books_agree_with_the_venue(
    world: dict[str, Any],
) -> None:
    with TemporaryDirectory() as folder:
        script = Script(submits=world["submits"], queries=world["queries"])
        stage, venue = scripted(script, bars=Bars(4), model=gives(*world["parts"]))
        played = play(Path(folder), stage, Plans(*world["plans"]), policy=world["policy"])
        reason = json.dumps(played.notes("FAILURE"))
        known = LIAR not in world["submits"][: len(venue.sent)]

    assert len(venue.numbers) == len(set(venue.numbers))
    if known and played.state == "STOPPED" and "mismatch" not in reason and "between" not in reason:
        assert venue.exchange.accounts.totals == played.totals
