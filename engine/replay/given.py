"""The answers of a log, given again to an engine that asks, and its records compared.

Nothing is reached and nothing is simulated. An engine that asks for something else, or writes
another record, is stopped there: what would follow rests on answers to other questions.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

import msgspec

from verifill.engine import errors
from verifill.engine.answers import BETWEEN, KEY, SLICES, WALL, Answers
from verifill.engine.digest import canonical_json
from verifill.engine.form import Form
from verifill.engine.log.live import Moment
from verifill.engine.log.record import Record
from verifill.engine.replay.difference import PAYLOAD, Difference, Field, Row, Sort, fields_of

T = TypeVar("T")
HEARD_MAX: Final = 8
ERROR_LENGTH: Final = 3


class DivergedError(BaseException):
    """The replay departs from its log; no code may catch it on the way.

    Args:
        difference: where and how.
    """

    def __init__(self, difference: Difference) -> None:
        super().__init__(difference.what)
        self.difference = difference


class OverError(BaseException):
    """The log of a process life that was cut off has come to its end."""


class Given(Answers):
    """The answers of one process life, in the order in which they were asked for.

    Args:
        rows: its records after the EPOCH, by number, payloads as plain values.
        first: number of the EPOCH.
        ended: whether it ended by itself; else it was cut off, or goes on.
    """

    def __init__(self, rows: Sequence[Row], first: int, *, ended: bool) -> None:
        self._rows = rows
        self._ended = ended
        self._at = 0
        self._seq = first
        self._moment = Moment(0, 0)
        self._last: dict[str, Any] = {}
        self._heard: deque[tuple[int, str]] = deque(maxlen=HEARD_MAX)
        self._waiting = self._entries()

    @property
    def count(self) -> int:
        """How many records were the same so far."""
        return self._at

    @property
    def last(self) -> bool:
        """Whether the next answer is the last that is there."""
        return self._at == len(self._rows) - 1 and len(self._waiting) == 1

    @property
    def spent(self) -> bool:
        """Whether the last record is due, and every answer before it was given."""
        return self._at == len(self._rows) - 1 and not self._waiting

    def ask(self, question: str, do: Callable[[], T], form: Form[T]) -> T:  # noqa: ARG002 - the answer is there
        """See `Answers.ask`.

        Raises:
            DivergedError: the log has no such question here.
            OverError: the log ends here.
            Exception: the answer was one.
        """
        entry = self._next(question)
        if isinstance(entry[0], str) and len(entry) == ERROR_LENGTH:
            self._last.pop(question, None)
            raise _error(*entry[1])
        plain = entry[1:] if isinstance(entry[0], str) else entry[2:]
        if plain:
            (self._last[question],) = plain
        return form.made(self._last[question])

    def ask_if(self, question: str, do: Callable[[], T], form: Form[T], nothing: T) -> T:
        """See `Answers.ask_if`."""
        return self.ask(question, do, form) if self._comes(question) else nothing

    def wait(
        self,
        question: str,
        do: Callable[[Callable[[], bool]], T],
        form: Form[T],
        between: Callable[[], bool],
    ) -> T:
        """See `Answers.wait`; only slices in which something was asked are gone through."""
        while self._comes(BETWEEN) or self._comes(SLICES):
            name, *readings = self._waiting.popleft()
            if name == BETWEEN:
                between()
            for since in readings[0] if readings else ():
                self._waiting.appendleft([WALL, since])
                between()
        return self.ask(question, lambda: do(between), form)

    def clock(self, question: str, do: Callable[[], int]) -> int:  # noqa: ARG002 - the answer is there
        """See `Answers.clock`."""
        _, since = self._next(question)
        before = self._moment.wall_ns if question == WALL else self._moment.mono_ns
        return int(before + since)

    def coming(self, name: str) -> Any:  # noqa: ANN401 - of any shape
        """What the next record that holds something under a name of its payload holds there.

        None if there is none: a life that was cut off may have written records aside before it
        came to that one.
        """
        payloads: Iterator[Mapping[str, Any]] = (
            row[PAYLOAD] or {} for row in self._rows[self._at :]
        )
        return next((payload[name] for payload in payloads if name in payload), None)

    def moment(self) -> Moment:
        """That of the next record."""
        if self._at == len(self._rows):
            return self._moment
        row = self._rows[self._at]
        return Moment(row["wall_ns"], row["mono_ns"])

    # A store of records; see `engine.log.live.Store`.

    def append(self, records: Sequence[Record]) -> int:
        """Compare what the engine writes with the log; the number of the last record.

        Raises:
            DivergedError: it is something else.
            OverError: the log ends here, and was cut off.
        """
        for record in records:
            self._take(_row(record, self._seq))
        return self._seq

    def anchor(self) -> None:
        """Nothing: what is anchored was written elsewhere."""

    def end(self) -> None:
        """The engine has come to its end.

        Raises:
            DivergedError: the log has not.
        """
        if self._at < len(self._rows):
            what = "the replay has ended, and the log goes on"
            raise self._diverged(Sort.MISSING, what, actual=None)

    def _take(self, actual: Row) -> None:
        if self._at == len(self._rows):
            if not self._ended:
                raise OverError
            what = "the replay goes on, and the log has ended"
            raise self._diverged(Sort.EXTRA, what, actual=actual)
        expected = self._rows[self._at]
        shown = {**expected, PAYLOAD: _without_answers(expected[PAYLOAD])}
        if differing := fields_of(shown, actual):
            what = f"another record: {', '.join(one.name for one in differing)}"
            raise self._diverged(Sort.CHANGED, what, actual=actual, fields=differing)
        if self._waiting:
            what = f"the engine has not asked for {_question(self._waiting[0])} before this record"
            raise self._diverged(Sort.ASKED, what, actual=actual)
        self._at += 1
        self._seq = expected["seq"]
        self._moment = Moment(expected["wall_ns"], expected["mono_ns"])
        self._waiting = self._entries()

    def _entries(self) -> deque[list[Any]]:
        """The answers that were given before the next record; none after the last."""
        if self._at == len(self._rows):
            return deque()
        payload: Mapping[str, Any] = self._rows[self._at][PAYLOAD] or {}
        return deque(list(entry) for entry in payload.get(KEY, ()))

    def _comes(self, question: str) -> bool:
        return bool(self._waiting) and _question(self._waiting[0]) == question

    def _next(self, question: str) -> list[Any]:
        """The next answer, which must be to this question."""
        if self._at == len(self._rows):
            raise OverError
        if not self._comes(question):
            there = _question(self._waiting[0]) if self._waiting else "nothing more"
            what = f"the engine asks for {question}, where the log has {there} before this record"
            raise self._diverged(Sort.ASKED, what, actual=None)
        self._heard.append((self._seq + 1, question))
        entry = self._waiting[0]
        if isinstance(entry[0], int) and entry[0] > 1:
            entry[0] -= 1
        else:
            self._waiting.popleft()
        return entry

    def _diverged(
        self, sort: Sort, what: str, *, actual: Row | None, fields: Sequence[Field] = ()
    ) -> DivergedError:
        there = self._rows[self._at] if self._at < len(self._rows) else None
        expected = there and {**there, PAYLOAD: _without_answers(there[PAYLOAD])}
        return DivergedError(
            Difference(
                seq=self._seq + 1,
                sort=sort,
                what=what,
                expected=expected,
                actual=actual,
                fields=tuple(fields),
                cause_seq=self._seq,
                heard=tuple(self._heard),
            )
        )


def _question(entry: Sequence[Any]) -> str:
    return str(entry[1] if isinstance(entry[0], int) else entry[0])


def _without_answers(payload: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    told = {name: part for name, part in (payload or {}).items() if name != KEY}
    return told or None


def _row(record: Record, before: int) -> Row:
    """A record as the log would hold it."""
    told = msgspec.structs.asdict(record)
    told["from"], told["to"] = told.pop("source"), told.pop("target")
    told["cause_seq"] = before if told["cause_seq"] is None else told["cause_seq"]
    payload = told[PAYLOAD]
    told[PAYLOAD] = json.loads(canonical_json(payload)) if payload else None
    return {"seq": before + 1} | told


def _error(name: str, said: str, shown: str) -> Exception:
    """An error that speaks as the one that was raised, and is caught where that was."""
    known = getattr(errors, name, None)
    base = known if isinstance(known, type) and issubclass(known, Exception) else Exception

    def say(_error: Exception) -> str:
        return said

    def show(_error: Exception) -> str:
        return shown

    kind = cast("type[Exception]", type(name, (base,), {"__str__": say, "__repr__": show}))
    error = Exception.__new__(kind)
    error.args = (said,)
    return error
