"""One run of a sweep, in whatever process: the same for a pool and for a cluster.

A run is written to a folder of its attempt, and moved to its place when it is whole. What is in
place is therefore never written again, and a folder of an attempt that is still there tells that
its process ended while it ran: so attempts are counted alike whoever has killed them.
"""

import os
import shutil
import socket
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from time import perf_counter, process_time, time_ns
from typing import Any, Final

import polars as pl
from attrs import frozen

from verifill import __version__
from verifill.config import Config, config_of
from verifill.config.paths import put
from verifill.ending import Ending
from verifill.engine.errors import ConfigError, EnvironmentDefect, VerifillError
from verifill.engine.log.writer import BESIDE
from verifill.result import MARKET, RunResult
from verifill.running import run_backtest
from verifill.sweep.identity import run_id
from verifill.sweep.metrics import SCHEMA, measured
from verifill.venues.data.history import History

RUNS: Final = "runs"  # whole logs, by id
WORK: Final = "work"  # what is being written
DATA: Final = "data"  # prepared market data
HISTORY: Final = MARKET.name


class Status(StrEnum):
    """What became of a run."""

    RAN = "RAN"  # to its end, whatever that was
    ERROR = "ERROR"  # it could not be run
    KILLED = "KILLED"  # its process ended while it ran, each time


TOLD: Final[Mapping[str, Any]] = {
    "status": pl.String,
    "attempts": pl.Int64,
    "error": pl.String,
    **SCHEMA,
    "version": pl.String,
    "worker": pl.String,
    "began_ns": pl.Int64,
    "ran_s": pl.Float64,
    "measured_s": pl.Float64,
    "cpu_s": pl.Float64,
    "log_bytes": pl.Int64,
    "found": pl.Boolean,
}
Row = dict[str, Any]


class Interrupted(EnvironmentDefect):
    """A worker was told to end while it ran something."""


@frozen(kw_only=True)
class Task:
    """One run, as it is sent to a worker: small, and data by its path.

    Attributes:
        id: see `identity.run_id`; the worker must come to the same.
        out: folder of the sweep, the same for every worker.
        file: of the configuration.
        table: what that says.
        parameters: path of a setting -> value, over it.
        data: folder of the prepared data, in `data` of the sweep.
        quote: the asset that metrics count in.
        attempts: how often it may be begun.
        driver: a name of the driver's process, so that a worker of one that is gone, which does not
            know that yet, writes nowhere where another does.
    """

    id: str
    out: str
    file: str
    table: Mapping[str, Any]
    parameters: Mapping[str, Any]
    data: str
    quote: str
    attempts: int
    driver: str

    @property
    def config(self) -> Config:
        """The settings of the run.

        Raises:
            ConfigError: a path or a value is not allowed.
        """
        return configured(self.table, self.parameters, Path(self.file))


def configured(table: Mapping[str, Any], parameters: Mapping[str, Any], file: Path) -> Config:
    """What a file would be configured with that said this, with parameters over it.

    Raises:
        ConfigError: a path or a value is not allowed.
    """
    whole = dict(table)
    for path, value in parameters.items():
        whole = put(whole, path, value)
    return config_of(whole, file)


def work(task: Task) -> Row:
    """Run it, and tell what came of it; nothing that a run can raise gets out.

    Raises:
        Interrupted: the process was told to end while it ran.
    """
    began_ns, began_s, cpu_s = time_ns(), perf_counter(), process_time()
    row: Row = dict.fromkeys(TOLD)
    row |= {"version": __version__, "worker": f"{socket.gethostname()}:{os.getpid()}"}
    try:
        row |= _ran(task)
    except Interrupted:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a strategy may raise anything
        row |= {"status": Status.ERROR.value, "error": _words(error)}
    whole_s = perf_counter() - began_s
    row["measured_s"] = whole_s - (row["ran_s"] or 0.0)
    return row | {"began_ns": began_ns, "cpu_s": process_time() - cpu_s}


def _words(error: BaseException) -> str:
    return str(error) if isinstance(error, VerifillError) else f"{type(error).__name__}: {error}"


def _ran(task: Task) -> Row:
    out = Path(task.out)
    place = out / RUNS / task.id
    found = place.exists() and _is_ours(place)
    attempts, ran_s = 1, None
    if not found:
        attempt = _attempt(out, task)
        if attempt is None:
            return {"status": Status.KILLED.value, "attempts": task.attempts, "error": KILLED}
        attempts = int(attempt.suffix[1:])
        began_s = perf_counter()
        _write(task, attempt)
        ran_s = perf_counter() - began_s
        _move(attempt, place)
    row = measured(RunResult(place), task.quote)
    size = sum(file.stat().st_size for file in place.iterdir() if file.is_file())
    return row | {
        "status": Status.RAN.value, "attempts": attempts, "ran_s": ran_s, "log_bytes": size,
        "found": found,
    }  # fmt: skip


KILLED: Final = (
    "each process that ran it ended while it did (killed, or out of memory); see what it needs "
    "with `verifill backtest`, then go on with --again"
)


def _is_ours(place: Path) -> bool:
    """Whether the log is of this version of Verifill; another may have run it differently."""
    if RunResult(place).header["versions"]["verifill"] == __version__:
        return True
    shutil.rmtree(place)
    return False


def _attempt(out: Path, task: Task) -> Path | None:
    """A new folder for the attempt; None if there were as many as may be."""
    for number in range(1, task.attempts + 1):
        folder = out / WORK / f"{task.id}-{task.driver}.{number}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        except FileNotFoundError as error:
            msg = f"{out} is not here; give every worker the sweep's folder under the same path"
            raise ConfigError(msg) from error
        return folder
    return None


def _write(task: Task, folder: Path) -> None:
    """Run it into the folder, which holds a whole log afterwards."""
    market = Path(task.out) / DATA / task.data / HISTORY
    config, digest = task.config, History(market).digest
    if run_id(config, digest) != task.id:
        msg = (
            f"this worker sees another strategy or data than whoever planned run {task.id}; "
            f"have the same files in {config.file.parent} on every machine, and start the sweep "
            "anew if they were changed meanwhile"
        )
        raise ConfigError(msg)
    (folder / BESIDE).symlink_to(Path("..") / ".." / DATA / task.data, target_is_directory=True)
    try:
        ended = run_backtest(config, log=folder, market=folder / MARKET).outcome
    except BaseException:
        shutil.rmtree(folder)
        raise
    if ended.ending is Ending.INTERRUPTED:
        msg = f"run {task.id} was interrupted: its worker was told to end"
        raise Interrupted(msg)


def _move(attempt: Path, place: Path) -> None:
    """Into its place, synced; whoever was there before has the same."""
    for file in attempt.iterdir():
        if file.is_file():
            sync(file)
    sync(attempt)
    try:
        attempt.rename(place)
    except OSError:
        if not place.exists():
            raise
        shutil.rmtree(attempt)
    sync(place.parent)
    for earlier in range(1, int(attempt.suffix[1:])):
        shutil.rmtree(attempt.with_suffix(f".{earlier}"), ignore_errors=True)


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
