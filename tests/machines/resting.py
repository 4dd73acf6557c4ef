"""A venue at which orders rest until they are cancelled, over all lives of an engine."""

from collections.abc import Sequence
from pathlib import Path

from attrs import define, field

from tests.machines.lives import Client, Mailbox, World
from tests.machines.support import OPENING, Act, Ask, Bars, Script, honest, scripted
from tests.machines.test_lives import LIVE
from verifill.engine.errors import NotObserved
from verifill.machines.strategy import Plan
from verifill.venues.orders import Outcome, Receipt, Request


def out(_request: Request, _ask: Ask) -> Receipt:
    """It is taken out of the book."""
    return Receipt(Outcome.EXPIRED, reason="cancelled", retryable=True)


def silent(_request: Request, _ask: Ask) -> Receipt:
    """No answer, and nothing done."""
    return Receipt(Outcome.UNKNOWN, reason="no answer")


def breaks(_request: Request, _ask: Ask) -> Receipt:
    """No answer, and nothing done."""
    msg = "connection reset"
    raise OSError(msg)


@define
class Book:
    """What rests.

    Attributes:
        rests: how many orders rest; those after them are filled at once.
        answers: what becomes of one cancel after the other; then the order is taken out.
            `honest` fills it: the cancel loses the race.
        hidden: whether what rests is not listed.
        unlisted: how often the list cannot be had.
        open: key -> what rests.
        cancelled: key -> what became of it.
    """

    rests: int = 1
    answers: list[Act] = field(factory=list[Act])
    hidden: bool = False
    unlisted: int = 0
    open: dict[str, Request] = field(factory=dict[str, Request])
    cancelled: dict[str, Receipt] = field(factory=dict[str, Receipt])


class RestingClient(Client):
    """One life's connection to it; implements `venues.interfaces.Resting` too."""

    book: Book

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]  # as the base class has it
        self.query = self._known

    def submit(self, request: Request) -> Receipt:
        book = self.book
        if book.rests <= 0:
            return super().submit(request)
        book.rests -= 1

        def taken() -> Receipt:
            self._venue.sent.append(request)
            book.open[request.key] = request
            return Receipt(Outcome.ACCEPTED)

        receipt: Receipt = self._moments.around("send", taken)
        return receipt

    def _known(self, request: Request) -> Receipt:
        if request.key in self.book.open:
            return Receipt(Outcome.ACCEPTED)
        return self.book.cancelled.get(request.key) or self._venue.query(request)

    def open_orders(self) -> Sequence[str]:
        if self.book.unlisted:
            self.book.unlisted -= 1
            msg = "no answer"
            raise NotObserved(msg)
        return () if self.book.hidden else tuple(self.book.open)

    def cancel(self, key: str) -> Receipt:
        act = self.book.answers.pop(0) if self.book.answers else out
        receipt = act(self.book.open[key], self._venue.exchange.submit)
        if receipt.outcome is not Outcome.UNKNOWN:
            del self.book.open[key]
            self.book.cancelled[key] = receipt
        return receipt


def resting(
    folder: Path,
    *plans: Plan,
    book: Book | None = None,
    mailbox: Mailbox | None = None,
    submits: Sequence[Act] = (),
    opening: dict[str, int] | None = None,
) -> World:
    """A world with such a venue."""
    client = type("OneBook", (RestingClient,), {"book": book or Book(rests=0)})
    stage, venue = scripted(Script(submits=submits), bars=Bars(0), opening=opening or OPENING)
    return World(folder, stage, venue, plans, LIVE, mailbox or Mailbox(), client=client)


__all__ = ["Book", "RestingClient", "breaks", "honest", "out", "resting", "silent"]
