"""Folders in which pages are followed: an empty one, and one in which the tutorial was followed."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from attrs import frozen

from tests.docs.following import Followed, follow

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
    """A folder of one's own, as the tutorial has left it."""
    return Path(shutil.copytree(learned.folder, tmp_path / "desk"))
