"""Where runs are made: here, or in processes of their own, in the order that they are asked for."""

import shutil
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import mkdtemp

from verifill.assembly.loopback import Hosting
from verifill.checking.choices import Choices
from verifill.checking.explorer import Outcome, Runner, outcome
from verifill.checking.scopes import Scope
from verifill.faults.hazard import Scene
from verifill.faults.matrix import Matrix
from verifill.workers import begin


@contextmanager
def runner(scope: Scope, work: Path, workers: int = 1) -> Generator[Runner]:
    """What makes the runs of a scope.

    Args:
        scope: whose.
        work: a folder for configurations, data and logs.
        workers: processes that make them; with 1, this one.
    """
    run = partial(_run, scope, work)
    if workers == 1:
        yield partial(_here, run)
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=begin)
    try:
        yield partial(pool.map, run, chunksize=4)
    finally:
        pool.shutdown(cancel_futures=True)


def _here(run: "partial[Outcome]", given: Iterable[Choices]) -> Iterator[Outcome]:
    return map(run, given)


def _run(scope: Scope, work: Path, choices: Choices) -> Outcome:
    folder = Path(mkdtemp(dir=work, prefix="run-"))
    try:
        return outcome(scope, choices, hosting(scope.scene, work), folder)
    finally:
        shutil.rmtree(folder)


@cache
def hosting(scene: Scene, work: Path) -> Hosting:
    """A scene's configuration; each process writes one of its own."""
    return Matrix((), Path(mkdtemp(dir=work, prefix="scene-"))).hosting(scene)
