"""A live run: the same loops on the wall clock, with a durable log and a past.

The venues are those of a loopback server (`verifill venue serve`). A run goes on where an
earlier process life of it ended, however that ended: its log says which orders were sent,
the venues say what became of them.
"""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve, field, frozen

from verifill.assembly.endpoints import endpoints_of, lines_of, ports_of
from verifill.assembly.history import prepared
from verifill.assembly.loopback import Connected, Hosting, connect
from verifill.assembly.references import check_references, venue_names
from verifill.assembly.strategy import load_strategy
from verifill.backtest import versions
from verifill.build import described, policy_of, tolerance_of
from verifill.config import Config, load_config
from verifill.config.retries import LIVE
from verifill.engine.clock import NANOSECONDS, WallClock
from verifill.engine.compile import compile_table
from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.errors import NotObserved
from verifill.engine.executor import DurableExecutor
from verifill.engine.inbox import Inbox
from verifill.engine.log.anchor import Anchor, FileAnchor
from verifill.engine.log.durable import DurableLog
from verifill.engine.log.durable_reader import DurableReader, open_log
from verifill.engine.log.expand import Nesting
from verifill.engine.log.live import LiveLog, Moment
from verifill.engine.log.opening import create_log, reopen_log
from verifill.engine.log.record import Record
from verifill.engine.log.writer import is_log
from verifill.interrupts import Interrupts
from verifill.machines.desk import Desk
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.live_loop import LiveLoop
from verifill.machines.live_records import LiveRecords
from verifill.machines.monitor import PositionMonitor
from verifill.machines.nesting import nesting
from verifill.machines.operator import Mailbox, Operators
from verifill.machines.recovery import Found, found_in
from verifill.telling import Style, Tell, telling
from verifill.venues.loopback.world import NETWORK


@frozen(kw_only=True)
class Ended:
    """How a process life ended.

    Attributes:
        state: leaf state that the machine rests in.
        reason: why it is not plainly stopped; empty if it is.
        parked: whether something was under way, which the next start goes on with.
        ticks: number of the last tick.
        signal: number of the signal that stopped it, 0 if none did.
    """

    state: str
    reason: str
    parked: bool
    ticks: int
    signal: int


@frozen(kw_only=True)
class Start:
    """What a live run is started with.

    Attributes:
        config: what to run.
        ports: venue -> of its loopback server on this machine.
        folder: of the durable log; made the first time.
        anchor: the second place that remembers how far the log had come.
        mailbox: where operators' commands wait, given the log's folder.
        ticks: after so many ticks of this process life it stops; 0 for no end.
        tell: told of each record, with its number, once it is on the disk.
    """

    config: Config
    ports: Mapping[str, int]
    folder: Path
    anchor: Anchor
    mailbox: Callable[[Path], Mailbox] = Inbox
    ticks: int = 0
    tell: Tell = field(factory=lambda: telling(Style.NONE))


def run_live(
    config: Config | Path | str,
    *,
    port: int = 0,
    folder: Path | str | None = None,
    anchor: Anchor | Path | str | None = None,
    mailbox: Callable[[Path], Mailbox] = Inbox,
    ticks: int = 0,
    tell: Tell | None = None,
) -> Ended:
    """Run live until it is stopped, from the beginning or from where the last life ended.

    Args:
        config: the configuration, or its file.
        port: of the one loopback server on this machine; 0 to go to the endpoints of the
            environment that the configuration chooses.
        folder: of the log; by default the one that the configuration names.
        anchor: the second place, or its file; by default `FOLDER.anchor` beside the log.
        mailbox: where operators' commands wait, given the log's folder.
        ticks: after so many ticks it stops; 0 for no end.
        tell: told of each record, with its number, once it is on the disk.

    Raises:
        UserDefect: configuration, data or strategy cannot be used.
        EnvironmentDefect: the log cannot be written or is not as it was; nothing is sent.
    """
    settings = config if isinstance(config, Config) else load_config(config)
    settings = evolve(settings, mode=LIVE, environment="" if port else settings.environment)
    log = settings.log_folder if folder is None else Path(folder)
    if anchor is None or isinstance(anchor, (Path, str)):
        anchor = FileAnchor(Path(anchor or f"{log}.anchor"))
    start = Start(
        config=settings,
        ports=_ports(settings, port),
        folder=log,
        anchor=anchor,
        mailbox=mailbox,
        ticks=ticks,
        tell=tell or telling(Style.NONE),
    )
    with TemporaryDirectory(prefix="verifill-live-") as work:
        hosting = Hosting.of(settings, prepared(settings, Path(work), None))
        return _run(start, hosting)


def _run(start: Start, hosting: Hosting) -> Ended:
    strategy = load_strategy(start.config)
    compiled = compile_table(FULL_LOOP)
    header = _header(start.config, hosting, nesting(FULL_LOOP, compiled))
    found, log, said = _open(start, header)
    with log, Interrupts() as interrupts:
        cursors = found.memory.books.cursors if found.memory else {}
        lines = lines_of(start.ports, start.config.policies)
        transport = next(iter(lines.values())).reading
        connected = connect(hosting, transport, now_ns=time.time_ns, since=cursors, lines=lines)
        live = LiveLog(log, Nesting(**said["nesting"]), _moment)
        live.on_record = start.tell
        machine = DurableExecutor(compiled, live)
        venues = list(connected.venues.values())
        feeds = [*venues, connected.transit] if start.config.routes else venues
        monitor = PositionMonitor(feeds, {}, {}, tolerance_of(hosting.amounts))
        names = frozenset(start.config.strategy.venues or venue_names(start.config))
        clock = WallClock(start.config.loop.interval_s * NANOSECONDS)
        loop = LiveLoop(
            machine=machine,
            clock=clock,
            market=connected.market,
            strategy=strategy,
            desk=Desk(venues, names, monitor),
            records=LiveRecords(live, machine),
            scales=hosting.amounts.scales,
            policy=policy_of(start.config),
        )
        loop.manager.run = said["run"]
        mailbox = start.mailbox(start.folder)
        operators = Operators(mailbox, live, machine, time.time_ns, found.commands)
        counted = _Counted(connected, start.ticks, loop)
        loop.live(
            log=live,
            clock=clock,
            operators=operators,
            found=found,
            bases=lambda totals: _bases(hosting, totals),
            cursors=lambda: _cursors(connected),
            refresh=counted.refresh,
        )
        interrupts.watch(loop)
        loop.run()
        live.anchor()
        return Ended(
            state=machine.state,
            reason=loop.parked or loop.reason,
            parked=bool(loop.parked),
            ticks=machine.context.tick,
            signal=interrupts.first,
        )


def _ports(config: Config, port: int) -> dict[str, int]:
    """Venue -> the port of its server."""
    check_references(config)
    if port:
        return dict.fromkeys(venue_names(config), port)
    return ports_of(config, endpoints_of(config, os.environ))


class _Counted:
    """Refreshes the market before each tick, and stops after the last that was asked for."""

    def __init__(self, connected: Connected, ticks: int, loop: LiveLoop) -> None:
        self._connected = connected
        self._left = ticks + 1 if ticks else 0  # recovery refreshes it too
        self._limited = ticks > 0
        self._loop = loop

    def refresh(self) -> str:
        """Fetch prices now; why they are not fresh, or empty."""
        self._left -= 1
        if not self._left and self._limited:
            self._loop.stop()
        try:
            self._connected.refresh()
        except NotObserved as error:
            return f"market data is not fresh: {error}"
        return ""


def _open(start: Start, header: dict[str, Any]) -> tuple[Found, DurableLog, Mapping[str, Any]]:
    """What the last life left behind, and the log; a new log if there is none."""
    wall_ns, mono_ns = _moment()
    told = {"pid": os.getpid(), "config_digest": header["config_digest"]}
    life = Record(machine="process", kind="EPOCH", wall_ns=wall_ns, mono_ns=mono_ns, payload=told)
    if not is_log(start.folder):
        log = create_log(start.folder, header, life, anchor=start.anchor)
        return Found(), log, header
    digest = header["nesting"]["digest"]
    log = reopen_log(start.folder, life, definition_hash=digest, anchor=start.anchor)
    reader = open_log(start.folder)
    try:
        _same_environment(start, header, reader.header)
        found = found_in(reader) if isinstance(reader, DurableReader) else Found()
    except BaseException:
        log.close()
        raise
    return found, log, reader.header


def _same_environment(start: Start, now: Mapping[str, Any], then: Mapping[str, Any]) -> None:
    """Refuse to go on elsewhere: what was in flight there is not to be asked for here."""
    began, chosen = then.get("environment", ""), now["environment"]
    if began != chosen:
        problem = (
            f'{start.folder} is the log of environment "{began}", this start is in "{chosen}"; '
            "give that environment, or another --log"
        )
        raise start.config.error(problem)


def _header(config: Config, hosting: Hosting, nested: dict[str, Any]) -> dict[str, Any]:
    """What runs; the run's name is its own, because no two live runs are the same."""
    said = described(config)
    what: dict[str, Any] = {
        "mode": LIVE,
        "environment": config.environment,
        "epoch": 1,
        "seed": config.seed,
        "config": said,
        "config_digest": sha256_hex(canonical_json(said)),
        "data_digest": hosting.history.digest,
        "decimals": hosting.amounts.scales.as_dict(),
        "price_decimals": dict(hosting.history.price_decimals),
        "bases": {},
        "instruments": {},
        "links": [],
        "quote": config.quote,
        "versions": versions(),
        "table": FULL_LOOP.content,
        "nesting": nested,
    }
    own = {"created_ns": time.time_ns(), "nonce": os.urandom(16).hex()}
    return what | {"run": sha256_hex(canonical_json(what | own))[:12]}


def _bases(hosting: Hosting, totals: Mapping[str, int]) -> tuple[Mapping[str, int], str]:
    """Entry values, from the configuration where its opening is what the venue has."""
    rules = [hosting.rules(name) for name in hosting.exchanges]
    instruments = [i for own in rules for i in own.instruments.values()]
    opening = hosting.positions.opening()
    known = hosting.positions.bases(instruments)
    sizes = {i.base_key: totals.get(i.base_key, 0) for i in instruments if i.perpetual}
    lost = sorted(k for k, size in sizes.items() if size and opening.get(k) != size)
    if lost:
        told = ", ".join(f"{key} of {sizes[key]}" for key in lost)
        return {}, f"the entry value of {told} is not known; declare it under [opening] and [bases]"
    return known, ""


def _cursors(connected: Connected) -> dict[str, int]:
    feeds = {name: venue.remote.feed for name, venue in connected.venues.items()}
    feeds[NETWORK] = connected.transit
    return {name: feed.cursor for name, feed in feeds.items() if feed.cursor is not None}


def _moment() -> Moment:
    return Moment(time.time_ns(), time.monotonic_ns())


__all__ = ["Ended", "Start", "run_live"]
