"""What the server answers: a request in, an answer out, no sockets.

Every command is carried out, written to the journal, and only then answered.
"""

from collections.abc import Callable, Mapping
from typing import NoReturn
from urllib.parse import parse_qs, urlsplit

import msgspec
from attrs import frozen
from msgspec import structs

from verifill.engine.errors import ConfigError, DataError, EngineDefect
from verifill.venues.interfaces import Entered, Margined
from verifill.venues.loopback.effects import Effect, effects_of
from verifill.venues.loopback.faults import (
    Break,
    Delivery,
    Fault,
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
from verifill.venues.loopback.outgoing import (
    Outgoing,
    answered,
    ended,
    in_json,
    mangled,
    refused,
)
from verifill.venues.loopback.wire import (
    Answer,
    Asked,
    Candles,
    Code,
    Margins,
    OpenOrders,
    Prices,
    Refusal,
    Status,
    Submit,
    encode,
)
from verifill.venues.loopback.world import NETWORK, Parts, World

HONEST_DELIVERY = Delivery()


@frozen
class Call:
    """One request.

    Attributes:
        venue: the first part of its path.
        asked: its query.
        body: of a POST.
        fault: what goes wrong with it; one without a name is none.
    """

    venue: str
    asked: Mapping[str, str]
    body: bytes
    fault: Fault


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
        began_ns: when it began.
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
        self._routes: Mapping[Route, Callable[[Call], Outgoing]] = {
            Route.QUERY: self._query,
            Route.POSITIONS: self._positions,
            Route.FILLS: self._fills,
            Route.OPEN_ORDERS: self._open_orders,
            Route.MARGINS: self._margins,
            Route.STATUS: self._status,
            Route.PRICES: self._prices,
            Route.CANDLES: self._candles,
            Route.FORK: self._fork,
            Route.FORK_SUBMIT: self._fork_submit,
            Route.FORK_POSITIONS: self._fork_positions,
        }
        self.script = Script()
        self.offset_ns = 0
        self.can_trade = True
        self.can_read = True
        self.world = self._restored(parts, start_ns)
        self.began_ns = journal.lines[0].what.at_ns
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

    def record(self, command: Command, delivery: Delivery = HONEST_DELIVERY) -> Answer | None:
        """Carry a command out, and have it in the journal.

        Raises:
            EnvironmentDefect: the journal cannot be written.
        """
        answer, done = self.world.apply(command)
        if delivery.before is Break.DIE:
            self._die()
        self._journal.append(command, done)
        if delivery.after is Break.DIE:
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
            return refused(Code.BAD_REQUEST, f"there is no {split.path}")
        if method != ("POST" if route in POSTED or route in DRY else "GET"):
            return refused(Code.BAD_REQUEST, f"{method} is not how to ask for {split.path}")
        fault = self.script.strike(route, venue) or Fault(name="")
        ends = fault.delivery.before
        if ends and ends is not Break.DIE:
            return ended(ends, fault.delivery)
        outgoing = self._outgoing(route, Call(venue, asked, body, fault))
        if fault.delivery.after:
            return ended(fault.delivery.after, fault.delivery)
        return mangled(outgoing, fault.delivery.mangle)

    def _outgoing(self, route: Route, call: Call) -> Outgoing:
        """What is answered where nothing happens on the way."""
        try:
            command = self._command(route, call) if route in POSTED else None
            if command is None:
                self._catch_up()
                return self._routes[route](call)
        except (msgspec.MsgspecError, ValueError, KeyError) as error:
            return refused(Code.BAD_REQUEST, f"it cannot be read: {error!r}")
        except (ConfigError, DataError) as error:
            return refused(Code.UNKNOWN_NAME, str(error))
        # whatever is raised from here on may have changed something: then the server stops
        return self._ordered(command, call.fault.delivery)

    # Orders.

    def _command(self, route: Route, call: Call) -> Command:
        """What a client wants to have done.

        Raises:
            ConfigError: there is no such venue; so what cannot be is not in the journal.
        """
        self.world.venue(call.venue)
        if route is Route.CANCEL:
            key = msgspec.json.decode(call.body, type=Asked).key
            return Cancelled(self.now_ns(), call.venue, key)
        asked = msgspec.json.decode(call.body, type=Submit)
        return Submitted(self.now_ns(), call.venue, asked, call.fault.handling)

    def _ordered(self, command: Command, delivery: Delivery) -> Outgoing:
        if not self.can_trade:
            return refused(Code.FORBIDDEN, "this key may not trade")
        answer = self.record(command, delivery)
        if answer is None:
            msg = f"{command} has no answer"
            raise EngineDefect(msg)
        return answered(answer)

    def _query(self, call: Call) -> Outgoing:
        return answered(self.world.venue(call.venue).book.find(call.asked["key"]))

    def _fills(self, call: Call) -> Outgoing:
        return in_json(self.world.venue(call.venue).book.fills(call.asked["key"]))

    def _open_orders(self, call: Call) -> Outgoing:
        return in_json(OpenOrders(self.world.venue(call.venue).book.open_orders()))

    # Dry runs.

    def _fork(self, call: Call) -> Outgoing:
        begun = self._forks.begin(self.world.venue(call.venue).venue)
        return answered(begun) if isinstance(begun, Refusal) else in_json(begun)

    def _fork_submit(self, call: Call) -> Outgoing:
        step = msgspec.json.decode(call.body, type=DrySubmit)
        return answered(self._forks.submit(step, self.world.now_ns))

    def _fork_positions(self, call: Call) -> Outgoing:
        shown = self._forks.show(int(call.asked["fork"]))
        return in_json(shown) if shown else refused(Code.BAD_REQUEST, "there is no such dry run")

    # Looks.

    def _positions(self, call: Call) -> Outgoing:
        if not self.can_read:
            return refused(Code.FORBIDDEN, "this key may not read")
        venue, view = call.venue, call.fault.view
        shelf = self.world.transit if venue == NETWORK else self.world.venue(venue).shelf
        since = int(call.asked["since"]) if "since" in call.asked else None
        shown = shelf.show(since, view)
        if shown is None:
            return refused(Code.BAD_CURSOR, f"there is no row {since} yet")
        own = None if venue == NETWORK else self.world.venue(venue).venue
        if isinstance(own, Entered):
            shown = structs.replace(shown, bases=dict(own.entry_values()))
        if view.null:
            return Outgoing(body=encode({**structs.asdict(shown), "totals": None}))
        return in_json(shown)

    def _margins(self, call: Call) -> Outgoing:
        if not self.can_read:
            return refused(Code.FORBIDDEN, "this key may not read")
        own = self.world.venue(call.venue).venue
        return in_json(Margins(dict(own.margins()) if isinstance(own, Margined) else {}))

    def _status(self, call: Call) -> Outgoing:
        hosted = self.world.venue(call.venue)
        rules = hosted.venue.rules
        status = Status(
            venue=rules.name,
            time_ns=self.now_ns(),
            can_read=self.can_read,
            can_trade=self.can_trade,
            accounts=tuple(sorted(rules.accounts)),
            operations=tuple(sorted(rules.operations)),
            idempotency=hosted.idempotency,
        )
        return in_json(status)

    def _candles(self, call: Call) -> Outgoing:
        name, interval_s = call.asked["instrument"], max(1, int(call.asked["interval_s"]))
        candles = self.world.market.candles(name, interval_s, int(call.asked["count"]))
        return in_json(Candles(name, candles))

    def _prices(self, _call: Call) -> Outgoing:
        market = self.world.market
        self._beat += 1
        told = market.prices, market.marks, market.series
        prices = Prices(market.time_ns, self._beat, *told, clock_ns=self.now_ns())
        return in_json(prices)


POSTED = frozenset({Route.SUBMIT, Route.CANCEL})
DRY = frozenset({Route.FORK, Route.FORK_SUBMIT})
