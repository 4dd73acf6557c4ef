"""A market on a node, and live runs against it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

import msgspec
from attrs import define, field

from fixtures.chain.anvil import CHAIN_ID, Anvil, Rpc, started
from fixtures.chain.deploy import Deployer
from fixtures.chain.kept import put
from fixtures.chain.market import Market
from fixtures.chain.settings import WALLET, written
from tests.evm.between import Between
from verifill.engine.errors import EnvironmentDefect, UserDefect
from verifill.engine.log.durable_reader import DurableReader, open_log
from verifill.live import Ended, run_live
from verifill.machines.memory import entries_of, plan_of
from verifill.machines.strategy import Plan, PlanReport, Positions
from verifill.venues.evm.keys import from_key
from verifill.venues.market import MarketView

ETHER: Final = 10**18
PATIENCE_S: Final = 60
LOOK_S: Final = 0.1
KEPT: Final = ("--preserve-historical-states", "--state")  # that of recent blocks, as nodes have it
OPTIONS: Final = ("--slots-in-an-epoch", "4")
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
        way: what stands between a run and the node; None if nothing does.
        options: that the node was started with.
    """

    node: Anvil
    market: Market
    admin: Deployer
    folder: Path = field(default=Path())
    way: Between | None = None
    options: Sequence[str] = ()

    @classmethod
    def deployed(cls, node: Anvil) -> "World":
        admin = Deployer(node.rpc)
        return cls(node, put(admin), admin)

    @classmethod
    @contextmanager
    def restartable(cls, folder: Path) -> Generator["World"]:
        """A market on a node of its own, which can be started anew on what it was last."""
        folder.mkdir()
        options = (*KEPT, str(folder / "state.json"), *OPTIONS)
        world = cls.deployed(started(*options))
        world.options, world.folder = options, folder
        try:
            world.mine_now()
            world.node.end(gently=True)
            world.restart()
            yield world
        finally:
            world.node.end()

    def restart(self) -> None:
        """Start the node again; whoever asks it by way of us, or of what is between, finds it."""
        fresh = started(*self.options)
        fresh.rpc.close()
        self.node.process, self.node.port = fresh.process, fresh.port
        self.rpc.port = fresh.port
        if self.way is not None:
            self.way.node = fresh.port

    @contextmanager
    def for_a_while(self, folder: Path) -> Generator["World"]:
        """The market as it was deployed; what is done to it is forgotten."""
        before, fee = self.rpc("evm_snapshot"), self.base_fee
        self.mine_now()
        self.folder = folder
        try:
            yield self
        finally:
            self.mining(on=True)
            self.rpc("anvil_dropAllTransactions")  # a snapshot has neither the pool
            assert self.rpc("evm_revert", before)
            self.rpc("anvil_setNextBlockBaseFeePerGas", fee)  # nor what the next block costs

    @property
    def base_fee(self) -> str:
        """Wei for each unit of gas in the newest block, in hex."""
        return str(self.rpc("eth_getBlockByNumber", "latest", False)["baseFeePerGas"])  # noqa: FBT003 - JSON

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

    def run(self, config: Path, ticks: int = 2, until: str = "") -> Ended:
        """Run; what waits for a person is ended, once it is in a state or after a while."""
        over = Event()
        watch = Thread(target=self._watch, args=(over, until))
        watch.start()
        try:
            return run_live(config, folder=self.log, ticks=ticks)
        finally:
            over.set()
            watch.join()

    def _watch(self, over: Event, until: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not over.wait(LOOK_S):
            if time.monotonic() > end or (until and self.came_to(until)):
                os.kill(os.getpid(), signal.SIGTERM)
                return

    def consents(self, key: str, delegate: str, *, payer: str) -> None:
        """An account lets itself run a contract's code (EIP-7702); whoever pays sends that."""
        owner, sender = from_key(key, "key"), from_key(payer, "payer")
        nonces = [
            int(self.rpc("eth_getTransactionCount", one.address, "latest"), 16)
            for one in (owner, sender)
        ]
        own = owner.address == sender.address
        fields = {
            "type": 4, "chainId": CHAIN_ID, "nonce": nonces[1], "to": sender.address, "value": 0,
            "data": "0x", "gas": 100_000, "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9,
            "accessList": [],
            "authorizationList": [owner.authorize(CHAIN_ID, delegate, nonces[0] + own)],
        }  # fmt: skip
        self.rpc("eth_sendRawTransaction", "0x" + sender.sign(fields).hex())
        self.rpc("evm_mine")

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
