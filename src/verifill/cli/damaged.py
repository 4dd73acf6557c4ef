"""Whose fault an unexpected error is: a log's that is not as it was written, or Verifill's."""

from pathlib import Path
from typing import Final

from verifill.engine.errors import LogError
from verifill.engine.verify.log import verify

WRITTEN: Final = ("table", "chain", "files")
"""Checks that nothing which Verifill did wrong can fail, only what came later."""


def damage(folder: Path) -> str:
    """How a log is not as it was written; empty if it is, or nothing can be said of it."""
    try:
        checks = verify(folder).checks
    except LogError as error:
        return str(error)
    except Exception:  # noqa: BLE001 - it is another error that is to be told
        return ""
    for check in checks:
        if check.name in WRITTEN and check.faults:
            fault = check.faults[0]
            return (
                f"{folder} is not as it was written: {fault.where} {fault.what}. Restore it from "
                "a copy, or run again; `verifill verify` tells all that is wrong with it"
            )
    return ""
