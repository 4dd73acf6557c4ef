"""`verifill replay --tui`: look through a run in the terminal."""

from pathlib import Path

from verifill.engine.errors import ConfigError
from verifill.replay.travel import Travel

NEEDED = "the view in the terminal needs textual, which is not there: pip install 'verifill[tui]'"


def look(folder: Path) -> None:
    """Show a log until whoever looks has seen enough.

    Raises:
        ConfigError: textual is not installed, or the log is empty.
        LogError: there is no log, or it cannot be read.
    """
    travel = Travel(folder)
    if not travel.last_seq:
        msg = f"{folder} holds no record yet; there is nothing to look at"
        raise ConfigError(msg)
    try:
        from verifill.cli.traveller import Traveller  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigError(NEEDED) from error
    Traveller(travel).run()
