"""A market on a node, and live runs against it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from threading import Timer
from typing import Any, Final

import msgspec
from attrs import define, field

from fixtures.chain.anvil import Anvil, Rpc
from fixtures.chain.deploy import Deployer
from fixtures.chain.kept import put
from fixtures.chain.market import Market
from fixtures.chain.settings import WALLET, written
from verifill.engine.errors import EnvironmentDefect, UserDefect
from verifill.engine.log.durable_reader import DurableReader, open_log
from verifill.live import Ended, run_live
from verifill.machines.memory import entries_of, plan_of
from verifill.machines.strategy import Plan, PlanReport, Positions
from verifill.venues.market import MarketView

ETHER: Final = 10**18
PATIENCE_S: Final = 60
PLANNED: Final = f"{__file__}:Planned"
ENTRY: Final = """\
capital = "100"
flash = "400"
min_wrapped = "462.9629"
flash_exit = "{exit}"
min_swapped = "{least}"
hold_days = {days}
account = "wallet"
lender = "aave_v3"
pool = "uniswap_v2"
"""
LEVERAGED: Final = str(
    Path(__file__).parents[2] / "docs" / "examples" / "leveraged_staking.py:LeveragedStaking"
)


class Planned:
    """Plans what it is told, once, and says on which tick."""

    def __init__(self, plan: str) -> None:
        self.plan: Plan | None = _read(plan)

    def state(self) -> Mapping[str, Any]:
        return {"planned": self.plan is None}

    def restore(self, state: Mapping[str, Any]) -> None:
        if state["planned"]:
            self.plan = None

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:
        del market, positions, last
        plan, self.plan = self.plan, None
        return plan or []


def _read(told: str) -> Plan:
    return list(plan_of(json.loads(told)))


def _told(plan: Plan) -> str:
    return json.dumps(msgspec.to_builtins(list(entries_of(plan))))


@define
class World:
    """A market, and where the test writes.

    Attributes:
        node: that it is on.
        market: its addresses.
        admin: who sends without a key.
        folder: of the test.
    """

    node: Anvil
    market: Market
    admin: Deployer
    folder: Path = field(default=Path())

    @classmethod
    def deployed(cls, node: Anvil) -> "World":
        admin = Deployer(node.rpc)
        return cls(node, put(admin), admin)

    @contextmanager
    def for_a_while(self, folder: Path) -> Generator["World"]:
        """The market as it was deployed; what is done to it is forgotten."""
        before = self.rpc("evm_snapshot")
        self.mine_now()
        self.folder = folder
        try:
            yield self
        finally:
            self.mining(on=True)
            assert self.rpc("evm_revert", before)

    def mine_now(self) -> None:
        """Mine a block of now: a node that was set back goes by its newest block."""
        self.rpc("evm_setTime", int(time.time()))
        self.rpc("evm_mine")

    def mining(self, *, on: bool) -> None:
        """Whether a transaction is mined as it comes."""
        self.rpc("evm_setAutomine", on)

    @property
    def rpc(self) -> Rpc:
        return self.node.rpc

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def settings(
        self, strategy: str = PLANNED, options: str = "", *, url: str = "", **more: str
    ) -> Path:
        file = self.folder / "chain.toml"
        return written(file, self.market, url or self.node.url, strategy, options, **more)

    def planning(self, plan: Plan, **more: str) -> Path:
        return self.settings(options=f"plan = '''{_told(plan)}'''", **more)

    def run(self, config: Path, ticks: int = 2) -> Ended:
        """Run; what waits for a person is ended after a while."""
        patience = Timer(PATIENCE_S, lambda: os.kill(os.getpid(), signal.SIGTERM))
        patience.start()
        try:
            return run_live(config, folder=self.log, ticks=ticks)
        finally:
            patience.cancel()

    def wrapped(self, whole: str) -> None:
        """Give the wallet wrapped ether."""
        value = int(Decimal(whole) * ETHER)
        self.admin.send(self.weth, "deposit()", value=value, sender=WALLET)

    @property
    def weth(self) -> str:
        return self.market.tokens.of["WETH"]

    def balance(self, token: str, of: str = WALLET) -> int:
        return int(self.admin.ask(token, "balanceOf(address)", "uint256", of))

    def records(self) -> list[Mapping[str, Any]]:
        """The records of the run, oldest first."""
        reader = open_log(self.log)
        assert isinstance(reader, DurableReader)
        rows = list(reader.backwards(("kind", "machine", "event", "to", "payload", "intent_id")))
        return rows[::-1]

    def states(self) -> list[str]:
        """Where it went."""
        return [row["to"] for row in self.records() if row["event"] and row["to"]]

    def came_to(self, state: str) -> bool:
        """Whether a run that goes on in another process has come to a state."""
        with suppress(UserDefect, EnvironmentDefect):  # its log is only being made
            return state in self.states()
        return False

    def notes(self, kind: str) -> list[str]:
        """What notes of a kind say."""
        payloads = [json.loads(row["payload"]) for row in self.records() if row["payload"]]
        notes = [note for one in payloads for note in one.get("streams", {}).get("notes", [])]
        return [note[2] for note in notes if note[1] == kind]

    def moves(self) -> dict[str, int]:
        """Position key -> what receipts say it moved, rehearsals left out."""
        payloads = [json.loads(row["payload"]) for row in self.records() if row["payload"]]
        moved: dict[str, int] = {}
        for one in payloads:
            for _, ref, key, amount, *_ in one.get("streams", {}).get("moves", []):
                if "-dry-" not in ref:
                    moved[key] = moved.get(key, 0) + amount
        return moved


def waited(until: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not until():
        assert time.monotonic() < end
        time.sleep(0.02)


def begun(
    config: Path, log: Path, ticks: int = 2, stdout: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "verifill", "live", str(config), "--log", str(log)]
    return subprocess.Popen(
        [*command, "--ticks", str(ticks)], stdout=stdout, stderr=subprocess.DEVNULL
    )
