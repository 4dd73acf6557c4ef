"""How long a start takes upon a long log: the whole check, what was left behind, `verify`.

    python -m bench.recovery [RECORDS ...]

The log is one that the product wrote: ticks of a minute with an instruction each, then the
same records again and again under new numbers, appended through its own writer, thousands
to a transaction, because a million syncs would take an hour. Every figure is of a process
of its own. No figure here is a test.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from bench.measure import run_module
from bench.meter import Meter, peak_mb
from tests.machines.lives import World
from tests.machines.support import Bars, buy, scripted, sell
from verifill.engine.digest import intent_key
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.durable_reader import DurableReader
from verifill.engine.log.opening import create_log, verify_log
from verifill.engine.log.record import Record
from verifill.engine.log.reader import Log
from verifill.engine.verify.log import verify
from verifill.machines.recovery import found_in

LENGTHS = (100_000, 1_000_000)
SOURCE_TICKS = 200
STEP_RECORDS = 5_000


def made(folder: Path, records: int) -> Path:
    """A log of about so many records."""
    stage, venue = scripted(bars=Bars(0))
    plans = [[buy("0.1") if n % 2 else sell("0.1")] for n in range(SOURCE_TICKS)]
    world = World(folder / "source", stage, venue, plans, patience=SOURCE_TICKS * 100)
    world.live(SOURCE_TICKS)
    log = folder / "log"
    header = Log(world.log).header
    rows = world.reader.records().collect().to_dicts()
    first = next(n for n, row in enumerate(rows) if row["event"] == "tick")
    ends = [n for n, row in enumerate(rows) if row["to"] == "IDLE"]
    before, again = rows[1:first], rows[first : ends[-1] + 1]
    ticks = max(row["instance"] for row in again if row["machine"] == "full_loop")
    life = Record(machine="process", kind="EPOCH", wall_ns=rows[0]["wall_ns"], mono_ns=0)
    span_ns = again[-1]["mono_ns"] - again[0]["mono_ns"] + 1
    with create_log(log, header, life, anchor=FileAnchor(folder / "anchor")) as durable:
        step = [_record(row, 0, 0, 0) for row in before]
        for lap in range(max(1, (records - len(before)) // len(again))):
            step += [_record(row, lap, lap * ticks, lap * span_ns) for row in again]
            while len(step) >= STEP_RECORDS:
                durable.append(step[:STEP_RECORDS])
                del step[:STEP_RECORDS]
        durable.append(step)
        durable.anchor()
    return log


def _record(row: Mapping[str, Any], lap: int, ticks: int, later_ns: int) -> Record:
    """A record once more, under the numbers of a later lap."""
    payload = None if row["payload"] is None else json.loads(row["payload"])
    if payload and "memory" in payload:
        payload["memory"]["tick"] += ticks
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


def _check(log: Path) -> object:
    return verify_log(log, FileAnchor(log.parent / "anchor")).seq


def _found(log: Path) -> object:
    return found_in(DurableReader(log)).tick


def _verify(log: Path) -> object:
    return verify(log, anchor=FileAnchor(log.parent / "anchor")).conforms


WORK: Mapping[str, Callable[[Path], object]] = {
    "check": _check,
    "found": _found,
    "verify": _verify,
}
NAMES = {
    "check": "every record and page checked",
    "found": "what was left behind",
    "verify": "`verifill verify`",
}


def main(lengths: list[int]) -> None:
    """Measure logs of so many records."""
    for length in lengths or LENGTHS:
        with TemporaryDirectory(dir=Path.cwd()) as folder:
            log = made(Path(folder), length)
            size = (log / "log.sqlite").stat().st_size
            print(f"{length:,} records, {size / 1e6:,.0f} MB, load {os.getloadavg()[0]:.1f}")
            for name, what in NAMES.items():
                for told in _runs(name, log):
                    print(f"  {what}: {told}", flush=True)


def _runs(name: str, log: Path) -> Iterator[str]:
    for _ in range(3):
        yield run_here(name, log)


def run_here(name: str, log: Path) -> str:
    told = run_module(["bench.recovery", name, str(log)], log)
    return str(told)


def one(name: str, log: Path) -> None:
    """Measure one thing, in this process."""
    meter = Meter()
    with meter:
        answer = WORK[name](log)
    print(json.dumps({"wall_s": round(meter.inside_s, 3), "cpu_s": round(meter.inside_cpu_s, 3), "peak_mb": round(peak_mb()), "answer": answer}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["make"]:
        print(made(Path(sys.argv[3]), int(sys.argv[2])))
    elif sys.argv[1:2] and sys.argv[1] in WORK:
        one(sys.argv[1], Path(sys.argv[2]))
    else:
        main([int(given.replace(",", "")) for given in sys.argv[1:]])
