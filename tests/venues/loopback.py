"""Servers of the loopback venue and their clients, as tests use them.

A `Host` is a process of its own, with sockets between; an `Inside` is the same service in the
test's own process, without sockets, for what needs many of them.
"""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import msgspec
from attrs import define, evolve, field

from tests.venues import exchanges
from tests.venues.loopback_server import JOURNAL, READY, WORLDS, service
from verifill.venues.instructions import Instruction
from verifill.venues.loopback.admin import Admin, Allow, Arm, Drop, Pass, Skew, State
from verifill.venues.loopback.chain import LoopbackChain
from verifill.venues.loopback.effects import Effect
from verifill.venues.loopback.faults import Break, Fault
from verifill.venues.loopback.journal import Journal
from verifill.venues.loopback.outgoing import Outgoing
from verifill.venues.loopback.prices import LoopbackMarket
from verifill.venues.loopback.remote import Feed, Remote
from verifill.venues.loopback.server import Ready
from verifill.venues.loopback.transport import (
    Answered,
    Attempt,
    Http,
    Lost,
    NotSent,
    Transport,
)
from verifill.venues.loopback.venue import LoopbackExchange
from verifill.venues.loopback.wire import encode
from verifill.venues.orders import Order
from verifill.venues.rules import Idempotency

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 60
TIMEOUT_S = 1.0  # of a client; long enough for an answer that comes, short for one that does not
LAG_S, WINDOW_S = 5, 10
DECIMALS = {"binance.spot:BTC/USDT": 2, "binance.usdm:BTCUSDT": 2}


def key(number: int) -> str:
    """A key for a test."""
    return f"key{number:029}"


class Client(LoopbackExchange):
    """The adapter, with orders made the way a test wants them."""

    def order(self, number: int, instruction: Instruction, named: int | None = None) -> Order:
        """The exact order, with a key of its own unless it is named after another."""
        order = self.resolve(instruction, number, None)
        return replace(order, key=key(number if named is None else named))


class Chain(LoopbackChain):
    """The adapter, which looks at the market after time has passed."""

    prices: LoopbackMarket

    def refresh(self) -> None:
        self.prices.refresh()
        self.observe()


class Server(Protocol):
    """What tests do with a server, whichever way it runs."""

    world: str
    klass: Idempotency

    def transport(self) -> Transport:
        """Attempts of a client."""
        ...

    def admin(self, method: str, target: str, what: object = None) -> bytes:
        """A command to the server; it must be taken."""
        ...

    # What whoever runs it does.

    def arm(self, *faults: Fault | str) -> None:
        full = tuple(fault for fault in faults if isinstance(fault, Fault))
        use = tuple(fault for fault in faults if isinstance(fault, str))
        self.admin("POST", "/arm", Arm(full, use))

    def disarm(self) -> None:
        self.admin("POST", "/disarm")

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

    def total(self, position: str) -> int:
        """What a venue's own accounts have at a position."""
        return next(t[position] for t in self.state().totals.values() if position in t)

    def effects(self) -> dict[str, Effect]:
        told = msgspec.json.decode(self.admin("GET", "/effects"), type=list[Effect])
        return {effect.key: effect for effect in told}

    def effect(self, number: int) -> int:
        """How often something was executed under a key."""
        effects = self.effects()
        return effects[key(number)].effects if key(number) in effects else 0

    def now_ns(self) -> int:
        """The wall time of its clients, which is that of the venues unless they are wrong."""
        return self.state().wall_ns

    # Its clients.

    def feed(self, name: str) -> Feed:
        return Feed(name, self.transport(), tracked=frozenset())

    def market(self) -> LoopbackMarket:
        made = LoopbackMarket("binance", self.transport(), DECIMALS)
        made.refresh()
        return made

    def exchange(
        self,
        since: int | None = None,
        lag_s: int | None = None,
        of: type[Client] = Client,
    ) -> Client:
        """A client of the exchange; its rules declare a lag in class D, or the one given."""
        world = WORLDS[self.world]
        limited = self.klass is Idempotency.D
        rules = evolve(
            exchanges.rules(world.instruments),
            idempotency=self.klass,
            query_lag_s=(LAG_S if limited else 0) if lag_s is None else lag_s,
            recv_window_s=WINDOW_S if limited else 0,
        )
        return of(
            rules,
            Remote(
                rules,
                self.transport(),
                tracked=frozenset(world.opening["binance"]),
                now_ns=self.now_ns,
                monotonic_ns=self.now_ns,
                since=since,
            ),
            scales=world.scales,
            market=self.market(),
            routes=world.routes,
            withdrawal_fees=world.model.withdrawal_fees,
        )

    def chain(self) -> Chain:
        """A client of the chain."""
        world = WORLDS[self.world]
        market = self.market()
        made = Chain(
            world.chain,
            Remote(
                world.chain.rules,
                self.transport(),
                tracked=frozenset(world.opening["ethereum"]),
                now_ns=self.now_ns,
                monotonic_ns=self.now_ns,
            ),
            self.transport(),
            scales=world.scales,
            market=market,
            routes=world.routes,
            indices={},
        )
        made.prices = market
        made.observe()
        return made


@define
class Host(Server):
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

    def admin(self, method: str, target: str, what: object = None) -> bytes:
        body = b"" if what is None else encode(what)
        attempt = Http(self.ready.admin_port, PATIENCE_S)(method, target, body)
        assert isinstance(attempt, Answered), attempt
        assert 200 == attempt.status, attempt.body
        return attempt.body

    def transport(self) -> Http:
        return Http(self.ready.port, TIMEOUT_S)


class Inside(Server):
    """The service without sockets; a connection that breaks is told as the client sees it."""

    def __init__(
        self, folder: Path, world: str = "exchange", klass: Idempotency = Idempotency.K
    ) -> None:
        self.world = world
        self.klass = klass
        self.reachable = True
        self._journal = Journal(folder / JOURNAL)
        self.service = service(self._journal, world, klass)
        self._admin = Admin(self.service, reach=self._reach)

    def close(self) -> None:
        """Let another server have the journal."""
        self._journal.close()

    def _reach(self, *, reachable: bool) -> None:
        self.reachable = reachable

    def admin(self, method: str, target: str, what: object = None) -> bytes:
        outgoing = self._admin.answer(method, target, b"" if what is None else encode(what))
        assert 200 == outgoing.status, outgoing.body
        return outgoing.body

    def transport(self) -> Transport:
        return self._attempt

    def _attempt(self, method: str, target: str, body: bytes = b"") -> Attempt:
        if not self.reachable:
            return NotSent("Connection refused")
        return attempted(self.service.answer(method, target, body))


def attempted(outgoing: Outgoing) -> Attempt:
    """What a client makes of an answer on its way."""
    if outgoing.ends in {Break.DROP, Break.HOLD} or outgoing.truncated or outgoing.drips:
        return Lost(str(outgoing.ends))
    return Answered(outgoing.status, outgoing.body, outgoing.headers.get("Retry-After", ""))
