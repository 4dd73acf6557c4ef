"""Whose fault an unexpected error is: a log's that is not as it was written, or Verifill's."""

from pathlib import Path
from typing import Final

from verifill.engine.errors import LogError
from verifill.engine.log.reader import Log
from verifill.engine.log.writer import HEADER
from verifill.engine.verify.log import verify

WRITTEN: Final = ("table", "chain", "files")
"""Checks that nothing which Verifill did wrong can fail, only what came later."""


SHOWN: Final = (
    "mode", "config", "data_digest", "decimals", "price_decimals", "bases", "instruments", "links",
    "quote",
)  # fmt: skip
"""What every command that runs something puts into a header, for those that show it."""


def damage(folder: Path) -> str:
    """How a log is not as it was written, or lacks what is to be shown of it; empty if neither."""
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
    missing = [name for name in SHOWN if name not in Log(folder).header]
    if missing:
        return (
            f"{folder / HEADER} does not say {', '.join(missing)}: its engine was started by other "
            "code than Verifill's commands. It can be verified, and not all of it can be shown"
        )
    return ""
