"""What can go wrong, as data: each fault says what differs, when, and how often.

A fault has three parts, and most use one of them. `Handling` is what the venue does with a
request; it changes the venue's accounts, and is in the journal. `Delivery` is what happens to
the request and to its answer on the wire. `View` is what a look at the positions shows.
`CATALOGUE` has one of each kind, for a matrix to enumerate.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from random import Random
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, structs

from verifill.engine.errors import ConfigError

Count = Annotated[int, Meta(ge=1)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Seconds = Annotated[int, Meta(ge=0)]


class Route(StrEnum):
    """What a client can ask for."""

    SUBMIT = "submit"
    QUERY = "query"
    CANCEL = "cancel"
    POSITIONS = "positions"
    FILLS = "fills"
    OPEN_ORDERS = "open_orders"
    MARGINS = "margins"
    STATUS = "status"
    PRICES = "prices"
    CANDLES = "candles"
    FORK = "fork"
    FORK_SUBMIT = "fork_submit"
    FORK_POSITIONS = "fork_positions"


class Handling(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the venue does with an order, unlike an honest one.

    Attributes:
        late_s: the request reaches the venue only that many seconds later.
        copies: how many times it is delivered to the venue.
        share: percent that is filled at once.
        rest_s: seconds until the rest is filled, which rests in the book until then; None if
            the rest is cancelled at once.
        pieces: how many fills make up what is filled at once.
        backwards: the fills, and their ledger rows, come last first.
        refused: it says that the order is rejected, though it was executed.
        hidden_s: seconds for which it does not find the order.
        review_s: seconds that a transfer is held up for review.
        rollback_s: seconds after its credit at which a transfer is taken back; None if never.
        funding: units of funding that are posted just after the order.
        foreign: units that somebody else moves just after the order.
        key: position of `funding` and `foreign`; empty for the margin of a perpetual, and for the
            first position by name.
    """

    late_s: Seconds = 0
    copies: Count = 1
    share: Percent = 100
    rest_s: Seconds | None = None
    pieces: Count = 1
    backwards: bool = False
    refused: bool = False
    hidden_s: Seconds = 0
    review_s: Seconds = 0
    rollback_s: Seconds | None = None
    funding: int = 0
    foreign: int = 0
    key: str = ""


HONEST = Handling()


class Break(StrEnum):
    """How a connection ends without an answer, or with one that is none."""

    DROP = "drop"  # it is reset
    HOLD = "hold"  # nothing ever comes
    STATUS = "status"  # an HTTP status without a body that means anything
    DIE = "die"  # the server kills itself


class Mangle(StrEnum):
    """How an answer is spoilt."""

    TRUNCATE = "truncate"  # half of it
    DRIP = "drip"  # a byte of it now and then, and never all of it
    GARBAGE = "garbage"  # a page of a proxy, with status 200
    NULL_ID = "null_id"  # the order's id is null
    NO_ID = "no_id"  # or missing
    TWICE = "twice"  # it comes two times over
    FILL_TWICE = "fill_twice"  # each fill is listed two times


class Delivery(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happens on the wire.

    Attributes:
        before: how the connection ends before the venue has the request.
        after: how it ends when the venue has carried it out.
        status: HTTP status of a `STATUS`.
        retry_after_s: seconds in its header Retry-After; none if 0.
        mangle: how the answer is spoilt.
    """

    before: Break | None = None
    after: Break | None = None
    status: int = 502
    retry_after_s: int = 0
    mangle: Mangle | None = None


class View(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a look at the positions shows, unlike what is.

    Attributes:
        stale_s: how far it is behind, in seconds of the venue's time.
        pretend: a view that is behind says that it is fresh.
        off: units by which a balance is wrong, without a row.
        key: position that is wrong or left out; empty for the first of the venue, by name.
        without: whether that position is left out.
        empty: no position at all.
        null: a null where the positions should be.
    """

    stale_s: Seconds = 0
    pretend: bool = False
    off: int = 0
    key: str = ""
    without: bool = False
    empty: bool = False
    null: bool = False


HONEST_VIEW = View()


class Fault(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that goes wrong.

    Attributes:
        name: how logs and tests call it.
        on: the requests it is for.
        venue: only at this venue; at any if empty.
        nth: the first of these requests that it strikes, counted from 1 when it is armed.
        times: how many in a row.
        handling: what the venue does.
        delivery: what happens on the wire.
        view: what positions show.
    """

    name: str
    on: Route = Route.SUBMIT
    venue: str = ""
    nth: Count = 1
    times: Count = 1
    handling: Handling = HONEST
    delivery: Delivery = Delivery()
    view: View = HONEST_VIEW


def _submit(name: str, **parts: Handling | Delivery) -> Fault:
    return structs.replace(Fault(name=name), **parts)


def _seen(name: str, view: View) -> Fault:
    return Fault(name=name, on=Route.POSITIONS, view=view)


def _breaks(name: str, how: Break) -> tuple[Fault, Fault]:
    return (
        _submit(f"{name}_before", delivery=Delivery(before=how)),
        _submit(f"{name}_after", delivery=Delivery(after=how)),
    )


_ALL: Iterable[Fault] = (
    *_breaks("timeout", Break.HOLD),
    *_breaks("dropped", Break.DROP),
    *_breaks("status_5xx", Break.STATUS),
    *_breaks("killed", Break.DIE),
    *(_submit(f"answer_{how}", delivery=Delivery(mangle=how)) for how in Mangle),
    _submit(
        "rate_limit",
        delivery=Delivery(before=Break.STATUS, status=429, retry_after_s=7),
    ),
    _submit("forbidden", delivery=Delivery(before=Break.STATUS, status=403)),
    _submit("delivered_twice", handling=Handling(copies=2)),
    _submit("late_arrival", handling=Handling(late_s=30), delivery=Delivery(after=Break.HOLD)),
    _submit("late_fill", handling=Handling(share=0, rest_s=30)),
    _submit("partial_then_cancelled", handling=Handling(share=50)),
    _submit("partial_then_rest", handling=Handling(share=50, rest_s=30)),
    _submit("fills_out_of_order", handling=Handling(pieces=3, backwards=True)),
    _submit("hidden", handling=Handling(hidden_s=30), delivery=Delivery(after=Break.DROP)),
    _submit("rejected_yet_executed", handling=Handling(refused=True)),
    _submit("withdrawal_in_review", handling=Handling(review_s=3_600)),
    _submit("deposit_rolled_back", handling=Handling(rollback_s=60)),
    _submit("funding_in_the_middle", handling=Handling(funding=3_201)),
    _submit("foreign_transfer", handling=Handling(foreign=-1)),
    _seen("stale", View(stale_s=30)),
    _seen("stale_pretending", View(stale_s=30, pretend=True)),
    _seen("wrong_by_one", View(off=1)),
    _seen("position_missing", View(without=True)),
    _seen("no_positions", View(empty=True)),
    _seen("null_positions", View(null=True)),
    Fault(name="query_fails", on=Route.QUERY, delivery=Delivery(before=Break.STATUS, status=503)),
    Fault(
        name="positions_fail",
        on=Route.POSITIONS,
        delivery=Delivery(before=Break.STATUS, status=503),
    ),
)
CATALOGUE: Mapping[str, Fault] = {fault.name: fault for fault in _ALL}
"""One fault of every kind, by name; besides them, a whole venue can be out of reach, its clock
be wrong, its permissions be gone, and a token can fall from the sky (see `admin.SITUATIONS`)."""


class Script:
    """The faults that are armed, and how far each has come.

    Args:
        faults: armed from the start.
    """

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._armed: list[tuple[Fault, int]] = [(fault, 0) for fault in faults]

    def arm(self, faults: Iterable[Fault]) -> None:
        """Add faults; each counts from now."""
        self._armed += [(fault, 0) for fault in faults]

    def clear(self) -> None:
        """Disarm all of them."""
        self._armed = []

    @property
    def armed(self) -> tuple[Fault, ...]:
        """Those that may still strike."""
        return tuple(fault for fault, _ in self._armed)

    def strike(self, on: Route, venue: str) -> Fault | None:
        """The fault of a request that has come; of several, the others wait for the next one."""
        struck: Fault | None = None
        left: list[tuple[Fault, int]] = []
        for fault, seen in self._armed:
            count = seen + (fault.on is on and fault.venue in ("", venue))
            if count > seen and count >= fault.nth:
                count, struck = (seen, struck) if struck else (count, fault)
            if count < fault.nth + fault.times - 1:
                left.append((fault, count))
        self._armed = left
        return struck


def drawn(seed: str, requests: int, rate: int, names: Iterable[str]) -> tuple[Fault, ...]:
    """Faults drawn by chance, the same for the same seed.

    Args:
        seed: where chance begins.
        requests: how many requests of each kind there may be.
        rate: percent of the requests that go wrong.
        names: of the catalogue, to draw from.
    """
    random = Random(seed)
    kinds = [known(name) for name in names]
    return tuple(
        structs.replace(random.choice(kinds), nth=nth)
        for nth in range(1, requests + 1)
        if random.randrange(100) < rate
    )


def known(name: str) -> Fault:
    """A fault of the catalogue.

    Raises:
        ConfigError: there is no such fault.
    """
    try:
        return CATALOGUE[name]
    except KeyError:
        msg = f"there is no fault {name!r}; there are {', '.join(CATALOGUE)}"
        raise ConfigError(msg) from None


class ScriptFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of faults: `[[faults]]` in full, and `use` of those in the catalogue."""

    faults: tuple[Fault, ...] = ()
    use: tuple[str, ...] = ()


def read_script(text: str) -> tuple[Fault, ...]:
    """The faults of a TOML script.

    Raises:
        ConfigError: it cannot be read, or names a fault that there is not.
    """
    try:
        script = msgspec.toml.decode(text, type=ScriptFile)
    except msgspec.MsgspecError as error:
        msg = f"the script of faults cannot be read: {error}; see docs/reference/loopback.md"
        raise ConfigError(msg) from None
    return (*script.faults, *(known(name) for name in script.use))
