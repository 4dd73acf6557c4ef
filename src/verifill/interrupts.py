"""Ctrl-C in a run: nothing is ever left half done, neither in the engine nor in its log."""

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from verifill.machines.loop import FullLoop


class Interrupts:
    """What Ctrl-C does while a run is inside this context.

    The first asks the engine to finish its tick. The second raises
    `KeyboardInterrupt` in a strategy that does not come back. Anywhere else an exception
    could leave a chunk half written or a record twice, so none is raised: the tick ends soon.

    Attributes:
        count: how often Ctrl-C was pressed.
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self.count = 0
        self._loop: FullLoop | None = None
        self._before: Callable[[int, FrameType | None], Any] | int | None = None

    def __enter__(self) -> Self:
        try:
            self._before = signal.signal(signal.SIGINT, self._pressed)
        except ValueError:  # not the main thread: whoever runs it there handles signals
            self._before = None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def watch(self, loop: FullLoop) -> None:
        """Stop this engine when Ctrl-C is pressed; at its first tick if it was already."""
        self._loop = loop
        if self.count:
            loop.stop()

    def _pressed(self, _number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self._loop is None:
            return
        self._loop.stop()
        if self.count > 1 and in_strategy(frame):
            raise KeyboardInterrupt


def in_strategy(frame: FrameType | None) -> bool:
    """Whether code of the strategy runs in this frame: called by `decide`, of another module."""
    inner: FrameType | None = None
    while frame is not None:
        if frame.f_code is FullLoop.decide.__code__:
            return inner is not None and inner.f_globals is not frame.f_globals
        inner, frame = frame, frame.f_back
    return False
