"""What if: a live or paper run forked at a record, with one answer changed, and simulated on.

Up to the fork the engine runs again on the answers of the log, and must write the same records.
At the fork it is told something else. From there on its venues are simulated, with the positions
that the log implies, at the prices that the log holds, in a time that passes where it waits.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from attrs import evolve, frozen

from verifill.anchors import ANCHOR
from verifill.assembly.history import prepared
from verifill.assembly.loopback import Hosting
from verifill.build import described
from verifill.config import Config
from verifill.engine.compile import compile_table
from verifill.engine.digest import sha256_file
from verifill.engine.errors import ConfigError, LogError, VerifillError
from verifill.engine.executor import DurableExecutor
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.durable import DurableLog
from verifill.engine.log.durable_reader import DurableReader
from verifill.engine.log.expand import Nesting
from verifill.engine.log.live import LiveLog, Moment
from verifill.engine.log.opening import create_log, reopen_log
from verifill.engine.log.record import EPOCH, Record
from verifill.engine.log.writer import HEADER, is_log
from verifill.engine.replay.difference import Row
from verifill.engine.replay.given import DivergedError, Given, OverError
from verifill.machines.assembling import assemble
from verifill.machines.forms import NOBODY
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.nesting import nesting
from verifill.machines.recovery import Found, found_in
from verifill.machines.replaying import Life
from verifill.machines.setup import SETUP
from verifill.modes import WHAT_IF
from verifill.replay.backtest import same_settings
from verifill.replay.changed import Fork, WhatIf, answers_of, fork_at
from verifill.replay.fork_beyond import Outside
from verifill.replay.forked import Forked
from verifill.replay.forking import Both, Forking, UnfitError
from verifill.replay.live import lacking_in, lives_in, rows_in
from verifill.replay.simulated import implied
from verifill.replay.under_way import DECIDE, carried_out

OWN_COLUMNS: Final = ("seq", "run", "epoch", "definition_hash", "prev_hash", "hash")
"""Columns that come from the log, and not from what a record says."""


def fork_live(folder: Path, config: Config, seq: int, changed: WhatIf, to: Path) -> Forked:
    """Fork a live or paper run, and write the log of the fork.

    Args:
        folder: the log.
        config: what it was run with.
        seq: number of the record that holds the answer.
        changed: what is to be answered instead.
        to: folder of the fork's log; its anchor is put beside it.

    Raises:
        ConfigError: it cannot be forked there, or not so, or not with this configuration.
        LogError: the log cannot be read or run again up to there, or the fork not be written.
    """
    reader = DurableReader(folder)
    header = reader.header
    _same_table(folder, header)
    mode = str(header["config"].get("mode", ""))
    settings = evolve(config, mode=mode)
    same_settings(folder, header["config"], described(settings), config)
    lives = lives_in(folder)
    life = _life_of(lives, seq, folder)
    fork = fork_at(life.rows, seq, changed)
    rows = list(rows_in(folder))
    carried = carried_out(fork, changed, rows)
    venues = list(dict.fromkeys(i for i in header["config"]["exchanges"]))
    implied(fork.past, venues, seq)  # refused before anything is written
    told = _provenance(folder, header, rows, fork, changed) | {"carried_out": carried}
    with TemporaryDirectory(prefix="verifill-what-if-") as work:
        hosting = Hosting.of(settings, prepared(settings, Path(work), None))
        before = [row for row in rows if row["seq"] <= life.first]
        log = _begun(to, {**header, "mode": WHAT_IF, "fork": told}, before)
        found = found_in(DurableReader(folder, before=life.first)) if life.first > 1 else Found()
        one = _Forking(fork, changed, hosting, rows, header, carried, Path(work) / "venues.jsonl")
        try:
            with log:
                state, reason = one.run(log, Given(fork.rows, life.first, ended=False), found)
        except BaseException as error:
            _removed(to)
            if isinstance(error, (DivergedError, OverError, UnfitError)):
                raise _told(folder, seq, changed, error) from error
            raise
    return Forked(
        folder=to,
        seq=seq,
        question=changed.question,
        recorded=fork.recorded,
        answer=None if changed.simulated else told["answer"],
        carried_out=carried,
        state=state,
        reason=reason,
        last=DurableReader(to).last_seq,
    )


@frozen
class _Forking:
    """One process life, up to the fork and on."""

    fork: Fork
    changed: WhatIf
    hosting: Hosting
    rows: Sequence[Row]
    header: Mapping[str, Any]
    carried: bool
    journal: Path

    def run(self, log: DurableLog, given: Given, found: Found) -> tuple[str, str]:
        """Run it until its time is over; the state it rests in, and why it ended early."""

        def forked() -> bool:
            return forking.forked

        def now() -> Moment:
            return outside.time.moment if forked() else given.moment()

        live = LiveLog(Both(given, log, forked), Nesting(**self.header["nesting"]), now)
        outside = Outside(self.hosting, self.journal, self.rows, live, given, self.header)
        forking = Forking(live, given, lambda do: self._begin(outside, forking, do))
        machine = DurableExecutor(compile_table(FULL_LOOP), live)
        setup = forking.ask("setup", NOBODY.setup, SETUP)
        loop = assemble(
            setup,
            outside.beyond(setup),
            forking,
            machine=machine,
            log=live,
            found=found,
            run=str(self.header["run"]),
            strategy=lambda heard: outside.own.warmed(heard, forked),
        )
        outside.time.slept = outside.stopping(self.fork.rows[-1], loop, machine)
        try:
            loop.run()
            reason = loop.parked or loop.reason
        except VerifillError as error:
            if not forking.forked:
                raise
            reason = str(error)
        finally:
            if outside.accounts:
                outside.accounts.close()
        live.anchor()
        return machine.state, reason

    def _begin(self, outside: Outside, forking: Forking, do: Callable[[], Any]) -> None:
        here = self.fork.rows[-1]
        ticks = [row["mono_ns"] for row in self.fork.rows if row["event"] == "tick"]
        names = [*self.hosting.exchanges, *self.hosting.chains]
        state = implied(self.fork.past, names, self.fork.seq)
        outside.begin(here, ticks[-1] if ticks else here["mono_ns"], state)
        kept = [told for _, name, told in answers_of(self._until()) if name == "state" and told]
        if kept:
            outside.own.restore(kept[-1])
        if self.changed.question == DECIDE and not self.changed.simulated:
            with suppress(Exception):
                do()  # the strategy has seen this tick, whatever is done instead
        if self.carried and forking.sent:
            forking.sent()

    def _until(self) -> Sequence[Row]:
        """All records up to the fork."""
        first = self.fork.past[0]["seq"]
        return [*(row for row in self.rows if row["seq"] < first), *self.fork.past]


def _same_table(folder: Path, header: Mapping[str, Any]) -> None:
    digest = nesting(FULL_LOOP, compile_table(FULL_LOOP))["digest"]
    if header["nesting"]["digest"] != digest:
        msg = (
            f"{folder} was written with another table, and a fork runs on with that of this "
            "version. Fork it with the version that wrote it"
        )
        raise ConfigError(msg)


def _life_of(lives: Sequence[Life], seq: int, folder: Path) -> Life:
    """The process life that a record belongs to.

    Raises:
        ConfigError: there is no such record, or it begins a life.
        LogError: the life was written by a version that kept no answers.
    """
    for life in lives:
        if life.rows and life.first < seq <= life.rows[-1]["seq"]:
            if lacking := lacking_in(life):
                raise LogError(lacking)
            return life
    last = lives[-1].rows[-1]["seq"] if lives and lives[-1].rows else 0
    msg = (
        f"{folder} cannot be forked at record {seq}: allowed are records up to {last} that an "
        f"engine wrote, so none of kind {EPOCH}"
    )
    raise ConfigError(msg)


def _provenance(
    folder: Path, header: Mapping[str, Any], rows: Sequence[Row], fork: Fork, changed: WhatIf
) -> dict[str, Any]:
    """What the header of a fork says of where it comes from."""
    before = next(row for row in rows if row["seq"] == fork.seq - 1)
    told: dict[str, Any] = {
        "parent": {
            "run": header["run"],
            "mode": header.get("mode", ""),
            "header_digest": sha256_file(folder / HEADER),
            "hash": before["hash"],
        },
        "seq": fork.seq,
        "question": changed.question,
        "recorded": fork.recorded,
        "simulated": changed.simulated,
    }
    if not changed.simulated:
        told["answer"] = changed.instead_of(fork.recorded)[1]
    return told


def _begun(to: Path, header: Mapping[str, Any], rows: Sequence[Row]) -> DurableLog:
    """The log of a fork, with the records up to the EPOCH of the life that is forked.

    Raises:
        ConfigError: something is there.
        LogError: it cannot be written.
    """
    anchor = FileAnchor(Path(f"{to}.anchor"))
    if is_log(to) or to.exists() or Path(f"{to}.anchor").exists():
        msg = f"{to} or its anchor is there already; choose another folder with --log"
        raise ConfigError(msg)
    log: DurableLog | None = None
    digest = header["nesting"]["digest"]
    for row in rows:
        record = _record(row)
        if record.kind != EPOCH and log is not None:
            log.append([record])
            continue
        if log is None:
            own = {name: value for name, value in header.items() if name != ANCHOR}
            log = create_log(to, own, record, anchor=anchor)  # beside it, as that says
        else:
            log.anchor()
            log.close()
            log = reopen_log(to, record, definition_hash=digest, anchor=anchor)
    if log is None:
        msg = f"the log that {to} is to be a fork of has no record"
        raise LogError(msg)
    return log


def _record(row: Row) -> Record:
    told = {name: value for name, value in row.items() if name not in OWN_COLUMNS}
    told["source"], told["target"] = told.pop("from"), told.pop("to")
    return Record(**told)


def _removed(to: Path) -> None:
    """Leave nothing of a fork that came to nothing."""
    shutil.rmtree(to, ignore_errors=True)
    Path(f"{to}.anchor").unlink(missing_ok=True)


def _told(folder: Path, seq: int, changed: WhatIf, error: BaseException) -> VerifillError:
    if isinstance(error, DivergedError):
        one = error.difference
        return LogError(
            f"{folder} cannot be forked at record {seq}: run again, it departs at record "
            f"{one.seq} already. `verifill replay` shows how"
        )
    if isinstance(error, UnfitError):
        return ConfigError(
            f"record {seq}: what is to be answered to {changed.question!r} is no such answer: "
            f"{error}. `verifill log export` shows those of the log, under answers"
        )
    return LogError(f"{folder} ends before the answer in record {seq} is asked for")
