"""The parts of the engine: which functions belong to which, and how a profile divides."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from cProfile import Profile
from pathlib import Path
from types import CodeType

from attrs import Factory, define, frozen

ROOT = Path(__file__).parent.parent
REST = "start and end"
_LIBRARY = re.compile(r".*/(site-packages|python\d\.\d+)/")

# The first that fits counts.
RULES: Sequence[tuple[str, str]] = (
    ("collector", "backtest.py:between"),
    (REST, "backtest.py:"),
    (REST, "engine/compile.py"),
    (REST, "engine/flat.py"),
    (REST, "engine/sound.py"),
    ("log append", "engine/log/writer.py:path"),
    ("log append", "engine/log/packed.py"),
    ("log append", "machines/records.py"),
    ("log write", "engine/log/"),
    ("executor", "engine/executor.py"),
    ("executor", "engine/paths.py"),
    ("reconcile", "machines/reconcile.py"),
    ("reconcile", "machines/tolerance.py"),
    ("monitor", "machines/monitor.py"),
    ("tight loop", "machines/execution.py"),
    ("tight loop", "machines/express.py"),
    ("tight loop", "machines/leg.py"),
    ("full loop", "machines/"),
    ("market data", "venues/simulated/timeline.py"),
    ("market data", "venues/data/"),
    ("simulated venue", "venues/simulated/"),
    ("venue terms", "venues/lanes.py"),
    ("venue terms", "venues/trades.py"),
    ("venue terms", "venues/spot.py"),
    ("venue terms", "venues/terms.py"),
    ("venue terms", "venues/tickets.py"),
    ("strategy", "bench/work.py:decide"),
    (REST, "bench/"),
)


@define
class Function:
    """A function of a profile.

    Attributes:
        own_s: seconds in it, and in the C functions that it called.
        calls: how often it was called.
        called: how often it called others.
        callers: caller -> seconds in this function, for that caller.
    """

    own_s: float = 0.0
    calls: int = 0
    called: int = 0
    callers: dict[str, float] = Factory(dict[str, float])


Functions = Mapping[str, Function]


@frozen
class Cost:
    """What the profiler costs at each call, in seconds: to the callee, and to the caller."""

    callee_s: float
    caller_s: float


def functions_of(profile: Profile) -> Functions:
    """The functions of a profile, by `engine/executor.py:drive`."""
    found: dict[str, Function] = defaultdict(Function)
    for entry in profile.getstats():
        name = _name(entry.code)
        function = found[name]
        function.own_s += entry.inlinetime
        function.calls += entry.callcount
        for sub in entry.calls or ():
            function.called += sub.callcount
            callers = found[_name(sub.code)].callers
            callers[name] = callers.get(name, 0.0) + sub.inlinetime
    return found


def net(function: Function, cost: Cost) -> float:
    """Seconds in a function, without what the profiler took in them."""
    return function.own_s - function.calls * cost.callee_s - function.called * cost.caller_s


def by_part(functions: Functions, own: Mapping[str, float]) -> dict[str, float]:
    """Part -> seconds in it; what belongs to no part goes to the parts that called it."""
    seconds: dict[str, float] = defaultdict(float)
    for name, own_s in own.items():
        for part, share in _shares(functions, name, frozenset()).items():
            seconds[part] += own_s * share
    return dict(seconds)


def _shares(functions: Functions, name: str, below: frozenset[str]) -> dict[str, float]:
    """How a function's time divides among the parts, by who called it."""
    part = part_of(name)
    callers = functions[name].callers
    callers = {caller: s for caller, s in callers.items() if caller not in below | {name}}
    total = sum(callers.values())
    if part or total <= 0:
        return {part or REST: 1.0}
    shares: dict[str, float] = defaultdict(float)
    for caller, spent_s in callers.items():
        for into, share in _shares(functions, caller, below | {name}).items():
            shares[into] += share * spent_s / total
    return shares


def part_of(name: str) -> str:
    """The part that a function belongs to; empty if it is shared, or of a library."""
    return next((part for part, beginning in RULES if name.startswith(beginning)), "")


def _name(code: CodeType | str) -> str:
    """File and function, by the folder inside the project that the code lives in."""
    if isinstance(code, str):
        return code
    file = code.co_filename.removeprefix(f"{ROOT}/").removeprefix("src/verifill/")
    return f"{_LIBRARY.sub('', file)}:{code.co_name}"
