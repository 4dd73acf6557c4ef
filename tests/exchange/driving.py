"""Every route of an exchange, driven by a client that others wrote."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from tests.exchange.clients import Loopback

C = TypeVar("C")


def drive(
    loopback: Loopback,
    client: C,
    drives: Mapping[str, Callable[[C], object]],
    routes: Iterable[str],
) -> dict[str, object]:
    """Make every call in turn; each must reach its route. What they answered, by route."""
    answers: dict[str, object] = {}
    for route, call in drives.items():
        before = len(loopback.control.arrivals())
        answers[route] = call(client)
        method, path = route.split(" ", 1)
        reached = loopback.control.arrivals()[before:]
        assert [each for each in reached if each.startswith(method) and each.endswith(path)], route
    assert set(routes) == set(drives)
    return answers
