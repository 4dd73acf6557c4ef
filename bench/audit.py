"""How long it takes to check a long log, to make its page, and to open that page.

    python -m bench.audit [--bars N] [--records N] [--rounds N] [--folder FOLDER]
    python -m bench.audit verify|read|hash|page GIVEN ...

The first makes the logs, as the product writes them, and measures: a backtest's `verify`
beside reading and hashing its files, a live log's beside hashing its records one after the
other, and the page of the whole backtest, which shows a window of it, by turns; then the
page of 100,000 records, in Chromium where there is one. The second does one of these, in a
process of its own.
"""

import argparse
import hashlib
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from bench import browsing, recovery
from bench.measure import ROOT, machine, run_module
from bench.meter import Meter, peak_mb
from bench.report import prose, table
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.connection import DATABASE, LAST, SELECT
from verifill.engine.log.line import Line, hash_of
from verifill.engine.verify.log import verify
from verifill.page.badges import Judged
from verifill.page.writing import write_page

BARS = 2_860_000  # seven transitions each: 20 million
RECORDS = 1_000_000
PAGE_BARS = 14_286  # 100,002 records, a page's fill
ROUNDS = 3
TARGET_S, TARGET_MB = 5.0, 2_000.0
TARGET_OPEN_S = 2.0
TARGET_PAGE_S = 60.0  # to make the page of all the bars
FOLDER = ROOT / "runs" / "bench" / "audit"
Told = Mapping[str, Any]


def _verify(log: str, anchor: str = "") -> int:
    verdict = verify(log, anchor=FileAnchor(Path(anchor)) if anchor else None)
    if not verdict.conforms:
        sys.exit(f"{log} does not conform")
    return verdict.transitions


def _read(log: str) -> int:
    files = sorted(Path(log).glob("*.parquet"))
    for file in files:
        hashlib.sha256(file.read_bytes()).hexdigest()
    return sum(pl.read_parquet(file).height for file in files)


def _hash(log: str) -> int:
    with closing(sqlite3.connect(Path(log) / DATABASE)) as database:
        lines = map(Line._make, database.execute(SELECT, (0, LAST)))
        return sum(hash_of(*line[1:-1]) == line.hash for line in lines)


def _page(log: str, to: str) -> int:
    write_page(Path(log), Path(to), Judged(no_anchor=True, no_replay=True))
    return 1


WORK: Mapping[str, Callable[..., int]] = {
    "verify": _verify,
    "read": _read,
    "hash": _hash,
    "page": _page,
}


def one(name: str, given: Sequence[str]) -> None:
    """Do one thing, and tell what it took."""
    meter = Meter()
    with meter:
        count = WORK[name](*given)
    helped = os.times()
    told = {
        "s": meter.inside_s,
        "cpu_s": meter.inside_cpu_s + helped.children_user + helped.children_system,
        "mb": peak_mb(),
        "count": count,
        "load": os.getloadavg()[0],
    }
    sys.stdout.write(json.dumps(told) + "\n")


def main(given: Sequence[str] | None = None) -> None:
    """Measure and report."""
    options = _parser().parse_args(given)
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    report = audited(folder, options.bars, options.records, options.rounds)
    print(report)
    if not options.keep:
        shutil.rmtree(folder)


def audited(folder: Path, bars: int, records: int, count: int) -> str:
    """The report: made of logs of so many bars and records, in so many rounds."""
    load = os.getloadavg()[0]
    back, live = _backtest(folder, bars), _live(folder, records)
    anchor = str(live.parent / "anchor")
    _say("measuring")
    cases = {
        "verify": ["verify", str(back)],
        "read": ["read", str(back)],
        "verify live": ["verify", str(live), anchor],
        "hash": ["hash", str(live)],
        "page": ["page", str(back), str(folder / "whole.html")],
    }
    found: dict[str, list[Told]] = {name: [] for name in cases}
    for _ in range(count):
        for name, case in cases.items():
            found[name].append(_run(folder, case))
            _say(f"{name}: {found[name][-1]}")
    lines = ["## Checking a log", ""]
    lines += table(
        ["", "transitions", "s", "CPU s", "peak MB", "load", "ratio", "ratio of CPU"],
        [
            _row("backtest: `verify`", found["verify"], found["read"]),
            _row("reading and hashing its files", found["read"], found["read"]),
            _row("live log: `verify`", found["verify live"], found["hash"]),
            _row("hashing its records in turn", found["hash"], found["hash"]),
            _row("backtest: `report -o`", found["page"], found["verify"]),
        ],
    )
    lines += ["", *prose(verdicts(found, bars, records)), "", *_page_lines(folder, count)]
    where = "; ".join(f"{name}: {value}" for name, value in machine().items())
    lines += ["", *prose(f"{where}; load before: {load:.1f}.")]
    return "\n".join(lines)


def _row(name: str, told: Sequence[Told], beside: Sequence[Told]) -> list[str]:
    ratios = [
        median(one[of] / other[of] for one, other in zip(told, beside, strict=True))
        for of in ("s", "cpu_s")
    ]
    return [
        name,
        f"{told[0]['count']:,}",
        f"{median(one['s'] for one in told):.1f}",
        f"{median(one['cpu_s'] for one in told):.1f}",
        f"{median(one['mb'] for one in told):,.0f}",
        f"{median(one['load'] for one in told):.1f}",
        *(f"{ratio:.1f}" for ratio in ratios),
    ]


def verdicts(found: Mapping[str, Sequence[Told]], bars: int, records: int) -> str:
    """What became of the goals; a shorter log has its share of the time."""
    said: list[str] = []
    goals = {
        "verify": TARGET_S * bars / BARS,
        "verify live": TARGET_S * records / RECORDS,
        "page": TARGET_PAGE_S,
    }
    for name, goal in goals.items():
        took = min(one["s"] for one in found[name])
        word = "reached" if took <= goal else "not reached"
        said.append(f"The goal of {goal:.1f} s for `{name}`: {word} (at best {took:.1f} s).")
    most = max(one["mb"] for name in ("verify", "page") for one in found[name])
    word = "reached" if most <= TARGET_MB else "not reached"
    said.append(f"Memory of at most {TARGET_MB:,.0f} MB: {word} ({most:,.0f} MB).")
    return " ".join(said)


def _page_lines(folder: Path, count: int) -> list[str]:
    log, to = _backtest(folder, PAGE_BARS), folder / "page.html"
    made = [_run(folder, ["page", str(log), str(to)]) for _ in range(count)]
    rows = [
        ["the page is made, s", f"{median(one['s'] for one in made):.2f}"],
        ["likewise, CPU s", f"{median(one['cpu_s'] for one in made):.2f}"],
        ["its size, MB", f"{to.stat().st_size / 1e6:.1f}"],
    ]
    browser = shutil.which("chromium")
    if browser:
        shown = browsing.browsed(browser, to, count)
        rows += [
            ["it is opened: shown and usable, s", f"{median(shown.opened_s):.2f}"],
            ["likewise, at worst, s", f"{max(shown.opened_s):.2f}"],
            ["a step of the scrubber, ms", f"{median(shown.steps_ms):.1f}"],
            ["likewise, until all about the record is shown, ms", f"{median(shown.whole_ms):.1f}"],
            ["the longest step, ms", f"{max(shown.steps_ms):.1f}"],
            ["steps beyond 50 ms, of all", f"{shown.late} of {len(shown.steps_ms)}"],
        ]
        word = "reached" if median(shown.opened_s) <= TARGET_OPEN_S else "not reached"
        rows.append([f"goal of {TARGET_OPEN_S:.0f} s to open", word])
    rows.append(["load", f"{os.getloadavg()[0]:.1f}"])
    return ["## The page of 100,000 records", "", *table(["", "measured"], rows)]


def _run(folder: Path, given: Sequence[str]) -> Told:
    return run_module(["bench.audit", *given], folder / "none")


def _backtest(folder: Path, bars: int) -> Path:
    """The log of a backtest of so many bars; made if it is not there."""
    log = folder / f"backtest-{bars}"
    if not log.exists():
        _say(f"a backtest of {bars:,} bars")
        data = run_module(["bench.work", "data", str(folder), str(bars)], folder / "none")
        given = ["bench.work", "compiled", data["history"], str(log)]
        run_module(given, folder / "none", compiled=True)
    return log


def _live(folder: Path, records: int) -> Path:
    """A live log of so many records; made if it is not there."""
    home = folder / f"live-{records}"
    if not home.exists():
        _say(f"a live log of {records:,} records")
        recovery.made(home, records)
    return home / "log"


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.audit", description=__doc__)
    add = parser.add_argument
    add("--bars", type=int, default=BARS, metavar="N", help=f"of the backtest ({BARS})")
    add("--records", type=int, default=RECORDS, metavar="N", help=f"of the live log ({RECORDS})")
    add("--rounds", type=int, default=ROUNDS, metavar="N", help=f"of each ({ROUNDS})")
    add("--folder", type=Path, default=FOLDER, help="for logs (runs/bench/audit)")
    add("--keep", action="store_true", help="keep the logs for the next time")
    return parser


if __name__ == "__main__":
    first, *rest = sys.argv[1:] or [""]
    if first in WORK:
        one(first, rest)
    else:
        main()
