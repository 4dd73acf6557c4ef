"""What an engine is told from outside, in the order in which it asks.

Time, venues, prices, the strategy, operators: what the engine does not work out itself it asks
for through `Answers`. A live run keeps every answer in the payload of the next record
(`Keeping`); replay gives the same answers again (`engine.replay.given`). So a run is a function
of its log, and it is the same code that runs both times.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, TypeVar

from mypy_extensions import mypyc_attr

from verifill.engine.form import Form
from verifill.engine.log.live import LiveLog

KEY: Final = "answers"  # of a payload
WALL: Final = "wall"
MONOTONIC: Final = "monotonic"
BETWEEN: Final = "between"
SLICES: Final = "slices"
ERROR: Final = "error"

T = TypeVar("T")


@mypyc_attr(allow_interpreted_subclasses=True)
class Answers(ABC):
    """Where an engine asks for everything that it does not work out itself."""

    @abstractmethod
    def ask(self, question: str, do: Callable[[], T], form: Form[T]) -> T:
        """The answer to a question.

        Args:
            question: its name.
            do: finds the answer out; what it raises is an answer too.
            form: how the answer is written down.
        """

    @abstractmethod
    def ask_if(self, question: str, do: Callable[[], T], form: Form[T], nothing: T) -> T:
        """As `ask`, where there is usually `nothing`: that is not written down."""

    @abstractmethod
    def wait(
        self,
        question: str,
        do: Callable[[Callable[[], bool]], T],
        form: Form[T],
        between: Callable[[], bool],
    ) -> T:
        """As `ask`, where it takes time to find out, in slices.

        Args:
            question: its name.
            do: given what is to be called between two slices; True ends a wait.
            form: how the answer is written down.
            between: what the engine does there.
        """

    @abstractmethod
    def clock(self, question: str, do: Callable[[], int]) -> int:
        """The reading of a clock, `WALL` or `MONOTONIC`, in nanoseconds."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Keeping(Answers):
    """The answers of a live run, kept in its log.

    An answer that is the same as the last one to its question is written as the question alone,
    and one that comes several times in a row with their number. Clocks count from the record
    before. Of a slice of a wait in which nothing was asked but the time, that is all that is kept.

    Args:
        log: where they are kept.
    """

    def __init__(self, log: LiveLog) -> None:
        self._log = log
        self._last: dict[str, object] = {}

    def ask(self, question: str, do: Callable[[], T], form: Form[T]) -> T:
        """See `Answers.ask`."""
        answer = self._found_out(question, do)
        self._keep(question, form.plain(answer))
        return answer

    def ask_if(self, question: str, do: Callable[[], T], form: Form[T], nothing: T) -> T:
        """See `Answers.ask_if`."""
        answer = self._found_out(question, do)
        if answer != nothing:
            self._keep(question, form.plain(answer))
        return answer

    def wait(
        self,
        question: str,
        do: Callable[[Callable[[], bool]], T],
        form: Form[T],
        between: Callable[[], bool],
    ) -> T:
        """See `Answers.wait`."""
        return self.ask(question, lambda: do(lambda: self._slice(between)), form)

    def clock(self, question: str, do: Callable[[], int]) -> int:
        """See `Answers.clock`."""
        answer = do()
        moment = self._log.moment
        since = moment.wall_ns if question == WALL else moment.mono_ns
        self._log.answers.append([question, answer - since])
        return answer

    def _slice(self, between: Callable[[], bool]) -> bool:
        """A slice of a wait: left out if nothing was asked, one number if it was the time."""
        kept = self._log.answers
        at = len(kept)
        kept.append([BETWEEN])
        ended = between()
        if ended or self._log.answers is not kept:  # or a record was written meanwhile
            return ended
        match kept[at + 1 :]:
            case []:
                del kept[at]
            case [[question, int(since)]] if question == WALL:
                del kept[at:]
                if not (kept and kept[-1][0] == SLICES):
                    kept.append([SLICES, []])
                kept[-1][1].append(since)
            case _:
                pass
        return ended

    def _found_out(self, question: str, do: Callable[[], T]) -> T:
        try:
            return do()
        except (Exception, SystemExit) as error:
            self._last.pop(question, None)
            told = [type(error).__name__, str(error), repr(error)]
            self._log.answers.append([question, told, ERROR])
            raise

    def _keep(self, question: str, plain: object) -> None:
        kept = self._log.answers
        if question not in self._last or self._last[question] != plain:
            self._last[question] = plain
            kept.append([question, plain])
        elif kept and kept[-1][0] == question and len(kept[-1]) < len((question, plain, ERROR)):
            kept[-1].insert(0, 2)
        elif kept and isinstance(kept[-1][0], int) and kept[-1][1] == question:
            kept[-1][0] += 1
        else:
            kept.append([question])
