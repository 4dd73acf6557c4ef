"""`verifill verify`: the verdict as text, as JSON and as an exit code."""

import json
import re
import shutil
from pathlib import Path

from tests.cli.conftest import Verifill
from tests.machines.support import buy
from tests.machines.test_lives import world
from verifill.cli.failures import ExitCode


def test_a_log_that_conforms(log: Path, command: Verifill) -> None:
    told = command("verify", log)

    assert ExitCode.COMPLETED == told.exit_code, told.output
    assert "CONFORMS" == told.stdout.splitlines()[-1]
    assert "ok  chain" in told.stdout


def test_the_verdict_as_json_has_the_root_that_can_be_held_against_the_log(
    log: Path, command: Verifill
) -> None:
    told = json.loads(command("verify", log, "--json").stdout)

    assert told["conforms"]
    assert 64 == len(told["root"])
    again = command("verify", log, "--root", told["root"])
    assert ExitCode.COMPLETED == again.exit_code
    other = command("verify", log, "--root", "0" * 64)
    assert ExitCode.ENDED_EARLY == other.exit_code
    assert "was kept" in other.stdout


def test_a_log_that_was_changed_says_where(log: Path, tmp_path: Path, command: Verifill) -> None:
    copy = shutil.copytree(log, tmp_path / "copy")
    (path,) = copy.glob("*.paths.parquet")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    told = command("verify", copy)

    assert ExitCode.ENDED_EARLY == told.exit_code
    assert "DOES NOT CONFORM" == told.stdout.splitlines()[-1]
    assert f"files: {path.name} has the hash" in re.sub(r"\s+", " ", told.stdout)


def test_what_is_no_log_is_refused(tmp_path: Path, command: Verifill) -> None:
    told = command("verify", tmp_path / "nothing")

    assert told.exit_code in (ExitCode.BAD_INPUT, ExitCode.ENVIRONMENT)
    assert "is no log" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_live_log_asks_the_anchor_beside_it(tmp_path: Path, command: Verifill) -> None:
    lived = world(tmp_path, [buy("1")])
    lived.live(2)
    live, anchor = lived.log, Path(f"{lived.log}.anchor")
    (tmp_path / "anchor").rename(anchor)
    found = command("verify", live)
    elsewhere = anchor.rename(tmp_path / "elsewhere")

    assert ExitCode.COMPLETED == found.exit_code, found.stdout
    assert ExitCode.ENDED_EARLY == command("verify", live).exit_code
    assert ExitCode.COMPLETED == command("verify", live, "--anchor", elsewhere).exit_code
    waived = command("verify", live, "--no-anchor")
    assert ExitCode.COMPLETED == waived.exit_code
    assert "anchor: not checked, no anchor was named" in waived.stdout
