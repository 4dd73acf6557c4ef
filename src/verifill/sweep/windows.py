"""Windows that walk over the data: first a time to choose in, then one to see how that does."""

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum

from attrs import frozen

from verifill.engine.errors import ConfigError
from verifill.sweep.plan import WalkForwardConfig
from verifill.venues.data import History

SECOND_NS = 10**9


class Part(StrEnum):
    """What a window is for."""

    WHOLE = "WHOLE"
    TRAIN = "TRAIN"
    TEST = "TEST"


@frozen
class Window:
    """A stretch of the data: bars that are known from a time on and before another.

    Attributes:
        fold: number of the pair of windows, from 0; 0 for all of the data.
        part: what it is for.
        from_ns: where it begins.
        to_ns: where it is over.
    """

    fold: int
    part: Part
    from_ns: int
    to_ns: int

    @property
    def name(self) -> str:
        """A name for its folder."""
        return f"{self.from_ns // SECOND_NS}-{self.to_ns // SECOND_NS}"


def whole(history: History) -> Window:
    """All of the data."""
    return Window(0, Part.WHOLE, history.start_ns, history.end_ns + history.interval_ns)


def folds(walk: WalkForwardConfig, history: History) -> list[tuple[Window, Window | None]]:
    """The training window of each fold and the test window that begins where it is over.

    Raises:
        ConfigError: the data is too short for one.
    """
    found = list(_folds(walk, history))
    if not found:
        span = (history.end_ns - history.start_ns + history.interval_ns) // SECOND_NS
        first = datetime.fromtimestamp(history.start_ns // SECOND_NS, tz=UTC)
        msg = (
            f"walk_forward needs {walk.train_s + walk.test_s:,} s of data for its first windows, "
            f"and there are {span:,} s from {first:%Y-%m-%d %H:%M:%S} UTC on; "
            "give less in train_s or test_s"
        )
        raise ConfigError(msg)
    return found


def _folds(walk: WalkForwardConfig, history: History) -> Iterator[tuple[Window, Window | None]]:
    train, test = walk.train_s * SECOND_NS, walk.test_s * SECOND_NS
    step = (walk.step_s or walk.test_s) * SECOND_NS
    over = history.end_ns + history.interval_ns
    begin, number = history.start_ns, 0
    while begin + train + test <= over:
        split = begin + train
        start = history.start_ns if walk.anchored else begin
        yield (
            Window(number, Part.TRAIN, start, split),
            Window(number, Part.TEST, split, split + test),
        )
        begin, number = begin + step, number + 1
