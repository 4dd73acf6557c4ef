"""What came of a fork."""

from pathlib import Path
from typing import Any

from attrs import frozen


@frozen(kw_only=True)
class Forked:
    """What came of a fork.

    Attributes:
        folder: its log.
        seq: number of the record at which it begins: the first that may differ.
        question: what was answered otherwise.
        recorded: the answer in the parent; None where a backtest could not ask for it, because
            its venue would have carried it out.
        answer: the answer in the fork; None where the simulated venue gave it.
        carried_out: whether the simulated venue was given the order that was under way.
        state: leaf state that it rests in.
        reason: why it ended early, or was parked; empty if neither.
        last: number of its last record.
    """

    folder: Path
    seq: int
    question: str
    recorded: Any
    answer: Any
    carried_out: bool
    state: str
    reason: str
    last: int
