"""`verifill sweep`: what it says, and what of it other commands open."""

import re
from pathlib import Path

import attrs
import polars as pl
import pytest
from typer.testing import CliRunner, Result

from tests.sweep.conftest import HOUR_S, Plans, write_project
from verifill.cli.app import app
from verifill.cli.failures import ExitCode
from verifill.sweep.plan import DistributionConfig, PlanConfig, WalkForwardConfig
from verifill.sweep.results import PLANNED
from verifill.sweep.working import TOLD

ROOT = Path(__file__).parent.parent.parent
GRID = '[grid]\n"strategy.options.every" = [2, 3]\n'
WALK = f"[walk_forward]\ntrain_s = {48 * HOUR_S}\ntest_s = {24 * HOUR_S}\nmetric = 'change'\n"


def verifill(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], prog_name="verifill")


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a sweep over windows in `runs/sweep`; nothing of it is changed."""
    project = write_project(tmp_path_factory.mktemp("swept"))
    plan = project / "sweep.toml"
    plan.write_text(f'config = "verifill.toml"\n{GRID}{WALK}')
    ran = verifill("sweep", plan, "--workers", "1")
    assert ExitCode.COMPLETED == ran.exit_code, ran.output
    assert "COMPLETED  6" in ran.stdout
    return project


def test_the_log_of_any_run_is_opened_by_its_id(swept: Path) -> None:
    out = swept / "runs" / "sweep"
    rows = pl.read_parquet(out / "results" / "*.parquet").sort("number")
    run = rows.filter(part="TEST")["id"][0]
    shown = verifill("sweep", "show", out, run[:12])
    log = out / "runs" / run

    assert f"next: verifill report {log}, or verifill log show {log}\n" in shown.stdout
    for words in (["log", "show"], ["report"], ["status"], ["verify"]):
        opened = verifill(*words, log)
        assert ExitCode.COMPLETED == opened.exit_code, opened.output
    wrote = verifill("sweep", "show", out, run, "--toml", swept / "best.toml")
    assert ExitCode.COMPLETED == wrote.exit_code, wrote.output
    replayed = verifill("replay", log, "--config", swept / "best.toml")
    assert ExitCode.COMPLETED == replayed.exit_code, replayed.output
    assert "IDENTICAL" in replayed.stdout


def test_the_best_come_first(swept: Path) -> None:
    out = swept / "runs" / "sweep"
    shown = verifill("sweep", "show", out, "--by", "change", "--rows", "3").stdout
    rows = pl.read_parquet(out / "results" / "*.parquet").sort("change", descending=True)
    listed = re.findall(r"^([0-9a-f]{20}) ", shown, re.MULTILINE)

    assert rows["id"].to_list()[:3] == listed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("show OUT nothing", "'nothing' is no run that is over"),
        ("show OUT --by nothing", "there is no column 'nothing'; there are number, id"),
        ("show OUT --toml best.toml", "--toml writes the configuration of one run"),
        ("show OUT ID --toml OUT/best.toml", "paths in it start at its folder; write it to"),
        ("show OUT ID --toml PROJECT/verifill.toml", "is there already, and is left alone"),
        ("show PROJECT", "is no sweep; name the folder"),
        ("PROJECT/none.toml", "there is no such file"),
        ("PROJECT/sweep.toml --scheduler tcp://127.0.0.1:9 --out PROJECT", "no part of a sweep"),
    ],
)
def test_bad_input_gets_words(swept: Path, words: str, said: str) -> None:
    out = swept / "runs" / "sweep"
    run = next((out / "runs").iterdir()).name
    named = words.replace("OUT", str(out)).replace("ID", run).replace("PROJECT", str(swept))
    ran = verifill("sweep", *named.split())

    assert ExitCode.BAD_INPUT == ran.exit_code
    assert said in ran.stderr
    assert "Traceback" not in ran.output


def test_runs_that_do_not_complete_are_told_and_end_with_1(plans: Plans, project: Path) -> None:
    source = project / "strategy.py"
    raising = "        self.hours += 1\n        assert self.every != 3, 'three'\n"
    source.write_text(source.read_text().replace("        self.hours += 1\n", raising))
    ran = verifill("sweep", plans(GRID), "--workers", "1")

    assert ExitCode.ENDED_EARLY == ran.exit_code
    assert re.search(r"COMPLETED +1\n", ran.stdout)
    assert re.search(r"FAILED +1\n", ran.stdout)


def test_the_reference_tells_every_column_and_every_key() -> None:
    page = (ROOT / "docs" / "reference" / "sweep.md").read_text()
    keys = [field.name for kind in (PlanConfig, WalkForwardConfig, DistributionConfig)
            for field in attrs.fields(kind)]  # fmt: skip
    words = set(re.findall(r"\w+", page))

    assert set() == {*PLANNED, *TOLD, *keys} - words


def test_neither_the_command_nor_a_pool_imports_dask() -> None:
    dask = re.compile(r"^(import|from) (dask|distributed)\b", re.MULTILINE)
    files = (ROOT / "src" / "verifill").rglob("*.py")

    assert ["cluster.py"] == [one.name for one in files if dask.search(one.read_text())]
