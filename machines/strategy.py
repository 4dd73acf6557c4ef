"""What a strategy is: a function from market and positions to a plan, once a tick.

It decides and no more: it sends nothing and waits for nothing. The next time it is asked
it is told what became of what it wanted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, cast, final

from mypy_extensions import mypyc_attr

from verifill.engine.errors import StrategyError
from verifill.venues.chains import Atomicity, Chain, Step
from verifill.venues.instructions import Instruction
from verifill.venues.keys import Scales
from verifill.venues.market import MarketView
from verifill.venues.typed import misfit

Plan = Sequence[Instruction | Chain]
"""What a strategy wants done, in order; empty to do nothing."""


class Fate(StrEnum):
    """What became of one entry of a plan."""

    DONE = "DONE"
    FAILED_CLEAN = "FAILED_CLEAN"  # nothing happened
    IN_PART = "IN_PART"  # verified, and not all of it
    ROLLED_BACK = "ROLLED_BACK"  # a chain, taken back
    STRANDED = "STRANDED"  # a chain that could not be taken back
    MISMATCHED = "MISMATCHED"  # the positions are not what they should be
    HELD = "HELD"  # nobody can say; a person must look
    EXPIRED = "EXPIRED"  # never sent, because an entry before it failed


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False)
class Entry:
    """One entry of a plan and what became of it.

    Attributes:
        wanted: the instruction or chain.
        fate: what became of it.
        reason: why, where it is not DONE.
    """

    wanted: Instruction | Chain
    fate: Fate
    reason: str = ""

    def __init__(self, wanted: Instruction | Chain, fate: Fate, reason: str = "") -> None:
        self.wanted = wanted
        self.fate = fate
        self.reason = reason


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False)
class PlanReport:
    """What became of the last plan, entry by entry; empty before the first one."""

    entries: tuple[Entry, ...] = ()

    def __init__(self, entries: tuple[Entry, ...] = ()) -> None:
        self.entries = entries

    @property
    def done(self) -> bool:
        """Whether all of it was done."""
        return all(entry.fate is Fate.DONE for entry in self.entries)


class Positions(Mapping[str, Decimal]):
    """The verified positions: key -> amount; a key that is not tracked is an error.

    Args:
        totals: position key -> units, read anew at each access.
        scales: decimals of the assets.
    """

    def __init__(self, totals: Mapping[str, int], scales: Scales) -> None:
        self.totals = totals
        self._scales = scales

    def __getitem__(self, key: str) -> Decimal:
        """The amount of a position.

        Raises:
            KeyError: the key is not tracked; missing is not zero.
        """
        return self._scales.amount(key, self.totals[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self.totals)

    def __len__(self) -> int:
        return len(self.totals)

    def units(self, key: str) -> int:
        """The position in units of its asset, an integer."""
        return self.totals[key]


class Strategy(Protocol):
    """What decides."""

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:
        """What to do now.

        Args:
            market: what is known now, and nothing later.
            positions: verified positions.
            last: what became of the plan before.
        """
        ...


ENTRIES = (Instruction, Chain)  # tuples: `A | B` would be built anew at each call
PLANS = (list, tuple)


def checked(plan: object) -> Plan:
    """What a strategy returned, if it is a plan.

    Raises:
        StrategyError: it is something else.
    """
    if isinstance(plan, PLANS):
        entries = cast("Sequence[object]", plan)
        wrong = [entry for entry in entries if not isinstance(entry, ENTRIES)]
        if not wrong:
            return _sound(cast("Plan", plan))
        what = f"a plan with {wrong[0]!r} in it"
    else:
        what = repr(plan)
    msg = (
        f"the strategy returned {what}; allowed is a list or tuple of instructions and "
        "chains, empty to do nothing"
    )
    raise StrategyError(msg)


def _sound(plan: Plan) -> Plan:
    """The plan, if its fields are what they should be, and names are apart.

    Raises:
        StrategyError: they are not; late-bound amounts could mean either of two names.
    """
    seen: set[str] = set()
    for instruction in _instructions(plan):
        problem = misfit(instruction)
        name = instruction.name
        if not problem and name and name in seen:
            problem = f"two instructions are named {name!r}; give each a name of its own, or none"
        if problem:
            msg = f"the strategy returned a plan that cannot be run: {problem}"
            raise StrategyError(msg)
        seen.add(name)
    return plan


def _instructions(plan: Plan) -> Iterator[Instruction]:
    """Every instruction of a plan, those of chains included.

    Raises:
        StrategyError: a chain is made of something else.
    """
    for entry in plan:
        if isinstance(entry, Instruction):
            yield entry
        else:
            yield from (_step(entry, step) for step in _steps(entry))


def _steps(chain: Chain) -> Sequence[object]:
    if isinstance(cast("object", chain.kind), Atomicity):
        return chain.steps
    msg = f"chain {chain.name!r}: kind is {chain.kind!r}; give Atomicity.ONE_TX or Atomicity.SAGA"
    raise StrategyError(msg)


def _step(chain: Chain, step: object) -> Instruction:
    instruction = step.instruction if isinstance(step, Step) else step
    if isinstance(instruction, Instruction):
        return instruction
    msg = f"chain {chain.name!r} has {step!r} among its steps; a step is an instruction or a Step"
    raise StrategyError(msg)
