"""A server process and its clients, as the tests of the loopback venue use them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
from attrs import define, evolve, field
from msgspec import structs

from tests.venues import exchanges
from tests.venues.exchanges import START_NS
from tests.venues.loopback_server import JOURNAL, READY, SERIES, WORLDS
from verifill.engine.clock import NANOSECONDS
from verifill.venues.instructions import Instruction
from verifill.venues.loopback.admin import Allow, Arm, Drop, Pass, Skew, State
from verifill.venues.loopback.chain import LoopbackChain
from verifill.venues.loopback.effects import Effect
from verifill.venues.loopback.faults import Fault
from verifill.venues.loopback.remote import Feed, Remote
from verifill.venues.loopback.server import Ready
from verifill.venues.loopback.transport import Answered, Http
from verifill.venues.loopback.venue import LoopbackExchange
from verifill.venues.loopback.wire import encode
from verifill.venues.orders import Order
from verifill.venues.rules import Idempotency
from verifill.venues.simulated.quotes import FixedMarket

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 60
TIMEOUT_S = 0.3  # of a client; long enough for an answer that comes, short for one that does not
LAG_S, WINDOW_S = 5, 10


def key(number: int) -> str:
    """A key for a test."""
    return f"key{number:029}"


@define
class Host:
    """A server process; `start` it, and `stop` or `kill` it again."""

    folder: Path
    world: str = "exchange"
    klass: Idempotency = Idempotency.K
    process: "subprocess.Popen[bytes] | None" = None
    ready: Ready = field(factory=lambda: Ready(0, 0, 0))

    def start(self) -> "Host":
        """Start it, and wait until it listens."""
        told = self.folder / READY
        told.unlink(missing_ok=True)
        command = [sys.executable, "-W", "error", "-m", "tests.venues.loopback_server"]
        self.process = subprocess.Popen(
            [*command, str(self.folder), self.world, self.klass], cwd=ROOT
        )
        deadline = time.monotonic() + PATIENCE_S
        while not told.exists():
            assert self.process.poll() is None, "the server ended before it listened"
            assert time.monotonic() < deadline, "the server does not listen"
            time.sleep(0.01)
        self.ready = msgspec.json.decode(told.read_bytes(), type=Ready)
        return self

    def kill(self) -> None:
        """End it as a power cut does."""
        assert self.process
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def gone(self) -> int:
        """Wait until it has ended by itself; its exit code."""
        assert self.process
        return self.process.wait(PATIENCE_S)

    def stop(self) -> int:
        """End it as a user does, if it runs; its exit code."""
        assert self.process
        self.process.terminate()
        return self.gone()

    @property
    def journal(self) -> Path:
        return self.folder / JOURNAL

    # What whoever runs it does.

    def admin(self, method: str, target: str, what: Any = None) -> bytes:
        """A command to the server; it must be taken."""
        body = b"" if what is None else encode(what)
        attempt = Http(self.ready.admin_port, PATIENCE_S)(method, target, body)
        assert isinstance(attempt, Answered), attempt
        assert 200 == attempt.status, attempt.body
        return attempt.body

    def arm(self, *faults: Fault | str) -> None:
        full = tuple(fault for fault in faults if isinstance(fault, Fault))
        use = tuple(fault for fault in faults if isinstance(fault, str))
        self.admin("POST", "/arm", Arm(full, use))

    def wait(self, seconds: int) -> None:
        self.admin("POST", "/pass", Pass(seconds))

    def skew(self, milliseconds: int) -> None:
        self.admin("POST", "/skew", Skew(milliseconds))

    def allow(self, **what: bool) -> None:
        self.admin("POST", "/allow", Allow(**what))

    def post(self, venue: str, position: str, units: int) -> None:
        self.admin("POST", "/post", Drop(venue, position, units))

    def state(self) -> State:
        return msgspec.json.decode(self.admin("GET", "/state"), type=State)

    def effects(self) -> dict[str, Effect]:
        told = msgspec.json.decode(self.admin("GET", "/effects"), type=list[Effect])
        return {effect.key: effect for effect in told}

    def effect(self, number: int) -> int:
        """How often something was executed under a key."""
        effects = self.effects()
        return effects[key(number)].effects if key(number) in effects else 0

    # Its clients.

    def http(self) -> Http:
        return Http(self.ready.port, TIMEOUT_S)

    def feed(self, name: str) -> Feed:
        return Feed(name, self.http(), tracked=frozenset())

    def exchange(self, since: int | None = None) -> "Client":
        """A client of the exchange, whose wall time is the venue's."""
        world = WORLDS[self.world]
        limited = self.klass is Idempotency.D
        rules = evolve(
            exchanges.rules(world.instruments),
            idempotency=self.klass,
            query_lag_s=LAG_S if limited else 0,
            recv_window_s=WINDOW_S if limited else 0,
        )
        remote = Remote(
            rules,
            self.http(),
            tracked=frozenset(world.opening["binance"]),
            now_ns=lambda: self.state().time_ns,
            since=since,
        )
        return Client(
            rules,
            remote,
            scales=world.scales,
            market=FixedMarket(START_NS, prices=world.prices),
            routes=world.routes,
            withdrawal_fees=world.model.withdrawal_fees,
        )

    def chain(self) -> LoopbackChain:
        """A client of the chain."""
        world = WORLDS[self.world]
        remote = Remote(
            world.chain.rules,
            self.http(),
            tracked=frozenset(world.opening["ethereum"]),
            now_ns=lambda: self.state().time_ns,
        )
        made = LoopbackChain(
            world.chain,
            remote,
            self.http(),
            scales=world.scales,
            market=FixedMarket(START_NS, prices=world.prices, series=SERIES),
            routes=world.routes,
            indices={},
        )
        made.observe()
        return made


class Client(LoopbackExchange):
    """The adapter, with orders made the way a test wants them."""

    def order(self, number: int, instruction: Instruction, key_of: int | None = None) -> Order:
        """The exact order, with a key."""
        named = number if key_of is None else key_of
        return structs.replace(self.resolve(instruction, number, None), key=key(named))


SECOND_NS = NANOSECONDS
