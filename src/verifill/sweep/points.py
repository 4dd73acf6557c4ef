"""The points of a plan: what its parameters are, by grid and by chance.

A draw depends on the plan's seed, the parameter and its own number alone. So a plan with more
draws, or with another parameter beside, has the same draws as before and further ones.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import product
from random import Random
from statistics import NormalDist
from typing import Any, Final, cast

from verifill.engine.errors import ConfigError
from verifill.sweep.plan import RUNS_MAX, SEED, DistributionConfig, Plan

Parameters = dict[str, Any]  # path of a setting -> value
SEEDS: Final = 2**31
CHANCE: Final = 2**53  # a draw between 0 and 1 is one of so many


def points(plan: Plan) -> list[Parameters]:
    """Every point: each combination of the grid with each draw.

    Raises:
        ConfigError: there are too many.
    """
    combined = [dict(zip(plan.grid, values, strict=True)) for values in _combinations(plan)]
    return [one | draw for one in combined for draw in _draws(plan)]


def samples(plan: Plan) -> list[Parameters]:
    """Every Monte Carlo sample; one of nothing without."""
    if plan.monte_carlo is None:
        return [{}]
    drawn = plan.monte_carlo.parameters
    numbers = range(plan.monte_carlo.samples)
    return [
        {SEED: _chance(plan, SEED, number).randrange(SEEDS)} | _drawn(plan, drawn, number)
        for number in numbers
    ]


def _combinations(plan: Plan) -> Iterator[tuple[Any, ...]]:
    count = plan.random.draws if plan.random else 1
    for values in plan.grid.values():
        count *= len(values)
    if count > RUNS_MAX:
        msg = f"{plan.file}: the plan has {count:,} points; allowed are at most {RUNS_MAX:,}"
        raise ConfigError(msg)
    return product(*(map(_plain, values) for values in plan.grid.values()))


def _draws(plan: Plan) -> list[Parameters]:
    if plan.random is None:
        return [{}]
    return [_drawn(plan, plan.random.parameters, number) for number in range(plan.random.draws)]


def _drawn(plan: Plan, parameters: Mapping[str, DistributionConfig], number: int) -> dict[str, Any]:
    return {
        path: draw(distribution, _chance(plan, path, number))
        for path, distribution in parameters.items()
    }


def _chance(plan: Plan, path: str, number: int) -> Random:
    return Random(f"{plan.seed}:{path}:{number}")  # noqa: S311 - the same for the same seed


def draw(of: DistributionConfig, chance: Random) -> Any:  # noqa: ANN401 - a value of a setting
    """One value, as it would stand in a file: a number with decimals as text."""
    if of.choice is not None:
        return _plain(of.choice[chance.randrange(len(of.choice))])
    if of.integers is not None:
        least, most = of.integers
        return int(_within(of, Decimal(chance.randint(least, most))))
    step = Decimal(1).scaleb(-of.decimals)
    value = _within(of, _number(of, chance, step).quantize(step))
    return f"{value:f}"


def _number(of: DistributionConfig, chance: Random, step: Decimal) -> Decimal:
    if of.uniform is not None:
        least, most = of.uniform
        return least + step * chance.randint(0, int((most - least) / step))
    part = Decimal(chance.randrange(1, CHANCE)) / CHANCE
    if of.log_uniform is not None:
        low, high = (limit.ln() for limit in of.log_uniform)
        return (low + (high - low) * part).exp()
    mean, deviation = cast("tuple[Decimal, ...]", of.normal)
    return mean + deviation * Decimal(NormalDist().inv_cdf(float(part)))


def _within(of: DistributionConfig, value: Decimal) -> Decimal:
    value = value if of.least is None else max(value, of.least)
    return value if of.most is None else min(value, of.most)


def _plain(value: object) -> Any:  # noqa: ANN401 - a value of a setting
    """A value as a file has it: lists and tables that can be told from others by their types."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in cast("Mapping[str, object]", value).items()}
    if isinstance(value, tuple):
        return [_plain(part) for part in cast("tuple[object, ...]", value)]
    return value
