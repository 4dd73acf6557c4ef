"""`verifill report LOG -o FILE`: the page of a run."""

from pathlib import Path

from verifill.cli.log import check_target, told_by_polars
from verifill.cli.screen import screen
from verifill.page.badges import Judged
from verifill.page.data import Shown
from verifill.page.writing import write_page


def write(folder: Path, to: Path, judged: Judged, shown: Shown, *, overwrite: bool) -> None:
    """Write the page of a run, and say what its badges say.

    Raises:
        ConfigError: the file is there already, or cannot be written; or the log has no such record.
        LogError: there is no log, or it cannot be read.
    """
    check_target(to, overwrite=overwrite)
    with told_by_polars(folder):
        words = write_page(folder, to, judged, shown)
    out = screen()
    out.print(f"wrote a page of {folder} to {to}", soft_wrap=True)
    out.print(", ".join(words))
