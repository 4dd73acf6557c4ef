"""How long a start takes upon a long log: the whole check, what was left behind, `verify`.

    python -m bench.recovery [RECORDS ...]
    python -m bench.recovery make FOLDER RECORDS
    python -m bench.recovery check|found|verify LOG

The log is one that the product wrote: ticks of a minute with an instruction each, then the
same records again and again under new numbers, appended through its own writer, thousands
to a transaction, because a million syncs would take an hour. Every figure is of a process
of its own. No figure here is a test.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.meter import Meter, peak_mb
from tests.machines.lives import World
from tests.machines.support import Bars, buy, scripted, sell
from verifill.engine.digest import intent_key
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.durable_reader import DurableReader
from verifill.engine.log.opening import create_log, verify_log
from verifill.engine.log.reader import Log
from verifill.engine.log.record import EVIDENCE, Record
from verifill.engine.verify.log import verify
from verifill.machines.recovery import found_in

LENGTHS = (100_000, 1_000_000)
SOURCE_TICKS = 200
STEP_RECORDS = 5_000
RUNS = 3


def made(folder: Path, records: int) -> Path:
    """A log of about so many records."""
    header, rows = _source(folder / "source")
    first = next(n for n, row in enumerate(rows) if row["event"] == "tick")
    last = max(n for n, row in enumerate(rows) if row["to"] == "IDLE")
    before, again = rows[1:first], rows[first : last + 1]
    span_ns = again[-1]["mono_ns"] - again[0]["mono_ns"] + 1
    life = Record(machine="process", kind="EPOCH", wall_ns=rows[0]["wall_ns"], mono_ns=0)
    log = folder / "log"
    with create_log(log, header, life, anchor=FileAnchor(folder / "anchor")) as durable:
        step = [_record(row, 0, 0) for row in before]
        for lap in range(max(1, (records - len(before)) // len(again))):
            step += [_record(row, lap, lap * span_ns) for row in again]
            while len(step) >= STEP_RECORDS:
                durable.append(step[:STEP_RECORDS])
                del step[:STEP_RECORDS]
        durable.append(step)
        durable.anchor()
    return log


def _source(folder: Path) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
    """The header and the records of a life that the product lived."""
    stage, venue = scripted(bars=Bars(0))
    plans = [[buy("0.1") if n % 2 else sell("0.1")] for n in range(SOURCE_TICKS)]
    world = World(folder, stage, venue, plans, patience=SOURCE_TICKS * 100)
    world.live(SOURCE_TICKS)
    return Log(world.log).header, world.reader.records().collect().to_dicts()


def _record(row: Mapping[str, Any], lap: int, later_ns: int) -> Record:
    """A record once more, under the numbers of a later lap."""
    ticks = lap * SOURCE_TICKS
    payload: dict[str, Any] | None = json.loads(row["payload"] or "null")
    if payload and "memory" in payload:
        payload["memory"]["tick"] += ticks
    streams: dict[str, list[list[Any]]] = payload.get("streams", {}) if payload else {}
    for stream, told in streams.items():
        for evidence in told:
            _renumber(evidence, list(EVIDENCE[stream]), ticks)
    in_loops = row["machine"] in ("full_loop", "tight_loop")
    return Record(
        machine=row["machine"],
        instance=row["instance"] + (ticks if in_loops else 0),
        parent=row["parent"] + (ticks if row["machine"] == "tight_loop" else 0),
        source=row["from"],
        event=row["event"],
        target=row["to"],
        attempt=row["attempt"],
        kind=row["kind"],
        intent_id=row["intent_id"] and intent_key(row["intent_id"], lap),
        wall_ns=row["wall_ns"] + later_ns,
        mono_ns=row["mono_ns"] + later_ns,
        payload=payload,
    )


def _renumber(evidence: list[Any], columns: list[str], ticks: int) -> None:
    """A row of evidence under the numbers of a later lap."""
    for at, column in enumerate(columns):
        if column == "instruction":
            evidence[at] += ticks
        elif column == "ref":
            name, _, number = evidence[at].rpartition("-")
            evidence[at] = f"{name}-{int(number) + ticks}"


def _check(log: Path) -> object:
    return verify_log(log, FileAnchor(log.parent / "anchor")).seq


def _found(log: Path) -> object:
    return found_in(DurableReader(log)).tick


def _verify(log: Path) -> object:
    return verify(log, anchor=FileAnchor(log.parent / "anchor")).conforms


WORK: Mapping[str, tuple[str, Callable[[Path], object]]] = {
    "check": ("every record and every page, as at a start", _check),
    "found": ("what the last life left behind", _found),
    "verify": ("verifill verify", _verify),
}


def main(lengths: Sequence[int]) -> None:
    """Measure logs of so many records, and tell what it took."""
    for length in lengths:
        with TemporaryDirectory(dir=Path.cwd()) as folder:
            log = made(Path(folder), length)
            size = (log / "log.sqlite").stat().st_size
            print(f"{DurableReader(log).recent(1).last_seq:,} records, {size / 1e6:,.0f} MB")
            for name, (what, _) in WORK.items():
                for _ in range(RUNS):
                    print(f"  {what}: {_run(name, log)}", flush=True)


def _run(name: str, log: Path) -> str:
    """One thing, in a process of its own."""
    command = [sys.executable, "-m", "bench.recovery", name, str(log)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    return done.stdout.strip()


def one(name: str, log: Path) -> None:
    """One thing, in this process."""
    meter = Meter()
    with meter:
        answer = WORK[name][1](log)
    helped = os.times()
    helpers_s = helped.children_user + helped.children_system
    print(
        f"{meter.inside_s:.2f} s, CPU {meter.inside_cpu_s:.2f} s and {helpers_s:.2f} s of helpers, "
        f"peak {peak_mb():.0f} MB, load {os.getloadavg()[0]:.1f}: {answer}"
    )


if __name__ == "__main__":
    first, *rest = sys.argv[1:] or [""]
    if first in WORK:
        one(first, Path(rest[0]))
    elif first == "make":
        made(Path(rest[0]), int(rest[1]))
    else:
        main([int(given) for given in sys.argv[1:]] or LENGTHS)
