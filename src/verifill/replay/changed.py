"""One answer of a log that is to be another: read from the command line, put in its place."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from attrs import frozen

from verifill.engine.answers import BETWEEN, ERROR, KEY, MONOTONIC, SLICES, WALL
from verifill.engine.errors import ConfigError
from verifill.engine.replay.difference import PAYLOAD, Row

NOT_OBSERVED: Final = "NotObserved"
SETUP: Final = "setup"
ENGINES_OWN: Final = frozenset({WALL, MONOTONIC, BETWEEN, SLICES, SETUP, "tick", "wait", "cursors"})
"""What no one beside the engine answers: its clocks, its waits, and how it was set up."""

OUTCOME: Final = "outcome"  # of a receipt


@frozen(kw_only=True)
class WhatIf:
    """A question, and what is to be answered instead.

    Attributes:
        question: its name in the log, such as `binance.submit`.
        simulated: whether the simulated venue is to answer, whatever that will be.
        answer: else the answer, as the log would hold it; or the parts of it that are to differ.
    """

    question: str
    simulated: bool
    answer: Any = None

    @classmethod
    def of(cls, text: str) -> "WhatIf":
        """Read `QUESTION` or `QUESTION=JSON`.

        Raises:
            ConfigError: it is neither.
        """
        question, given, told = text.partition("=")
        try:
            answer = json.loads(told, parse_float=_no_float) if given else None
        except ValueError as error:
            msg = (
                f"what-if {text!r}: what stands after = is no JSON: {error}. Allowed is "
                'QUESTION=JSON, such as \'binance.submit={"outcome": "UNKNOWN"}\', or QUESTION '
                "alone for what the simulated venue says"
            )
            raise ConfigError(msg) from error
        return cls(question=question.strip(), simulated=not given, answer=answer)

    def instead_of(self, recorded: Any) -> list[Any]:  # noqa: ANN401 - of any shape
        """The entry of the log with the answer changed.

        Parts that are not named stay as they were, but of what a venue says of an order: another
        outcome is another answer, with fills of its own or none.
        """
        told = self.answer
        if isinstance(told, Mapping) and set(cast("Mapping[str, Any]", told)) == {ERROR}:
            words = str(cast("Mapping[str, Any]", told)[ERROR])
            return [self.question, [NOT_OBSERVED, words, words], ERROR]
        merged = isinstance(told, Mapping) and isinstance(recorded, Mapping) and OUTCOME not in told
        return [self.question, {**recorded, **told} if merged else told]


@frozen(kw_only=True)
class Fork:
    """Where a run is forked.

    Attributes:
        seq: number of the record that holds the answer.
        recorded: the answer in the log; an error as [name, words, how it is shown].
        rows: records of the process life up to there; the last holds the answers up to the
            changed one, which is in its place, or up to the question that is simulated.
        past: the same as recorded, the answer in question included.
    """

    seq: int
    recorded: Any
    rows: Sequence[Row]
    past: Sequence[Row]


def fork_at(rows: Sequence[Row], seq: int, changed: WhatIf) -> Fork:
    """Put a changed answer in the place of the recorded one.

    Args:
        rows: records of the process life after its EPOCH.
        seq: number of the record that holds the answer.
        changed: the answer.

    Raises:
        ConfigError: there is no such answer, or it cannot be another.
    """
    at = int(seq - rows[0]["seq"])
    last: dict[str, Any] = {}
    for row in rows[:at]:
        for entry in _entries(row):
            _remember(entry, last)
    entries = _entries(rows[at])
    names = [_name(entry) for entry in entries]
    if changed.question in ENGINES_OWN:
        msg = f"record {seq}: {changed.question!r} is the engine's own; ask for another answer"
        raise ConfigError(msg)
    if changed.question not in names:
        held = ", ".join(dict.fromkeys(n for n in names if n not in ENGINES_OWN)) or "none"
        msg = (
            f"record {seq} holds no answer to {changed.question!r}; those that it holds, and that "
            f"may be changed: {held}. `verifill replay LOG --at N` shows where a run was"
        )
        raise ConfigError(msg)
    place = names.index(changed.question)
    if BETWEEN in names[:place] and {"tick", "wait"} & set(names[place:]):
        msg = (
            f"record {seq}: {changed.question!r} was asked while the engine waited, and a wait "
            "cannot be forked. Take an answer to something that it did"
        )
        raise ConfigError(msg)
    for entry in entries[: place + 1]:
        _remember(entry, last)
    recorded = last[changed.question]
    kept = entries[:place]
    if not changed.simulated:
        kept = [*kept, changed.instead_of(recorded)]
    whole: dict[str, Any] = rows[at][PAYLOAD] or {}

    def until(told: Sequence[list[Any]]) -> Sequence[Row]:
        return [*rows[:at], {**rows[at], PAYLOAD: {**whole, KEY: told}}]

    return Fork(seq=seq, recorded=recorded, rows=until(kept), past=until(entries[: place + 1]))


def answers_of(rows: Sequence[Row]) -> Iterator[tuple[int, str, Any]]:
    """Every answer of some records of one life: number of the record, question, answer."""
    last: dict[str, Any] = {}
    for row in rows:
        for entry in _entries(row):
            _remember(entry, last)
            name = _name(entry)
            if name in last:
                yield row["seq"], name, last[name]


def _no_float(text: str) -> Any:  # noqa: ANN401 - it never returns
    msg = f"{text} is not exact; write whole numbers, or a number with decimals as a text"
    raise ValueError(msg)


def _entries(row: Row) -> Sequence[list[Any]]:
    payload: Mapping[str, Any] = row[PAYLOAD] or {}
    entries: Sequence[list[Any]] = payload.get(KEY, ())
    return entries


def _name(entry: Sequence[Any]) -> str:
    return str(entry[1] if isinstance(entry[0], int) else entry[0])


def _remember(entry: Sequence[Any], last: dict[str, Any]) -> None:
    """The last answer to each question; one that is the same is written as the question alone."""
    told = entry[2:] if isinstance(entry[0], int) else entry[1:]
    if told:
        last[_name(entry)] = told[0]
