"""A live run that ends itself as `kill -9` would, at one moment, named and counted.

Moments are before and after a commit to the log, a send, a question, a reading; N counts them. In
place of N a commit may be told by an event that it holds: how many there are before it is a matter
of how fast the machine is. PORT `paper` is paper trading on the history; then a line of its journal
is a moment too.
"""

import os
import signal
from collections.abc import Callable
from typing import Any

from verifill.engine.clock import Times
from verifill.engine.log.durable import DurableLog
from verifill.engine.log.line import batch_of
from verifill.live import run_live
from verifill.paper import replayed, run_paper
from verifill.venues.loopback.journal import Journal
from verifill.venues.loopback.remote import Feed, Remote

PLACES: dict[str, tuple[type, str]] = {
    "commit": (DurableLog, "_write"),
    "send": (Remote, "submit"),
    "question": (Remote, "query"),
    "reading": (Feed, "read"),
    "line": (Journal, "append"),
}


def die_at(moment: str, told: str) -> None:
    """Let the process end at the so-many-th such moment, or at the commit of that event."""
    when, _, name = moment.partition(" ")
    owner, method = PLACES[name]
    real: Callable[..., Any] = getattr(owner, method)
    seen = 0

    def watched(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it is
        nonlocal seen
        seen += 1
        now = seen == int(told) if told.isdigit() else told in _events(given)
        if now and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(*given, **named)
        if now and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, method, watched)


def _events(given: tuple[Any, ...]) -> list[str | None]:
    """Of the records of a commit."""
    _, lines, _ = given
    return [*batch_of(lines)["event"]]


def main(config: str, port: str, log: str, ticks: str, *moment: str) -> None:
    """Run until it has had its ticks, or ends; at a moment, if one is given with its number."""
    if moment:
        die_at(*moment)
    if port == "paper":
        run_paper(config, prices=replayed(1, Times()), folder=log, ticks=int(ticks))
    else:
        run_live(config, port=int(port), folder=log, ticks=int(ticks))
