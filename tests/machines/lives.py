"""Process lives of a live engine, in memory but for the log: cut off at any moment, gone on with.

The venue is one object that outlives them. A life that is killed drops everything else, as a
process would, and the next one has the log and the venue.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
from attrs import define, field

from tests.machines.support import MINUTE_NS, SECOND_NS, START_NS, Scripted, Stage
from verifill.engine.answers import Keeping
from verifill.engine.clock import WallClock
from verifill.engine.command import Command
from verifill.engine.commands import CommandName
from verifill.engine.compile import compile_table
from verifill.engine.errors import InboxError
from verifill.engine.executor import DurableExecutor
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.durable import DurableLog
from verifill.engine.log.durable_reader import DurableReader
from verifill.engine.log.expand import Nesting
from verifill.engine.log.live import Aside, LiveLog, Moment
from verifill.engine.log.opening import create_log, reopen_log
from verifill.engine.log.record import Record
from verifill.engine.log.writer import is_log
from verifill.engine.verify.log import verify
from verifill.engine.verify.verdict import Verdict
from verifill.machines.assembling import Beyond, Look, assemble
from verifill.machines.figures import Worth
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.heard import abilities_of
from verifill.machines.live_loop import LiveLoop
from verifill.machines.loop import LoopPolicy
from verifill.machines.nesting import nesting
from verifill.machines.recovering import Bases
from verifill.machines.recovery import Found, found_in
from verifill.machines.setup import SETUP, Setup, VenueSetup
from verifill.machines.stateful import Stateful
from verifill.machines.strategy import Plan, PlanReport, Positions
from verifill.machines.thresholds import Thresholds
from verifill.machines.tolerance import EXACT, Tolerance
from verifill.venues.interfaces import PositionFeed
from verifill.venues.market import MarketView
from verifill.venues.orders import LedgerRow, Reading, Receipt, Request


class KilledError(BaseException):
    """The process is gone."""


@define
class Moments:
    """Counts what passes, and ends the life at one moment.

    Attributes:
        place: what is counted: `commit`, `aside` (of the guard) or `send`.
        number: which one, from 1; 0 for none.
        after: whether the life ends after it, not before.
    """

    place: str = ""
    number: int = 0
    after: bool = False
    seen: dict[str, int] = field(factory=dict[str, int])

    def around(self, place: str, do: Callable[[], Any]) -> Any:  # noqa: ANN401 - of any type
        self.seen[place] = self.seen.get(place, 0) + 1
        here = place == self.place and self.seen[place] == self.number
        if here and not self.after:
            raise KilledError
        answer = do()
        if here:
            raise KilledError
        return answer


class MortalLog(LiveLog):
    """A log whose commits are moments."""

    moments = Moments()

    def _write(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - as it is called
        self.moments.around("commit", lambda: super(MortalLog, self)._write(*given, **named))

    def aside(self, told: Sequence[Aside]) -> None:
        self.moments.around("aside", lambda: super(MortalLog, self).aside(told))


@define
class Kept:
    """All ledger rows of a venue, so that every life may read from where it knows."""

    venue: Scripted
    rows: list[LedgerRow] = field(factory=list[LedgerRow])

    def read(self, since: int) -> Reading:
        reading = self.venue.read()
        self.rows += reading.rows
        return Reading(reading.as_of_ns, reading.totals, tuple(self.rows[since:]))


class Client:
    """One life's connection to a venue; implements `venues.interfaces.Venue`."""

    def __init__(self, kept: Kept, moments: Moments, since: int) -> None:
        self._kept = kept
        self._venue = kept.venue
        self._moments = moments
        self.cursor = since
        self.rules = kept.venue.rules
        self.resolve = self._venue.resolve
        self.deny = self._venue.deny
        self.expect = self._venue.expect
        self.assess = self._venue.assess
        self.query = self._venue.query
        self.start_up_failures = self._venue.start_up_failures

    def submit(self, request: Request) -> Receipt:
        receipt: Receipt = self._moments.around("send", lambda: self._venue.submit(request))
        return receipt

    def read(self) -> Reading:
        reading = self._kept.read(self.cursor)
        self.cursor += len(reading.rows)
        return reading


class Scheduled:
    """A strategy with one plan for each time it is asked, which knows where it was."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        self._plans = plans
        self.count = 0
        self.reports: list[PlanReport] = []

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:  # noqa: ARG002 - one protocol
        self.reports.append(last)
        plan = self._plans[self.count] if self.count < len(self._plans) else ()
        self.count += 1
        return plan

    def state(self) -> Mapping[str, Any]:
        return {"count": self.count}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.count = state["count"]


@define
class Mailbox:
    """Commands that come when the engine waits in a state; implements `Mailbox`.

    Attributes:
        replies: end of a state's name -> the commands given there, one at a time.
        answers: what was answered, by name of the command, in order.
        deaf: whether answers are lost.
        actor: who gives them.
    """

    replies: dict[str, list[str]] = field(factory=dict[str, list[str]])
    answers: list[tuple[str, str]] = field(factory=list[tuple[str, str]])
    state: Callable[[], str] = lambda: ""
    deaf: bool = False
    actor: str = "ann"
    _waiting: list[Command] = field(factory=list[Command])
    _count: int = 0

    def pending(self) -> Sequence[Command]:
        for end, names in self.replies.items():
            if self.state().endswith(end) and names and not self._waiting:
                self._count += 1
                name, _, number = names.pop(0).partition(" ")
                self._waiting.append(
                    Command(
                        id=self._count,
                        at_ns=0,
                        actor=self.actor,
                        reason="because",
                        name=CommandName(name),
                        arguments={
                            "instruction": number or "1",
                            "flatten": number or "no",
                            "base": number or "none",
                            "scope": number or "global",
                        },
                    )
                )
        return list(self._waiting)

    def answer(self, number: int, text: str, at_ns: int, *, taken: bool = True) -> None:  # noqa: ARG002 - one protocol
        if self.deaf:
            msg = "the inbox is locked"
            raise InboxError(msg)
        (said,) = [one for one in self._waiting if one.id == number]
        self._waiting.remove(said)
        self.answers.append((str(said.name), text))


@define
class World:
    """One log and one venue, over as many lives as it takes.

    Attributes:
        folder: of the log.
        stage: market and venue.
        venue: the venue.
        plans: what the strategy wants, tick by tick.
        policy: how the loops behave.
        mailbox: what operators say.
        patience: after so many slices of sleep a life is stopped: whoever it waits for does
            not come.
        client: what connects a life to the venue.
        thinker: what makes the strategy of its plans.
        tolerance: differences that are accepted.
        bases: entry values, the first time.
        subscribed: names of venues that the strategy may use; all if left out.
        stale: why market data is not fresh, each time that it is fetched; then it is.
        feeds: other positions.
        limits: of breakers and trading states.
        worth: what limits of money are counted by.
        wrong_ns: by how much the wall clock is wrong.
        asleep: called with the number of each slice of sleep, from 1.
        strategy: that of the newest life.
        loop: the newest life.
    """

    folder: Path
    stage: Stage
    venue: Scripted
    plans: Sequence[Plan]
    policy: LoopPolicy = field(factory=lambda: LoopPolicy(fail_fast=False))
    mailbox: Mailbox = field(factory=Mailbox)
    patience: int = 400
    client: type[Client] = Client
    thinker: Callable[[Sequence[Plan]], Scheduled] = Scheduled
    tolerance: Tolerance = EXACT
    bases: Bases = lambda _totals: ({}, "")
    subscribed: Collection[str] | None = None
    stale: list[str] = field(factory=list[str])
    feeds: Sequence[PositionFeed] = ()
    limits: Thresholds = field(factory=Thresholds)
    worth: Worth | None = None
    wrong_ns: int = 0
    asleep: Callable[[int], None] = lambda _number: None
    strategy: Scheduled = field(init=False)
    loop: LiveLoop = field(init=False)
    _kept: Kept = field(init=False)
    _mono_ns: int = 0
    logs: ClassVar[set[Path]] = set()  # of all worlds of a test; see conftest.py

    def __attrs_post_init__(self) -> None:
        self._kept = Kept(self.venue)
        self.strategy = self.thinker(self.plans)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def live(self, ticks: int = 3, moments: Moments | None = None) -> str:
        """One life: the state that it ends in, or `KILLED`."""
        watched = moments or Moments()
        log, found, header = self._open()
        try:
            return self._live(ticks, watched, log, found, header)
        except KilledError:
            return "KILLED"
        finally:
            log.close()

    def _live(
        self,
        ticks: int,
        moments: Moments,
        log: DurableLog,
        found: Found,
        header: Mapping[str, Any],
    ) -> str:
        compiled = compile_table(FULL_LOOP)
        live = MortalLog(log, Nesting(**header["nesting"]), self._moment)
        live.moments = moments
        machine = DurableExecutor(compiled, live)
        self.mailbox.state = lambda: machine.state
        since = found.memory.books.cursors.get("desk", 0) if found.memory else 0
        client = self.client(self._kept, moments, since)
        self.strategy = self.thinker(self.plans)
        sleeps = 0

        def sleep(seconds: float) -> None:
            nonlocal sleeps
            sleeps += 1
            self.asleep(sleeps)
            self.go(round(seconds * SECOND_NS))
            if sleeps > self.patience:
                loop.stop()

        clock = WallClock(MINUTE_NS, wall_ns=lambda: self.wall_ns,
                          monotonic_ns=lambda: self._mono_ns, sleep=sleep)  # fmt: skip
        left = ticks

        def look() -> Look:
            nonlocal left
            if left == 0:
                loop.stop()
            left -= 1
            return Look(self.stale.pop(0) if self.stale else "")

        thinker: Any = self.strategy  # of any kind
        names = {client.rules.name} if self.subscribed is None else self.subscribed
        setup = Setup(
            decimals=self.stage.scales.as_dict(),
            policy=self.policy,
            tolerance=self.tolerance,
            venues=(VenueSetup(rules=client.rules, abilities=abilities_of(client)),),
            feeds=len(self.feeds),
            subscribed=frozenset(names),
            stateful=isinstance(thinker, Stateful),
            measured=self.worth is not None,
            limits=self.limits,
        )
        answers = Keeping(live)
        setup = answers.ask("setup", lambda: setup, SETUP)
        beyond = Beyond(
            clock=clock, wall_ns=lambda: self.stage.bars.time_ns, market=self.stage.bars,
            strategy=self.strategy, venues=[client], feeds=self.feeds, mailbox=self.mailbox,
            bases=self.bases, cursors=lambda: {"desk": client.cursor}, look=look,
            seen=lambda: None, worth=self.worth,
        )  # fmt: skip
        self.loop = loop = assemble(
            setup, beyond, answers, machine=machine, log=live, found=found, run=header["run"]
        )
        loop.run()
        return machine.state

    def go(self, duration_ns: int) -> None:
        self._mono_ns += duration_ns
        bars = self.stage.bars
        bars.time_ns = START_NS + self._mono_ns
        for simulation in bars.simulations:
            simulation.advance(bars.time_ns)

    def _moment(self) -> Moment:
        return Moment(self.wall_ns, self._mono_ns)

    @property
    def wall_ns(self) -> int:
        return self.stage.bars.time_ns + self.wrong_ns

    def _open(self) -> tuple[DurableLog, Found, Mapping[str, Any]]:
        nested = nesting(FULL_LOOP, compile_table(FULL_LOOP))
        header = {"run": "r", "epoch": 1, "nesting": nested, "table": FULL_LOOP.content}
        header |= {"decimals": self.stage.scales.as_dict()}
        wall_ns, mono_ns = self._moment()
        life = Record(machine="process", kind="EPOCH", wall_ns=wall_ns, mono_ns=mono_ns)
        anchor = FileAnchor(self.folder / "anchor")
        self.logs.add(self.log)
        if not is_log(self.log):
            return create_log(self.log, header, life, anchor=anchor), Found(), header
        log = reopen_log(self.log, life, definition_hash=nested["digest"], anchor=anchor)
        return log, found_in(DurableReader(self.log)), header

    def verify(self) -> Verdict:
        """What its log is worth as evidence."""
        return verify(self.log, anchor=FileAnchor(self.folder / "anchor"))

    @property
    def reader(self) -> DurableReader:
        return DurableReader(self.log)

    @property
    def records(self) -> pl.DataFrame:
        """The records of the loops."""
        return self._of(("full_loop", "atomic", "tight_loop", "process"))

    @property
    def asides(self) -> list[tuple[str, str, str]]:
        """What breakers and trading states did: scope, event, state after."""
        rows = self._of(("breaker", "trading_state")).select("payload", "event", "to").rows()
        return [(json.loads(payload)["scope"], event, to) for payload, event, to in rows]

    def _of(self, machines: Sequence[str]) -> pl.DataFrame:
        return self.reader.records().filter(pl.col("machine").is_in(machines)).collect()

    @property
    def events(self) -> list[str]:
        return [event for event in self.records["event"] if event]

    @property
    def story(self) -> str:
        """The events of the newest life."""
        records = self.records
        last = records.filter(epoch=records["epoch"].max())
        return " ".join(event for event in last["event"] if event)
