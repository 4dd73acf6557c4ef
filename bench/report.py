"""The report: what was measured, as Markdown for the screen and for docs/benchmarks.md."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from textwrap import wrap
from typing import Any

from attrs import frozen

from bench.measure import (
    ENGINE,
    FLOOR,
    FLOOR_LOGGED,
    INTERPRETED,
    SHORT,
    START,
    STRATEGY,
    TRANSITIONS,
    Measured,
    middle,
)
from bench.parts import REST
from bench.starting import HELP

TARGET_US = 10.0
TARGET_S = 7.0
TARGET_MB = 500.0
TARGET_FLOORS = 2.5  # times the hand-written loop with a log
TARGET_HELP_MS = 250.0
YEAR_BARS = 365 * 24 * 60


@frozen(kw_only=True)
class Results:
    """All that a benchmark found.

    Attributes:
        bars: length of the work.
        short_bars: length of the runs with `transitions` beside compiled, and of the profile.
        machine: where and with what.
        rounds: case -> what each round measured.
        longer: times the length -> one run of it.
        profile: what `bench.profiled` told.
        starts: command -> seconds that it took from its start to its end, each time.
        load: load average before and after.
        took_s: how long all of it took.
    """

    bars: int
    short_bars: int
    machine: Mapping[str, str]
    rounds: Mapping[str, Sequence[Measured]]
    longer: Mapping[int, Measured]
    profile: Mapping[str, Any]
    starts: Mapping[str, Sequence[float]]
    load: tuple[float, float]
    took_s: float

    @property
    def medians(self) -> Mapping[str, Measured]:
        """Case -> medians of its rounds."""
        return {name: middle(measured) for name, measured in self.rounds.items()}


def text(results: Results) -> str:
    """The whole report."""
    sections = (_head, _targets, _work, _ratios, _memory, _executors, _starts, _parts)
    return "\n\n".join("\n".join(section(results)) for section in sections) + "\n"


def _head(results: Results) -> Iterator[str]:
    count = len(results.rounds[ENGINE])
    yield "# Benchmarks"
    yield ""
    yield from prose(
        f"Written by `make bench` on {results.machine['date']}: one run of it, as it came out. "
        "`python -m bench --help` says how to repeat it, shorter or longer."
    )
    yield ""
    yield from prose(
        f"The work: {results.bars:,} generated 1-minute bars, one spot trade a bar, buy and sell "
        "by turns, every transition, instruction, fill and position logged to Parquet. Each run "
        f"is a fresh process; figures are medians of {count} interleaved rounds, in wall-clock "
        "time unless they say CPU. *Whole* is from the start of the process to its end, imports "
        "included; *inside* is the run itself. The bars are prepared before, and not counted."
    )
    yield ""
    before, after = results.load
    rows = [[name, value] for name, value in results.machine.items()]
    rows.append(["load average", f"{before:.1f} before, {after:.1f} after"])
    rows.append(["all of it took", f"{results.took_s:.0f} s"])
    yield from table(["machine", ""], rows)


def _targets(results: Results) -> Iterator[str]:
    done = results.medians
    engine, strategy = done[ENGINE], done[STRATEGY]
    beyond = engine.inside_us - strategy.inside_us
    beyond_cpu = engine.inside_cpu_us - strategy.inside_cpu_us
    floors = _ratio(results, FLOOR_LOGGED, "whole_s")
    year = results.bars / YEAR_BARS  # the target is for a year; a shorter run has its share
    yield "## Targets"
    yield ""
    rows = [
        ["inside, beyond the strategy", *_judged(beyond, TARGET_US, "us per instruction")],
        ["the same, CPU", *_judged(beyond_cpu, TARGET_US, "us per instruction")],
        ["whole process", *_judged(engine.whole_s, TARGET_S * year, "s")],
        ["the same, CPU", *_judged(engine.whole_cpu_s, TARGET_S * year, "s")],
        ["peak memory", *_judged(engine.peak_mb, TARGET_MB, "MB")],
        ["whole process, by the floor's with a log", *_judged(floors, TARGET_FLOORS, "times")],
        [f"`{HELP}`", *_judged(median(results.starts[HELP]) * 1e3, TARGET_HELP_MS, "ms")],
    ]
    yield from table(["figure", "measured", "target", "verdict"], rows)
    yield ""
    yield from prose(
        f"The load average was {engine.load:.1f} when the engine's runs ended: where it is above "
        "the number of free cores, wall-clock figures also say what else the machine was doing."
    )


def _judged(value: float, target: float, unit: str) -> list[str]:
    if value <= target:
        verdict = f"reached, {target - value:.1f} {unit.split(maxsplit=1)[0]} to spare"
    else:
        verdict = f"not reached: {value / target:.2f} times the target"
    return [f"{value:.2f} {unit}", f"{target:.3g} {unit}", verdict]


def _work(results: Results) -> Iterator[str]:
    yield "## The work"
    yield ""
    names = (FLOOR, FLOOR_LOGGED, STRATEGY, ENGINE, INTERPRETED)
    rows = [
        [
            name,
            f"{m.whole_s:.2f}",
            f"{m.whole_cpu_s:.2f}",
            f"{m.inside_us:.2f}",
            f"{m.inside_cpu_us:.2f}",
            f"{m.peak_mb:.0f}",
            f"{m.log_mb:.1f}",
            _span([one.inside_us for one in results.rounds[name]]),
        ]
        for name, m in ((name, results.medians[name]) for name in names)
    ]
    heads = ["", "whole s", "whole CPU s", "inside us", "inside CPU us", "peak MB", "log MB",
             "inside us, rounds"]  # fmt: skip
    yield from table(heads, rows)
    yield ""
    yield from prose(
        "Inside, us per instruction. The hand-written loops (`bench/floor.py`) do the same trades "
        "over integers and end at the same positions, but expect, verify and refuse nothing; "
        "their log has the same columns and as many rows. *Interpreted* runs the same files "
        "without the compiled kernel (docs/decisions/0017-compiled-kernel.md)."
    )


def _span(values: Sequence[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}"


def _ratios(results: Results) -> Iterator[str]:
    yield "## Against the floor"
    yield ""
    figures = ("whole_s", "whole_cpu_s", "inside_us", "inside_cpu_us")
    rows = [
        [f"engine / {name}", *(f"{_ratio(results, name, of):.1f}" for of in figures)]
        for name in (FLOOR, FLOOR_LOGGED)
    ]
    yield from table(["ratio", "whole", "whole CPU", "inside", "inside CPU"], rows)
    yield ""
    yield from prose(
        "Medians of each round's ratio: both sides of one met the same machine, so these say "
        "more than the times where the machine is busy."
    )


def _ratio(results: Results, name: str, figure: str) -> float:
    """The engine's figure in the floor's, round by round."""
    pairs = zip(results.rounds[ENGINE], results.rounds[name], strict=True)
    return float(median(getattr(ours, figure) / getattr(theirs, figure) for ours, theirs in pairs))


def _memory(results: Results) -> Iterator[str]:
    yield "## Memory as the run grows"
    yield ""
    once = results.medians[ENGINE]
    runs = {1: once, **results.longer}
    rows = [
        [
            f"{results.bars * times:,}",
            f"{m.peak_mb:.0f}",
            f"{m.peak_mb - once.peak_mb:+.0f}",
            f"{m.inside_us:.2f}",
            f"{m.log_mb:.1f}",
        ]
        for times, m in runs.items()
    ]
    yield from table(["bars", "peak MB", "difference MB", "inside us", "log MB"], rows)


def _executors(results: Results) -> Iterator[str]:
    start = results.medians[START]
    start_us = start.inside_us / results.short_bars
    start_cpu_us = start.inside_cpu_us / results.short_bars
    short, library = (results.medians[name] for name in (SHORT, TRANSITIONS))
    yield "## What compiling the machine buys"
    yield ""
    rows = [
        [
            name,
            f"{m.inside_us - start_us:.1f}",
            f"{m.inside_cpu_us - start_cpu_us:.1f}",
            f"{(m.inside_us - start_us) / (short.inside_us - start_us):.1f}",
            f"{(m.inside_cpu_us - start_cpu_us) / (short.inside_cpu_us - start_cpu_us):.1f}",
        ]
        for name, m in ((SHORT, short), (TRANSITIONS, library))
    ]
    yield from table(["executor", "inside us", "CPU us", "ratio", "CPU ratio"], rows)
    yield ""
    yield from prose(
        f"On the same {results.short_bars:,} bars, per instruction, without what starting costs: "
        f"a run of one bar takes {start.inside_us / 1e3:.0f} ms inside "
        f"({start.inside_cpu_us / 1e3:.0f} ms CPU) and "
        f"{start.whole_s:.2f} s whole. Both build the machine and compile it."
    )


def _starts(results: Results) -> Iterator[str]:
    yield "## Starting"
    yield ""
    rows = [
        [f"`{name}`", f"{median(taken) * 1e3:.0f}", f"{min(taken) * 1e3:.0f}"]
        for name, taken in results.starts.items()
    ]
    yield from table(["whole process", "median ms", "least ms"], rows)
    yield ""
    count = len(results.starts[HELP])
    yield from prose(
        f"By turns, {count} times each. `{HELP}` imports neither polars nor transitions "
        "(`tests/cli/test_processes.py`)."
    )


def _parts(results: Results) -> Iterator[str]:
    profile, engine = results.profile, results.medians[INTERPRETED]
    seconds = {part: s for part, s in profile["parts_s"].items() if part != REST}
    total, count = sum(seconds.values()), profile["instructions"]
    calls = profile["calls"]
    yield "## Where the time goes"
    yield ""
    rows = [
        [
            part,
            f"{100 * s / total:.1f}",
            f"{engine.inside_us * s / total:.2f}",
            f"{calls.get(part, 0) / count:.1f}",
        ]
        for part, s in sorted(seconds.items(), key=lambda item: -item[1])
    ]
    rows.append(["all", "100.0", f"{engine.inside_us:.2f}", ""])
    yield from table(["part", "%", "us per instruction", "Python calls"], rows)
    yield ""
    net, own = total / count * 1e6, profile["profiler_s"] / count * 1e6
    rest_ms = profile["parts_s"].get(REST, 0.0) * 1e3
    shared = calls.get("shared", 0) / count
    yield from prose(
        f"Of the interpreted engine, for a profiler does not see into compiled modules. By "
        f"`cProfile` on {count:,} bars, summed up by module; {shared:.1f} calls of functions "
        "that all parts share count for the parts that called them. Under it an instruction "
        f"takes {net + own:.1f} us, of which {own:.1f} are the profiler's own by calibration and "
        f"taken off call by call; the rest is {net / engine.inside_us:.1f} times the run without "
        "it, and scaled to it. So a share is good to a few points, no better. Building and "
        f"compiling the machine and closing the log, {rest_ms:.0f} ms under the profiler whatever "
        "the length, is left out."
    )


def prose(text: str) -> list[str]:
    """A paragraph in lines of a readable length."""
    return wrap(text, 100, break_long_words=False, break_on_hyphens=False)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A Markdown table: the first column to the left, all others to the right."""
    widths = [max(len(row[at]) for row in [heads, *rows]) for at in range(len(heads))]

    def line(row: Sequence[str]) -> str:
        first, *others = (
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return f"| {' | '.join([first, *others])} |"

    yield line(heads)
    marks = (f"{'-' * (width + 1)}{':' if at else '-'}" for at, width in enumerate(widths))
    yield from prose(f"|{'|'.join(marks)}|")
    yield from map(line, rows)
