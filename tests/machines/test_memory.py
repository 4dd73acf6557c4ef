"""What is remembered is given back as it was, or it is refused."""

from decimal import Decimal
from typing import Any

import pytest

from tests.machines.support import buy, sell
from tests.machines.test_saga import saga
from verifill.engine.errors import StateError
from verifill.machines.memory import (
    BooksMemory,
    ChainMemory,
    EntryMemory,
    Memory,
    plain,
    plan_of,
    remembered,
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


NONE: list[dict[str, Any]] = []


def row(event: str, to: str, kind: str = "TRANSITION", tick: int = 1) -> dict[str, Any]:
    return {"event": event, "to": to, "kind": kind, "machine": "full_loop", "instance": tick,
            "attempt": 0, "epoch": 1}  # fmt: skip


def test_a_life_that_did_nothing_has_left_nothing() -> None:
    found = find([row("recover", "RECOVER")], iter(NONE))

    assert ("", False, False, "", None) == (
        found.state, found.halted, found.sent, found.blocked, found.resolving,
    )  # fmt: skip


def test_a_life_that_ended_in_a_mismatch_is_blocked_and_its_entry_is_no_expired_one() -> None:
    found = find([row("exhausted", f"INSTRUCTION.{Tight.FAILED_MISMATCH}")], iter(NONE))

    assert "the last process life ended in a mismatch" == found.blocked
    assert "MISMATCHED" == found.fate


def test_a_log_without_an_intent_has_sent_nothing() -> None:
    assert not find([row("instruct", "INSTRUCTION.SEND")], iter(NONE)).sent
    assert not find([row("tick", "DECIDE")], iter(NONE)).sent


def test_the_search_ends_with_the_newest_memory_and_the_newest_plan() -> None:
    older: dict[str, Any] = {"memory": {"cannot": "be read"}, "plan": 7}
    newer: list[dict[str, Any]] = [{"memory": plain(MEMORY)}, {"plan": []}, older]
    payloads = iter(newer)

    assert (MEMORY, ()) == ((found := find([], payloads)).memory, found.plan)
