"""The judge: what a run says of itself, held against what its venues did.

Columns are counts of what must never happen. A verdict is how the run ended, and is
compared with the one that is pinned for the cell.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Any, Final

from attrs import asdict, define

from verifill.engine.compile import compile_table
from verifill.engine.errors import LogError
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.opening import verify_log
from verifill.engine.table import Table
from verifill.faults.lives import End, World
from verifill.faults.story import TERMINAL, Planned, Story, of_loops
from verifill.machines import health
from verifill.machines.breaker import BREAKER
from verifill.machines.feed import FEED
from verifill.machines.full_loop import FULL_LOOP, Full
from verifill.machines.nesting import INSTANCES
from verifill.machines.strategy import Fate
from verifill.machines.tight_loop import Tight
from verifill.machines.trading_state import TRADING_STATE

BESIDE: Final[Sequence[Table[Any, Any]]] = (BREAKER, FEED, TRADING_STATE)
"""The machines beside the loops; the health of components is a judgement, not a machine."""
AT_REST = frozenset({Full.STOPPED, Full.IDLE})


class Verdict(StrEnum):
    """How a run ended."""

    DONE = "DONE"  # everything that was planned, each with one effect
    RESENT = "RESENT"  # likewise, and something had to be sent again after proof
    REMAINDER = "PART AND REST"  # likewise, in part first, then the rest
    ROLLED_BACK = "ROLLED BACK"
    FAILED_CLEAN = "FAILED.CLEAN"
    MISMATCH = "FAILED.MISMATCH"  # HALTED after it
    HELD = "HELD"
    STRANDED = "STRANDED"
    HALTED = "HALTED"
    REFUSED = "REFUSED TO START"
    OPEN = "OPEN"  # none of these: nobody knows, and nobody is asked


@define
class Counts:
    """What must be zero.

    Attributes:
        double: effects of one key, and of one instruction, beyond the first; calls under one key
            that are no repeat by the log, of a venue of class K, with the same request.
        skipped: entries of plans without a fate, or DONE without having been done.
        lost: records that were acknowledged and are not in the log; sends without an INTENT there.
        wrong: terminal states and books that the venues contradict.
        illegal: transitions that are no row of the table.
        undetected: damage that an engine started on.
        unresolved: sent, and without an end.
        unexpected: verdicts that are not the pinned one, and a venue that did not break its word
            where it was to.
    """

    double: int = 0
    skipped: int = 0
    lost: int = 0
    wrong: int = 0
    illegal: int = 0
    undetected: int = 0
    unresolved: int = 0
    unexpected: int = 0

    @property
    def bad(self) -> int:
        """All of them."""
        return sum(asdict(self).values())

    @property
    def told(self) -> Mapping[str, int]:
        """Those that are not zero."""
        return {name: count for name, count in asdict(self).items() if count}


def judged(world: World, story: Story, by_venue: int = 0) -> Counts:
    """What is wrong with a run that has ended.

    Args:
        world: the run.
        story: its log.
        by_venue: effects too many that the venue is to blame for.
    """
    counts = Counts(undetected=world.undetected)
    effects = world.wire.effects()
    counts.double = _calls_too_many(world, story) + too_many(world, story) - by_venue
    counts.skipped = sum(map(_skipped, _over(story)))
    counts.lost = _lost(world, story)
    counts.wrong = _wrong(story, effects)
    legal = legal_moves()
    refused = sum(row["kind"] == "REFUSED" for row in story.rows)
    counts.illegal = refused + sum(
        move not in legal for move in story.moves if move[0] != health.MACHINE
    )
    counts.unresolved = _unresolved(world, story)
    return counts


def verdict_of(world: World, story: Story | None) -> Verdict:
    """How it ended."""
    if world.ends[-1] is End.REFUSED:
        return Verdict.REFUSED
    if story is None or world.ends[-1] in (End.BROKE, End.STOPPED, End.KILLED):
        return Verdict.OPEN
    state = story.state
    if state.endswith(f".{Tight.HELD}"):
        return Verdict.HELD
    if state == "ATOMIC.STRANDED":
        return Verdict.STRANDED
    if state == Full.HALTED or any(event == "blocked" for event in _newest(story)):
        mismatched = any(s.leaf == Tight.FAILED_MISMATCH for s in story.sent)
        return Verdict.MISMATCH if mismatched else Verdict.HALTED
    return _at_rest(story) if state in AT_REST else Verdict.OPEN


def _at_rest(story: Story) -> Verdict:
    fates: dict[tuple[str, ...], str] = {}
    for plan in story.plans:
        fates.update(zip(plan.entries, plan.fates, strict=False))
    found = set(fates.values())
    if Fate.ROLLED_BACK in found:
        return Verdict.ROLLED_BACK
    if found & {Fate.FAILED_CLEAN, Fate.EXPIRED} or not fates:
        return Verdict.FAILED_CLEAN
    if any(sent.child for sent in story.sent):
        return Verdict.REMAINDER
    again = any(len(sent.keys) > 1 for sent in story.sent)
    return Verdict.RESENT if again else Verdict.DONE


def _newest(story: Story) -> list[str]:
    """The events of the loops in the newest life."""
    newest = story.rows[-1]["epoch"] if story.rows else 0
    return [row["event"] for row in story.rows if row["epoch"] == newest and of_loops(row)]


@cache
def legal_moves() -> frozenset[tuple[str, str, str, str]]:
    """Every row of every table: machine, from, event, to."""
    loops = {(name, *move) for name in INSTANCES for move in _moves(FULL_LOOP)}
    beside = {(table.name, *move) for table in BESIDE for move in _moves(table)}
    return frozenset(loops | beside)


def _moves(table: Table[Any, Any]) -> Iterator[tuple[str, str, str]]:
    compiled = compile_table(table)
    width = len(compiled.events)
    for at, target in enumerate(compiled.cells):
        if target >= 0:
            yield compiled.states[at // width], compiled.events[at % width], compiled.states[target]


def _over(story: Story) -> list[Planned]:
    """The plans of which nothing is to come."""
    return list(story.plans) if story.state in AT_REST else list(story.plans[:-1])


def _calls_too_many(world: World, story: Story) -> int:
    """Sends under one key beyond the first and its repeats; and requests under it that differ."""
    wire = world.wire
    repeats = Counter(key for sent in story.sent for key in sent.repeats)
    calls = sum(max(0, count - 1 - repeats[key]) for key, count in wire.sent.items())
    others = sum(len(bodies) - 1 for bodies in wire.bodies.values())
    return calls + others + sum(count for key, count in repeats.items() if not wire.once(key))


def too_many(world: World, story: Story) -> int:
    """Effects of one key, and of one instruction, beyond the first."""
    effects = world.wire.effects()
    by_key = sum(max(0, count - 1) for count in effects.values())
    by_instruction = sum(
        max(0, sum(effects.get(key, 0) > 0 for key in sent.keys) - 1) for sent in story.sent
    )
    return by_key + by_instruction


def _skipped(plan: Planned) -> int:
    """Entries without a fate; or DONE, and not all of it done."""
    missing = len(plan.entries) - len(plan.fates)
    done = {name for sent in plan.sent.values() for name in sent.names if _has_effect(sent.leaf)}
    untrue = sum(
        fate == Fate.DONE and not set(names) <= done
        for names, fate in zip(plan.entries, plan.fates, strict=False)
    )
    return missing + untrue


def _has_effect(leaf: str) -> bool:
    return leaf in (Tight.DONE, Tight.FAILED_PART)


def missing(world: World, story: Story | None) -> int:
    """Records that were acknowledged and are not in the log, or in one that cannot be read."""
    there: dict[int, str] = {row["seq"]: row["hash"] for row in story.rows} if story else {}
    return sum(there.get(seq) != digest for seq, digest in world.disk.acknowledged.items())


def _lost(world: World, story: Story) -> int:
    known = {key for sent in story.sent for key in sent.keys}
    lost = missing(world, story) + sum(key not in known for key in world.wire.sent)
    try:
        verify_log(world.log, FileAnchor(world.anchor))
    except LogError:
        lost += 1
    return lost


def _wrong(story: Story, effects: Mapping[str, int]) -> int:
    untrue: int = 0
    for sent in story.sent:
        moved = any(effects.get(key, 0) for key in sent.keys)
        untrue += _has_effect(sent.leaf) != moved and sent.leaf in (
            Tight.DONE,
            Tight.FAILED_PART,
            Tight.FAILED_CLEAN,
        )
    return untrue


def books_differ(world: World, story: Story) -> bool:
    """Whether the books of a run at rest are not what the accounts were at the same rows."""
    if story.state not in AT_REST or not story.books:
        return False
    accounts = world.wire.totals(story.books["cursors"])
    unbooked: dict[str, int] = {}
    for row in story.books["unbooked"]:
        unbooked[row["key"]] = unbooked.get(row["key"], 0) + row["amount"]
    totals: dict[str, int] = story.books["totals"]
    return any(accounts[key] != total + unbooked.get(key, 0) for key, total in totals.items())


def _unresolved(world: World, story: Story) -> int:
    """Sent and without an end, where the run has gone on to something else or has stopped."""
    open_ones = [sent for sent in story.sent if sent.leaf not in TERMINAL]
    waiting = story.state.endswith(f".{Tight.HELD}") and open_ones[-1:]
    return len(open_ones) - bool(waiting) + (world.ends[-1] in (End.BROKE, End.STOPPED))
