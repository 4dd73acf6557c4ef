"""The digest of a configuration, and its plain values."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.config.examples import MINIMAL, WHOLE, load, write
from verifill.config.rules import Each, Name, Rule, Within
from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.errors import ConfigError

DIGEST = """
import sys
from verifill.config import load_config
print(load_config(sys.argv[1], {}).digest)
"""


Plain = str | int | bool | None | dict[str, "Plain"] | list["Plain"]


def leaves(value: Plain) -> list[object]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


def test_the_digest_is_that_of_the_canonical_plain_values(tmp_path: Path) -> None:
    config = load(tmp_path)

    assert sha256_hex(canonical_json(config.as_dict())) == config.digest
    assert config.as_dict() == json.loads(canonical_json(config.as_dict()))


def test_the_digest_is_the_same_in_every_process(tmp_path: Path) -> None:
    path = write(tmp_path)
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST, str(path)],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }

    assert {load(tmp_path).digest} == digests


def test_plain_values_hold_no_float(tmp_path: Path) -> None:
    assert {str, int, bool, type(None)} == {type(leaf) for leaf in leaves(load(tmp_path).as_dict())}


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ('log = "logs/whole"', 'log = "elsewhere"', True),
        ('fee = "0.00075"', 'fee = "0.000750"', True),
        ("factor = 3", 'factor = "3.0"', True),
        ("remainders = 2", "remainders = 3", False),
        ('fee = "0.00075"', 'fee = "0.00076"', False),
        ("seed = 7", "", False),
    ],
)
def test_the_digest_tells_runs_apart_and_nothing_else(
    tmp_path: Path, old: str, new: str, *, same: bool
) -> None:
    assert same == (load(tmp_path).digest == load(tmp_path, WHOLE, (old, new)).digest)


def test_what_is_left_out_is_in_the_plain_values_too(tmp_path: Path) -> None:
    plain = load(tmp_path, MINIMAL).as_dict()

    assert "0.05" == plain["exchanges"]["binance"]["instruments"][0]["collar"]
    assert None is plain["retry"]["live"]["sends"]["attempts"]
    assert {"log", "file"} & plain.keys() == set()


def test_a_rule_says_what_it_allows() -> None:
    assert "each 0 to 3; keys are " + str(Name()) == str(Each(Within(0, 3), key=Name()))
    assert "0 or more" == str(Each(Each(Within(0)))).removeprefix("each ")
    with pytest.raises(NotImplementedError):
        Rule().check("x", 1)


def test_an_error_of_a_configuration_begins_with_its_file(tmp_path: Path) -> None:
    config = load(tmp_path)

    assert isinstance(config.error("x"), ConfigError)
    assert f"{tmp_path}/run.toml: x" == str(config.error("x"))
