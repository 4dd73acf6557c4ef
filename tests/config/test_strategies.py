"""Loading the user's strategy, and what is said when it cannot be."""

import pickle
import sys
from pathlib import Path

import pytest

from tests.config.examples import MINIMAL, load
from verifill.build import build, load_strategy
from verifill.engine.errors import ConfigError, DataError, StrategyError

SOURCE = 'source = "strategy.py"'
DECIDE = "    def decide(self, market, positions, last):\n        return []\n"
ONE = f"class One:\n{DECIDE}"
TWO = f"{ONE}\n\nclass Two:\n{DECIDE}"


def loaded(folder: Path, code: str, source: str = "strategy.py", options: str = "{}") -> object:
    change = (SOURCE, f'source = "{source}"\noptions = {options}')
    return load_strategy(load(folder, MINIMAL, change, strategy=code))


def refused(folder: Path, code: str, source: str = "strategy.py", options: str = "{}") -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, code, source, options)
    return str(caught.value)


def blamed(folder: Path, code: str, options: str = "{}") -> str:
    with pytest.raises(StrategyError) as caught:
        loaded(folder, code, options=options)
    return str(caught.value)


def test_a_file_with_one_strategy_needs_no_name(tmp_path: Path) -> None:
    assert "One" == type(loaded(tmp_path, ONE)).__name__


def test_a_file_with_several_needs_one(tmp_path: Path) -> None:
    assert "Two" == type(loaded(tmp_path, TWO, "strategy.py:Two")).__name__
    words = refused(tmp_path, TWO)

    assert "has 2 strategies, where one is wanted; classes with decide() there: One, Two" in words
    assert "has no strategy Three" in refused(tmp_path, TWO, "strategy.py:Three")
    assert "has 0 strategies" in refused(tmp_path, "class NoStrategy: pass")


def test_what_a_file_imports_is_not_taken_for_its_strategy(tmp_path: Path) -> None:
    (tmp_path / "beside_it.py").write_text(TWO)
    strategy = loaded(tmp_path, f"import beside_it\nfrom beside_it import One as Base\n\n{ONE}")

    assert "One" == type(strategy).__name__
    assert str(tmp_path) not in sys.path


def test_a_strategy_can_be_named_by_its_module(tmp_path: Path) -> None:
    assert (
        "Deciding"
        == type(loaded(tmp_path, "", "tests.runs:Deciding", '{ decide = "nothing" }')).__name__
    )


@pytest.mark.parametrize("source", ["nowhere.to:Be", "nowhere:Be"])
def test_a_module_that_is_not_there_is_refused(tmp_path: Path, source: str) -> None:
    assert "there is no module 'nowhere" in refused(tmp_path, "", source)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    words = refused(tmp_path, "", "none.py")

    assert f"there is no file {tmp_path}/none.py; correct the path" in words


@pytest.mark.parametrize("source", ["strategy", "strategy.txt", "a:b:c"])
def test_a_source_that_is_neither_file_nor_module_is_refused(tmp_path: Path, source: str) -> None:
    assert "allowed is file.py, file.py:Class, module:Class" in refused(tmp_path, "", source)


def test_options_are_keyword_arguments(tmp_path: Path) -> None:
    code = f"class One:\n    def __init__(self, *, size):\n        self.size = size\n{DECIDE}"

    assert "0.5" == loaded(tmp_path, code, options='{ size = "0.5" }').size  # type: ignore[attr-defined]  # the user's own class
    words = refused(tmp_path, code, options="{ sise = 1 }")
    assert "strategy.options do not fit One(*, size): missing a required argument: 'size'" in words


def test_the_class_of_a_file_is_found_by_its_module(tmp_path: Path) -> None:
    strategy = loaded(tmp_path, ONE)

    assert isinstance(pickle.loads(pickle.dumps(strategy)), type(strategy))  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("code", "line", "words"),
    [
        ("import nothing_like_it\n", 1, "ModuleNotFoundError: No module named 'nothing_like_it'"),
        (f"\n\n1 / 0\n{ONE}", 3, "ZeroDivisionError: division by zero"),
        ("def f(:\n", 1, "SyntaxError: "),
        ("raise SystemExit(3)\n", 1, "SystemExit: 3"),
        (f"class One:\n    def __init__(self):\n        int('x')\n{DECIDE}", 3, "ValueError: inv"),
        (f"import json\n\njson.loads('x')\n{ONE}", 3, "JSONDecodeError: Expecting value"),
    ],
)
def test_what_the_strategys_code_raises_is_told_with_file_and_line(
    tmp_path: Path, code: str, line: int, words: str
) -> None:
    told = blamed(tmp_path, code)

    assert told.startswith(f"{tmp_path}/strategy.py, line {line}: the strategy raised ")
    assert words in told
    assert "Traceback" not in told


def test_an_error_of_ours_keeps_its_words(tmp_path: Path) -> None:
    code = (
        "from verifill.engine.errors import DataError\n\n\n"
        f"class One:\n    def __init__(self):\n        raise DataError('mine')\n{DECIDE}"
    )

    with pytest.raises(DataError, match=r"^mine$"):
        loaded(tmp_path, code)


def test_a_module_that_raises_is_blamed_with_its_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raising_module.py").write_text("x = 1\n1 / 0\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    with pytest.raises(StrategyError, match=r"raising_module\.py, line 2: .*ZeroDivision"):
        loaded(tmp_path, "", "raising_module:One")


def test_a_strategy_is_looked_at_before_the_data(tmp_path: Path) -> None:
    change = ('file = "btc.csv"', 'file = "none.csv"')

    with pytest.raises(StrategyError):
        build(load(tmp_path, MINIMAL, change, strategy="1 / 0"), work=tmp_path / "work")
