"""Work that goes on beside the one who asked for it, one piece at a time.

For what leaves Python's lock alone for most of its time: compressing, hashing, writing.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Beside:
    """A thread that does what it is given, while its owner prepares the next piece."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "beside")
        self._given: Future[None] | None = None

    def do(self, work: Callable[[], None]) -> None:
        """Begin a piece of work, once the one before is done.

        Raises:
            Exception: whatever the piece before has raised; this one is then not begun.
        """
        self.settle()
        self._given = self._thread.submit(work)

    def settle(self) -> None:
        """Wait until nothing is being done.

        Raises:
            Exception: whatever the work has raised.
        """
        given, self._given = self._given, None
        if given:
            given.result()

    def close(self) -> None:
        """End the thread, once it has done its work."""
        self._thread.shutdown()
