"""A watch that divides time among parts: every moment counts for one of them."""

from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from time import perf_counter
from typing import Any, TypeVar

T = TypeVar("T")


class Watch:
    """Divides what passes among parts; a part that begins inside another interrupts it.

    Args:
        first: the part that counts while no other does.
        whole: parts that are not divided further; what begins inside counts for them.

    Attributes:
        spent_s: part -> seconds so far.
    """

    def __init__(self, first: str, whole: frozenset[str] = frozenset()) -> None:
        self.spent_s: defaultdict[str, float] = defaultdict(float)
        self._parts = [first]
        self._whole = whole
        self._since_s = perf_counter()

    def inside(self, part: str, do: Callable[[], T]) -> T:
        """What it gives; the time until then counts for the part."""
        parts = self._parts
        if parts[-1] in self._whole:
            return do()
        self.look()
        parts.append(part)
        try:
            return do()
        finally:
            self.look()
            parts.pop()

    def look(self) -> defaultdict[str, float]:
        """What was spent so far, up to now."""
        now_s = perf_counter()
        self.spent_s[self._parts[-1]] += now_s - self._since_s
        self._since_s = now_s
        return self.spent_s

    def over(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function whose calls count for a part."""

        @wraps(function)
        def called(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - as it is called
            return self.inside(part, lambda: function(*given, **named))

        return called
