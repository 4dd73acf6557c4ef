"""Logs of live runs that things went wrong in, each made once; not to be changed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.observing.logs import MADE
from verifill.cli.app import app


@pytest.fixture(scope="session")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The log of a run, by its name in `logs.MADE`."""
    made: dict[str, Path] = {}

    def log(name: str) -> Path:
        if name not in made:
            made[name] = MADE[name](tmp_path_factory.mktemp(name))
        return made[name]

    return log


@pytest.fixture(scope="session")
def command() -> Callable[..., Result]:
    """`verifill`, in this process."""
    runner = CliRunner()

    def call(*arguments: str | Path) -> Result:
        return runner.invoke(app, [str(one) for one in arguments], prog_name="verifill")

    return call


@pytest.fixture(params=MADE)
def each_log(request: pytest.FixtureRequest, logged: Callable[[str], Path]) -> Path:
    """Each of the logs."""
    return logged(str(request.param))
