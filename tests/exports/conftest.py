"""Logs of every mode, each made once; not to be changed."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.live.test_paper import Paper
from tests.live.worlds import written
from tests.observing.logs import MADE
from tests.runs import buy, ran, sell, ticks
from verifill.engine.log.durable_reader import open_log
from verifill.engine.log.reader import Log


def backtest(folder: Path) -> Path:
    """Ticks with several instructions, with one, and with none."""
    log, _ = ran(folder, ticks([[buy("1"), sell("0.5")], [], [sell("0.25")], [buy("1")]]))
    return log


def paper(folder: Path) -> Path:
    """Two ticks on prices of now."""
    made = Paper(written(folder))
    made.live(2)
    return made.log


LIVE = ("plain", "lost", "halted", "saga", "one_tx")
LOGS: Mapping[str, Callable[[Path], Path]] = {
    "backtest": backtest,
    "paper": paper,
    **{name: MADE[name] for name in LIVE},
}


@pytest.fixture(scope="session")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Log]:
    """A log, by its name in LOGS."""
    made: dict[str, Path] = {}

    def log(name: str) -> Log:
        if name not in made:
            made[name] = LOGS[name](tmp_path_factory.mktemp(name))
        return open_log(made[name])

    return log


@pytest.fixture(params=LOGS)
def each_log(request: pytest.FixtureRequest, logged: Callable[[str], Log]) -> Log:
    """Each of the logs."""
    return logged(str(request.param))
