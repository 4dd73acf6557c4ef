"""A project made by `verifill init`, and a way to run the command in this process."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from verifill.cli.app import app

Verifill = Callable[..., Result]


@pytest.fixture(scope="session")
def command() -> Verifill:
    """`verifill`, in this process."""
    runner = CliRunner()

    def call(*arguments: str | Path) -> Result:
        return runner.invoke(app, [str(one) for one in arguments], prog_name="verifill")

    return call


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, command: Verifill) -> Path:
    """A project as `verifill init` makes it; not to be changed."""
    folder = tmp_path_factory.mktemp("project")
    assert 0 == command("init", folder).exit_code
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    """A project of one's own."""
    return Path(shutil.copytree(made, tmp_path / "project"))


@pytest.fixture(scope="session")
def log(made: Path, tmp_path_factory: pytest.TempPathFactory, command: Verifill) -> Path:
    """The log of a completed run; not to be changed."""
    folder = tmp_path_factory.mktemp("run") / "log"
    assert 0 == command("backtest", made / "verifill.toml", "--log", folder).exit_code
    return folder


@pytest.fixture
def copied(log: Path, tmp_path: Path) -> Path:
    """A log of one's own."""
    return Path(shutil.copytree(log, tmp_path / "log"))


@pytest.fixture(autouse=True)
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 100 columns, wherever the tests run."""
    monkeypatch.setenv("COLUMNS", "100")
