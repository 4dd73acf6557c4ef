"""What a worker process does before anything else: it ends when who started it does."""

import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.connection import wait
from typing import Final

ORPHANED: Final = 3
"""Exit code of a worker whose parent is gone."""


def begin() -> None:
    """In a worker: Ctrl-C is for the process that started it, and it ends when that does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        wait([parent.sentinel])
        sys.stderr.flush()
        os._exit(ORPHANED)
