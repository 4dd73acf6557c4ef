"""What must always hold, of every run of every scope."""

import json
from collections import Counter, deque
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from attrs import frozen

from verifill.checking.play import Run, Send
from verifill.checking.scopes import FALSE, HEALS, KILLED
from verifill.engine.commands import CommandName
from verifill.engine.errors import LogError
from verifill.faults.judge import Verdict, books_differ, judged, verdict_of
from verifill.faults.lives import End
from verifill.faults.outside import Wire
from verifill.faults.story import Planned, Sent, Story, follow, of_loops, told
from verifill.machines.atomic import Atomic
from verifill.machines.breaker import BREAKER, Breaker, BreakerEvent
from verifill.machines.full_loop import Full, FullEvent
from verifill.machines.purpose import ONE_TX
from verifill.machines.scopes import GLOBAL, account_scope, venue_scope
from verifill.machines.tight_loop import Tight, TightEvent
from verifill.venues.loopback.wire import SentBundle
from verifill.venues.rules import Idempotency

STUCK: Final = frozenset(
    {Verdict.HELD, Verdict.HALTED, Verdict.MISMATCH, Verdict.STRANDED, Verdict.REFUSED}
)
STRANDED: Final = f"{Full.ATOMIC}.{Atomic.STRANDED}"
"""Out of which a person leads, who knows of a mismatch and has a chain taken back."""
SILENT: Final = (f".{Tight.HELD}", "STRANDED", "HALTED")
TAKES_BACK: Final = "ATOMIC.COMPENSATE."
SHUT: Final = ("OPEN.", Breaker.HALF_OPEN_PROBE, "LATCHED.")
"""States of a breaker in which nothing is sent; of a trial, one order is."""
NO_STORY: Final = Story((), (), "START", {})
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
    try:
        story = told(run.world.log)
    except LogError as error:
        return Judged(Verdict.REFUSED, NO_STORY, (f"lost: {error}",))
    verdict = verdict_of(run.world, story)
    return Judged(verdict, story, tuple(_broken(run, story, verdict)))


def _broken(run: Run, story: Story, verdict: Verdict) -> Iterator[str]:
    counts = judged(run.world, story).told
    if _blocked(run, story) and counts.get("unresolved") == 1:
        counts = {name: count for name, count in counts.items() if name != "unresolved"}
    yield from (f"{name}: {count}" for name, count in counts.items())
    options = {option for _, option in run.choices}
    if not options & FALSE and books_differ(run.world, story):
        yield "books: they are not what the accounts were at the same rows"
    if run.world.ends[-1] is End.BROKE:
        yield f"defect: {run.world.reason}"
    if not run.rests or verdict is Verdict.OPEN:
        yield f"rest: it ends in {story.state}, neither at rest nor waiting for a person"
    if verdict in STUCK and not run.scope.stuck and options <= HEALS and _proves(run):
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
    left, effects = deque(run.sends), run.world.wire.effects()
    lies = {run.sends[number].seq for number in run.lies}
    shut: dict[str, str] = {}
    told: set[str] = set()
    lied = contradicted = False
    for row in story.rows:
        if row["machine"] == BREAKER.name:
            shut[json.loads(row["payload"])["scope"]] = row["to"]
            told.add(row["event"])
        if row["event"] and of_loops(row):
            contradicted |= lied and row["event"] == TightEvent.REFUSED
            lied = False
        while left and left[0].seq == row["seq"]:
            send = left.popleft()
            lied = send.seq in lies and bool(effects.get(send.key))
            for scope in _passed(run.world.wire, send.key) & shut.keys():
                if shut[scope].startswith(SHUT):
                    why = f"{scope} is {shut[scope]}"
                    yield f"breaker: {send.key} went out at {send.seq} while {why}"
    # a refusal is forgotten where the process dies before positions were read
    killed = any(option == KILLED for _, option in run.choices)
    if contradicted and not killed and BreakerEvent.LATCHED not in told:
        yield "contradiction: it was refused and executed, and no breaker is LATCHED"


def _passed(wire: Wire, key: str) -> frozenset[str]:
    """The scopes of the breakers that an order passes, but for its strategy's."""
    request = wire.requests[key]
    if isinstance(request, SentBundle):
        operation, account = ONE_TX, request.account
    else:
        operation, account = request.instruction.op, request.instruction.account
    return frozenset({GLOBAL, venue_scope(wire.venue(key), operation), account_scope(account)})


def _blocked(run: Run, story: Story) -> bool:
    """Whether an engine waits that could not, or should not, begin: HALTED out of RECOVER.

    What was under way when its process ended is verified once somebody resumes it; if it was
    killed by command, nothing rests at a venue until then.
    """
    newest = next((row for row in reversed(story.rows) if row["event"] and of_loops(row)), None)
    if newest is None or newest["event"] != FullEvent.BLOCKED:
        return False
    said = any(option == CommandName.KILL for _, option in run.choices)
    hosted = run.world.wire.service.world.hosted.values()
    return not (said and any(one.book.open_orders() for one in hosted))


def _proves(run: Run) -> bool:
    """Whether absence can be proven; where it cannot, nothing heals by itself."""
    return run.scope.scene.klass is not Idempotency.N


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
    state, intents, let, passed = "START", dict[str, int](), set[str](), NOTHING
    for row, memory in follow(story.rows, plans):
        if row["event"] and of_loops(row):
            passed = NOTHING | {Tight.FAILED_MISMATCH} if state == STRANDED else passed
            state = row["to"]
        if row["kind"] == "INTENT":
            intents[row["intent_id"]] = row["instance"]
            let.add(row["intent_id"])
        if row["event"] == TightEvent.REPEAT and memory:
            let.add(memory["leg"]["key"])
        while left and left[0].seq == row["seq"]:
            send = left.popleft()
            yield from _sent(send, intents, state, plans, passed)
            if send.key in intents and send.key not in let:
                yield f"again: {send.key} went out once more at {send.seq}, and no move let it"
            let.discard(send.key)


def _sent(
    send: Send,
    intents: dict[str, int],
    state: str,
    plans: Sequence[Planned],
    passed: Collection[str],
) -> Iterator[str]:
    """Of one order; `passed` are leaves that what is taken back may leave behind."""
    if send.key not in intents:
        yield f"intent: {send.key} went out at {send.seq} without a durable INTENT"
        return
    if state.endswith(SILENT):
        yield f"silence: {send.key} went out at {send.seq} in {state}"
    number, sent_yet = intents[send.key], plans[-1].sent
    this = sent_yet.get(number)
    back = state.startswith(TAKES_BACK)
    for before in sent_yet.values():
        if not this or before.number >= number or (back and before.leaf in passed):
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
