"""The runs that a plan asks for, checked and named before the first of them begins."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from verifill.assembly.strategy import load_strategy
from verifill.build import checked
from verifill.config import Config, load_config, read_toml
from verifill.config.config import ELSEWHERE
from verifill.config.loading import CREDENTIALS, PREFIX
from verifill.config.paths import steps_of
from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.errors import ConfigError
from verifill.sweep.histories import Histories
from verifill.sweep.identity import run_id
from verifill.sweep.plan import RUNS_MAX, Plan
from verifill.sweep.points import Parameters, points, samples
from verifill.sweep.results import kinds_of
from verifill.sweep.windows import Window, folds, whole
from verifill.sweep.working import Row, Task, configured

FIXED: Final = ELSEWHERE | {"mode", "quote"}  # what changes no backtest, or not what it does
SHOWN: Final = 120
DRIVER: Final = os.urandom(6).hex()  # the name of this process among all that ever were


@frozen(kw_only=True)
class Wanted:
    """A run that is wanted.

    Attributes:
        number: its place in the plan.
        point: number of its parameters.
        sample: number of its Monte Carlo sample.
        window: what it runs on.
        parameters: path of a setting -> value.
        data: folder of its data, in `data` of the sweep.
        id: see `identity.run_id`.
    """

    number: int
    point: int
    sample: int
    window: Window
    parameters: Parameters
    data: str
    id: str

    def told(self) -> Row:
        """Its part of the row in the results."""
        return {
            **self.parameters,
            "number": self.number,
            "id": self.id,
            "point": self.point,
            "sample": self.sample,
            "fold": self.window.fold,
            "part": self.window.part.value,
            "from_ns": self.window.from_ns,
            "to_ns": self.window.to_ns,
        }


@frozen
class Planned:
    """All that a plan asks for.

    Attributes:
        plan: the plan.
        table: what the configuration's file says.
        histories: the data.
        points: every point.
        samples: every Monte Carlo sample.
        windows: what runs on every point, each with the test window after it, if there is one.
    """

    plan: Plan
    table: Mapping[str, Any]
    histories: Histories
    points: Sequence[Parameters]
    samples: Sequence[Parameters]
    windows: Sequence[tuple[Window, Window | None]]

    @classmethod
    def of(cls, plan: Plan, histories: Histories) -> "Planned":
        """Read configuration and data, and work out points, samples and windows.

        Raises:
            UserDefect: they cannot be used, or there are too many runs.
        """
        _check_environment()
        _check_paths(plan)
        base, table = load_config(plan.base, {}), read_toml(plan.base)
        every, chances = points(plan), samples(plan)
        _configured(plan, table, every[0] | chances[0])  # before the data is read
        history, walk = histories.whole(base), plan.walk_forward
        windows = folds(walk, history) if walk else [(whole(history), None)]
        made = cls(plan, table, histories, every, chances, windows)
        if made.total > RUNS_MAX:
            msg = f"{plan.file}: the plan has {made.total:,} runs; allowed are {RUNS_MAX:,}"
            raise ConfigError(msg)
        return made

    @property
    def total(self) -> int:
        """How many runs there are, if every training window has a best point."""
        return len(self.windows) * self._each

    @property
    def _each(self) -> int:
        tests = len(self.samples) if self.plan.walk_forward else 0
        return len(self.points) * len(self.samples) + tests

    def first(self) -> list[Wanted]:
        """The runs that depend on no other, in their order.

        Raises:
            UserDefect: one of them cannot be run; nothing was.
        """
        load_strategy(_configured(self.plan, self.table, self._parameters(0, 0)))
        return [
            wanted
            for window, _test in self.windows
            for point in range(len(self.points))
            for wanted in self._at(window, point, point * len(self.samples))
        ]

    def tests(self, fold: int, point: int) -> list[Wanted]:
        """The runs of the test window of a fold, at the point that was best before it."""
        window = self.windows[fold][1]
        return list(self._at(window, point, len(self.points) * len(self.samples))) if window else []

    def task(self, wanted: Wanted) -> Task:
        """A run as it is sent to a worker."""
        return Task(
            id=wanted.id,
            out=str(self.histories.out),
            file=str(self.plan.base),
            table=self.table,
            parameters=wanted.parameters,
            data=wanted.data,
            quote=self.plan.quote,
            attempts=self.plan.attempts,
            driver=DRIVER,
        )

    @property
    def kinds(self) -> dict[str, Any]:
        """Path of a parameter -> type of its column."""
        return {
            **kinds_of({path: [p[path] for p in self.points] for path in self.points[0]}),
            **kinds_of({path: [s[path] for s in self.samples] for path in self.samples[0]}),
        }

    def digest(self, wanted: Sequence[Wanted]) -> str:
        """Equal plans have equal digests; those may go on with each other's results."""
        columns = [f"{path} {kind}" for path, kind in self.kinds.items()]
        said = [str(self.plan.walk_forward), self.plan.quote, columns, [w.id for w in wanted]]
        return sha256_hex(canonical_json(said))

    def _parameters(self, point: int, sample: int) -> Parameters:
        return self.points[point] | self.samples[sample]

    def _at(self, window: Window, point: int, number: int) -> Iterator[Wanted]:
        for sample in range(len(self.samples)):
            parameters = self._parameters(point, sample)
            config = _configured(self.plan, self.table, parameters)
            data, history = self.histories.window(config, window)
            yield Wanted(
                number=window.fold * self._each + number + sample,
                point=point,
                sample=sample,
                window=window,
                parameters=parameters,
                data=data,
                id=run_id(config, history.digest),
            )


def _configured(plan: Plan, table: Mapping[str, Any], parameters: Parameters) -> Config:
    """The settings of a run.

    Raises:
        ConfigError: they are not allowed; with the parameters.
    """
    try:
        config = configured(table, parameters, plan.base)
        checked(config)
    except ConfigError as error:
        said = ", ".join(f"{path} = {value!r}" for path, value in parameters.items())
        said = said if len(said) <= SHOWN else f"{said[:SHOWN]}..."
        msg = f"{plan.file}: with {said or 'nothing varied'}: {error}"
        raise ConfigError(msg) from error
    return config


def _check_environment() -> None:
    """Refuse settings that stand in no file: a worker elsewhere would not have them."""
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and not name.startswith(CREDENTIALS):
            msg = (
                f"environment variable {name} is set, and a sweep takes its settings from files "
                "only; put it into the configuration or the plan, and unset it"
            )
            raise ConfigError(msg)


def _check_paths(plan: Plan) -> None:
    for path, section in plan.sources.items():
        try:
            first = steps_of(path)[0]
        except ConfigError as error:
            msg = f"{plan.file}: [{section}]: {error}"
            raise ConfigError(msg) from error
        if first in FIXED:
            msg = (
                f'{plan.file}: [{section}]: "{path}" changes no backtest; allowed is any other '
                f"setting than {', '.join(sorted(FIXED))}"
            )
            raise ConfigError(msg)
