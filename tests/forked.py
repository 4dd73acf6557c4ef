"""Process lives that begin at once: forked from one that has imported the product already.

Importing it takes most of the time of a life that does little. Each life is a process of its own
nevertheless, with a pid of its own, and what ends it ends no other.
"""

import os
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import frozen

ROOT = Path(__file__).parent.parent
PRELOADED = ["tests.live.victim"]
CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(PRELOADED)


@frozen
class Ended:
    """How a life ended: its exit code, negative if a signal ended it, and what it said."""

    returncode: int
    stdout: str
    stderr: str


def lived(main: Callable[..., None], *arguments: str, patience_s: float) -> Ended:
    """One life, in which `main` is called with these arguments."""
    with TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        given = (main, arguments, dict(os.environ), str(out), str(err))
        process = CONTEXT.Process(target=_live, args=given)
        process.start()
        process.join(patience_s)
        if process.exitcode is None:
            process.kill()
            process.join()
            message = f"{main.__module__} did not end within {patience_s} s: {err.read_text()}"
            raise AssertionError(message)
        return Ended(process.exitcode, out.read_text(), err.read_text())


def _live(
    main: Callable[..., None],
    arguments: tuple[str, ...],
    environment: Mapping[str, str],
    out: str,
    err: str,
) -> None:
    """What runs in the process."""
    for number, file in ((1, out), (2, err)):
        to = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(to, number)
        os.close(to)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    main(*arguments)
