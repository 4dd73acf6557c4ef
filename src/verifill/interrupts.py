"""Ctrl-C or SIGTERM in a run: nothing is left half done, in the engine or in its log."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Self

from verifill.machines.loop import FullLoop

SIGNALS = (signal.SIGINT, signal.SIGTERM)
STDERR = 2
WAITING = b"stopping once the strategy has decided; press Ctrl-C again to interrupt it\n"

Handler = Callable[[int, FrameType | None], Any] | int | None


class Interrupts:
    """What Ctrl-C and SIGTERM do while a run is inside this context.

    The first asks the engine to finish its tick, and says so while the strategy decides. The
    second raises `KeyboardInterrupt` in a strategy that does not come back. Anywhere else an
    exception could leave a chunk half written or a record twice, so none is raised: the tick
    ends soon.

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

    def _pressed(self, number: int, _frame: FrameType | None) -> None:
        self.count += 1
        self.first = self.first or number
        if self._loop is None:
            return
        self._loop.stop()
        if not self._loop.deciding:
            return
        if self.count > 1:
            raise KeyboardInterrupt(signal.Signals(self.first))
        if number == signal.SIGINT:
            with suppress(OSError):  # not by way of `sys.stderr`, which may be in use just now
                os.write(STDERR, WAITING)
