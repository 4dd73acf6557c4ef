"""Workers that run everything at once, in this process."""

from concurrent.futures import Future

from verifill.sweep.working import Interrupted, Row, Task, work


class Inline:
    """Runs what it is given before `submit` returns.

    Attributes:
        tasks: what it was given, in order.
        stop_after: how many it runs before it is as if this process were killed; none if None.
    """

    lost: tuple[type[Exception], ...] = (Interrupted,)

    def __init__(self, stop_after: int | None = None) -> None:
        self.tasks: list[Task] = []
        self.stop_after = stop_after

    def room(self) -> int:
        return 1

    def submit(self, task: Task) -> Future[Row]:
        if self.stop_after == len(self.tasks):
            raise KeyboardInterrupt
        self.tasks.append(task)
        future: Future[Row] = Future()
        future.set_result(work(task))
        return future

    def over(self, future: Future[Row]) -> None:
        pass
