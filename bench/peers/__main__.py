"""`python -m bench.peers`: the same orders on the same file through Verifill and its peers.

Each peer gets an environment of its own under build/peers, with the versions named here, made
the first time. Each run is a whole process: imports, reading the file, the work, the end.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl

from bench.measure import ROOT, machine
from bench.peers.measuring import Peer, PeerError, Seen, environment, middle, run
from bench.report import YEAR_BARS, table
from bench.work import INTERVAL_S, SEED
from verifill.venues.data.generate import Walk, bars

FOLDER = ROOT / "runs" / "bench" / "peers"
ENVIRONMENTS = ROOT / "build" / "peers"
DOCS = ROOT / "docs" / "benchmarks.md"
HEADING = "\n# Beside its peers\n"
SHORT_BARS = 50_400  # 35 days
PANDAS = ("pandas==3.1.1", "pyarrow==26.0.1")
OLDER_PANDAS = ("pandas==2.3.3", "pyarrow==26.0.1")
VERIFILL = "verifill"

PEERS = (
    Peer(
        name="hftbacktest", packages=("hftbacktest==2.4.4", "numba==0.68.1", *PANDAS),
        does="fills against a book; strategy compiled by numba",
    ),
    Peer(
        name="vnpy", packages=("vnpy==4.5.0", "vnpy_ctastrategy==1.4.1", *PANDAS),
        does="fills, trades",
    ),
    Peer(name="backtesting", packages=("backtesting==0.6.6", *PANDAS), does="fills, trades"),
    Peer(
        name="vectorbt", packages=("vectorbt==1.2.0", "numba==0.68.1", *PANDAS),
        does="one array of orders: no events, the limit of what is possible",
    ),
    Peer(
        name="zipline-reloaded", packages=("zipline-reloaded==3.2.1", *OLDER_PANDAS),
        does="fills, ledger, daily metrics", slow=True,
    ),
    Peer(name="backtrader", packages=("backtrader==1.9.78.123", *PANDAS),
         does="fills, trades", slow=True),
    Peer(
        name="nautilus_trader", packages=("nautilus_trader==1.221.0", *OLDER_PANDAS),
        does="fills, order events, accounts, positions", slow=True,
    ),
)  # fmt: skip


def main(given: Sequence[str] | None = None) -> None:
    """Measure, and say it."""
    options = _parser().parse_args(given)
    peers = [peer for peer in PEERS if not options.only or peer.name in options.only]
    lengths = {False: options.bars, True: min(options.bars, options.short_bars)}
    load_before = os.getloadavg()[0]
    try:
        commands = {peer: str(environment(peer, ENVIRONMENTS)) for peer in peers}
        files = {length: _bars_of(options.folder, length) for length in lengths.values()}
        seen = _rounds(commands, lengths, files, options.rounds, options.folder)
    except PeerError as error:
        sys.exit(str(error))
    report = text(peers, lengths, seen, (load_before, os.getloadavg()[0]))
    print(report)
    if options.write_docs:
        before = DOCS.read_text(encoding="utf-8").partition(HEADING)[0]
        DOCS.write_text(before.rstrip("\n") + "\n" + HEADING + report, encoding="utf-8")


def _bars_of(folder: Path, rows: int) -> Path:
    """The file that all read: time, open, high, low, close, volume, as floats."""
    target = folder / f"bars-{rows}-seed-{SEED}.parquet"
    if not target.exists():
        exact = folder / "exact.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        walk = Walk(start_price=Decimal(42_000))
        bars(exact, seed=SEED, rows=rows, interval_s=INTERVAL_S, walk=walk)
        prices = [pl.col(name).cast(pl.Float64) for name in ("open", "high", "low", "close")]
        frame = pl.read_parquet(exact).select(
            pl.col("timestamp").alias("time"), *prices, pl.col("volume").cast(pl.Float64)
        )
        frame.write_parquet(target)
        exact.unlink()
    return target


def _rounds(
    commands: Mapping[Peer, str],
    lengths: Mapping[bool, int],
    files: Mapping[int, Path],
    count: int,
    folder: Path,
) -> dict[tuple[str, int], list[Seen]]:
    """Every peer once a round, and Verifill on both files."""
    script = str(Path(__file__).parent / "scripts" / "verifill_.py")
    jobs = [(VERIFILL, length, [sys.executable, script]) for length in files]
    jobs += [(peer.name, lengths[peer.slow], [python, str(peer.script)])
             for peer, python in commands.items()]  # fmt: skip
    found: dict[tuple[str, int], list[Seen]] = {}
    for name, _, command in jobs:  # not counted: numba compiles, and keeps what it compiled
        run(name, [*command, str(files[min(files)])], min(files), folder / "work")
    for number in range(1, count + 1):
        for name, length, command in jobs:
            one = run(name, [*command, str(files[length])], length, folder / "work")
            found.setdefault((name, length), []).append(one)
            told = f"round {number} of {count}: {name}, {length:,} bars: {one.whole_s:.2f} s"
            print(told, file=sys.stderr, flush=True)
    return found


def text(
    peers: Sequence[Peer],
    lengths: Mapping[bool, int],
    seen: Mapping[tuple[str, int], Sequence[Seen]],
    load: tuple[float, float],
) -> str:
    """The report, in Markdown."""
    versions = {peer.name: (peer.version, peer.does) for peer in peers}
    versions[VERIFILL] = ("this", "fills, accounts, expected and verified positions, a log of all")
    written = (
        f"\nWritten by `python -m bench.peers` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. "
        f"Load average {load[0]:.1f} before and {load[1]:.1f} after.\n"
    )
    parts = [written, _about()]
    for length in dict.fromkeys(lengths.values()):
        of = {name: runs for (name, bars_of), runs in seen.items() if bars_of == length}
        parts += [f"\n## {length:,} bars\n", *_compared(of, length, versions)]
    return "\n".join([*parts, ""])


def _about() -> str:
    where = machine()
    rows = [(name, where[name]) for name in ("commit", "kernel", "processor", "python")]
    return (
        "One market order a bar, a hundredth of a bitcoin, bought and sold by turns, on one file\n"
        "of 1-minute bars. Whole processes, imports and reading of the file included; medians of\n"
        "interleaved rounds, after one run each that is not counted, which fills caches of\n"
        "compiled code. Every environment has the same Python. None of the others verifies a\n"
        "position or logs a transition; Verifill writes every transition, instruction, fill and\n"
        "position to Parquet, and reads prices exactly. Fills are at the bar's close; with vnpy\n"
        "and backtrader at the next open, with zipline at the next close.\n\n"
        + "\n".join(table(["machine", ""], rows))
    )


def _compared(
    of: Mapping[str, Sequence[Seen]], length: int, versions: Mapping[str, tuple[str, str]]
) -> list[str]:
    """A line for each, the fastest first."""
    own = middle(of[VERIFILL])
    rows: list[list[str]] = []
    for name, runs in sorted(of.items(), key=lambda item: middle(item[1]).whole_s):
        one = middle(runs)
        version, does = versions[name]
        rows.append([
            f"{name} {version}", f"{one.whole_s:.2f}", f"{one.cpu_s:.2f}",
            f"{one.whole_s / length * 1e6:.1f}", f"{one.peak_mb:.0f}",
            f"{one.whole_s / own.whole_s:.2f}", does,
        ])  # fmt: skip
    heads = ["", "whole s", "CPU s", "us an order", "peak MB", "of Verifill's time", "what it does"]
    return list(table(heads, rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=3, metavar="N", help="how often each is measured (3)")
    add("--bars", type=int, default=YEAR_BARS, metavar="N", help=f"of a year ({YEAR_BARS})")
    add("--short-bars", type=int, default=SHORT_BARS, metavar="N", help="for the slow (50400)")
    add("--only", action="append", metavar="PEER", help="only this one beside Verifill")
    add("--write-docs", action="store_true", help="write the report to docs/benchmarks.md")
    add("--folder", type=Path, default=FOLDER, help="for data and runs (runs/bench/peers)")
    return parser


if __name__ == "__main__":
    main()
