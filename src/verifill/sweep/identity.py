"""What names a run of a sweep: the digest of its settings, strategy and data."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from verifill.assembly.strategy import source_file
from verifill.config import Config
from verifill.engine.digest import canonical_json, sha256_file, sha256_hex

DIGITS = 20


def run_id(config: Config, data_digest: str) -> str:
    """The same wherever the same settings, file of a strategy and data are."""
    said: dict[str, Any] = config.as_dict()
    file = source_file(config)
    if file and (known := _stamp(file)):
        said["strategy_digest"] = _digest(file, *known)
    return sha256_hex(canonical_json({"config": said, "data": data_digest}))[:DIGITS]


def _stamp(file: Path) -> tuple[int, int] | None:
    """By what a file is seen to have changed; None if there is none."""
    try:
        told = file.stat()
    except OSError:
        return None
    return told.st_mtime_ns, told.st_size


@lru_cache(maxsize=256)
def _digest(file: Path, _changed_ns: int, _size: int) -> str:
    return sha256_file(file)
