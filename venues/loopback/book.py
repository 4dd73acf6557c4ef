"""The orders of one hosted venue by their keys: what is taken, and what became of it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

from msgspec import Struct, structs

from verifill.engine.errors import InstructionError, UserDefect
from verifill.venues.instructions import InternalTransfer, SetLeverage, SetMarginMode, Transfer
from verifill.venues.interfaces import Recallable, Venue
from verifill.venues.keys import account_of
from verifill.venues.loopback.entries import Entry, fills_of, sizes, together
from verifill.venues.loopback.faults import HONEST, Handling
from verifill.venues.loopback.market import SECOND_NS
from verifill.venues.loopback.shelf import Shelf
from verifill.venues.loopback.transit import Transit
from verifill.venues.loopback.wire import (
    Ack,
    Answer,
    Code,
    Fills,
    NotFound,
    OpenOrder,
    Refusal,
    Sent,
    SentBundle,
    SentOrder,
    Submit,
)
from verifill.venues.orders import (
    MAX_UNITS,
    Bundle,
    Cause,
    Order,
    Outcome,
    Receipt,
    Request,
)
from verifill.venues.rules import Idempotency
from verifill.venues.simulated.ledger import Accounts
from verifill.venues.trades import TRADES

KEY = re.compile(r"[a-z0-9]{32}")
NEVER = Receipt(
    Outcome.ABSENT, reason="cancelled before it came, which has used its key up", retryable=True
)
SETTINGS = (SetLeverage, SetMarginMode)
KEPT = (InternalTransfer, Transfer, *SETTINGS)


class Simulated(Venue, Protocol):
    """A simulated venue, which keeps accounts and is told of the time."""

    @property
    def accounts(self) -> Accounts:
        """Its accounts."""
        ...

    def advance(self, now_ns: int) -> None:
        """Let time pass up to now."""
        ...


class Opening(Struct, frozen=True):
    """Books that an expectation is made on."""

    totals: dict[str, int]
    bases: dict[str, int]


class Done(Struct, frozen=True):
    """One execution: what has happened once and for all.

    Attributes:
        venue: where.
        key: under which key.
        order: the venue's id of the order.
        refs: references of its fills and moves, each of which is in the ledger.
    """

    venue: str
    key: str
    order: str
    refs: tuple[str, ...]


Schedule = Callable[[int, Callable[[], None]], None]


class Book:
    """All orders of one venue.

    Args:
        venue: the simulated venue.
        shelf: its ledger rows.
        transit: the network that its transfers take.
        schedule: calls a function at a time to come.
        idempotency: what it makes of keys.
    """

    def __init__(
        self,
        venue: Simulated,
        shelf: Shelf,
        transit: Transit,
        *,
        schedule: Schedule,
        idempotency: Idempotency,
    ) -> None:
        self._venue = venue
        self._shelf = shelf
        self._transit = transit
        self._schedule = schedule
        self._idempotency = idempotency
        self._entries: dict[str, list[Entry]] = {}
        self._standing: list[tuple[str, Entry]] = []
        self._used_up: set[str] = set()
        self._orders = 0
        self._numbers = 0
        self.arrivals: dict[str, int] = {}
        self.done: list[Done] = []
        self.now_ns = 0

    # Requests.

    def submit(self, asked: Submit, handling: Handling = HONEST) -> Answer:
        """Take an order, or tell why not; what is late is not known yet."""
        if handling.late_s:
            later = structs.replace(handling, late_s=0)
            self._schedule(
                self.now_ns + handling.late_s * SECOND_NS,
                lambda: _nothing(self.submit(asked, later)),
            )
            return NotFound(asked.key, self.now_ns)
        answers = [self._arrive(asked, handling) for _ in range(max(1, handling.copies))]
        return answers[-1]

    def find(self, key: str) -> Answer:
        """What became of the last order of a key."""
        entries = [entry for entry in self._entries.get(key, ()) if entry.found_ns <= self.now_ns]
        if key in self._used_up:
            return self._never(key)
        return self._ack(key, entries[-1]) if entries else NotFound(key, self.now_ns)

    def cancel(self, key: str) -> Answer:
        """Take what rests of an order out of the book; one that is final stays as it is.

        In class K a key under which nothing came yet is used up by it: what comes is not taken.
        """
        if self._idempotency is Idempotency.K and key not in self._entries:
            self._used_up.add(key)
        for entry in self._entries.get(key, ()):
            entry.rest = 0
            if isinstance(self._venue, Recallable):
                for part, _ in entry.parts:
                    self._venue.recall(part)
        return self.find(key)

    def fills(self, key: str) -> Fills:
        """All fills under a key, of all its orders."""
        entries = self._entries.get(key, ())
        return Fills(key, tuple(fill for entry in entries for fill in fills_of(entry)))

    def open_orders(self) -> tuple[OpenOrder, ...]:
        """The orders of which something may still be executed."""
        return tuple(
            OpenOrder(key, entry.order)
            for key, entries in self._entries.items()
            for entry in entries
            if self._open(entry)
        )

    def situation(self) -> list[tuple[str, str, int, int, Receipt]]:
        """Of every order: key, id, what rests of it, when it can be found, what became of it."""
        none = [(key, "", 0, 0, NEVER) for key in sorted(self._used_up)]
        return none + [
            (key, entry.order, entry.rest, entry.found_ns, self._receipt(entry))
            for key, entries in self._entries.items()
            for entry in entries
        ]

    def look(self) -> None:
        """See what was filled of the orders that stand, since time has passed."""
        for key, entry in tuple(self._standing):
            before = {fill.ref for fill in fills_of(entry)}
            receipt = self._receipt(entry)
            refs = tuple(fill.ref for fill in receipt.fills if fill.ref not in before)
            if refs:
                self.done.append(Done(self._venue.rules.name, key, entry.order, refs))
            if receipt.outcome is not Outcome.ACCEPTED:
                self._standing.remove((key, entry))

    # How an order is taken.

    def _arrive(self, asked: Submit, handling: Handling) -> Answer:
        key = asked.key
        if not KEY.fullmatch(key):
            return Refusal(Code.BAD_REQUEST, f"key {key!r} is not 32 characters of a-z and 0-9")
        self.arrivals[key] = self.arrivals.get(key, 0) + 1
        if key in self._used_up:
            return self._never(key)
        before = self._entries.get(key, [])
        if self._idempotency is Idempotency.K and before:
            return self._again(asked, before[-1])
        refusal = self._untimely(asked, before)
        if refusal:
            return refusal
        try:
            request = self._exact(asked.request)
            reason = self._venue.deny(request) or self._untracked(request)
        except UserDefect as error:
            reason, request = str(error), None
        if reason or request is None:
            return Refusal(Code.INVALID, reason)
        return self._take(asked, request, handling)

    def _untracked(self, request: Request) -> str:
        """The position that a transfer or a setting would move and that is not kept, or empty."""
        if isinstance(request, Bundle) or not isinstance(request.instruction, KEPT):
            return ""
        totals = self._venue.accounts.totals
        own = self._venue.rules.accounts
        moved = self._venue.expect(request, Opening(totals, {})).bounds
        unknown = [key for key in moved if account_of(key) in own and key not in totals]
        return f"{', '.join(unknown)} is not kept here" if unknown else ""

    def _again(self, asked: Submit, entry: Entry) -> Answer:
        if entry.sent != asked.request:
            return Refusal(Code.DUPLICATE, f"key {asked.key} is of another order; look it up")
        return self._ack(asked.key, entry)

    def _untimely(self, asked: Submit, before: list[Entry]) -> Refusal | None:
        """Why class D refuses: the deadline, or an open order of the same key."""
        if self._idempotency is not Idempotency.D:
            return None
        if asked.deadline_ns is None:
            return Refusal(Code.BAD_REQUEST, "a request needs a deadline here")
        if self.now_ns > asked.deadline_ns:
            late = f"its deadline {asked.deadline_ns} is over at {self.now_ns}"
            return Refusal(Code.LATE, late, retryable=True)
        if any(self._open(entry) for entry in before):
            return Refusal(Code.DUPLICATE, f"there is an open order of key {asked.key}; look it up")
        return None

    def _exact(self, sent: Sent) -> Request:
        """The request as this venue understands it.

        Raises:
            InstructionError: its amount does not fit the instruction.
        """
        if isinstance(sent, SentBundle):
            orders = tuple(self._order(order) for order in sent.orders)
            return Bundle(self._number(), sent.account, orders)
        return self._order(sent)

    def _order(self, sent: SentOrder) -> Order:
        asked = sent.instruction
        plain = sent.quantity == MAX_UNITS or isinstance(asked, SETTINGS)
        order = self._venue.resolve(asked, self._number(), None if plain else sent.quantity)
        if (order.quantity, order.limit) != (sent.quantity, sent.limit):
            msg = (
                f"{asked.op} of {sent.quantity} units, limit {sent.limit}, is not exact: here "
                f"that is {order.quantity}, {order.limit}"
            )
            raise InstructionError(msg)
        return order

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    # How it is carried out.

    def _take(self, asked: Submit, request: Request, handling: Handling) -> Ack:
        self._orders += 1
        found_ns = self.now_ns + handling.hidden_s * SECOND_NS
        name = f"{self._venue.rules.name}-order-{self._orders}"
        entry = Entry(name, asked.request, request, handling, found_ns)
        self._entries.setdefault(asked.key, []).append(entry)
        self._shelf.look()
        first = self._shelf.length
        for part in self._at_once(entry):
            self._execute(asked.key, entry, part)
        if handling.backwards:
            self._shelf.look()
            self._shelf.turn(first)
            entry.parts.reverse()
        if entry.rest and handling.rest_s is not None:
            due_ns = self.now_ns + handling.rest_s * SECOND_NS
            self._schedule(due_ns, lambda: self._rest(asked.key, entry))
        self._meanwhile(handling)
        return self._ack(asked.key, entry)

    def _at_once(self, entry: Entry) -> Iterator[Request]:
        """The parts that are executed at once; what is left rests, or is cancelled."""
        request = entry.request
        if isinstance(request, Order) and isinstance(request.instruction, TRADES):
            asked = request.instruction
            lot = self._venue.rules.instrument(asked.account, asked.symbol).lot
            for units in sizes(entry, request.quantity, lot):
                whole = units == request.quantity
                yield request if whole else self._part(request, units)
        elif entry.handling.share:
            yield request
        else:  # only a trade can be executed in parts
            entry.rest = 1

    def _part(self, request: Order, units: int) -> Order:
        return replace(request, number=self._number(), quantity=units)

    def _rest(self, key: str, entry: Entry) -> None:
        """Execute what rests, unless it was cancelled meanwhile."""
        units, entry.rest = entry.rest, 0
        if not units:
            return
        request = entry.request
        if isinstance(request, Order) and isinstance(request.instruction, TRADES):
            request = self._part(request, units)
        self._execute(key, entry, request)

    def _execute(self, key: str, entry: Entry, request: Request) -> None:
        self._transit.handling = entry.handling
        receipt = self._venue.submit(request)
        self._transit.handling = HONEST
        entry.parts.append((request, receipt))
        if receipt.outcome is Outcome.ACCEPTED and not receipt.moves:
            self._standing.append((key, entry))
        refs = (*(f.ref for f in receipt.fills), *(m.ref for m in receipt.moves))
        if refs:
            self.done.append(Done(self._venue.rules.name, key, entry.order, refs))

    def _meanwhile(self, handling: Handling) -> None:
        """What others do just then."""
        first = min(self._venue.accounts.totals)
        listed = self._venue.rules.instruments.values()
        margin = next((i.quote_key for i in listed if i.perpetual), first)
        for units, cause, key in (
            (handling.funding, Cause.FUNDING, margin),
            (handling.foreign, Cause.TRANSFER, first),
        ):
            if units:
                ref = f"{cause.lower()}-{self._number()}"
                self.post(ref, handling.key or key, units, cause)

    def post(self, ref: str, key: str, units: int, cause: Cause) -> None:
        """Move a balance without an order; the position need not exist."""
        accounts = self._venue.accounts
        accounts.totals.setdefault(key, 0)
        accounts.post(ref, key, units, cause)

    # What is told of it.

    def _open(self, entry: Entry) -> bool:
        return entry.rest > 0 or self._receipt(entry).outcome is Outcome.ACCEPTED

    def _ack(self, key: str, entry: Entry) -> Ack:
        receipt = self._receipt(entry)
        if entry.handling.refused:
            receipt = Receipt(Outcome.REJECTED_DEFINITIVE, reason="rejected")
        return Ack(key, entry.order, receipt, self.now_ns)

    def _never(self, key: str) -> Ack:
        """What is told of a key that a cancel has used up."""
        return Ack(key, f"{self._venue.rules.name}-none", NEVER, self.now_ns)

    def _receipt(self, entry: Entry) -> Receipt:
        """What became of an order so far."""
        entry.parts = [
            (part, self._venue.query(part) if receipt.outcome is Outcome.ACCEPTED else receipt)
            for part, receipt in entry.parts
        ]
        receipts = [receipt for _, receipt in entry.parts]
        if len(receipts) == 1 and entry.parts[0][0] is entry.request:
            return receipts[0]
        return together(entry, receipts)


def _nothing(_answer: Answer) -> None:
    """Nobody waits for the answer."""
