"""Adapters that are wrong on purpose, each in one way; and the right one they are made of."""

from collections.abc import Callable
from dataclasses import replace

from msgspec import structs

from tests.venues.exchanges import (
    BTC,
    HOUR_NS,
    MARGIN,
    PERP,
    USDT,
    World,
    buy,
    go,
    internal,
    perpetual,
    set_leverage,
    set_margin_mode,
    spot,
    withdraw,
    world,
)
from verifill.venues.contract import Subject
from verifill.venues.expectation import Assessment, Bound, Expectation
from verifill.venues.instructions import Instruction
from verifill.venues.interfaces import Venue
from verifill.venues.margin_mode import MarginMode
from verifill.venues.market import Books
from verifill.venues.orders import Cause, LedgerRow, Order, Outcome, Reading, Receipt, Request
from verifill.venues.rules import VenueRules
from verifill.venues.simulated.exchange import SimulatedExchange
from verifill.venues.simulated.model import ExchangeModel

TRIALS = (
    buy("0.5", "64100"),
    internal("100"),
    set_leverage(7),
    set_margin_mode(MarginMode.ISOLATED),
    go("-0.1"),
    go("0.2", limit="65000"),
    withdraw("10"),
)
OPENING = {BTC: "2", USDT: "1e6", PERP: "0", MARGIN: "1e5"}


def exchange(model: ExchangeModel) -> World:
    """The exchange that trials are carried out at."""
    return world(OPENING, instruments=[spot(), perpetual()], model=model)


def subject(
    model: ExchangeModel, wrong: Callable[[SimulatedExchange], Venue] | None = None
) -> Subject:
    """The simulated exchange, or a wrong adapter around it."""
    made = exchange(model)

    def wait() -> None:
        made.wait(HOUR_NS)  # what is in transit arrives
        made.wait(HOUR_NS)  # and a view that is behind shows it

    return Subject(
        venue=wrong(made.exchange) if wrong else made.exchange,
        trials=TRIALS,
        wait=wait,
        feeds=(made.network, made.wallet),
    )


class Honest:
    """An adapter around the simulated exchange; each wrong one differs in one method."""

    def __init__(self, real: SimulatedExchange) -> None:
        self.real = real
        self.sent = 0

    @property
    def rules(self) -> VenueRules:
        return self.real.rules

    def resolve(self, instruction: Instruction, number: int, late: int | None) -> Order:
        return self.real.resolve(instruction, number, late)

    def deny(self, request: Request) -> str:
        return self.real.deny(request)

    def expect(self, request: Request, books: Books) -> Expectation:
        return self.real.expect(request, books)

    def assess(self, request: Request, receipt: Receipt, books: Books) -> Assessment:
        return self.real.assess(request, receipt, books)

    def submit(self, request: Request) -> Receipt:
        self.sent += 1
        return self.real.submit(request)

    def query(self, request: Request) -> Receipt:
        return self.real.query(request)

    def read(self) -> Reading:
        return self.real.read()

    def start_up_failures(self) -> tuple[str, ...]:
        return self.real.start_up_failures()

    def drop(self) -> None:
        """Let a unit of bitcoin appear in the accounts, with its row."""
        self.real.accounts.post("drop", BTC, 1, Cause.TRADE)


class ListsFailures(Honest):
    def start_up_failures(self) -> tuple[str, ...]:
        failures: object = ["not ready"]
        return failures  # type: ignore[return-value]  # what is wrong with it


class DeclaresTooMuch(Honest):
    @property
    def rules(self) -> VenueRules:
        rules = self.real.rules
        return VenueRules(
            name=rules.name,
            accounts=rules.accounts,
            operations=rules.operations | {"STAKE"},  # type: ignore[arg-type]  # it is a StrEnum
        )


class DeniesAll(Honest):
    def deny(self, request: Request) -> str:
        return f"{request.number} is denied"


class Expires(Honest):
    def submit(self, request: Request) -> Receipt:
        self.real.submit(request)
        return Receipt(Outcome.EXPIRED)


class TakesAnything(Honest):
    """It makes an order of whatever it is given."""

    def resolve(self, instruction: Instruction, number: int, late: int | None) -> Order:
        if instruction.op in self.rules.operations:
            return self.real.resolve(instruction, number, late)
        return Order(number, instruction, 1)

    def deny(self, request: Request) -> str:
        known = isinstance(request, Order) and request.instruction.op in self.rules.operations
        return self.real.deny(request) if known else ""


class DeniesWithAnEffect(TakesAnything):
    def deny(self, request: Request) -> str:
        self.drop()
        return super().deny(request)


class TakesNegatives(Honest):
    def deny(self, request: Request) -> str:
        reason = self.real.deny(request)
        return "" if "positive" in reason or "above the fee" in reason else reason


class ExpectsWithAnEffect(Honest):
    def expect(self, request: Request, books: Books) -> Expectation:
        self.drop()
        return self.real.expect(request, books)


class ExpectsElsewhere(Honest):
    def expect(self, request: Request, books: Books) -> Expectation:
        bounds = self.real.expect(request, books).bounds
        return Expectation(bounds | {"binance.spot:BaseToken:DOGE": Bound(0, 0)})


class ExpectsBackwards(Honest):
    def expect(self, request: Request, books: Books) -> Expectation:
        bounds = self.real.expect(request, books).bounds
        return Expectation({key: Bound(b.high + 1, b.low) for key, b in bounds.items()})


class ExpectsTooLittle(Honest):
    def expect(self, request: Request, books: Books) -> Expectation:
        bounds = self.real.expect(request, books).bounds
        return Expectation({key: bounds[key] for key in sorted(bounds)[:1]})


class ExpectsTheWrongAmount(Honest):
    def expect(self, request: Request, books: Books) -> Expectation:
        bounds = self.real.expect(request, books).bounds
        return Expectation({key: Bound(b.high + 1, b.high + 1) for key, b in bounds.items()})


class SkewsAFill(Honest):
    """A fee wrong by one unit."""

    def submit(self, request: Request) -> Receipt:
        receipt = self.real.submit(request)
        fills = tuple(replace(fill, fee=fill.fee + 1) for fill in receipt.fills)
        return replace(receipt, fills=fills)


class FindsNothing(Honest):
    def assess(self, request: Request, receipt: Receipt, books: Books) -> Assessment:
        return structs.replace(self.real.assess(request, receipt, books), executed=0)


class LosesARow(Honest):
    """No row carries what the first order did."""

    def read(self) -> Reading:
        reading = self.real.read()
        rows = tuple(row for row in reading.rows if not row.ref.endswith("-1"))
        return replace(reading, rows=rows)


class RepeatsARow(Honest):
    """Its ledger has each row twice."""

    def read(self) -> Reading:
        reading = self.real.read()
        return replace(reading, rows=reading.rows * 2)


class RepeatsAReading(Honest):
    """While nothing is new it delivers the last rows again."""

    last: tuple[LedgerRow, ...] = ()

    def read(self) -> Reading:
        reading = self.real.read()
        self.last = reading.rows or self.last
        return replace(reading, rows=self.last)


class ChangesByBeingRead(Honest):
    reads = 0

    def read(self) -> Reading:
        self.reads += 1
        reading = self.real.read()
        return replace(reading, totals=reading.totals | {BTC: self.reads})


class NamesAllTheSame(Honest):
    """Every order has the same reference."""

    def submit(self, request: Request) -> Receipt:
        receipt = self.real.submit(request)
        fills = tuple(replace(fill, ref="t") for fill in receipt.fills)
        moves = tuple(replace(move, ref="t") for move in receipt.moves)
        return replace(receipt, fills=fills, moves=moves)

    def read(self) -> Reading:
        reading = self.real.read()
        return replace(reading, rows=tuple(replace(row, ref="t") for row in reading.rows))


class MovesWithoutARow(Honest):
    def submit(self, request: Request) -> Receipt:
        self.real.accounts.totals[BTC] += 1
        return self.real.submit(request)


class LacksWhatIsZero(Honest):
    def read(self) -> Reading:
        reading = self.real.read()
        held = {key: total for key, total in reading.totals.items() if total or not self.sent}
        return replace(reading, totals=held)


class ReadsThePast(Honest):
    """It dates its readings a day back."""

    def read(self) -> Reading:
        reading = self.real.read()
        return replace(reading, as_of_ns=reading.as_of_ns - 24 * HOUR_NS)


class DatesRowsAhead(Honest):
    def read(self) -> Reading:
        reading = self.real.read()
        rows = tuple(replace(row, time_ns=row.time_ns + 24 * HOUR_NS) for row in reading.rows)
        return replace(reading, rows=rows)


class TellsOtherwise(Honest):
    def query(self, request: Request) -> Receipt:
        return replace(self.real.query(request), reason="something else")


class NeverEnds(Honest):
    """It never learns what became of a withdrawal."""

    def query(self, request: Request) -> Receipt:
        receipt = self.real.query(request)
        pending = receipt.outcome is Outcome.EXECUTED and len(receipt.moves) > 2
        return replace(receipt, outcome=Outcome.ACCEPTED) if pending else receipt


class SendsByAsking(Honest):
    """It sends again what it is asked about."""

    def query(self, request: Request) -> Receipt:
        told = self.real.query(request)
        self.drop()
        return told


class NeverKnew(Honest):
    """What it does not know it says is unknown, and proves nothing."""

    def query(self, request: Request) -> Receipt:
        receipt = self.real.query(request)
        absent = receipt.outcome is Outcome.ABSENT
        return Receipt(Outcome.UNKNOWN) if absent else receipt


class CountsTwice(NeverKnew):
    """It does not find what it does not know, and executes a key as often as it comes."""

    def query(self, request: Request) -> Receipt:
        receipt = super().query(request)
        return replace(receipt, not_found=True) if receipt.outcome is Outcome.UNKNOWN else receipt


class ForksNothing(Honest):
    """Its fork is itself."""

    def fork(self) -> Venue:
        return self


class Raises(Honest):
    def submit(self, request: Request) -> Receipt:
        msg = f"no answer to {request.number}"
        raise ConnectionError(msg)
