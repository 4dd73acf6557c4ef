"""The answers of a log up to a fork, and from there on those of a simulated world."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from msgspec import structs

from verifill.engine.answers import KEY, Keeping
from verifill.engine.form import Form
from verifill.engine.log.live import LiveLog, Store
from verifill.engine.log.record import Record
from verifill.engine.replay.given import Given

T = TypeVar("T")
SUBMIT = ".submit"


class UnfitError(BaseException):
    """A changed answer cannot be one to its question; no code may catch it on the way."""


class Forking(Keeping):
    """Answers of a log up to the changed one; then whatever is really asked.

    All of them are kept, so the log of a fork can be run again as any other.

    Args:
        log: where they are kept.
        given: the answers of the log up to the fork, the changed one last.
        begin: called at the fork, with what finds the answer there out.

    Attributes:
        forked: whether the fork lies behind.
        sent: gives the simulated venue the order that was sent last; None before the first.
    """

    def __init__(
        self, log: LiveLog, given: Given, begin: Callable[[Callable[[], Any]], None]
    ) -> None:
        super().__init__(log)
        self._given = given
        self._begin = begin
        self.forked = False
        self.sent: Callable[[], Any] | None = None

    def ask(self, question: str, do: Callable[[], T], form: Form[T]) -> T:
        """See `Answers.ask`."""
        return super().ask(question, lambda: self._answer(question, do, form), form)

    def ask_if(self, question: str, do: Callable[[], T], form: Form[T], nothing: T) -> T:
        """See `Answers.ask_if`."""
        if self.forked:
            return super().ask_if(question, do, form, nothing)
        return super().ask_if(
            question, lambda: self._given.ask_if(question, do, form, nothing), form, nothing
        )

    def wait(
        self,
        question: str,
        do: Callable[[Callable[[], bool]], T],
        form: Form[T],
        between: Callable[[], bool],
    ) -> T:
        """See `Answers.wait`."""
        if self.forked:
            return super().wait(question, do, form, between)

        def given() -> T:
            return self._given.wait(question, do, form, lambda: self._slice(between))

        return super().ask(question, given, form)

    def clock(self, question: str, do: Callable[[], int]) -> int:
        """See `Answers.clock`."""
        self._look(do)
        return super().clock(question, do if self.forked else self._clock(question, do))

    def _clock(self, question: str, do: Callable[[], int]) -> Callable[[], int]:
        return lambda: self._given.clock(question, do)

    def _answer(self, question: str, do: Callable[[], T], form: Form[T]) -> T:
        if question.endswith(SUBMIT):
            self.sent = do
        self._look(do)
        if self.forked:
            return do()
        last = self._given.last
        try:
            answer = self._given.ask(question, do, form)
        except (TypeError, ValueError, KeyError) as error:
            if last:
                raise UnfitError(str(error)) from error
            raise
        finally:
            self._look(do)
        return answer

    def _look(self, do: Callable[[], Any]) -> None:
        """Whether the fork is here."""
        if not self.forked and self._given.spent:
            self.forked = True
            self._begin(do)


class Both(Store):
    """Where records of a fork go: up to the fork they must be those of its parent.

    Args:
        parent: compares them.
        own: writes them.
        forked: whether the fork lies behind.
    """

    def __init__(self, parent: Given, own: Store, forked: Callable[[], bool]) -> None:
        self._parent = parent
        self._own = own
        self._forked = forked

    def append(self, records: Sequence[Record]) -> int:
        """See `Store.append`.

        Raises:
            DivergedError: before the fork, and it is not what the parent holds.
        """
        if not self._forked():
            self._parent.append([_without_answers(record) for record in records])
        return self._own.append(records)

    def anchor(self) -> None:
        """See `Store.anchor`."""
        self._own.anchor()


def _without_answers(record: Record) -> Record:
    """A record as a replay writes it, which has no answers to keep."""
    told = {name: part for name, part in (record.payload or {}).items() if name != KEY}
    return structs.replace(record, payload=told or None)
