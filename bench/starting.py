"""What the command line takes to start: whole processes, by turns with an empty Python."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter

COUNT = 9
HELP = "verifill --help"
VERIFILL = str(Path(sys.executable).with_name("verifill"))
COMMANDS: Mapping[str, Sequence[str]] = {
    "python -c pass": (sys.executable, "-c", "pass"),
    HELP: (VERIFILL, "--help"),
    "verifill backtest --help": (VERIFILL, "backtest", "--help"),
    "verifill --version": (VERIFILL, "--version"),
}


def starts(count: int = COUNT) -> dict[str, list[float]]:
    """Command -> seconds of wall clock from its start to its end, each time.

    Raises:
        CalledProcessError: a command failed.
    """
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(-1, count):  # the first time is not counted: it fills caches
        for name, command in COMMANDS.items():
            began_s = perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - ours
            if number >= 0:
                taken[name].append(perf_counter() - began_s)
    return taken
