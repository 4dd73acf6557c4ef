"""One script of one peer, in a process of its own, measured from outside."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

from attrs import frozen

from bench.measure import KERNEL, ROOT

SCRIPTS = Path(__file__).parent / "scripts"


class PeerError(Exception):
    """A peer cannot be installed, or does not do the work."""


@frozen(kw_only=True)
class Peer:
    """What is measured.

    Attributes:
        name: of the package on PyPI.
        packages: what its environment is made of, pinned.
        slow: whether it is given the short file.
        does: what it does of what an engine does.
    """

    name: str
    packages: Sequence[str]
    does: str
    slow: bool = False

    @property
    def script(self) -> Path:
        """What does the work."""
        return SCRIPTS / f"{self.name.replace('-', '_').replace('.', '_')}_.py"

    @property
    def version(self) -> str:
        """Of the package itself."""
        return self.packages[0].partition("==")[2]


@frozen(kw_only=True)
class Seen:
    """One process.

    Attributes:
        whole_s: wall clock from its start to its end.
        cpu_s: its processor time, in all its threads and processes.
        peak_mb: the most memory it held.
        orders: how many were filled.
    """

    whole_s: float
    cpu_s: float
    peak_mb: float
    orders: int


def environment(peer: Peer, folder: Path) -> Path:
    """The interpreter of a peer's environment; made if it is not there.

    Raises:
        PeerError: it cannot be made.
    """
    made, mark = folder / peer.name, folder / peer.name / "made-from.txt"
    wanted = "\n".join(peer.packages)
    if not mark.exists() or mark.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(made, ignore_errors=True)
        python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
        _quiet(peer, [python, "-m", "venv", str(made)])
        _quiet(peer, [str(made / "bin/python"), "-m", "pip", "install", "--quiet", *peer.packages])
        mark.write_text(wanted, encoding="utf-8")
    return made / "bin/python"


def _quiet(peer: Peer, command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        msg = f"{peer.name}: {' '.join(command)} failed:\n{done.stderr[-2_000:]}"
        raise PeerError(msg)


def run(name: str, command: Sequence[str], bars: int, folder: Path) -> Seen:
    """Run a script once, and see that it did the work.

    Args:
        name: what it is called in an error.
        command: interpreter, script and arguments.
        bars: how many orders it is to have filled; the last may still wait for the next bar.
        folder: an empty one, for what it writes.

    Raises:
        PeerError: it failed, or did something else.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    output, errors = folder / "output", folder / "errors"
    surroundings = os.environ | {
        "PYTHONPATH": f"{KERNEL}:{ROOT}:{SCRIPTS}", "TMPDIR": str(folder), "HOME": str(folder)
    }  # fmt: skip
    with output.open("w") as out, errors.open("w") as aside:
        began_s = perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=aside, env=surroundings, cwd=folder)  # noqa: S603 - ours
        _, status, used = os.wait4(process.pid, 0)
        whole_s = perf_counter() - began_s
    process.returncode = os.waitstatus_to_exitcode(status)
    lines = output.read_text(encoding="utf-8").strip().splitlines()
    if process.returncode or not lines:
        msg = f"{name} ended with {process.returncode}:\n{errors.read_text()[-2_000:]}"
        raise PeerError(msg)
    told = json.loads(lines[-1])
    if told["orders"] not in range(bars - 3, bars + 1):
        msg = f"{name} filled {told['orders']} orders on {bars} bars; it is not the same work"
        raise PeerError(msg)
    shutil.rmtree(folder)
    return Seen(
        whole_s=whole_s,
        cpu_s=used.ru_utime + used.ru_stime,
        peak_mb=used.ru_maxrss * 1024 / 1e6,
        orders=told["orders"],
    )


def middle(seen: Sequence[Seen]) -> Seen:
    """The medians, each figure by itself."""
    return Seen(
        whole_s=median(one.whole_s for one in seen),
        cpu_s=median(one.cpu_s for one in seen),
        peak_mb=median(one.peak_mb for one in seen),
        orders=seen[0].orders,
    )
