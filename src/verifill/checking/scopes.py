"""What is explored: a plan, a venue, and how much may go wrong in all."""

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve, field, frozen

from verifill.checking.choices import Budget, Kind
from verifill.engine.commands import CommandName
from verifill.faults.hazard import Scene
from verifill.faults.moments import Place
from verifill.venues.loopback.faults import (
    CATALOGUE,
    Break,
    Delivery,
    Fault,
    Handling,
    Route,
    View,
)
from verifill.venues.rules import Idempotency

Menu = Mapping[str, Fault]

KILLED: Final = "killed"

BARRED: Final = "refused"
LASTS: Final = " from now on"
BARRED_FOR_GOOD: Final = f"{BARRED}{LASTS}"
CONTRADICTED: Final = "refused, yet executed"
REFUSALS: Final = (BARRED, BARRED_FOR_GOOD)
FOR_GOOD: Final = 10**6
HONEST_DELIVERY: Final = Delivery()
SENDS: Final[Menu] = {
    name: CATALOGUE[name]
    for name in (
        "timeout_before",
        "timeout_after",
        "late_arrival",
        "rate_limit",
        "partial_then_cancelled",
        "partial_then_rest",
        "answer_fill_twice",
        "fills_out_of_order",
        "answer_garbage",
        "hidden",
    )
} | {
    CONTRADICTED: Fault(name=CONTRADICTED, delivery=Delivery(after=Break.STATUS, status=403)),
}
"""What can become of a send, besides its being carried out, or refused."""

ASTRAY: Final = Fault(
    name="astray", handling=Handling(late_s=45), delivery=Delivery(after=Break.DROP)
)
"""No answer, and the order arrives later than anybody waits who does not ask."""

QUESTIONS: Final[Menu] = {
    "query_fails": CATALOGUE["query_fails"],
    "query_unanswered": Fault(
        name="query_unanswered", on=Route.QUERY, delivery=Delivery(before=Break.HOLD)
    ),
}
READINGS: Final[Menu] = {
    "stale": CATALOGUE["stale"],
    "positions_fail": CATALOGUE["positions_fail"],
    "off by one": Fault(name="off by one", on=Route.POSITIONS, view=View(off=1)),
}


def _lasting(
    name: str,
    on: Route = Route.SUBMIT,
    delivery: Delivery = HONEST_DELIVERY,
    *,
    off: int = 0,
    share: int = 100,
) -> dict[str, Fault]:
    told = f"{name}{LASTS}"
    fault = Fault(
        name=told,
        on=on,
        times=FOR_GOOD,
        delivery=delivery,
        view=View(off=off),
        handling=Handling(share=share),
    )
    return {told: fault}


FAILS: Final = Delivery(before=Break.STATUS, status=503)
SILENT: Final = Delivery(before=Break.HOLD)
REFUSED_AFTER: Final = Delivery(after=Break.STATUS, status=403)
LASTING: Final[Mapping[Place, Menu]] = {
    Place.SEND: dict(SENDS)
    | _lasting("timeout_before", delivery=SILENT)
    | _lasting("partial", share=50)
    | {BARRED_FOR_GOOD: Fault(name=BARRED_FOR_GOOD)},  # the key's, not the wire's
    Place.QUESTION: dict(QUESTIONS) | _lasting("query_unanswered", Route.QUERY, SILENT),
    Place.READING: dict(READINGS)
    | _lasting("off by one", Route.POSITIONS, off=1)
    | _lasting("positions_fail", Route.POSITIONS, FAILS),
    Place.REHEARSAL: {
        "no dry run": Fault(name="no dry run", on=Route.FORK, delivery=FAILS),
        "a step is lost": Fault(name="a step is lost", on=Route.FORK_SUBMIT, delivery=SILENT),
        "a step is refused, and done": Fault(
            name="a step is refused, and done", on=Route.FORK_SUBMIT, delivery=REFUSED_AFTER
        ),
        "a step is not sent": Fault(
            name="a step is not sent", on=Route.FORK_SUBMIT, delivery=FAILS
        ),
    },
    Place.REHEARSED: {
        "dry run unread": Fault(name="dry run unread", on=Route.FORK_POSITIONS, delivery=FAILS),
        **_lasting("dry run unread", Route.FORK_POSITIONS, FAILS),
    },
    Place.LOOK: {"no prices": Fault(name="no prices", on=Route.PRICES, delivery=FAILS)},
}
"""Likewise, with what lasts, what befalls a dry run, and a tick without prices."""

MENUS: Final[Mapping[Place, Menu]] = {
    Place.SEND: SENDS,
    Place.QUESTION: QUESTIONS,
    Place.READING: READINGS,
}
TRUE_MENUS: Final[Mapping[Place, Menu]] = {
    **MENUS,
    Place.SEND: {name: fault for name, fault in SENDS.items() if name != CONTRADICTED},
}
"""Where two things go wrong: a venue that contradicts itself and shows positions of before leaves
nobody a way to know until the next look, at which the engine halts."""
HEALS: Final = frozenset(
    {
        "timeout_before",
        "timeout_after",
        "late_arrival",
        "astray",
        "rate_limit",
        "partial_then_cancelled",
        "partial_then_rest",
        "answer_fill_twice",
        "fills_out_of_order",
        "answer_garbage",
        "query_fails",
        "query_unanswered",
        KILLED,
    }
)
"""After which a run still does what was planned, where the venue can prove what it has not.

Not so a reading that is older than what the books were settled by: of an order that was refused
nobody knows from when on a reading counts, and the first after a restart is compared as it is.
Both end with a person, and with nothing sent."""

FALSE: Final = frozenset({f"off by one{LASTS}"})
"""After which a venue tells what is not for good, and the books are what it tells."""

ENDS: Final = frozenset({Place.COMMIT, Place.SEND, Place.ANCHOR})
"""After what a process may be gone. Before a commit all is as it was after the one before it,
and questions and readings change nothing."""

SAYS: Final[Mapping[str, tuple[CommandName, ...]]] = {
    ".HELD": (CommandName.ADOPT, CommandName.VOID, CommandName.ASK),
    "STRANDED": (CommandName.COMPENSATE, CommandName.SETTLE),
    "HALTED": (CommandName.RESUME, CommandName.ADOPT_EXTERNAL),
}
"""End of a state's name -> what an operator may say there."""

UNASKED: Final[Mapping[str, CommandName]] = {
    "IDLE": CommandName.KILL,
    "ATOMIC.STEP": CommandName.ABORT,
}
"""Beginning of a state's name -> what an operator may say though nobody has asked."""
HEARD: Final = frozenset({Place.LOOK, Place.READING})
"""Before what it may be said; a send would be as good."""


@frozen(kw_only=True)
class Scope:
    """What is explored.

    Attributes:
        name: how it is called.
        scene: plan and venues.
        budget: how much may go wrong.
        ticks: of each life.
        what: in words.
        menus: what can become of requests.
        power: whether the power goes where a process ends, so that nothing is left of what was not
            synced; needs `apsw`.
        residue: position -> units that it may be off by after a chain was taken back; any other
            must be what it was.
        stuck: whether it waits for a person though nothing goes wrong.
    """

    name: str
    scene: Scene
    budget: Budget = field(factory=lambda: {Kind.FAULT: 1, Kind.CRASH: 1, Kind.OPERATOR: 1})
    ticks: int = 2
    what: str = ""
    menus: Mapping[Place, Menu] = MENUS
    power: bool = False
    residue: Mapping[str, int] = {}
    stuck: bool = False


BTC, USDT = "binance.spot:BaseToken:BTC", "binance.spot:BaseToken:USDT"
MARGIN = "binance.usdm:BaseToken:USDT"
LOT: Final = 1_000  # of bitcoin, in units: less than that is not sold
SPREAD: Final = 250 * 10**8  # USDT: fees and a moved price, of half a bitcoin there and back


def _scope(
    plan: str,
    what: str,
    klass: Idempotency = Idempotency.K,
    *,
    lag_s: int = 0,
    faults: int = 1,
    power: bool = False,
    lasting: bool = False,
    **others: Any,  # noqa: ANN401 - of `Scope`
) -> Scope:
    other = "" if klass is Idempotency.K else f", class {klass}"
    late = f", lag {lag_s} s" if lag_s else ""
    menus = LASTING if lasting else MENUS if faults == 1 else TRUE_MENUS
    menus = {**menus, Place.SEND: {**menus[Place.SEND], ASTRAY.name: ASTRAY}} if lag_s else menus
    scope = Scope(
        name=f"{plan}{other}{late}{', power' if power else ''}{', lasting' if lasting else ''}",
        scene=Scene(plan=plan, klass=klass, lag_s=lag_s),
        menus=menus,
        power=power,
        budget={Kind.FAULT: faults, Kind.CRASH: 1, Kind.OPERATOR: 1},
        what=what,
        residue={BTC: LOT, USDT: SPREAD},
    )
    return evolve(scope, **others)


_ALL: Final = (
    _scope("one", "one instruction, and two faults", faults=2),
    _scope("one", "one instruction at a venue that shows it late", lag_s=90),
    _scope("one", "one instruction, on a disk that loses what was not synced", power=True),
    _scope("three", "three instructions on two venues"),
    _scope("three", "likewise, where ids are forgotten", Idempotency.D),
    _scope("three", "likewise, where nobody can prove that there is none", Idempotency.N),
    _scope("saga", "a chain of three, over two venues"),
    _scope("saga taken back", "a chain of three, the last of which cannot be"),
    _scope("one transaction", "a chain of two in one transaction"),
    _scope("one transaction of three", "a chain of three in one transaction"),
    _scope("three", "what goes wrong lasts", Idempotency.N, lag_s=90, lasting=True),
    _scope("saga", "likewise, within a chain", Idempotency.N, lag_s=90, lasting=True),
    _scope(
        "saga taken back", "likewise, and it cannot be done", Idempotency.N, lag_s=90, lasting=True
    ),
    _scope("one transaction", "likewise, in one transaction", lag_s=90, lasting=True),
    _scope(
        "chains and others",
        "chains and instructions, one after another",
        residue={BTC: 50_000_000, USDT: 23_000 * 10**8, MARGIN: 1_000 * 10**8},
    ),
    _scope("rehearsal refused", "a transaction that cannot be, as its dry run tells"),
    _scope("no transaction", "one where there are none"),
    _scope("invariant broken", "a chain that is out of its limits after its second step"),
    _scope("pivot", "a chain that fails after what cannot be taken back", stuck=True),
    _scope(
        "pivot in part",
        "a step that cannot be taken back, of which only a part is done",
        lasting=True,
    ),
    _scope("rehearsal denied", "a transaction with a step that its chain does not know"),
    _scope("rests", "an order that rests until its time is over"),
    _scope("saga rests", "likewise, within a chain"),
)
SCOPES: Final[Mapping[str, Scope]] = {scope.name: scope for scope in _ALL}
