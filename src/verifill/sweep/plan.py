"""The plan of a sweep: a TOML file that names a configuration and what varies in it."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

import attrs
from attrs import field, frozen

from verifill.config.exact import Place, read
from verifill.config.exchanges import YEAR_S, nothing
from verifill.config.loading import read_toml
from verifill.config.rules import Each, Some, Within
from verifill.engine.errors import ConfigError

RUNS_MAX: Final = 10**6
SEED: Final = "seed"  # the setting that Monte Carlo samples have, each its own
FORMS: Final = ("uniform", "log_uniform", "normal", "integers", "choice")
Metric = Literal["change", "return_ratio", "sharpe", "drawdown_ratio"]


@frozen(kw_only=True)
class DistributionConfig:
    """What a value is drawn from: exactly one of `uniform` to `choice`.

    Attributes:
        uniform: Least and greatest; every value of so many decimals is as likely.
        log_uniform: Least and greatest, above 0; every order of magnitude is as likely.
        normal: Mean and standard deviation.
        integers: Least and greatest whole number, both included.
        choice: The values.
        decimals: How many decimals a drawn number has; not of `integers` and `choice`.
        least: Lower draws become this.
        most: Higher draws become this.
    """

    uniform: tuple[Decimal, ...] | None = None
    log_uniform: tuple[Decimal, ...] | None = None
    normal: tuple[Decimal, ...] | None = None
    integers: tuple[int, ...] | None = None
    choice: tuple[Any, ...] | None = field(default=None, validator=Some())
    decimals: int = field(default=8, validator=Within(0, 18))
    least: Decimal | None = None
    most: Decimal | None = None

    def __attrs_post_init__(self) -> None:
        """One form, with the numbers that it needs.

        Raises:
            ConfigError: it has none, several, or other numbers.
        """
        given = [form for form in FORMS if getattr(self, form) is not None]
        if len(given) != 1:
            msg = f"it has {' and '.join(given) or 'no form'}; allowed is one of {', '.join(FORMS)}"
            raise ConfigError(msg)
        self._check(given[0])

    def _check(self, form: str) -> None:
        numbers = getattr(self, form)
        if form == "choice":
            return
        allowed = "two numbers, the first not above the second"
        good = len(numbers) == len(("least", "greatest"))
        if form == "normal":
            allowed, good = "mean and deviation, which is 0 or more", good and numbers[1] >= 0
        else:
            good = good and numbers[0] <= numbers[1]
        if form == "log_uniform":
            allowed, good = f"{allowed}, both above 0", good and numbers[0] > 0
        if not good:
            said = ", ".join(map(str, numbers))
            msg = f"{form} is [{said}]; allowed is {allowed}"
            raise ConfigError(msg)


@frozen(kw_only=True)
class RandomConfig:
    """Random search: parameters drawn by chance, over and over.

    Attributes:
        draws: How often all of them are drawn.
        parameters: Path of a setting -> what it is drawn from.
    """

    draws: int = field(validator=Within(1, RUNS_MAX))
    parameters: Mapping[str, DistributionConfig] = field(validator=Some())


@frozen(kw_only=True)
class MonteCarloConfig:
    """The same run under other chances: each sample has its own `seed`.

    Attributes:
        samples: How many there are; all parameters are tried with the same ones.
        parameters: Path of a setting -> what it is drawn from, beside `seed`.
    """

    samples: int = field(validator=Within(1, RUNS_MAX))
    parameters: Mapping[str, DistributionConfig] = field(factory=nothing)


@frozen(kw_only=True)
class WalkForwardConfig:
    """Windows that walk over the data: the best on each training window is run on what follows.

    Attributes:
        train_s: Length of a training window, in seconds of the data.
        test_s: Length of the test window that follows it.
        step_s: From one window to the next; `test_s` if left out.
        anchored: Whether every training window begins where the data does.
        metric: What decides; the mean over all samples.
        best: Whether the greatest or the least is best.
    """

    train_s: int = field(validator=Within(1, 100 * YEAR_S))
    test_s: int = field(validator=Within(1, 100 * YEAR_S))
    step_s: int | None = field(default=None, validator=Within(1, 100 * YEAR_S))
    anchored: bool = False
    metric: Metric = "sharpe"
    best: Literal["greatest", "least"] = "greatest"


@frozen(kw_only=True)
class PlanConfig:
    """A sweep: every point of `grid` with every draw of `random`, sample and window.

    Attributes:
        config: The configuration that is varied; relative paths start at the folder of the file.
        out: The folder of the results; `runs/NAME-OF-THE-FILE` if left out.
        seed: Where chance begins in `random` and `monte_carlo`.
        quote: The asset that metrics count in; the configuration's if left out.
        attempts: How often a run is begun whose worker is killed while it runs.
        grid: Path of a setting -> its values; every combination is a point.
        random: Random search.
        monte_carlo: Samples of chance.
        walk_forward: Windows of the data; all of the data if left out.
    """

    config: Path
    out: Path | None = None
    seed: int = field(default=0, validator=Within(0))
    quote: str = ""
    attempts: int = field(default=3, validator=Within(1, 100))
    grid: Mapping[str, tuple[Any, ...]] = field(factory=nothing, validator=Each(Some()))
    random: RandomConfig | None = None
    monte_carlo: MonteCarloConfig | None = None
    walk_forward: WalkForwardConfig | None = None


@frozen(kw_only=True)
class Plan(PlanConfig):
    """A plan, and the file that it came from.

    Attributes:
        file: The file.
    """

    file: Path = Path("sweep.toml")

    @property
    def base(self) -> Path:
        """The file of the configuration, from the root."""
        return (self.file.parent / self.config).absolute()

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return self.file.parent / (self.out or Path("runs") / self.file.stem)

    @property
    def sources(self) -> Mapping[str, str]:
        """Path of a setting -> the section that varies it."""
        sections: dict[str, Mapping[str, object]] = {"grid": self.grid}
        if self.random:
            sections["random.parameters"] = self.random.parameters
        if self.monte_carlo:
            sections["monte_carlo.parameters"] = {SEED: None, **self.monte_carlo.parameters}
        found: dict[str, str] = {}
        for section, parameters in sections.items():
            for path in parameters:
                if path in found:
                    other = f"[{found[path]}] and [{section}]"
                    msg = f"{self.file}: {path} is varied by {other}; leave one of them out"
                    raise ConfigError(msg)
                found[path] = section
        return found


def load_plan(file: Path) -> Plan:
    """The plan of a file.

    Raises:
        ConfigError: it cannot be read, or a key is unknown, missing or not allowed.
    """
    table = read_toml(file)
    said: PlanConfig = read(PlanConfig, table, Place(str(file)))
    fields = {one.name: getattr(said, one.name) for one in attrs.fields(PlanConfig)}
    plan = Plan(**fields, file=file)
    if not plan.sources and not plan.walk_forward:
        msg = f"{file}: nothing varies; add [grid], [random], [monte_carlo] or [walk_forward]"
        raise ConfigError(msg)
    return plan
