"""The engine itself on a server process: its own loop decides what to make of the answers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.runs import Deciding
from tests.venues.exchanges import BTC, SCALES, buy, internal
from tests.venues.loopback import DECIMALS, Client, Host, key
from tests.venues.loopback_server import WORLDS
from verifill.backtest import Outcome, Parts, run
from verifill.ending import Ending
from verifill.engine.retry import RetryPolicy
from verifill.machines.loop import LoopPolicy
from verifill.machines.policies import Policies
from verifill.venues.instructions import Instruction
from verifill.venues.loopback.prices import LoopbackMarket
from verifill.venues.orders import Order

BOUGHT = 999_000  # units that a purchase of 0.01 BTC leaves after its fee
PATIENT = RetryPolicy(attempts=10)
HARMLESS = (
    "",
    "timeout_after",
    "dropped_after",
    "answer_truncate",
    "answer_drip",
    "answer_null_id",
    "answer_fill_twice",
    "late_fill",
    "fills_out_of_order",
    "funding_in_the_middle",
)


class Ticking(LoopbackMarket):
    """Clock and market of a run: the server's virtual time, moved on by the run itself."""

    digest = "loopback"

    def __init__(self, host: Host, ticks: int) -> None:
        super().__init__("binance", host.transport(), DECIMALS)
        self._host = host
        self._left = ticks
        self.refresh()

    @property
    def now_ns(self) -> int:
        return self.time_ns

    @property
    def monotonic_ns(self) -> int:
        return self.time_ns

    def next_tick(self) -> bool:
        self._left -= 1
        self.wait(60 * 10**9)
        return self._left >= 0

    def wait(self, duration_ns: int) -> int:
        self._host.wait(-(-duration_ns // 10**9))
        self.refresh()
        return 0


class Keyed(Client):
    """The adapter, with a key for each intent."""

    def resolve(self, instruction: Instruction, number: int, late: int | None) -> Order:
        return replace(super().resolve(instruction, number, late), key=key(number))


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path).start()
    yield made
    made.stop()


def ran(host: Host, *plan: Instruction) -> Outcome:
    """Run a strategy that has one plan."""
    plans = iter([plan])
    client = host.exchange(of=Keyed)
    opening = client.read().totals
    world = WORLDS[host.world]
    policies = Policies(readings=PATIENT, queries=PATIENT)
    parts = Parts(
        timeline=Ticking(host, 3),
        strategy=Deciding(lambda _market, _positions, _last: next(plans, ())),
        venues=[client],
        subscribed={"binance"},
        scales=SCALES,
        opening=opening,
        policy=LoopPolicy(tight_loop=policies),
    )
    assert world.opening["binance"].keys() <= opening.keys()
    return run(parts, host.folder / "log")


@pytest.mark.parametrize("fault", HARMLESS)
def test_an_instruction_is_done_and_verified_once(host: Host, fault: str) -> None:
    if fault:
        host.arm(fault)
    outcome = ran(host, buy("0.01", "64100"), internal("100"))

    assert (Ending.COMPLETED, "") == (outcome.ending, outcome.reason)
    assert host.state().totals["binance"] == outcome.closing
    assert outcome.closing[BTC] - 2 * 10**8 in {BOUGHT, BOUGHT - 2}  # each fill's fee is rounded
    assert (1, 1) == (host.effect(1), host.effect(2))


@pytest.mark.parametrize("fault", ["rejected_yet_executed", "foreign_transfer"])
def test_what_does_not_add_up_is_never_taken_for_done(host: Host, fault: str) -> None:
    host.arm(fault)
    outcome = ran(host, buy("0.01", "64100"), internal("100"))

    assert outcome.ending not in {Ending.COMPLETED, Ending.INTERRUPTED}
    assert (1, 0) == (host.effect(1), host.effect(2))


def test_what_never_arrived_goes_out_once_more_under_its_own_key(host: Host) -> None:
    host.arm("timeout_before")
    outcome = ran(host, buy("0.01", "64100"), internal("100"))

    assert Ending.COMPLETED is outcome.ending
    assert host.state().totals["binance"] == outcome.closing
    assert (1, 1) == (host.effect(1), host.effect(2))
