"""What venues do: each fault of the loopback venue, at every request that it may strike."""

from collections.abc import Callable, Iterator, Mapping

from msgspec import structs

from verifill.faults.hazard import Expected, Group, Hazard, Scene, Spot, Whole, scenes
from verifill.faults.judge import Verdict
from verifill.faults.lives import World
from verifill.faults.moments import Place
from verifill.faults.plans import PLANS
from verifill.venues.loopback.faults import CATALOGUE, Fault, Route
from verifill.venues.rules import Idempotency

PLACES = {Route.SUBMIT: Place.SEND, Route.QUERY: Place.QUESTION, Route.POSITIONS: Place.READING}
DONE, RESENT, HELD = Verdict.DONE, Verdict.RESENT, Verdict.HELD
MISMATCH, HALTED, REST = Verdict.MISMATCH, Verdict.HALTED, Verdict.REMAINDER
STRANDED = Verdict.STRANDED
EVERY = tuple(PLANS)
K, D, N = Idempotency.K, Idempotency.D, Idempotency.N


def every(fault: Fault, most: int = 0) -> Callable[[Whole, int], Iterator[Spot]]:
    """Every request that it is for, or the first few."""

    def spots(whole: Whole, _seed: int) -> Iterator[Spot]:
        place = PLACES[fault.on]
        count = whole.seen.get(place, 0)
        for nth in range(1, min(most or count, count) + 1):
            yield Spot(nth=nth, move=whole.states[place, nth])

    return spots


def armed(fault: Fault) -> Callable[[World, Spot], None]:
    """One life with the fault."""

    def play(world: World, spot: Spot) -> None:
        world.wire.service.script.arm([structs.replace(fault, nth=spot.nth)])
        world.finish()

    return play


def by_class(k: Verdict, d: Verdict, n: Verdict) -> Callable[[Scene, Spot, Whole], Expected]:
    """A verdict for each class of venue; a chain that is a mismatch is STRANDED."""
    by: Mapping[Idempotency, Verdict] = {K: k, D: d, N: n}

    def ends(scene: Scene, _spot: Spot, _whole: Whole) -> Expected:
        found = by[scene.klass]
        in_chain = scene.plan in ("saga", "one transaction")
        return frozenset({STRANDED if in_chain and found is MISMATCH else found})

    return ends


CLASSES = (*scenes("three"), *scenes("three", klass=D, lag_s=5), *scenes("three", klass=N))
KINDS = scenes("saga", "one transaction", "withdrawal")
LAGGING = scenes("three", lag_s=90)


def on_send(
    name: str,
    what: str,
    rows: tuple[str, ...],
    *verdicts: Verdict,
    on: tuple[Scene, ...] = (*CLASSES, *KINDS),
    ticks: int = 2,
    first: bool = False,
    twice: tuple[Idempotency, ...] = (),
    moves: tuple[str, ...] = (),
) -> Hazard:
    """A fault of the loopback venue's catalogue that strikes a send.

    Args:
        name: in that catalogue.
        what: what is injected.
        rows: what it stands for.
        verdicts: of the classes K, D and N; one for all.
        on: the scenes.
        ticks: how many there are.
        first: whether only the first send is struck.
        twice: classes in which the venue itself executes twice.
        moves: plans that end with other positions.
    """
    k, d, n = verdicts * 3 if len(verdicts) == 1 else verdicts
    return Hazard(
        name=name,
        group=Group.VENUE,
        what=what,
        rows=rows,
        scenes=on,
        ticks=ticks,
        spots=every(CATALOGUE[name], 1 if first else 0),
        play=armed(CATALOGUE[name]),
        expects=by_class(k, d, n),
        twice=twice,
        moves=moves,
    )


def on_reading(name: str, what: str, rows: tuple[str, ...], **by_state: Verdict) -> Hazard:
    """A fault of that catalogue that strikes a reading of the positions.

    Args:
        name: in that catalogue.
        what: what is injected.
        rows: what it stands for.
        by_state: state that the engine is in -> verdict; DONE in others.
    """

    def ends(_scene: Scene, spot: Spot, _whole: Whole) -> Expected:
        return frozenset({by_state.get(spot.move, DONE)})

    return Hazard(
        name=name,
        group=Group.VENUE,
        what=what,
        rows=rows,
        scenes=(*scenes("three"), *KINDS),
        ticks=4,
        spots=every(CATALOGUE[name]),
        play=armed(CATALOGUE[name]),
        expects=ends,
    )


HAZARDS = (
    on_send(
        "timeout_before",
        "the request never arrives, and nobody answers",
        ("P7", "C2"),
        *(DONE, RESENT, HELD),
    ),
    on_send("timeout_after", "the order is executed, and nobody answers", ("P7", "C1"), DONE),
    on_send(
        "dropped_before",
        "the connection drops before the venue has the request",
        ("P7", "C2"),
        *(DONE, RESENT, HELD),
    ),
    on_send("dropped_after", "the connection drops after execution", ("P7", "C1"), DONE),
    on_send("status_5xx_before", "status 502, not executed", ("P7", "C2"), *(DONE, RESENT, HELD)),
    on_send("status_5xx_after", "status 502, executed", ("P7", "C1"), DONE),
    on_send(
        "killed_before",
        "the venue is killed before it has the order, and comes back",
        ("P7", "C2"),
        *(DONE, RESENT, HELD),
    ),
    on_send(
        "killed_after", "the venue is killed after execution, and comes back", ("P7", "C1"), DONE
    ),
    on_send("answer_truncate", "the answer breaks off", ("C4",), DONE),
    on_send(
        "answer_drip",
        "a byte of the answer comes now and then, and never all of it",
        ("P7", "C1"),
        DONE,
    ),
    on_send("answer_garbage", "the answer is a proxy's page, with status 200", ("C4",), DONE),
    on_send("answer_null_id", "the order's id is null", ("C4",), DONE),
    on_send("answer_no_id", "the order has no id", ("C4",), DONE),
    on_send("answer_twice", "the acknowledgement comes twice", ("P7",), DONE),
    on_send("answer_fill_twice", "each fill is listed twice", ("P8", "C25"), DONE),
    on_send("rate_limit", "status 429, with Retry-After", ("C2",), RESENT),
    on_send(
        "forbidden",
        "status 403: refused for good, and planned again until its breaker has closed",
        ("C2",),
        DONE,
        moves=EVERY,
        ticks=7,
    ),
    on_send(
        "delivered_twice",
        "the network delivers the order twice; class K executes it once",
        ("C3",),
        *(DONE, MISMATCH, MISMATCH),
        twice=(D, N),
    ),
    on_send(
        "late_arrival",
        "no answer; the order arrives 30 s late, in class D after its deadline",
        ("P8", "C5"),
        *(DONE, RESENT, DONE),
    ),
    on_send("late_fill", "accepted, and filled 30 s later", ("P8", "C9"), DONE),
    on_send(
        "partial_then_cancelled",
        "half is filled, the rest is cancelled",
        ("P8", "C6"),
        REST,
        on=(*scenes("one"), *scenes("one", klass=D, lag_s=5), *scenes("one", klass=N)),
    ),
    on_send("partial_then_rest", "half is filled, the rest 30 s later", ("P8", "C6"), DONE),
    on_send("fills_out_of_order", "three fills, the last first", ("P8",), DONE),
    on_send(
        "hidden",
        "executed, no answer, and not found for 30 s: within the declared lag",
        ("C5",),
        DONE,
        on=LAGGING,
    ),
    on_send("rejected_yet_executed", "the venue says rejected; it was executed", ("C13",), HELD),
    on_send(
        "funding_in_the_middle",
        "funding is paid just after the order",
        ("C10",),
        DONE,
        moves=EVERY,
    ),
    on_send("foreign_transfer", "somebody else moves a unit just after it", ("C12",), MISMATCH),
    on_send(
        "withdrawal_in_review",
        "a withdrawal is held up for an hour, longer than its settlement window",
        ("C15",),
        HELD,
        first=True,
        on=scenes("withdrawal"),
    ),
    on_send(
        "deposit_rolled_back",
        "a deposit is credited, and taken back a minute later",
        ("C14",),
        HALTED,
        ticks=5,
        first=True,
        on=scenes("withdrawal"),
    ),
    on_reading("stale", "a reading is 30 s behind, and says so", ("P9", "C9")),
    on_reading("stale_pretending", "a reading is 30 s behind, and says it is fresh", ("P9",)),
    on_reading(
        "wrong_by_one",
        "a balance is wrong by one unit, once",
        ("P9", "C16"),
        RECOVER=HALTED,
        DECIDE=HALTED,
    ),
    on_reading("position_missing", "a reading lacks a position", ("P9",), RECOVER=HALTED),
    on_reading("no_positions", "a reading has no positions", ("P9",), RECOVER=HALTED),
    on_reading("null_positions", "a reading has null for positions", ("P9",), RECOVER=HALTED),
    on_reading("positions_fail", "a reading fails", ("P9",), RECOVER=HALTED),
)
