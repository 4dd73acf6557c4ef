"""What must always hold, of every run of every scope."""

import json
from collections import Counter, deque
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from attrs import frozen

from verifill.checking.play import Run, Send
from verifill.checking.scopes import CONTRADICTED, HEALS
from verifill.faults.judge import Verdict, books_differ, judged, verdict_of
from verifill.faults.lives import End
from verifill.faults.story import Planned, Sent, Story, follow, of_loops, told
from verifill.machines.breaker import BREAKER, Breaker, BreakerEvent
from verifill.machines.scopes import GLOBAL
from verifill.machines.tight_loop import Tight, TightEvent
from verifill.venues.rules import Idempotency

STUCK: Final = frozenset(
    {Verdict.HELD, Verdict.HALTED, Verdict.MISMATCH, Verdict.STRANDED, Verdict.REFUSED}
)
SILENT: Final = (f".{Tight.HELD}", "STRANDED", "HALTED")
TAKES_BACK: Final = "ATOMIC.COMPENSATE."
SHUT: Final = ("OPEN.", Breaker.HALF_OPEN_PROBE, "LATCHED.")
"""States of a breaker in which nothing is sent; of a trial, one order is."""
NOTHING: Final = frozenset({Tight.FAILED_CLEAN, Tight.RETRY_RESEND})
"""Leaves in which it is verified that nothing happened."""


@frozen
class Judged:
    """What is said of a run.

    Attributes:
        verdict: how it ended.
        story: its log.
        broken: the rules that it breaks, each with what shows it.
    """

    verdict: Verdict
    story: Story
    broken: Sequence[str]


def judge(run: Run) -> Judged:
    """Hold a run against every rule."""
    story = told(run.world.log)
    verdict = verdict_of(run.world, story)
    return Judged(verdict, story, tuple(_broken(run, story, verdict)))


def _broken(run: Run, story: Story, verdict: Verdict) -> Iterator[str]:
    counts = judged(run.world, story).told
    yield from (f"{name}: {count}" for name, count in counts.items())
    if books_differ(run.world, story):
        yield "books: they are not what the accounts were at the same rows"
    if run.world.ends[-1] is End.BROKE:
        yield f"defect: {run.world.reason}"
    if not run.rests or verdict is Verdict.OPEN:
        yield f"rest: it ends in {story.state}, neither at rest nor waiting for a person"
    if verdict in STUCK and _healed(run):
        yield f"progress: it ends {verdict}, though all that went wrong heals by itself"
    if verdict is Verdict.ROLLED_BACK:
        yield from _residue(run)
    again = next((one for one, count in Counter(run.path).items() if count > 1), "")
    if again:
        yield f"cycle: it comes back to a situation that it was in, {again}, and would for ever"
    yield from _sends(run.sends, story)
    yield from _requests(run)
    yield from _guards(run, story)


def _requests(run: Run) -> Iterator[str]:
    """Where a key went out more than once: whether its venue takes it once, and always the same."""
    wire = run.world.wire
    for key, count in wire.sent.items():
        if count > 1 and not wire.once(key):
            yield f"again: {key} went out {count} times to a venue that is not of class K"
        if len(wire.bodies[key]) > 1:
            yield f"request: {key} went out with {len(wire.bodies[key])} different requests"


def _guards(run: Run, story: Story) -> Iterator[str]:
    """What went out although a breaker was open; and a venue's contradiction that latched none."""
    left = deque(run.sends)
    shut: dict[str, str] = {}
    for row in story.rows:
        if row["machine"] == BREAKER.name:
            shut[json.loads(row["payload"])["scope"]] = row["to"]
        while left and left[0].seq == row["seq"]:
            send = left.popleft()
            yield from (
                f"breaker: {send.key} went out at {send.seq} while {scope} is {state}"
                for scope, state in shut.items()
                if state.startswith(SHUT) and _concerns(scope, run.world.wire.venue(send.key))
            )
    told = {row["event"] for row in story.rows if row["machine"] == BREAKER.name}
    lied = any(option == CONTRADICTED for _, option in run.choices)
    if lied and BreakerEvent.LATCHED not in told:
        yield "contradiction: it was refused and executed, and no breaker is LATCHED"


def _concerns(scope: str, venue: str) -> bool:
    """Whether a breaker of this scope stops an order to a venue."""
    kind, _, name = scope.partition(":")
    return kind in (GLOBAL, "strategy") or name.partition(":")[0].partition(".")[0] == venue


def _healed(run: Run) -> bool:
    """Whether all that went wrong heals by itself; where absence cannot be proven, nothing does."""
    proves = run.scope.scene.klass is not Idempotency.N
    return proves and all(option in HEALS for _, option in run.choices)


def _residue(run: Run) -> Iterator[str]:
    """What a chain that was taken back has left behind, and should not have."""
    for key, units in run.world.wire.totals().items():
        off = units - run.opening[key]
        if abs(off) > run.scope.residue.get(key, 0):
            yield f"residue: {key} is off by {off} units after the chain was taken back"


def _sends(sends: Sequence[Send], story: Story) -> Iterator[str]:
    """What is wrong with when each order went out."""
    plans: list[Planned] = []
    left = deque(sends)
    state, intents, let = "START", dict[str, int](), set[str]()
    for row, memory in follow(story.rows, plans):
        if row["event"] and of_loops(row):
            state = row["to"]
        if row["kind"] == "INTENT":
            intents[row["intent_id"]] = row["instance"]
            let.add(row["intent_id"])
        if row["event"] == TightEvent.REPEAT and memory:
            let.add(memory["leg"]["key"])
        while left and left[0].seq == row["seq"]:
            send = left.popleft()
            yield from _sent(send, intents, state, plans)
            if send.key in intents and send.key not in let:
                yield f"again: {send.key} went out once more at {send.seq}, and no move let it"
            let.discard(send.key)


def _sent(
    send: Send, intents: dict[str, int], state: str, plans: Sequence[Planned]
) -> Iterator[str]:
    if send.key not in intents:
        yield f"intent: {send.key} went out at {send.seq} without a durable INTENT"
        return
    if state.endswith(SILENT):
        yield f"silence: {send.key} went out at {send.seq} in {state}"
    number, sent_yet = intents[send.key], plans[-1].sent
    this = sent_yet.get(number)
    back = state.startswith(TAKES_BACK)
    for before in sent_yet.values():
        if not this or before.number >= number or (back and before.leaf in NOTHING):
            continue
        if not _over(before, this, sent_yet.values(), back=back):
            also = f"instruction {before.number} is {before.leaf}"
            yield f"order: {send.key} went out at {send.seq} while {also}"


def _over(before: Sent, this: Sent, sent_yet: Collection[Sent], *, back: bool) -> bool:
    """Whether an instruction may follow another one of its plan.

    It may if that one is DONE, if it is that one's verified remainder or comes after it, or
    if it takes back what others did, and that one has an end.
    """
    if before.leaf != Tight.FAILED_PART:
        return before.leaf == Tight.DONE
    rests = (s for s in sent_yet if s.names == before.names and s.child == before.child + 1)
    return back or any(rest is this or _over(rest, this, sent_yet, back=back) for rest in rests)
