"""Ctrl-C or SIGTERM in a run: nothing is left half done, in the engine or in its log."""

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from verifill.machines.loop import FullLoop

SIGNALS = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[[int, FrameType | None], Any] | int | None


class Interrupts:
    """What Ctrl-C and SIGTERM do while a run is inside this context.

    The first asks the engine to finish its tick. The second raises
    `KeyboardInterrupt` in a strategy that does not come back. Anywhere else an exception
    could leave a chunk half written or a record twice, so none is raised: the tick ends soon.

    Attributes:
        count: how many there were.
        first: number of the first signal; 0 if there was none.
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self.count = 0
        self.first = 0
        self._loop: FullLoop | None = None
        self._before: dict[signal.Signals, Handler] = {}

    def __enter__(self) -> Self:
        try:
            for one in SIGNALS:
                self._before[one] = signal.signal(one, self._pressed)
        except ValueError:  # not the main thread: whoever runs it there handles signals
            pass
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one, before in self._before.items():
            if before is not None:  # None is a handler that Python did not set
                signal.signal(one, before)

    def watch(self, loop: FullLoop) -> None:
        """Stop this engine at a signal; at its first tick if there was one already."""
        self._loop = loop
        if self.count:
            loop.stop()

    def _pressed(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self.first = self.first or number
        if self._loop is None:
            return
        self._loop.stop()
        if self.count > 1 and in_strategy(frame):
            raise KeyboardInterrupt(signal.Signals(self.first))


def in_strategy(frame: FrameType | None) -> bool:
    """Whether code of the strategy runs in this frame: called by `decide`, of another module."""
    inner: FrameType | None = None
    while frame is not None:
        if frame.f_code is FullLoop.decide.__code__:
            return inner is not None and inner.f_globals is not frame.f_globals
        inner, frame = frame, frame.f_back
    return False
