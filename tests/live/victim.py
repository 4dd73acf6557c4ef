"""A live run that ends itself as `kill -9` would, at one moment, named and counted.

    python -m tests.live.victim CONFIG PORT LOG TICKS [MOMENT N]

Moments are before and after a commit to the log, a send, a question, a reading.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from verifill.engine.log.durable import DurableLog
from verifill.live import run_live
from verifill.venues.loopback.remote import Feed, Remote

PLACES: dict[str, tuple[type, str]] = {
    "commit": (DurableLog, "_write"),
    "send": (Remote, "submit"),
    "question": (Remote, "query"),
    "reading": (Feed, "read"),
}


def die_at(moment: str, number: int) -> None:
    """Let the process end at the number-th such moment."""
    when, _, name = moment.partition(" ")
    owner, method = PLACES[name]
    real: Callable[..., Any] = getattr(owner, method)
    seen = 0

    def watched(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it is
        nonlocal seen
        seen += 1
        if when == "before" and seen == number:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(*given, **named)
        if when == "after" and seen == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, method, watched)


def main(config: str, port: int, log: str, ticks: int) -> None:
    """Run until it has had its ticks, or ends."""
    ended = run_live(config, port=port, folder=log, ticks=ticks)
    sys.stdout.write(f"{ended.state} {ended.reason}\n")


if __name__ == "__main__":
    if len(sys.argv) > 5:
        die_at(sys.argv[5], int(sys.argv[6]))
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
