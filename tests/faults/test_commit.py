"""The commit of the code that ran is told in its own repository, and nowhere else."""

import subprocess
from pathlib import Path

import pytest

from verifill.faults import commit as module
from verifill.faults.commit import commit


def test_it_is_the_head_of_the_repository_that_the_sources_lie_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "src" / "verifill"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.setattr(module, "PACKAGE", package)
    head = repository(tmp_path)

    assert head == commit()
    (package / "new.py").touch()
    assert f"{head}, with changes" == commit()


def test_a_repository_of_somebody_else_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "venv" / "verifill"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.setattr(module, "PACKAGE", package)
    assert "" == commit()
    repository(tmp_path)

    assert "" == commit()


def test_without_git_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    assert "" == commit()


def repository(folder: Path) -> str:
    """Make one with all that is there; the short name of its only commit."""
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    done = subprocess.run(
        [*git, "rev-parse", "--short", "HEAD"], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()
