"""A backtest run again: identical, refused where it is not the same, or named where it departs."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from verifill.cli.init import init
from verifill.engine.errors import ConfigError, VerifillError
from verifill.engine.log.reader import Log
from verifill.engine.replay.difference import Sort
from verifill.replay.as_pytest import write_test
from verifill.replay.run import replay
from verifill.replay.travel import Travel
from verifill.running import run_backtest


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration that `verifill init` writes, and its run."""
    folder = tmp_path_factory.mktemp("project")
    init(folder)
    run_backtest(folder / "verifill.toml", log=folder / "log")
    return folder


@pytest.fixture
def copied(project: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(project, tmp_path / "copy"))


def test_the_same_data_settings_and_strategy_give_the_same_log(project: Path) -> None:
    replayed = replay(project / "log", config=project / "verifill.toml")

    assert replayed.identical
    assert replayed.count == replayed.of == Log(project / "log").last_seq
    assert "simulated anew" in replayed.how


def test_a_position_that_was_altered_is_named_by_its_record(copied: Path) -> None:
    file = min((copied / "log").glob("*.positions.parquet"))
    frame = pl.read_parquet(file)
    at = frame.height - 1
    changed = frame.with_row_index().with_columns(
        total=pl.when(pl.col("index") == at).then(pl.col("total") + 1).otherwise("total")
    )
    changed.drop("index").write_parquet(file)

    found = replay(copied / "log", config=copied / "verifill.toml").difference

    assert found is not None
    assert (frame["seq"][at], Sort.CHANGED) == (found.seq, found.sort)
    assert ["positions.total"] == [field.name for field in found.fields]


def test_another_strategy_departs_where_it_decides_otherwise(copied: Path) -> None:
    (copied / "idle.py").write_text(
        "class Idle:\n    def __init__(self, **given): pass\n"
        "    def decide(self, market, positions, last): return []\n"
    )

    replayed = replay(
        copied / "log", config=copied / "verifill.toml", strategy=str(copied / "idle.py")
    )

    assert replayed.difference is not None
    assert "with another strategy" in replayed.how
    first = Log(copied / "log").stream("instructions").collect()["seq"][0]
    assert replayed.difference.seq <= first


def test_other_settings_are_refused_by_name(copied: Path) -> None:
    file = copied / "verifill.toml"
    file.write_text("seed = 99\n" + file.read_text())

    with pytest.raises(ConfigError, match="was run with another seed; give the configuration"):
        replay(copied / "log", config=file)


def test_another_strategy_in_the_same_file_is_refused(copied: Path) -> None:
    source = copied / "strategy.py"
    source.write_text(source.read_text() + "\n# changed\n")

    with pytest.raises(ConfigError, match="was run with another strategy_digest"):
        replay(copied / "log", config=copied / "verifill.toml")


def test_other_data_is_refused(copied: Path) -> None:
    (file,) = (copied / "data").glob("*.csv")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-1]))

    with pytest.raises(VerifillError, match="the data has the digest"):
        replay(copied / "log", config=copied / "verifill.toml")


def test_without_a_configuration_it_says_what_it_needs(project: Path) -> None:
    with pytest.raises(ConfigError, match="simulated anew to be compared; give the configuration"):
        replay(project / "log")


def test_it_is_looked_into_and_written_as_a_test(project: Path, tmp_path: Path) -> None:
    file = tmp_path / "test_run.py"

    assert 40 == write_test(project / "log", file, config=project / "verifill.toml", until=40)
    assert Travel(project / "log").at(40).state in file.read_text()
    with pytest.raises(ConfigError, match="give the configuration it was run with"):
        write_test(project / "log", tmp_path / "other.py")
