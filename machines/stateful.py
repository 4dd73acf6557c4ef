"""Strategies that have a state of their own, which survives a restart."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Stateful(Protocol):
    """A strategy that has a state of its own, as a small plain value that JSON can hold."""

    def state(self) -> Mapping[str, Any]:
        """What it wants to know again after a restart."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take it back."""
        ...
