"""What the server answers: a request in, an answer out, no sockets.

Every command is carried out, written to the journal, and only then answered.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlsplit

import msgspec
from attrs import field, frozen
from msgspec import structs

from verifill.engine.errors import ConfigError, DataError, EngineDefect
from verifill.venues.loopback.effects import Effect, effects_of
from verifill.venues.loopback.faults import (
    Break,
    Delivery,
    Fault,
    Mangle,
    Route,
    Script,
)
from verifill.venues.loopback.forks import DrySubmit, Forks
from verifill.venues.loopback.journal import (
    Advanced,
    Cancelled,
    Command,
    Journal,
    Opened,
    Submitted,
)
from verifill.venues.loopback.market import SECOND_NS
from verifill.venues.loopback.wire import (
    Ack,
    Answer,
    Asked,
    Candles,
    Code,
    NotFound,
    OpenOrders,
    Prices,
    Refusal,
    Status,
    Submit,
    encode,
)
from verifill.venues.loopback.world import NETWORK, Hosted, Parts, World

STATUSES: Mapping[Code, int] = {
    Code.RATE_LIMIT: HTTPStatus.TOO_MANY_REQUESTS,
    Code.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Code.DUPLICATE: HTTPStatus.CONFLICT,
    Code.UNKNOWN_VENUE: HTTPStatus.NOT_FOUND,
}
PAGE = b"<html><body>upstream connect error</body></html>"


@frozen(kw_only=True)
class Outgoing:
    """An answer, and what becomes of it on the way.

    Attributes:
        status: HTTP status.
        body: JSON.
        headers: besides the usual.
        ends: how the connection ends without it.
        truncated: whether only half of the body is sent.
        twice: whether it is sent two times over.
    """

    status: int = HTTPStatus.OK
    body: bytes = b""
    headers: Mapping[str, str] = field(factory=dict[str, str])
    ends: Break | None = None
    truncated: bool = False
    twice: bool = False


class Service:
    """The venues of one server, as their clients see them.

    Args:
        parts: what is simulated.
        journal: what has happened so far; it is carried out again.
        clock: the wall time in nanoseconds; None for a virtual time, which only `advance` moves.
        start_ns: when a new world begins.
        die: ends the process at once.

    Attributes:
        world: what is simulated.
        script: the faults that are armed.
        offset_ns: by how much the venues' clock is wrong.
        can_trade: whether orders are taken.
        can_read: whether positions may be read.

    Raises:
        ConfigError: the journal is of other settings, or does not give the same again.
    """

    def __init__(
        self,
        parts: Parts,
        journal: Journal,
        *,
        clock: Callable[[], int] | None,
        start_ns: int,
        die: Callable[[], NoReturn],
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._die = die
        self._beat = 0
        self._forks = Forks()
        self.script = Script()
        self.offset_ns = 0
        self.can_trade = True
        self.can_read = True
        self.world = self._restored(parts, start_ns)
        self._virtual_ns = self.world.now_ns

    def _restored(self, parts: Parts, start_ns: int) -> World:
        lines = self._journal.lines
        if not lines:
            self._journal.append(Opened(parts.digest, start_ns))
            return World(parts, start_ns)
        first = lines[0].what
        if not isinstance(first, Opened) or first.digest != parts.digest:
            msg = "the journal is of other settings; give another file, or the same settings"
            raise ConfigError(msg)
        world = World(parts, first.at_ns)
        for number, line in enumerate(lines[1:], start=2):
            if isinstance(line.what, Opened) or world.apply(line.what)[1] != line.done:
                msg = (
                    f"line {number} of the journal does not give again what it gave; it was "
                    "written by another version. Give another file"
                )
                raise ConfigError(msg)
        return world

    # Time.

    def now_ns(self) -> int:
        """The venues' time now."""
        clock = self._clock
        return (self._virtual_ns if clock is None else clock()) + self.offset_ns

    def advance(self, seconds: int) -> None:
        """Let virtual time pass.

        Raises:
            ConfigError: time passes by itself here.
        """
        if self._clock is not None:
            msg = "time passes by itself here; only virtual time can be told to"
            raise ConfigError(msg)
        self._virtual_ns += seconds * SECOND_NS
        self.record(Advanced(self.now_ns()))

    def record(self, command: Command, dying: Break | None = None, at: str = "") -> Answer | None:
        """Carry a command out, and have it in the journal.

        Raises:
            EnvironmentDefect: the journal cannot be written.
        """
        answer, done = self.world.apply(command)
        if dying is Break.DIE and at == "before":
            self._die()
        self._journal.append(command, done)
        if dying is Break.DIE:
            self._die()
        return answer

    def effects(self) -> tuple[Effect, ...]:
        """What was done under each key, by the journal."""
        return effects_of(self._journal.lines)

    def _catch_up(self) -> None:
        """Let time pass before a look, at most once a second."""
        now_ns = self.now_ns()
        if now_ns - self.world.now_ns >= SECOND_NS:
            self.record(Advanced(now_ns))

    # Requests.

    def answer(self, method: str, target: str, body: bytes) -> Outgoing:
        """The answer to one request.

        Raises:
            EnvironmentDefect: the journal cannot be written; the server is to stop.
        """
        split = urlsplit(target)
        venue, _, name = split.path.strip("/").partition("/")
        asked = {key: values[-1] for key, values in parse_qs(split.query).items()}
        try:
            route = Route(name)
        except ValueError:
            return _refused(Code.BAD_REQUEST, f"there is no {split.path}")
        if method != ("POST" if route in POSTED or route in DRY else "GET"):
            return _refused(Code.BAD_REQUEST, f"{method} is not how to ask for {split.path}")
        fault = self.script.strike(route, venue) or Fault(name="")
        ends = fault.delivery.before
        if ends and ends is not Break.DIE:
            return _ended(ends, fault.delivery)
        try:
            outgoing = self._routed(route, venue, asked, body, fault)
        except (msgspec.MsgspecError, ValueError, KeyError) as error:
            return _refused(Code.BAD_REQUEST, f"it cannot be read: {error!r}")
        except (ConfigError, DataError) as error:
            return _refused(Code.UNKNOWN_VENUE, str(error))
        if fault.delivery.after:
            return _ended(fault.delivery.after, fault.delivery)
        return _mangled(outgoing, fault.delivery.mangle)

    def _routed(
        self, route: Route, venue: str, asked: Mapping[str, str], body: bytes, fault: Fault
    ) -> Outgoing:
        if route in POSTED:
            return self._posted(route, venue, body, fault)
        self._catch_up()
        if route is Route.POSITIONS:
            return self._positions(venue, asked, fault)
        hosted = self.world.venue(venue)
        match route:
            case Route.QUERY:
                return _answered(hosted.book.find(asked["key"]))
            case Route.FILLS:
                return _sent(hosted.book.fills(asked["key"]))
            case Route.OPEN_ORDERS:
                return _sent(OpenOrders(hosted.book.open_orders()))
            case Route.STATUS:
                return _sent(self._status(hosted))
            case Route.CANDLES:
                return _sent(self._candles(asked))
            case Route.FORK:
                begun = self._forks.begin(hosted.venue)
                return _answered(begun) if isinstance(begun, Refusal) else _sent(begun)
            case Route.FORK_SUBMIT:
                step = msgspec.json.decode(body, type=DrySubmit)
                return _answered(self._forks.submit(step, self.world.now_ns))
            case Route.FORK_POSITIONS:
                shown = self._forks.show(int(asked["fork"]))
                return _sent(shown) if shown else _refused(Code.BAD_REQUEST, "no such dry run")
            case _:
                return _sent(self._prices())

    def _posted(self, route: Route, venue: str, body: bytes, fault: Fault) -> Outgoing:
        self.world.venue(venue)
        if not self.can_trade:
            return _refused(Code.FORBIDDEN, "this key may not trade")
        delivery = fault.delivery
        dying = delivery.before or delivery.after
        at = "before" if delivery.before else "after"
        now_ns = self.now_ns()
        command: Command
        if route is Route.SUBMIT:
            asked = msgspec.json.decode(body, type=Submit)
            command = Submitted(now_ns, venue, asked, fault.handling)
        else:
            command = Cancelled(now_ns, venue, msgspec.json.decode(body, type=Asked).key)
        answer = self.record(command, dying, at)
        if answer is None:
            msg = f"{route} has no answer"
            raise EngineDefect(msg)
        return _answered(answer)

    def _positions(self, venue: str, asked: Mapping[str, str], fault: Fault) -> Outgoing:
        if not self.can_read:
            return _refused(Code.FORBIDDEN, "this key may not read")
        shelf = self.world.transit if venue == NETWORK else self.world.venue(venue).shelf
        since = int(asked["since"]) if "since" in asked else None
        shown = shelf.show(since, fault.view)
        if shown is None:
            return _refused(Code.BAD_CURSOR, f"there is no row {since} yet")
        if fault.view.null:
            return Outgoing(body=encode({**structs.asdict(shown), "totals": None}))
        return _sent(shown)

    def _status(self, hosted: Hosted) -> Status:
        rules = hosted.venue.rules
        return Status(
            venue=rules.name,
            time_ns=self.now_ns(),
            can_read=self.can_read,
            can_trade=self.can_trade,
            accounts=tuple(sorted(rules.accounts)),
            operations=tuple(sorted(rules.operations)),
            idempotency=hosted.idempotency,
        )

    def _candles(self, asked: Mapping[str, str]) -> Candles:
        name, interval_s, count = asked["instrument"], int(asked["interval_s"]), int(asked["count"])
        return Candles(name, self.world.market.candles(name, max(1, interval_s), count))

    def _prices(self) -> Prices:
        market = self.world.market
        self._beat += 1
        return Prices(market.time_ns, self._beat, market.prices, market.marks, market.series)


POSTED = frozenset({Route.SUBMIT, Route.CANCEL})
DRY = frozenset({Route.FORK, Route.FORK_SUBMIT})


def _sent(what: Any) -> Outgoing:  # noqa: ANN401 - any message of the wire
    return Outgoing(body=encode(what))


def _answered(answer: Answer) -> Outgoing:
    match answer:
        case Ack():
            return _sent(answer)
        case NotFound():
            return Outgoing(status=HTTPStatus.NOT_FOUND, body=encode(answer))
        case Refusal():
            status = STATUSES.get(answer.code, HTTPStatus.BAD_REQUEST)
            return Outgoing(status=status, body=encode(answer))


def _refused(code: Code, reason: str) -> Outgoing:
    return _answered(Refusal(code, reason))


def _ended(ends: Break, delivery: Delivery) -> Outgoing:
    """No answer, or a status that says nothing of the request."""
    if ends is not Break.STATUS:
        return Outgoing(ends=ends)
    after_s = delivery.retry_after_s
    headers = {"Retry-After": str(after_s)} if after_s else {}
    return Outgoing(status=delivery.status, body=PAGE, headers=headers)


def _mangled(outgoing: Outgoing, how: Mangle | None) -> Outgoing:
    """The answer, spoilt."""
    match how:
        case None:
            return outgoing
        case Mangle.GARBAGE:
            return Outgoing(body=PAGE)
        case Mangle.TRUNCATE:
            return Outgoing(status=outgoing.status, body=outgoing.body, truncated=True)
        case Mangle.TWICE:
            return Outgoing(status=outgoing.status, body=outgoing.body, twice=True)
        case Mangle.NULL_ID | Mangle.NO_ID | Mangle.FILL_TWICE:
            body: dict[str, Any] = msgspec.json.decode(outgoing.body)
            if how is Mangle.NULL_ID:
                body["order"] = None
            elif how is Mangle.NO_ID:
                body.pop("order", None)
            elif "receipt" in body:
                body["receipt"]["fills"] *= 2
            return Outgoing(status=outgoing.status, body=encode(body))

