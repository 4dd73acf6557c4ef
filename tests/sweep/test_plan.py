"""A plan is checked before anything runs, and its draws are the same for the same seed."""

from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from attrs import evolve

from tests.sweep.conftest import HOUR_S, HOURS, Plans
from verifill.engine.errors import ConfigError, LogExists, StrategyError, UserDefect
from verifill.sweep.histories import Histories
from verifill.sweep.plan import DistributionConfig, load_plan
from verifill.sweep.planned import Planned
from verifill.sweep.points import draw, points, samples
from verifill.sweep.running import run_sweep
from verifill.sweep.windows import Part

GRID = '[grid]\n"strategy.options.every" = [2, 3]\n"loop.interval_s" = [3600, 7200]\n'
RANDOM = (
    "[random]\ndraws = {draws}\n[random.parameters]\n"
    '"exchanges.binance.market.slippage" = {{ uniform = ["0", "0.001"], decimals = 6 }}\n'
)


def planned(file: Path) -> Planned:
    out = file.parent / "out"
    out.mkdir(exist_ok=True)
    return Planned.of(load_plan(file), Histories(out, lambda _done, _total: None))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing varies; add [grid], [random], [monte_carlo] or [walk_forward]"),
        ("[grids]\n", "grids is unknown; did you mean grid?"),
        ('[grid]\n"loop.intervl_s" = [60]', "did you mean interval_s?; known there are interval_s"),
        ('[grid]\n"loop.interval_s" = [0]', "interval_s is 0; allowed is 1 to"),
        ('[grid]\n"loop.interval_s" = []', 'grid."loop.interval_s" is empty'),
        ('[grid]\n"loop..x" = [1]', '"loop..x" is no path of a setting; allowed are keys'),
        ('[grid]\n"data.bars[1].file" = ["x"]', "there is no item [1]; allowed is 0 to 0"),
        ('[grid]\n"quote[0]" = ["x"]', '"quote[0]" changes no backtest'),
        ('[grid]\n"strategy.source.x" = ["x"]', "x is a key of a table, and a value stands"),
        ('[grid]\n"strategy[0]" = ["x"]', "[0] is an item of a list, and there is none"),
        ('[grid]\n"strategy.options.evry" = [1]', "unexpected keyword argument 'evry'"),
        ('[grid]\n"strategy.options.every" = [0.5]', "a float, which is not exact"),
        ('[grid]\n"opening.\\"x:BaseToken:USDT\\"" = [1]', "x:BaseToken:USDT"),
        ("[monte_carlo]\nsamples = 0", "monte_carlo.samples is 0; allowed is 1 to"),
        ("[monte_carlo]\nsamples = 1\n[grid]\nseed = [1]", "seed is varied by [grid] and [monte"),
        ("[walk_forward]\ntrain_s = 999999\ntest_s = 3600", "and there are 345,600 s from 2024"),
        ("[random]\ndraws = 1", "random.parameters is missing"),
    ],
)  # fmt: skip
def test_a_plan_that_cannot_be_run_is_refused_and_nothing_is(
    plans: Plans, text: str, words: str
) -> None:
    file = plans(text)
    with pytest.raises(UserDefect) as refused:
        planned(file).first()

    assert words in str(refused.value)
    assert not (file.parent / "out" / "runs").exists()


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("{ }", "it has no form; allowed is one of uniform, log_uniform, normal, integers, choice"),
        ("{ integers = [1, 2], choice = [1] }", "it has integers and choice"),
        ("{ integers = [2, 1] }", "integers is [2, 1]; allowed is two numbers, the first not"),
        ('{ log_uniform = [0, "0.1"] }', "both above 0"),
        ("{ normal = [0, -1] }", "allowed is mean and deviation, which is 0 or more"),
        ("{ uniform = [1] }", "uniform is [1]; allowed is two numbers"),
    ],
)
def test_a_distribution_that_is_none_is_refused(plans: Plans, form: str, words: str) -> None:
    file = plans(f"[random]\ndraws = 1\n[random.parameters]\nseed = {form}\n")
    with pytest.raises(ConfigError) as refused:
        load_plan(file)

    assert words in str(refused.value)
    assert f"{file}: random.parameters.seed" in str(refused.value)


def test_settings_of_the_environment_are_refused(
    plans: Plans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERIFILL_LOOP_INTERVAL_S", "60")
    with pytest.raises(ConfigError, match="a sweep takes its settings from files only"):
        planned(plans(GRID))


def test_what_a_strategy_raises_is_told_before_anything_runs(plans: Plans, project: Path) -> None:
    (project / "strategy.py").write_text("raise ValueError('no')")
    with pytest.raises(StrategyError, match=r"strategy\.py, line 1: the strategy raised"):
        planned(plans(GRID)).first()


def test_a_folder_of_others_is_left_alone(plans: Plans, project: Path) -> None:
    with pytest.raises(LogExists, match="which is no part of a sweep"):
        run_sweep(plans(GRID), out=project)


def test_points_are_every_combination_with_every_draw(plans: Plans) -> None:
    made = points(load_plan(plans(GRID + RANDOM.format(draws=2))))

    assert 2 * 2 * 2 == len(made)
    assert [2, 2, 2, 2, 3, 3, 3, 3] == [point["strategy.options.every"] for point in made]
    slippages = [point["exchanges.binance.market.slippage"] for point in made]
    assert slippages[:2] * 4 == slippages


def test_more_draws_leave_those_before_as_they_were(plans: Plans) -> None:
    few, many = (points(load_plan(plans(RANDOM.format(draws=n)))) for n in (3, 9))

    assert few == many[:3]
    assert 9 == len({str(point) for point in many})


def test_another_seed_draws_others(plans: Plans) -> None:
    plan = load_plan(plans(RANDOM.format(draws=3)))

    assert points(plan) != points(evolve(plan, seed=1))


def test_samples_have_seeds_of_their_own_and_the_same_for_every_point(plans: Plans) -> None:
    plan = load_plan(plans(GRID + "[monte_carlo]\nsamples = 20\n"))

    assert 20 == len({sample["seed"] for sample in samples(plan)})
    found = planned(plans(GRID + "[monte_carlo]\nsamples = 2\n")).first()
    assert 1 == len({run.parameters["seed"] for run in found if run.sample == 1})


@pytest.mark.parametrize("form", ["uniform", "log_uniform"])
def test_draws_are_within_their_limits_and_exact(form: str) -> None:
    low, high = Decimal("0.001"), Decimal("0.1")
    of = DistributionConfig(
        uniform=(low, high) if form == "uniform" else None,
        log_uniform=(low, high) if form == "log_uniform" else None,
        decimals=4,
    )
    drawn = [Decimal(draw(of, Random(seed))) for seed in range(300)]

    assert low <= min(drawn) <= max(drawn) <= high
    below = sum(one <= Decimal("0.01") for one in drawn) / 300
    assert abs(below - (0.09 if form == "uniform" else 0.5)) < 0.06
    assert all(one == round(one, 4) for one in drawn)


def test_normal_draws_have_their_mean_and_keep_to_what_is_allowed() -> None:
    of = DistributionConfig(normal=(Decimal(1), Decimal(2)), least=Decimal(0), most=Decimal(4))
    drawn = [Decimal(draw(of, Random(seed))) for seed in range(500)]

    assert (Decimal(0), Decimal(4)) == (min(drawn), max(drawn))
    assert Decimal("0.8") < sorted(drawn)[250] < Decimal("1.2")


def test_whole_numbers_and_choices_are_drawn_as_they_stand_in_a_file() -> None:
    assert {1, 2, 3} == {draw(DistributionConfig(integers=(1, 3)), Random(s)) for s in range(30)}
    of = DistributionConfig(choice=("a", ("b",)))
    assert {"a", "['b']"} == {str(draw(of, Random(seed))) for seed in range(30)}


@pytest.mark.parametrize(("anchored", "first"), [(False, 24), (True, 0)])
def test_windows_walk_over_the_data_and_tests_begin_where_training_is_over(
    plans: Plans, anchored: bool, first: int  # noqa: FBT001 - a parameter of the test
) -> None:  # fmt: skip
    day_s = 24 * HOUR_S
    text = f"[walk_forward]\ntrain_s = {2 * day_s}\ntest_s = {day_s}\n"
    text += f"anchored = {str(anchored).lower()}\n"
    found = planned(plans(text)).windows
    start = found[0][0].from_ns

    assert HOURS // 24 - 2 == len(found)
    assert [(Part.TRAIN, Part.TEST)] * 2 == [(a.part, b.part) for a, b in found if b]
    assert all(b and a.to_ns == b.from_ns for a, b in found)
    assert start + first * HOUR_S * 10**9 == found[1][0].from_ns


def test_a_run_has_the_same_id_wherever_its_plan_stands(plans: Plans, project: Path) -> None:
    here = planned(plans(GRID)).first()
    elsewhere = project.parent / "elsewhere"
    project.rename(elsewhere)
    there = planned(elsewhere / "sweep.toml").first()

    assert [run.id for run in here] == [run.id for run in there]
    assert 4 == len({run.id for run in here})


def test_the_id_changes_with_the_strategy_and_with_the_data(plans: Plans, project: Path) -> None:
    ids = [planned(plans(GRID)).first()[0].id]
    source = project / "strategy.py"
    source.write_text(source.read_text() + "# changed\n")
    ids.append(planned(plans(GRID)).first()[0].id)
    data = project / "bars.csv"
    data.write_text("".join(data.read_text().splitlines(keepends=True)[:-1]))
    ids.append(planned(plans(GRID)).first()[0].id)

    assert 3 == len(set(ids))
