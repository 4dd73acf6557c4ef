"""A live run: the same loops on the wall clock, with a durable log and a past.

The venues are those of a loopback server (`verifill venue serve`). A run goes on where an
earlier process life of it ended, however that ended: its log says which orders were sent,
the venues say what became of them.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import evolve, frozen

from verifill.anchors import ANCHOR, anchor_to_write
from verifill.assembly.ccxt import keys_of
from verifill.assembly.connection import Connection
from verifill.assembly.history import prepared
from verifill.assembly.loopback import Hosting
from verifill.assembly.strategy import load_strategy
from verifill.build import described
from verifill.config import Config, load_config
from verifill.engine.answers import Keeping
from verifill.engine.compile import compile_table
from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.errors import NotObserved
from verifill.engine.executor import DurableExecutor
from verifill.engine.inbox import Inbox
from verifill.engine.log.anchor import Anchor, FileAnchor
from verifill.engine.log.durable import DurableLog
from verifill.engine.log.durable_reader import DurableReader, open_log
from verifill.engine.log.expand import Nesting
from verifill.engine.log.live import LiveLog
from verifill.engine.log.opening import TIGHTENED, create_log, reopen_log
from verifill.engine.log.record import Record
from verifill.engine.log.writer import is_log
from verifill.header import MARKET, RECORDED, Running, same_mode
from verifill.interrupts import Interrupts
from verifill.limited import check_margins, worth_of
from verifill.machines.assembling import Beyond, Look, assemble
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.nesting import nesting
from verifill.machines.operator import Mailbox
from verifill.machines.recovery import Found, found_in
from verifill.machines.setup import SETUP
from verifill.modes import LIVE
from verifill.quotes import Quotes
from verifill.setting_up import setup_of
from verifill.start import Start
from verifill.telling import Style, Tell, telling
from verifill.ways import way_to


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


def run_live(
    config: Config | Path | str,
    *,
    port: int = 0,
    folder: Path | str | None = None,
    anchor: Anchor | Path | str | None = None,
    mailbox: Callable[[Path], Mailbox] = Inbox,
    ticks: int = 0,
    tell: Tell | None = None,
    prod: bool = False,
) -> Ended:
    """Run live until it is stopped, from the beginning or from where the last life ended.

    Args:
        config: the configuration, or its file.
        port: of the one loopback server on this machine; 0 to go to the endpoints of the
            environment that the configuration chooses.
        folder: of the log; by default the one that the configuration names.
        anchor: the second place, or its file; by default the configuration's, that of the log
            there, or a file in the user's folder for state: see `verifill.anchors`.
        mailbox: where operators' commands wait, given the log's folder.
        ticks: after so many ticks it stops; 0 for no end.
        tell: told of each record, with its number, once it is on the disk.
        prod: whether the environment `prod` is meant, where exchanges are real.

    Raises:
        UserDefect: configuration, data or strategy cannot be used.
        EnvironmentDefect: the log cannot be written or is not as it was; nothing is sent.
    """
    settings = config if isinstance(config, Config) else load_config(config)
    settings = evolve(settings, mode=LIVE, environment="" if port else settings.environment)
    log = settings.log_folder if folder is None else Path(folder)
    anchor = anchor_to_write(log, anchor or settings.anchor_file)
    start = Start(
        config=settings,
        connect=way_to(settings, port, os.environ, prod=prod),
        keys={} if port else keys_of(settings),
        folder=log,
        anchor=anchor,
        mailbox=mailbox,
        ticks=ticks,
        tell=tell or telling(Style.NONE),
    )
    return go_on(start)


def go_on(start: Start) -> Ended:
    """One process life."""
    with TemporaryDirectory(prefix="verifill-live-") as work:
        hosting = Hosting.of(start.config, prepared(start.config, Path(work), None))
        hosting = evolve(hosting, keys=start.keys)
        return one_life(start, hosting)


def one_life(start: Start, hosting: Hosting) -> Ended:
    """One process life of a live run.

    Raises:
        UserDefect: the strategy cannot be used.
        EnvironmentDefect: the log cannot be written or is not as it was; nothing is sent.
    """
    outside = start.outside
    strategy = load_strategy(start.config)
    compiled = compile_table(FULL_LOOP)
    header = _header(start, hosting, nesting(FULL_LOOP, compiled))
    found, log, said = _open(start, header)
    with log, ExitStack() as held, Interrupts() as interrupts:
        cursors = found.memory.books.cursors if found.memory else {}
        connected = held.enter_context(closing(start.connect(hosting, found, cursors)))
        check_margins(hosting, connected.venues)
        live = LiveLog(log, Nesting(**said["nesting"]), outside.moment)
        live.on_record = start.tell
        if TIGHTENED in (log.life.payload or {}):
            start.tell(log.life, log.tail.seq)
        machine = DurableExecutor(compiled, live)
        answers = Keeping(live)
        looks = _Looks(connected, start.ticks)
        beyond = Beyond(
            clock=outside.clock(start.config.loop.interval_s),
            wall_ns=outside.times.wall_ns,
            market=connected.market,
            strategy=strategy,
            venues=tuple(connected.venues.values()),
            feeds=connected.feeds,
            mailbox=start.mailbox(start.folder),
            bases=lambda totals: _bases(hosting, totals),
            cursors=lambda: connected.cursors,
            look=looks.look,
            seen=partial(Quotes(live).tell, connected.market),
            worth=worth_of(hosting, said, connected.market),
        )
        setup = setup_of(hosting, connected, strategy, measured=beyond.worth is not None)
        setup = answers.ask("setup", lambda: setup, SETUP)
        loop = assemble(
            setup, beyond, answers, machine=machine, log=live, found=found, run=said["run"]
        )
        looks.stop = loop.stop
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


class _Looks:
    """Fetches prices before each tick, and stops after the last that was asked for."""

    def __init__(self, connected: Connection, ticks: int) -> None:
        self._connected = connected
        self._left = ticks + 1 if ticks else 0  # recovery looks too
        self._limited = ticks > 0
        self.stop: Callable[[], None]

    def look(self) -> Look:
        """Fetch prices now."""
        self._left -= 1
        if not self._left and self._limited:
            self.stop()
        try:
            offset_ns = self._connected.refresh()
        except NotObserved as error:
            return Look(f"market data is not fresh: {error}")
        return Look(offset_ns=offset_ns)


def _open(start: Start, header: dict[str, Any]) -> tuple[Found, DurableLog, Mapping[str, Any]]:
    """What the last life left behind, and the log; a new log if there is none."""
    wall_ns, mono_ns = start.outside.moment()
    told = {"pid": os.getpid(), "config_digest": header["config_digest"]}
    life = Record(machine="process", kind="EPOCH", wall_ns=wall_ns, mono_ns=mono_ns, payload=told)
    if not is_log(start.folder):
        log = create_log(
            start.folder, header, life, anchor=start.anchor, connect=start.outside.database
        )
        return Found(), log, header
    same_mode(start.folder, start.config.mode)
    digest = header["nesting"]["digest"]
    log = reopen_log(
        start.folder,
        life,
        definition_hash=digest,
        anchor=start.anchor,
        connect=start.outside.database,
    )
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


def _header(start: Start, hosting: Hosting, nested: dict[str, Any]) -> dict[str, Any]:
    """What runs; the run's name is its own, because no two live runs are the same."""
    rules = [hosting.rules(name) for name in hosting.exchanges]
    what = Running(
        mode=start.config.mode,
        config=described(start.config),
        data_digest=hosting.history.digest,
        scales=hosting.amounts.scales,
        price_decimals=hosting.history.price_decimals,
        rules=[*rules, *(chain.rules for chain in hosting.chains.values())],
        bases=hosting.bases(),
        links=hosting.links(),
        quote=start.config.quote,
    ).header()
    what |= {MARKET: RECORDED, "table": FULL_LOOP.content, "nesting": nested}
    what["environment"] = start.config.environment
    outside = start.outside
    own = {"created_ns": outside.times.wall_ns(), "nonce": outside.entropy(16).hex()}
    place = str(start.anchor.path.resolve()) if isinstance(start.anchor, FileAnchor) else ""
    return what | {"run": sha256_hex(canonical_json(what | own))[:12], ANCHOR: place}


def _bases(hosting: Hosting, totals: Mapping[str, int]) -> tuple[Mapping[str, int], str]:
    """Entry values, from the configuration where its opening is what the venue has."""
    opening, known = hosting.positions.opening(), hosting.bases()
    perpetuals = {i.base_key for i in hosting.instruments() if i.perpetual}
    sizes = {key: totals.get(key, 0) for key in perpetuals}
    lost = sorted(k for k, size in sizes.items() if size and opening.get(k) != size)
    if lost:
        told = ", ".join(f"{key} of {sizes[key]}" for key in lost)
        return {}, f"the entry value of {told} is not known; declare it under [opening] and [bases]"
    return {key: basis for key, basis in known.items() if sizes[key]}, ""


__all__ = ["Ended", "go_on", "one_life", "run_live"]
