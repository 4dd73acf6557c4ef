"""Where the time goes: a profile of the work, summed up by the part of the engine.

    python -m bench.profiled HISTORY LOG

`cProfile` is called at every function and so makes small ones look dearer than they are.
What one call costs it is measured first, on a function that does nothing, and taken off,
on both sides of the call. What is left is still slower than a run without it; the report
takes that to be even and scales it. Functions in C count for whoever called them, and so
do the project's own that all parts share (amounts, keys, orders) and those of libraries.
"""

import json
import sys
from collections import Counter
from cProfile import Profile
from pathlib import Path
from time import perf_counter

from bench.parts import Cost, by_part, functions_of, net, part_of
from bench.work import parts_of
from verifill.backtest import run
from verifill.venues.data.history import History

TRIALS = 100_000


def main(history: Path, log: Path) -> None:
    """Profile the work, and tell where the time went."""
    parts = parts_of(History(history))
    cost = calibrated()
    profile = Profile(builtins=False)
    profile.enable()
    outcome = run(parts, log)
    profile.disable()
    functions = functions_of(profile)
    raw = sum(function.own_s for function in functions.values())
    own = {name: max(0.0, net(function, cost)) for name, function in functions.items()}
    shares = by_part(functions, own)
    calls = Counter[str]()
    for name, function in functions.items():
        calls[part_of(name) or "shared"] += function.calls
    told = {
        "instructions": outcome.ticks,
        "profiled_s": raw,
        "profiler_s": raw - sum(own.values()),
        "parts_s": shares,
        "calls": dict(calls),
        "functions_s": dict(sorted(own.items(), key=lambda item: -item[1])[:40]),
    }
    sys.stdout.write(json.dumps(told) + "\n")


def calibrated() -> Cost:
    """What the profiler costs, measured on calls of a function that does nothing."""
    began_s = perf_counter()
    _call_often()
    plain_s = perf_counter() - began_s
    profile = Profile(builtins=False)
    profile.enable()
    _call_often()
    profile.disable()
    functions = functions_of(profile)
    callee_s = functions["bench/profiled.py:_nothing"].own_s / TRIALS
    caller_s = functions["bench/profiled.py:_call_often"].own_s - plain_s
    return Cost(callee_s, max(0.0, caller_s / TRIALS))


def _nothing() -> None:
    """The least that a call can be."""


def _call_often() -> None:
    for _ in range(TRIALS):
        _nothing()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
