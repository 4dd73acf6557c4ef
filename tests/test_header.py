"""A log explains itself: its header carries what ran."""

import json
from pathlib import Path

from tests.runs import buy, ran, ticks
from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.log.reader import Log
from verifill.machines.full_loop import FULL_LOOP


def test_the_header_carries_the_table_that_its_digest_is_of(tmp_path: Path) -> None:
    ran(tmp_path, ticks([[buy()]]))
    header = Log(tmp_path / "log").header
    carried = canonical_json(header["table"])

    assert FULL_LOOP.digest == sha256_hex(carried)
    assert FULL_LOOP.digest == header["nesting"]["digest"]


def test_the_header_names_mode_seed_digests_and_versions(tmp_path: Path) -> None:
    ran(tmp_path, ticks([[buy()]]))
    header = json.loads((tmp_path / "log" / "header.json").read_text())

    assert ("backtest", 0) == (header["mode"], header["seed"])
    assert sha256_hex(canonical_json({})) == header["config_digest"]
    assert {"python", "verifill", "transitions", "polars"} <= header["versions"].keys()
    assert header["data_digest"]
