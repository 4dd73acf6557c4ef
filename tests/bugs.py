"""The classic bugs, as patches of the real functions: whoever plants one must see it caught."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from attrs import evolve

from verifill.engine.executor import DurableExecutor
from verifill.engine.log import connection
from verifill.machines import execution
from verifill.machines.execution import ExecutionManager
from verifill.machines.full_loop import FullEvent
from verifill.machines.gate import Gate
from verifill.machines.guarding import Guard
from verifill.machines.leg import Leg
from verifill.machines.limits import Alarm
from verifill.machines.live_records import LiveRecords
from verifill.machines.loop import FullLoop
from verifill.machines.meaning import FOUND
from verifill.machines.monitor import PositionMonitor
from verifill.machines.reconcile import VerdictKind
from verifill.machines.recovery import Found
from verifill.machines.strategy import Fate
from verifill.machines.tight_loop import Tight, TightEvent
from verifill.venues.loopback.remote import Remote
from verifill.venues.orders import Outcome, Reading, Receipt

Plant = Callable[[pytest.MonkeyPatch], None]


def send_before_the_intent(patch: pytest.MonkeyPatch) -> None:
    real_intent, real_submit = LiveRecords.intent, ExecutionManager._submit  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # a planted bug

    def submit(manager: ExecutionManager, leg: Leg) -> Receipt:
        receipt = real_submit(manager, leg)
        records = manager._records  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # likewise
        assert isinstance(records, LiveRecords)
        real_intent(records, leg)
        return receipt

    def nothing(_records: LiveRecords, _leg: Leg) -> None:
        """Do not write it yet."""

    patch.setattr(LiveRecords, "intent", nothing)
    patch.setattr(ExecutionManager, "_submit", submit)


def take_a_time_out_as_refused(patch: pytest.MonkeyPatch) -> None:
    real = ExecutionManager._submit  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # likewise

    def submit(manager: ExecutionManager, leg: Leg) -> Receipt:
        receipt = real(manager, leg)
        if receipt.outcome is not Outcome.UNKNOWN:
            return receipt
        return replace(receipt, outcome=Outcome.REJECTED_DEFINITIVE, retryable=True)

    patch.setattr(ExecutionManager, "_submit", submit)


def take_not_found_for_proof(patch: pytest.MonkeyPatch) -> None:
    def proof(_remote: Remote, _key: str, _time_ns: int, _deadline_ns: int | None) -> Receipt:
        return Receipt(Outcome.ABSENT, reason="no such order", retryable=True)

    patch.setattr(Remote, "_absent", proof)


def repeat_without_its_move(patch: pytest.MonkeyPatch) -> None:
    def repeats(manager: ExecutionManager, leg: Leg) -> bool:
        if leg.receipt.not_found:
            manager._submit(leg)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # likewise
        return False

    patch.setattr(ExecutionManager, "_repeats", repeats)


def repeat_another_request(patch: pytest.MonkeyPatch) -> None:
    real = ExecutionManager._repeat  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # likewise

    def repeat(manager: ExecutionManager, leg: Leg) -> Receipt | None:
        leg.request = replace(leg.order, quantity=leg.order.quantity * 2)
        return real(manager, leg)

    patch.setattr(ExecutionManager, "_repeat", repeat)


def apply_again_what_was_seen(patch: pytest.MonkeyPatch) -> None:
    real = PositionMonitor.observe

    def observe(monitor: PositionMonitor) -> Reading:
        looked = bool(monitor._rows)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # likewise
        reading = real(monitor)
        return replace(reading, rows=reading.rows * 2) if looked else reading

    patch.setattr(PositionMonitor, "observe", observe)


def skip_the_next_and_call_it_done(patch: pytest.MonkeyPatch) -> None:
    real = FullLoop._ended  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # likewise

    def ended(loop: FullLoop, fate: Fate, reason: str = "") -> None:
        real(loop, fate, reason)
        if len(loop._entries) < len(loop._plan):  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # likewise
            real(loop, Fate.DONE)

    patch.setattr(FullLoop, "_ended", ended)


def take_nothing_for_what_was_expected(patch: pytest.MonkeyPatch) -> None:
    found = {**FOUND, VerdictKind.NOT_EXECUTED: TightEvent.MATCHED}
    patch.setattr(execution, "FOUND", found)


def move_past_the_table(patch: pytest.MonkeyPatch) -> None:
    """What was observed is DONE, and never reconciled."""
    real = DurableExecutor.fire

    def fire(machine: DurableExecutor, event: str) -> None:
        table = machine.compiled
        holder = machine.state.removesuffix(Tight.AWAIT_POSITION)
        if event == TightEvent.OBSERVED and holder != machine.state:
            cells = list(table.cells)
            at = table.state(machine.state) * len(table.events) + table.event(event)
            cells[at] = table.state(f"{holder}{Tight.DONE}")
            machine.compiled = evolve(table, cells=tuple(cells))
        try:
            real(machine, event)
        finally:
            machine.compiled = table

    patch.setattr(DurableExecutor, "fire", fire)


def go_on_before_it_is_resolved(patch: pytest.MonkeyPatch) -> None:
    def resolving(_found: Found) -> FullEvent | None:
        return None

    patch.setattr(Found, "resolving", property(resolving))


def drop_the_sync(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(connection, "PRAGMAS", {**connection.PRAGMAS, "synchronous": ("OFF", 0)})


def send_without_asking(patch: pytest.MonkeyPatch) -> None:
    def nothing(_guard: Guard, _leg: Leg, _state: str) -> str:
        return ""

    patch.setattr(Guard, "deny", nothing)


def let_a_contradiction_pass(patch: pytest.MonkeyPatch) -> None:
    def nothing(_gate: Gate, _alarm: Alarm, _account: str, _reason: str) -> None:
        """Latch nothing."""

    patch.setattr(Gate, "raise_alarm", nothing)
