"""Which code ran: the commit of the sources, where they lie in Verifill's own repository."""

import subprocess
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
CODE = ("engine", "machines", "venues", "src")


def commit(*beside: str) -> str:
    """The commit, and whether the code differs from it; empty outside that repository.

    Args:
        beside: folders that are looked at for changes too.
    """
    top = _git(PACKAGE, "rev-parse", "--show-toplevel")
    if not top or not (Path(top) / "src" / PACKAGE.name / "__init__.py").exists():
        return ""  # of whoever has installed it in a repository of their own
    changed = _git(Path(top), "status", "--porcelain", "--", *CODE, *beside)
    return _git(Path(top), "rev-parse", "--short", "HEAD") + (", with changes" if changed else "")


def _git(folder: Path, *given: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own
            ["git", *given],  # noqa: S607 - whichever git the user has
            cwd=folder,
            check=False,
            capture_output=True,
            text=True,
        )
    except OSError:
        return ""
    return done.stdout.strip()
