"""Folders in which pages are followed: an empty one, and one in which the tutorial was followed."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from attrs import frozen

from tests.docs.following import Followed, follow
from tests.docs.pages import ROOT

TUTORIAL: Final = (
    "docs/tutorial/first-backtest.md",
    "docs/tutorial/first-live-run.md",
    "docs/tutorial/first-incident.md",
)


@frozen
class Learned:
    """The tutorial, followed from its first page to its last in one folder.

    Attributes:
        folder: where.
        pages: page -> how it went.
    """

    folder: Path
    pages: Mapping[str, Followed]


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Learned:
    """The tutorial, once for all pages that build on it."""
    folder = tmp_path_factory.mktemp("tutorial")
    return Learned(folder, {page: follow(page, folder) for page in TUTORIAL})


@pytest.fixture
def desk(learned: Learned, tmp_path: Path) -> Path:
    """A folder of one's own: what the tutorial has left, under the names that the reference uses.

    `carry.toml` and `runs/carry` stand there for a backtest of the reader's own, `live.toml` and
    `runs/live` for a live run, `changed.py` for another strategy; `docs/examples` for the sources.
    """
    folder = Path(shutil.copytree(learned.folder, tmp_path / "desk"))
    shutil.copy(folder / "verifill.toml", folder / "carry.toml")
    shutil.copytree(folder / "runs" / "verifill", folder / "runs" / "carry")
    shutil.copy(folder / "buyer.py", folder / "changed.py")
    for part in ("docs/examples", "fixtures/data"):
        shutil.copytree(ROOT / part, folder / part)
    return folder
