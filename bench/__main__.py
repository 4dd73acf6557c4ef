"""`python -m bench`: measure, report, and keep the figures in runs/bench/results.json."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter

from attrs import asdict

from bench.measure import (
    ENGINE,
    FLOOR,
    FLOOR_LOGGED,
    ROOT,
    Measured,
    cases,
    engine,
    machine,
    measure,
    rounds,
    run_module,
)
from bench.report import YEAR_BARS, Results, text
from bench.starting import starts

SHORT_BARS = 20_000
QUICK_BARS = 20_000
QUICK_SHORT_BARS = 1_000
FOLDER = ROOT / "runs" / "bench"
DOCS = ROOT / "docs" / "benchmarks.md"
LIVE_HEADING = "\n# Live mode\n"


def main(given: Sequence[str] | None = None) -> None:
    """Measure and report."""
    options = _parser().parse_args(given)
    bars = options.bars or (QUICK_BARS if options.quick else YEAR_BARS)
    short_bars = min(bars, QUICK_SHORT_BARS if options.quick else SHORT_BARS)
    count = options.rounds or (1 if options.quick else 3)
    lengths = (2, 10) if options.long else (2,)
    results = benchmark(options.folder, bars, short_bars, count, lengths)
    report = text(results)
    print(f"\n{report}")
    if options.functions:
        _print_functions(results)
    kept = options.folder / "results.json"
    kept.write_text(json.dumps(asdict(results), indent=1) + "\n", encoding="utf-8")
    print(f"all figures: {kept}")
    if options.write_docs:
        # what follows is of live mode, measured by hand with bench.live, recovery and day
        _, heading, live = DOCS.read_text(encoding="utf-8").partition(LIVE_HEADING)
        DOCS.write_text(report + heading + live, encoding="utf-8")
        print(f"written: {DOCS}")


def benchmark(
    folder: Path, bars: int, short_bars: int, count: int, lengths: Sequence[int]
) -> Results:
    """Everything that a report is made of.

    Args:
        folder: where data is kept from one benchmark to the next, and logs while they last.
        bars: length of the work.
        short_bars: length of the runs that take long.
        count: rounds.
        lengths: how many times the length is run once, to see that memory stays.
    """
    load_before, began_s, where = os.getloadavg()[0], perf_counter(), machine()
    wanted = sorted({1, short_bars, bars, *(bars * times for times in lengths)})
    data = {rows: _data(folder, rows) for rows in wanted}
    found = rounds(cases(data[bars], data[short_bars], data[1]), count, folder, _say)
    _check_same(found[ENGINE][0], found[FLOOR][0], found[FLOOR_LOGGED][0])
    longer: dict[int, Measured] = {}
    for times in lengths:
        _say(f"memory: {times} times the length")
        longer[times] = measure(engine(ENGINE, data[bars * times]), folder)
    _say("starting")
    taken = starts()
    _say("profile")
    log = folder / "log"
    profile = run_module(["bench.profiled", str(data[short_bars]), str(log)], log)
    return Results(
        bars=bars,
        short_bars=short_bars,
        machine=where | _changed(where),
        rounds=found,
        longer=longer,
        profile=profile,
        starts=taken,
        load=(load_before, os.getloadavg()[0]),
        took_s=perf_counter() - began_s,
    )


def _changed(where: Mapping[str, str]) -> dict[str, str]:
    """What became of the code while it was measured; nothing if it stayed the same."""
    now = machine()["commit"]
    return {} if now == where["commit"] else {"commit": f"from {where['commit']} to {now}"}


def _data(folder: Path, rows: int) -> Path:
    """Prepared bars, made by a process of its own, so that this one stays small."""
    given = ["bench.work", "data", str(folder / "data"), str(rows)]
    return Path(run_module(given, folder / "log")["history"])


def _check_same(*ended: Measured) -> None:
    """Refuse to compare loops that did not do the same."""
    for other in ended[1:]:
        if other.closing != ended[0].closing:
            sys.exit(f"the floor ends at {other.closing}, the engine at {ended[0].closing}")


def _print_functions(results: Results) -> None:
    print("own seconds under the profiler, less its own:\n")
    for name, seconds in results.profile["functions_s"].items():
        print(f"{seconds:8.3f}  {name}")
    print()


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, metavar="N", help="how often each is measured (3)")
    add("--bars", type=int, metavar="N", help=f"length of the work ({YEAR_BARS})")
    add("--quick", action="store_true", help=f"a smoke run: {QUICK_BARS} bars, one round")
    add("--long", action="store_true", help="also a run of 10 times the length, for its memory")
    add("--functions", action="store_true", help="print the dearest functions, too")
    add("--write-docs", action="store_true", help="write the report to docs/benchmarks.md")
    add("--folder", type=Path, default=FOLDER, help="for data and results (runs/bench)")
    return parser


if __name__ == "__main__":
    main()
