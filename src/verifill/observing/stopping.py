"""Ctrl-C or SIGTERM in a process that watches: it ends, and that is no failure."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StoppedError(BaseException):
    """Somebody has told the process to end."""


@contextmanager
def until_stopped() -> Generator[None]:
    """What is done until SIGINT or SIGTERM comes, wherever it is by then."""
    before = {one: signal.signal(one, _stop) for one in SIGNALS}
    try:
        yield
    except StoppedError:
        pass
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    for one in SIGNALS:
        signal.signal(one, signal.SIG_IGN)  # once is enough
    raise StoppedError
