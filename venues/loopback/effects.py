"""What was done under each key, by the server's own record: the judge of "exactly once"."""

from collections.abc import Iterable

from msgspec import Struct

from verifill.venues.loopback.journal import Line, Submitted


class Effect(Struct, frozen=True):
    """What a venue did under one key.

    Attributes:
        venue: where.
        key: of the intent.
        arrivals: how often it was submitted, as far as the venue knows.
        effects: how many orders of it were executed, whole or in part.
        refs: references of fills and moves, as in the ledger.
    """

    venue: str
    key: str
    arrivals: int
    effects: int
    refs: tuple[str, ...]


def effects_of(lines: Iterable[Line]) -> tuple[Effect, ...]:
    """The effects of every key in a journal, in order of arrival."""
    arrivals: dict[tuple[str, str], int] = {}
    orders: dict[tuple[str, str], set[str]] = {}
    refs: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        if isinstance(line.what, Submitted):
            where = line.what.venue, line.what.asked.key
            copies = max(1, line.what.handling.copies)
            arrivals[where] = arrivals.get(where, 0) + copies
        for done in line.done:
            orders.setdefault((done.venue, done.key), set()).add(done.order)
            refs.setdefault((done.venue, done.key), []).extend(done.refs)
    return tuple(
        Effect(
            venue, key, count, len(orders.get((venue, key), ())), tuple(refs.get((venue, key), ()))
        )
        for (venue, key), count in arrivals.items()
    )
