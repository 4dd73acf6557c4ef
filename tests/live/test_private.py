"""A live run makes the files of its log private again, and says so on stderr and in the log."""

import json
from pathlib import Path

import pytest

from tests.live.inside import Inside
from tests.live.worlds import written
from verifill.engine.log.durable_reader import DurableReader
from verifill.engine.log.opening import TIGHTENED
from verifill.telling import Style, telling


def test_a_start_says_which_files_were_not_private(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = Inside(tmp_path, written(tmp_path))
    world.live(1)
    names = ("header.json", "log.sqlite", "mark")
    for path in (*(world.log / name for name in names), tmp_path / "anchor"):
        path.chmod(0o644)
    world.live(1, telling(Style.JSON))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    warned = {line["file"] for line in lines if line["event"] == TIGHTENED}
    payloads = DurableReader(world.log).records().collect().filter(kind="EPOCH")["payload"]

    assert {0} == {path.stat().st_mode & 0o077 for path in world.log.iterdir()}
    assert {"warning"} == {line["level"] for line in lines if line["event"] == TIGHTENED}
    for path in (*(world.log / name for name in names), tmp_path / "anchor"):
        assert f"{path} had mode 0644, and is private again" in warned
    assert warned == set(json.loads(payloads[-1])[TIGHTENED])
