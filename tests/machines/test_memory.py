"""What is remembered is given back as it was, or it is refused."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from tests.machines.support import buy, sell
from tests.machines.test_saga import saga
from verifill.engine.digest import canonical_json
from verifill.engine.errors import EngineDefect, StateError
from verifill.machines.memory import (
    BooksMemory,
    ChainMemory,
    EntryMemory,
    Memory,
    plain,
    plan_of,
    remembered,
    written,
)
from verifill.machines.recovery import find
from verifill.machines.tight_loop import Tight
from verifill.venues.chains import Invariant, Step, Undo
from verifill.venues.orders import Cause, LedgerRow

BOOKS = BooksMemory({"k": 1 << 80}, {"k": -(1 << 80)}, 5, unbooked=(
    LedgerRow(ref="r", key="k", amount=-(1 << 80), cause=Cause.FUNDING, time_ns=1),
))  # fmt: skip
MEMORY = Memory(
    tick=1, legs=2, intents=3, chains=4, done=(("DONE", ""),), children=0, outputs={}, books=BOOKS
)


def test_a_memory_survives_the_way_through_plain_values() -> None:
    assert MEMORY == remembered(plain(MEMORY))


@pytest.mark.parametrize("state", [None, {"count": 1}, {"é": "\ud800"}])
def test_a_memory_is_written_as_its_plain_values_would_be(state: dict[str, Any] | None) -> None:
    memory = structs.replace(MEMORY, strategy=state)

    assert canonical_json({"memory": plain(memory)}) == canonical_json({"memory": written(memory)})


@pytest.mark.parametrize("state", [{"share": 0.5}, {"share": [float("nan")]}, {1: 2}])
def test_a_state_of_a_strategy_without_an_exact_text_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(EngineDefect):
        canonical_json({"memory": written(structs.replace(MEMORY, strategy=state))})


@pytest.mark.parametrize("told", [{}, {"tick": "one"}, [], None])
def test_a_memory_that_cannot_be_read_is_an_error_of_state(told: Any) -> None:  # noqa: ANN401 - anything
    with pytest.raises(StateError, match=r"cannot be read.*Restore the log from a copy"):
        remembered(told)


def test_a_plan_survives_with_all_that_its_chains_say() -> None:
    chain = saga(
        Step(buy("1", name="A"), undo=Undo.NEVER),
        Step(buy("2"), undo=sell("1")),
        Step(buy("3")),
        invariants=[Invariant(keys=("desk.spot:BaseToken:BTC",), low=Decimal(0), high=Decimal(9))],
    )
    told = [plain(EntryMemory(chain=ChainMemory.of(chain))), plain(EntryMemory(instruction=buy()))]

    back, trade = plan_of(told)
    assert (chain, buy()) == (back, trade)


@pytest.mark.parametrize("told", [7, [{"instruction": {"type": "none"}}], [{}]])
def test_a_plan_that_cannot_be_read_is_an_error_of_state(told: object) -> None:
    with pytest.raises(StateError, match="Restore the log from a copy"):
        plan_of(told)


# What the records of a log say of its last life.


TABLES = ("full_loop", "tight_loop", "atomic")


def row(event: str | None, to: str, payload: object = None, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - of a record
    told = {"event": event, "to": to, "kind": "TRANSITION", "machine": "full_loop", "instance": 1,
            "epoch": 1, "payload": None if payload is None else json.dumps(payload)}  # fmt: skip
    return told | given


def test_a_life_that_did_nothing_has_left_nothing() -> None:
    found = find([row("recover", "RECOVER")], TABLES)

    assert ("", False, False, "", None) == (
        found.state, found.halted, found.sent, found.blocked, found.resolving,
    )  # fmt: skip


def test_a_life_that_ended_in_a_mismatch_is_blocked_and_its_entry_is_no_expired_one() -> None:
    found = find([row("exhausted", f"INSTRUCTION.{Tight.FAILED_MISMATCH}")], TABLES)

    assert "the last process life ended in a mismatch" == found.blocked
    assert "MISMATCHED" == found.fate


def test_a_log_without_an_intent_has_sent_nothing() -> None:
    assert not find([row("instruct", "INSTRUCTION.SEND")], TABLES).sent
    assert not find([row("tick", "DECIDE")], TABLES).sent


def test_the_search_ends_where_the_tick_of_the_newest_memory_began() -> None:
    def newest_first() -> Iterator[dict[str, Any]]:
        yield row("rest", "IDLE", {"memory": plain(MEMORY), "guard": {"gate": 1}})
        yield row(None, "DECIDE", {"plan": []}, kind="PLAN")
        yield row("tick", "DECIDE", kind="REFUSED")
        yield row("tick", "DECIDE")
        pytest.fail("an older record was read")

    found = find(newest_first(), TABLES)

    assert (MEMORY, (), "IDLE") == (found.memory, found.plan, found.state)
    assert ({"gate": 1}, 1, 1) == (found.guard, found.tick, found.epoch)


def test_a_memory_without_a_guard_is_that_of_an_older_record() -> None:
    memory = plain(MEMORY)
    rows = [
        row("rest", "IDLE", {"memory": memory}),
        row("tick", "DECIDE"),
        row("open", "OPEN", {"guard": {"newer": 1}}, machine="breaker", instance=9, epoch=2),
        row("rest", "IDLE", {"memory": memory | {"guard": {"older": 1}}}),
    ]

    assert {"newer": 1} == find(rows, TABLES).guard
    assert {"older": 1} == find([*rows[:2], rows[3]], TABLES).guard
    assert 1 == find(rows[2:], TABLES).epoch
