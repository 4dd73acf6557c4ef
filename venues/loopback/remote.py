"""The connection to one hosted venue: submit, query, cancel, read. One call is one attempt.

What a not-found proves follows from the venue's class (see `Idempotency`), by the venue's own
clock as it stands in the answer, never by ours.
"""

import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from verifill.engine.clock import NANOSECONDS, off_by_ns
from verifill.engine.errors import EngineDefect, NotObserved
from verifill.venues.instructions import Transfer
from verifill.venues.loopback.lines import Lines
from verifill.venues.loopback.outcomes import answer, submitted, told, unknown
from verifill.venues.loopback.transport import Answered, Attempt, Transport
from verifill.venues.loopback.venue_time import VenueTime
from verifill.venues.loopback.wire import (
    Ack,
    Asked,
    Fills,
    Margins,
    NotFound,
    OpenOrder,
    OpenOrders,
    Shown,
    Status,
    Submit,
    encode,
    sent,
)
from verifill.venues.orders import Bundle, Fill, Outcome, Reading, Receipt, Request
from verifill.venues.rules import Idempotency, VenueRules

PROOFS: Final = 2  # not-founds after the deadline that make a proof
OFFSET_MAX_MS: Final = 1_000
NOT_FOUND: Final = Receipt(
    Outcome.UNKNOWN, reason="not found; it may arrive yet, but once only", not_found=True
)

M = TypeVar("M", bound=Struct)


class Window(Struct):
    """Until when a key may still be executed, and how often it was not found after that.

    Attributes:
        deadline_ns: venue time after which it cannot arrive any more.
        not_found: how often in a row it was not found after deadline and lag.
    """

    deadline_ns: int
    not_found: int = 0


class Feed:
    """Positions of one feed, from a cursor on; implements `PositionFeed`.

    Args:
        name: of the venue, or `network`.
        transport: makes the attempts.
        tracked: the positions that every reading must have.
        since: the cursor of an earlier life; None to begin with what comes from now on.

    Attributes:
        cursor: where the next reading begins; None before the first.
        bases: entry values of perpetuals, as of the last reading.
    """

    def __init__(
        self,
        name: str,
        transport: Transport,
        *,
        tracked: frozenset[str],
        since: int | None = None,
    ) -> None:
        self._name = name
        self._transport = transport
        self._tracked = tracked
        self.cursor = since
        self.bases: dict[str, int] = {}

    def read(self) -> Reading:
        """The accounts now, with the rows since the reading before.

        Raises:
            NotObserved: no answer, or one that cannot be read or lacks a position; the next
                reading has the rows that this one would have had.
        """
        asked = {} if self.cursor is None else {"since": str(self.cursor)}
        shown = ask(self._transport, f"/{self._name}/positions", asked, Shown)
        missing = sorted(self._tracked - shown.totals.keys())
        if missing:
            msg = f"{self._name}: a reading lacks {', '.join(missing)}; missing is not zero"
            raise NotObserved(msg)
        if self.cursor not in (None, shown.since) or shown.next - shown.since != len(shown.rows):
            msg = (
                f"{self._name}: asked for rows from {self.cursor}, got {len(shown.rows)} from "
                f"{shown.since} to {shown.next}"
            )
            raise NotObserved(msg)
        self.cursor, self.bases = shown.next, shown.bases
        return Reading(shown.as_of_ns, shown.totals, shown.rows)


class Remote:
    """One venue over the wire.

    Args:
        rules: its static data, with its class, lag and window.
        transport: makes the attempts, whatever they are for; or the transports for each kind.
        tracked: the positions that every reading must have.
        now_ns: our wall time, for the check of the clocks.
        monotonic_ns: for the venue's time between two answers that tell it.
        since: the cursor of an earlier life; see `Feed`.

    Attributes:
        feed: its positions.
    """

    def __init__(
        self,
        rules: VenueRules,
        transport: Transport | Lines,
        *,
        tracked: frozenset[str],
        now_ns: Callable[[], int],
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        since: int | None = None,
    ) -> None:
        self._rules = rules
        self._lines = lines = transport if isinstance(transport, Lines) else Lines.of(transport)
        self._transport = lines.reading
        self._now_ns = now_ns
        self._time = VenueTime(monotonic_ns)
        self._windows: dict[str, Window] = {}
        self.feed = Feed(rules.name, lines.reading, tracked=tracked, since=since)

    def submit(self, request: Request) -> Receipt:
        """Send it, once."""
        key = _key(request)
        self._windows.pop(key, None)
        deadline_ns = request.deadline_ns or self.deadline_ns()
        if deadline_ns:
            self._windows[key] = Window(deadline_ns)
        body = encode(Submit(key, sent(request), deadline_ns or None))
        send = self._lines.sending(request)
        receipt = submitted(send("POST", f"/{self._rules.name}/submit", body), key)
        if receipt.outcome is Outcome.REJECTED_DEFINITIVE:
            self._time.forget()
        return receipt

    def deadline_ns(self) -> int:
        """Venue time until which a request that is made now is valid; 0 but for class D."""
        rules = self._rules
        if rules.idempotency is not Idempotency.D:
            return 0
        now_ns = self._time.now_ns()
        if now_ns is None:
            now_ns = self._asked_ns()
        return now_ns + rules.recv_window_s * NANOSECONDS

    def _asked_ns(self) -> int:
        """The venue's time, from itself; ours if it does not answer: then it takes no order."""
        try:
            return self._status().time_ns
        except NotObserved:
            return self._now_ns()

    def _status(self) -> Status:
        """What it says of itself, the time among it.

        Raises:
            NotObserved: no answer that can be read.
        """
        status = ask(self._transport, f"/{self._rules.name}/status", {}, Status)
        self._time.heard(status.time_ns)
        return status

    def query(self, request: Request) -> Receipt:
        """What the venue knows of it now, or what it proves that it does not."""
        key = _key(request)
        target = f"/{self._rules.name}/query?{urlencode({'key': key})}"
        return self._known(self._transport("GET", target), key, _until_ns(request))

    def cancel(self, key: str) -> Receipt:
        """Cancel what rests under a key, and tell what became of it; one attempt."""
        body = encode(Asked(key))
        attempt = self._lines.cancelling("POST", f"/{self._rules.name}/cancel", body)
        return self._known(attempt, key, 0)

    def fills(self, request: Request) -> tuple[Fill, ...]:
        """All fills under its key, of all that was executed under it.

        Raises:
            NotObserved: no answer that can be read.
        """
        key = _key(request)
        return ask(self._transport, f"/{self._rules.name}/fills", {"key": key}, Fills).fills

    def open_orders(self) -> tuple[OpenOrder, ...]:
        """The orders of which something may still be executed.

        Raises:
            NotObserved: no answer that can be read.
        """
        return ask(self._transport, f"/{self._rules.name}/open_orders", {}, OpenOrders).orders

    def margins(self) -> Mapping[str, Decimal]:
        """How far its accounts are from a liquidation.

        Raises:
            NotObserved: no answer that can be read.
        """
        return ask(self._transport, f"/{self._rules.name}/margins", {}, Margins).margins

    def start_up_failures(self) -> tuple[str, ...]:
        """Whether it is reached, is the venue of our rules, lets us trade, has our time."""
        name, before_ns = self._rules.name, self._now_ns()
        try:
            status = self._status()
        except NotObserved as error:
            return (str(error),)
        rules = self._rules
        offset_ms = off_by_ns(status.time_ns, before_ns, self._now_ns()) // 10**6
        ours = tuple(sorted(rules.accounts)), tuple(sorted(rules.operations))
        failures = {
            "this key may not read positions": not status.can_read,
            "this key may not trade": not status.can_trade,
            f"it is of class {status.idempotency}, declared is {rules.idempotency}": (
                status.idempotency != rules.idempotency
            ),
            "its accounts or operations are not those of the configuration": (
                (status.accounts, status.operations) != ours
            ),
            f"its clock is {offset_ms} ms off, allowed is {OFFSET_MAX_MS}": (
                abs(offset_ms) > OFFSET_MAX_MS
            ),
        }
        return tuple(f"{name}: {text}" for text, failed in failures.items() if failed)

    def _known(self, attempt: Attempt, key: str, deadline_ns: int | None) -> Receipt:
        said = answer(attempt, key)
        if isinstance(said, Ack | NotFound):
            self._time.heard(said.time_ns)
        if isinstance(said, Ack):
            self._windows.pop(key, None)
            return told(said)
        if isinstance(said, NotFound):
            return self._absent(key, said.time_ns, deadline_ns)
        return unknown(str(said))

    def _absent(self, key: str, time_ns: int, deadline_ns: int | None) -> Receipt:
        """What it proves that a key is not found at this venue time.

        Args:
            key: of a request.
            time_ns: venue time.
            deadline_ns: of the request; 0 if it has none of its own, None if no time is a proof.
        """
        rules = self._rules
        if rules.idempotency is Idempotency.K:
            return NOT_FOUND
        if rules.idempotency is Idempotency.N or deadline_ns is None:
            return unknown("not found, which proves nothing here")
        # without a deadline of its own: when it was sent is not known, but that it was before now
        latest = Window(deadline_ns or time_ns + rules.recv_window_s * NANOSECONDS)
        window = self._windows.setdefault(key, latest)
        proven_ns = window.deadline_ns + rules.query_lag_s * NANOSECONDS
        if time_ns <= proven_ns:
            window.not_found = 0
            return unknown("not found, too early to prove anything")
        window.not_found += 1
        if window.not_found < PROOFS:
            return unknown("not found after its deadline; asked once more it is a proof")
        return Receipt(Outcome.ABSENT, reason="no such order, by proof", retryable=True)


def ask(transport: Transport, path: str, asked: dict[str, str], kind: type[M]) -> M:
    """The answer to a question, as what it is to be.

    Raises:
        NotObserved: there is none, or it cannot be read.
    """
    attempt = transport("GET", f"{path}?{urlencode(asked)}" if asked else path)
    if not isinstance(attempt, Answered):
        msg = f"{path}: {attempt.reason}"
        raise NotObserved(msg)
    if attempt.status != HTTPStatus.OK:
        msg = f"{path}: status {attempt.status}: {attempt.body[:200]!r}"
        raise NotObserved(msg)
    try:
        return msgspec.json.decode(attempt.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        msg = f"{path}: the answer cannot be read: {error}"
        raise NotObserved(msg) from None


def _until_ns(request: Request) -> int | None:
    """Its deadline; None of a transfer to another venue: it may be under way at any time."""
    if not isinstance(request, Bundle) and isinstance(request.instruction, Transfer):
        return None
    return request.deadline_ns


def _key(request: Request) -> str:
    """The key of a request.

    Raises:
        EngineDefect: it has none.
    """
    if request.key:
        return request.key
    msg = f"request {request.number} has no key; give it one before it is sent"
    raise EngineDefect(msg)
