"""Lists that an exchange tells page by page, gone through to their end."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from verifill.engine.errors import NotObserved

PAGES_MAX: Final = 500

T = TypeVar("T")


def forward(
    ask: Callable[[int], Sequence[T]],
    since_ms: int,
    size: int,
    of: Callable[[T], tuple[str, int]],
) -> list[T]:
    """A list that is told oldest first, from a moment on.

    Args:
        ask: for a page from a moment on.
        since_ms: the first moment.
        size: how many a full page has.
        of: what tells one from the others, and its time.

    Raises:
        NotObserved: it has no end.
    """
    found: dict[str, T] = {}
    for _ in range(PAGES_MAX):
        page = ask(since_ms)
        new = {of(one)[0]: one for one in page if of(one)[0] not in found}
        found |= new
        if len(page) < size or not new:
            return list(found.values())
        since_ms = max(of(one)[1] for one in page)
    raise endless()


def chained(ask: Callable[[str], tuple[Sequence[T], str]]) -> Iterator[T]:
    """A list of which each page tells where the next one begins.

    Args:
        ask: for the page of a cursor, which is empty at first; with the next cursor, or none.

    Raises:
        NotObserved: it has no end.
    """
    cursor = ""
    for _ in range(PAGES_MAX):
        page, cursor = ask(cursor)
        yield from page
        if not cursor or not page:
            return
    raise endless()


def endless() -> NotObserved:
    """The error about a list without an end."""
    msg = f"a list has more than {PAGES_MAX} pages; begin from a newer reading"
    return NotObserved(msg)
