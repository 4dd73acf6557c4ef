"""Durations by the log's monotonic times, within one process life."""

from typing import Protocol

from verifill.engine.clock import NANOSECONDS


class Durations(Protocol):
    """Where durations go."""

    def observe(self, amount: float) -> None:
        """Take up one, in seconds."""
        ...


class Stopwatch:
    """Times what was begun; what a restart interrupted is not timed, its clock is another."""

    def __init__(self) -> None:
        self._begun: dict[str, int] = {}

    def start(self, what: str, at_ns: int) -> None:
        """Begin to time something, anew if it was begun."""
        self._begun[what] = at_ns

    def stop(self, what: str, at_ns: int, durations: Durations) -> None:
        """Say how long it took, if it was begun."""
        begun_ns = self._begun.pop(what, None)
        if begun_ns is not None:
            durations.observe((at_ns - begun_ns) / NANOSECONDS)

    def forget(self) -> None:
        """Begin with nothing."""
        self._begun.clear()
