"""The meter inside a measured process: what it says of itself, as one line of JSON.

It needs nothing but the standard library, so that it adds nothing to a floor.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter, process_time
from types import TracebackType
from typing import Self


class Meter:
    """Times the work proper, as a `with` block.

    Attributes:
        inside_s: wall clock inside the block.
        inside_cpu_s: processor time of the process inside the block.
    """

    def __init__(self) -> None:
        self.inside_s = 0.0
        self.inside_cpu_s = 0.0

    def __enter__(self) -> Self:
        self.inside_s, self.inside_cpu_s = perf_counter(), process_time()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.inside_s = perf_counter() - self.inside_s
        self.inside_cpu_s = process_time() - self.inside_cpu_s


def tell(meter: Meter, instructions: int, closing: Mapping[str, int], log: Path | None) -> None:
    """Write what was measured to standard output."""
    told = {
        "inside_s": meter.inside_s,
        "inside_cpu_s": meter.inside_cpu_s,
        "instructions": instructions,
        "peak_mb": peak_mb(),
        "log_mb": _size_mb(log) if log else 0.0,
        "closing": dict(closing),
    }
    sys.stdout.write(json.dumps(told) + "\n")


def peak_mb() -> float:
    """The most memory this program has held, in MB of 10**6 bytes.

    From /proc and not from `getrusage`, whose peak also counts what the process that
    started this one held at that moment.
    """
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    msg = "/proc/self/status has no VmHWM; this is measured on Linux only"
    raise OSError(msg)


def file_system(folder: Path) -> str:
    """The type of the file system that a folder lies on, such as ext4."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    around = {str(folder.resolve()), *map(str, folder.resolve().parents)}
    place, kind = max(((at, kind) for at, kind in mounts if at in around), key=lambda m: len(m[0]))
    return f"{kind} at {place}"


def _size_mb(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) / 1e6
