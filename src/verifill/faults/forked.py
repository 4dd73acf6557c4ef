"""Process lives that begin at once: forked from one that has imported the engine already.

To import it takes longer than a life of one tick. Each life is a process of its own nevertheless,
with a pid of its own, and a signal that ends it ends no other. POSIX only, as signal 9 is.
"""

import os
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import frozen


@frozen
class Ended:
    """How a life ended.

    Attributes:
        code: its exit code, negative if a signal ended it.
        stderr: what it said there.
    """

    code: int
    stderr: str


def lived(main: Callable[..., None], *arguments: object, patience_s: float) -> Ended:
    """One life, in which `main` is called with these arguments.

    Args:
        main: a function of a module.
        arguments: what pickle can carry.
        patience_s: seconds after which it is killed.

    Raises:
        TimeoutError: it was.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(["verifill.faults.victim"])
    with TemporaryDirectory() as folder:
        said = Path(folder) / "stderr"
        process = context.Process(
            target=_live, args=(main, arguments, dict(os.environ), str(Path.cwd()), str(said))
        )
        process.start()
        try:
            process.join(patience_s)
            code = process.exitcode
        finally:
            process.kill()  # if it has not ended
            process.join()
        if code is None:
            msg = f"it did not end within {patience_s:g} s"
            raise TimeoutError(msg)
        return Ended(code, said.read_text(encoding="utf-8"))


def _live(
    main: Callable[..., None],
    arguments: tuple[object, ...],
    environment: Mapping[str, str],
    place: str,
    said: str,
) -> None:
    """What runs in the process; it is quiet, and where its parent is now."""
    for number, name in ((1, os.devnull), (2, said)):
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(place)
    main(*arguments)
