"""A backtest's log that was changed: every change is found, with its place.

What merely was changed is found by the chain. What its owner made anew, chain and all, is
found by what it claims; and what claims nothing wrong, by the root that was kept elsewhere.
"""

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from msgspec.structs import replace

from tests.runs import buy, ran, sell, ticks
from verifill.engine.digest import canonical_json, sha256_file, sha256_hex
from verifill.engine.errors import LogError
from verifill.engine.log.reader import Log
from verifill.engine.log.writer import HEADER, MANIFEST
from verifill.engine.verify.log import as_plain, verify
from verifill.engine.verify.verdict import FAULTS_SHOWN

Change = Callable[[pl.DataFrame], pl.DataFrame]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plans = [[buy()], [], [buy(), sell()], [sell("0.005")], [], [sell("0.005")]]
    log, _ = ran(tmp_path_factory.mktemp("run"), ticks(plans), rows=12)
    return log


@pytest.fixture
def log(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "log"))


def faults(log: Path, root: str = "") -> Mapping[str, Sequence[tuple[str, str]]]:
    """Check -> places where its claim is not true."""
    verdict = verify(log, root=root)
    found = {c.name: [(f.where, f.what) for f in c.faults] for c in verdict.checks if c.count}
    assert verdict.conforms == (not found)
    return found


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (log / MANIFEST).read_text().splitlines()]


def write(log: Path, told: Sequence[Mapping[str, Any]]) -> None:
    (log / MANIFEST).write_bytes(b"".join(canonical_json(line) + b"\n" for line in told))


def rechain(log: Path, told: Sequence[dict[str, Any]] | None = None) -> None:
    """Make hashes and chain anew, as the owner of a log can."""
    previous = sha256_hex((log / HEADER).read_bytes())
    anew: list[dict[str, Any]] = []
    for line in told or lines(log):
        for file in line.get("files", ()):
            file["sha256"] = sha256_file(log / file["name"])
            file["rows"] = pl.scan_parquet(log / file["name"]).select(pl.len()).collect().item()
        line["previous"] = previous
        line.pop("hash", None)
        line["hash"] = sha256_hex(canonical_json(line))
        previous = sha256_hex(canonical_json(line))
        anew.append(line)
    write(log, anew)


def change(log: Path, stream: str, how: Change, chunk: int = 1) -> None:
    """Change a file of a stream, by default its first, and make the chain anew."""
    path = log / f"{chunk:06d}.{stream}.parquet"
    how(pl.read_parquet(path)).write_parquet(path)
    rechain(log)


def ordinary(log: Path) -> None:
    """Store what went the usual way as any other instruction is stored."""
    told = lines(log)
    reader = Log(log)
    codes = {text: at for at, text in enumerate(reader.codes)}
    for name in ("paths", "instructions", "fills", "positions"):
        frame = reader.stream(name).collect()
        texts = [c for c, kind in frame.schema.items() if isinstance(kind, pl.Enum)]
        frame = frame.with_columns(
            pl.col(c).cast(pl.String).replace_strict(codes, return_dtype=pl.Int32) for c in texts
        )
        frame.write_parquet(log / f"000001.{name}.parquet")
        if not any(file["stream"] == name for file in told[0]["files"]):
            told[0]["files"].append({"stream": name, "name": f"000001.{name}.parquet"})
    told[0]["files"] = [file for file in told[0]["files"] if file["stream"] != "usual"]
    (log / "000001.usual.parquet").unlink()
    rechain(log, told)


@pytest.fixture
def plain(log: Path) -> Path:
    ordinary(log)
    return log


def test_a_log_as_it_was_written_conforms(log: Path) -> None:
    assert {} == faults(log)


def test_what_went_the_usual_way_may_be_stored_like_anything_else(plain: Path) -> None:
    assert {} == faults(plain)


def test_the_root_is_the_hash_of_the_last_line(log: Path) -> None:
    last = (log / MANIFEST).read_bytes().splitlines()[-1]

    assert sha256_hex(last) == verify(log).root
    assert {} == faults(log, sha256_hex(last))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_flipped_bit_in_any_file_is_found_with_the_file(made: Path, tmp_path: Path) -> None:
    names = [path.name for path in made.glob("*.parquet")]
    assert names
    for name in names:
        copy = Path(shutil.copytree(made, tmp_path / name))
        flip(copy / name)

        assert [name] == [where for where, _ in faults(copy)["files"]]


def test_a_changed_header_is_found(log: Path) -> None:
    header = json.loads((log / HEADER).read_bytes())
    (log / HEADER).write_bytes(canonical_json(header | {"seed": 77}))

    ((where, what),) = faults(log)["chain"]

    assert f"{MANIFEST} line 1" == where
    assert "does not follow the header.json" in what


def test_a_missing_file_is_found(log: Path) -> None:
    (log / "000001.fills.parquet").unlink(missing_ok=True)
    (log / "000001.usual.parquet").unlink()

    found = faults(log)

    assert ("000001.usual.parquet", found["files"][0][1]) in found["files"]
    assert "no such file" in found["files"][0][1]
    assert "the rest could not be checked" in found["reading"][0][1]


def test_an_added_file_is_found(log: Path) -> None:
    shutil.copy(log / "000001.usual.parquet", log / "000002.fills.parquet")

    ((where, what),) = faults(log)["files"]

    assert "000002.fills.parquet" == where
    assert "added" in what


def test_an_added_line_is_found(log: Path) -> None:
    first, *rest = lines(log)
    write(log, [first, first, *rest])

    found = faults(log)

    assert f"{MANIFEST} line 2" == found["chain"][0][0]


def test_a_line_out_of_its_place_is_found(log: Path) -> None:
    write(log, lines(log)[::-1])

    found = faults(log)

    assert f"{MANIFEST} line 1" == found["chain"][0][0]
    assert "end" in found


def test_lines_after_the_end_are_found_in_a_chain_made_anew(log: Path) -> None:
    told = lines(log)
    rechain(log, [told[-1], told[0]])

    what = [what for _, what in faults(log)["chain"]]

    assert "says how the run ended, and there are more lines" in what
    assert "names chunk 1 and should name chunk 2" in what


def test_a_line_that_was_cut_off_is_found(log: Path) -> None:
    whole = (log / MANIFEST).read_bytes()
    (log / MANIFEST).write_bytes(whole[:-10])

    found = faults(log)

    assert "cut off" in found["chain"][0][1]
    assert "no line says how the run ended" in found["end"][0][1]


def test_a_line_that_is_none_is_found(log: Path) -> None:
    with (log / MANIFEST).open("ab") as manifest:
        manifest.write(b"[1]\n{\n")

    assert "is no line of a manifest" in faults(log)["chain"][-1][1]


def test_an_end_that_was_cut_off_is_found(log: Path) -> None:
    write(log, lines(log)[:-1])

    ((where, what),) = faults(log)["end"]

    assert f"{MANIFEST} line 2" == where
    assert "killed or goes on" in what


@pytest.mark.parametrize("at", [0, -1])
def test_an_edited_line_is_found_the_last_one_too(at: int, log: Path) -> None:
    told = lines(log)
    changed: dict[str, Any] = {"end": {"ending": "FAILED"}} if at else {"codes": []}
    told[at] |= changed
    write(log, told)

    where, what = faults(log)["chain"][0]

    assert f"{MANIFEST} line {range(1, len(told) + 1)[at]}" == where
    assert "was edited" in what


def test_a_line_that_has_lost_its_own_hash_is_found(log: Path) -> None:
    told = lines(log)
    told[-1] = {"end": {"ending": "FAILED"}, "previous": told[-1]["previous"]}
    write(log, told)

    assert "was edited" in faults(log)["chain"][0][1]


def test_a_log_whose_lines_have_no_hashes_of_their_own_is_followed_as_before(log: Path) -> None:
    previous, before = sha256_hex((log / HEADER).read_bytes()), list[dict[str, Any]]()
    for line in lines(log):
        del line["hash"]
        before.append(line | {"previous": previous})
        previous = sha256_hex(canonical_json(before[-1]))
    write(log, before)

    assert {} == faults(log)


def test_no_manifest_is_told(log: Path) -> None:
    (log / MANIFEST).unlink()

    with pytest.raises(LogError, match=r"manifest\.jsonl cannot be read: there is no such file"):
        verify(log)


def test_rows_that_the_manifest_does_not_tell_are_found(log: Path) -> None:
    told = lines(log)
    told[0]["files"][0]["rows"] += 1
    write(log, told)

    assert "rows, and the manifest says" in faults(log)["files"][0][1]


def test_foreign_columns_are_found(plain: Path) -> None:
    change(plain, "fills", lambda fills: fills.rename({"fee": "free"}))

    assert "has not the columns of its stream; see fee, free" in faults(plain)["files"][0][1]


def test_columns_in_another_order_are_no_change(plain: Path) -> None:
    change(plain, "fills", lambda fills: fills.select(sorted(fills.columns)))

    assert {} == faults(plain)


def test_columns_of_another_type_are_found(plain: Path) -> None:
    change(plain, "fills", lambda fills: fills.with_columns(pl.col("seq").cast(pl.Int32)))

    assert "has not the columns of its stream; see seq" in faults(plain)["files"][0][1]


# What an owner made anew.


def without(number: int) -> Change:
    return lambda frame: frame.filter(pl.int_range(pl.len()) != number)


def moved(column: str, by: int, at: int) -> Change:
    """One value of a column, more by so much."""
    here = pl.int_range(pl.len()) == at
    return lambda frame: frame.with_columns(
        pl.when(here).then(pl.col(column) + by).otherwise(pl.col(column)).alias(column)
    )


def test_a_row_that_was_removed_leaves_a_gap(plain: Path) -> None:
    change(plain, "paths", without(3))

    found = faults(plain)

    assert "is due" in found["sequence"][0][1]


def test_a_number_that_was_changed_leaves_a_gap(plain: Path) -> None:
    change(plain, "paths", moved("seq", 1, 3))

    assert len(faults(plain)["sequence"]) in (1, 2)


def test_another_path_does_not_go_on_from_the_one_before(plain: Path) -> None:
    paths = pl.read_parquet(plain / "000001.paths.parquet")["path"]
    first = paths[0]
    change(plain, "paths", moved("path", first - paths[4], 4))

    found = faults(plain)

    assert "begins in START, and the machine was in" in found["continuity"][0][1]


def test_a_path_that_there_is_not_is_found(plain: Path) -> None:
    change(plain, "paths", moved("path", 10_000, 2))

    assert "names a path that there is not" in faults(plain)["paths"][0][1]


@pytest.mark.parametrize(
    ("step", "what"),
    [
        ((0, 0, 0, 99, 0), "names a path, state, event or move that there is not"),
        ((0, 0, 0, 0, 7), "names a path, state, event or move that there is not"),
        ((0, 0, 1, 0, 0), "has no row"),
        ((0, 0, 0, 2, 0), "goes to RECOVER, and the log says MOVED"),
        ((0, 0, 0, 0, 2), "goes to RECOVER, and the log says REFUSED"),
        ((0, 0, 0, 0, 1), "goes to RECOVER, and the log says IGNORED"),
        ((1, 0, 0, 1, 0), "goes on in START after path 1, which ends in RECOVER"),
    ],
)
def test_a_path_that_the_table_does_not_have_is_found(
    log: Path, step: tuple[int, ...], what: str
) -> None:
    told = lines(log)
    told[0]["paths"].append(list(step))
    rechain(log, told)

    assert what in faults(log)["legality"][0][1]


def test_a_repeat_that_is_told_as_a_move_is_found(log: Path) -> None:
    nesting = Log(log).header["nesting"]
    leaf, tick = nesting["states"].index("DECIDE"), nesting["events"].index("tick")
    told = lines(log)
    told[0]["paths"] += [[leaf, leaf, tick, leaf, 1], [leaf, leaf, tick, leaf, 0]]
    rechain(log, told)

    ((_, what),) = faults(log)["legality"]

    assert "(DECIDE, tick) is a repeat that stays, and the log says MOVED to DECIDE" == what


def test_time_that_goes_back_is_found(plain: Path) -> None:
    change(plain, "paths", moved("time_ns", -(10**18), 4))

    assert "ns, and the one before it of" in faults(plain)["clock"][0][1]


@pytest.mark.parametrize("column", ["tick", "instruction"])
def test_a_number_that_goes_back_is_found(plain: Path, column: str) -> None:
    paths = pl.read_parquet(plain / "000001.paths.parquet")
    last = paths.with_row_index("at").filter(pl.col("instruction") > 1)["at"][-1]
    change(plain, "paths", moved(column, 1 - paths[column][last], last))

    told = {what for _, what in faults(plain)["nesting"]}

    assert f"goes back to an earlier {column}" in told


def test_an_instruction_without_its_number_is_found(plain: Path) -> None:
    paths = pl.read_parquet(plain / "000001.paths.parquet")
    at = paths.with_row_index("at").filter(instruction=1)["at"][0]
    change(plain, "paths", moved("instruction", -1, at))

    told = [what for _, what in faults(plain)["nesting"]]

    assert ["is inside a machine and has no number of its instruction"] == told


def test_a_decision_that_was_removed_is_found(plain: Path) -> None:
    change(plain, "instructions", without(1))

    assert ("instruction 2", "has 0 decisions and 1 answers to sends") in faults(plain)["decisions"]


def test_a_decision_of_nothing_that_ran_is_found(plain: Path) -> None:
    change(
        plain, "instructions", lambda rows: pl.concat([rows, moved("instruction", 90, 0)(rows[:1])])
    )

    assert "instruction 91" == faults(plain)["decisions"][0][0]


def test_a_fill_that_was_removed_is_found(plain: Path) -> None:
    change(plain, "fills", without(0))

    ((where, what),) = faults(plain)["effects"]

    assert "instruction 1" == where
    assert "with no fill and no move" in what


def test_a_fill_of_another_instruction_is_found(plain: Path) -> None:
    change(plain, "fills", moved("instruction", 1, 0))

    told = [what for _, what in faults(plain)["effects"]]

    assert "has fills of instruction 2, which did not run then" == told[0]


def test_a_fill_that_is_told_twice_is_found(plain: Path) -> None:
    change(plain, "fills", lambda fills: pl.concat([fills, fills[:1]]).sort("seq"))

    ((_, what),) = faults(plain)["references"]

    assert what.endswith("is told 2 times")


def test_a_reference_of_two_instructions_is_found(plain: Path) -> None:
    change(plain, "fills", lambda fills: fills.with_columns(ref=pl.lit("one")))

    told = [what for _, what in faults(plain)["references"]]

    assert any(what.endswith("is of 5 instructions") for what in told)


def test_a_position_outside_of_its_bounds_is_found(plain: Path) -> None:
    change(plain, "positions", lambda rows: rows.with_columns(pl.col("total") + 1_000_000))

    found = faults(plain)["positions"]

    assert "instruction 1 was verified with binance.spot:BaseToken:BTC at" in found[0][1]


@pytest.mark.parametrize(
    ("stream", "column"), [("fills", "quantity"), ("positions", "total"), ("usual", "quantity")]
)
def test_a_fill_and_a_position_that_do_not_add_up_are_found(
    made: Path, tmp_path: Path, stream: str, column: str
) -> None:
    """Also where it went the usual way, and both are of one row."""
    shutil.copytree(made, tmp_path / "other")
    log = tmp_path / "other"
    if stream != "usual":
        ordinary(log)
    at = pl.read_parquet(log / f"000001.{stream}.parquet").height - 2

    change(log, stream, moved(column, 1, at))

    places = faults(log)["sums"]
    assert all(where.startswith("record ") for where, _ in places)
    assert any(" is -1 apart from what" in what or " is 1 apart from what" in what
               for _, what in places)  # fmt: skip


@pytest.fixture
def parted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log in many chunks; from the second on, all went the usual way."""
    monkeypatch.setattr("verifill.engine.log.writer.LOOSE_ROWS", 10)
    monkeypatch.setattr("verifill.engine.log.writer.CHUNK_ROWS", 10)
    bought = replace(buy(), name="")  # one with a name is never stored so
    plans = [[bought], [sell("0.005")], [], [bought, sell()], [sell("0.002")]] * 8
    log, _ = ran(tmp_path / "run", ticks(plans), rows=42)
    return log


def test_what_went_the_usual_way_adds_up_from_chunk_to_chunk(parted: Path) -> None:
    stored = [{file["stream"] for file in line["files"]} for line in lines(parted)[1:-1]]

    assert all(streams <= {"paths", "usual"} for streams in stored)
    assert stored.count({"paths", "usual"}) >= 3
    assert {} == faults(parted)


@pytest.mark.parametrize("column", ["quantity", "base_total"])
def test_a_later_chunk_that_does_not_add_up_is_found(parted: Path, column: str) -> None:
    change(parted, "usual", moved(column, 1, 1), chunk=3)

    told = [what for _, what in faults(parted)["sums"]]
    assert told
    assert all(re.search(" is -?1 apart from what instruction ", what) for what in told)


def test_usual_rows_in_another_order_are_added_up_in_that_of_their_numbers(parted: Path) -> None:
    change(parted, "usual", lambda rows: rows.reverse(), chunk=3)

    assert "sums" not in faults(parted)


def test_what_claims_nothing_wrong_is_found_by_its_root(plain: Path) -> None:
    root = verify(plain).root
    change(plain, "fills", moved("fee", 1, 0))

    assert {} == faults(plain)
    ((_, what),) = faults(plain, root)["root"]
    assert f"{root} was kept" in what


Part = Callable[[dict[str, Any]], object]


def header(log: Path, **changed: Part) -> None:
    told = json.loads((log / HEADER).read_bytes())
    for name, how in changed.items():
        told[name] = how(told[name])
    (log / HEADER).write_bytes(canonical_json(told))
    rechain(log)


def changed(table: dict[str, Any]) -> dict[str, Any]:
    return table | {"rows": [row for row in table["rows"] if row[1] != "skip"]}


@pytest.mark.parametrize(
    ("odd", "what"),
    [
        ({"digest": "0" * 64}, "and the header says 000"),
        ({"states": ["START"]}, "are not those of its table"),
        ({"holders": {"": "full_loop"}}, "nesting of the header is not"),
    ],
)
def test_a_table_that_is_not_as_the_header_says_is_found(
    log: Path, odd: dict[str, Any], what: str
) -> None:
    told = json.loads((log / HEADER).read_bytes())
    told["nesting"] |= odd
    (log / HEADER).write_bytes(canonical_json(told))
    rechain(log)

    assert what in faults(log)["table"][0][1]


@pytest.mark.parametrize("table", [None, {}, {"rows": []}])
def test_no_table_to_check_against_is_told(log: Path, table: object) -> None:
    def nothing(_table: dict[str, Any]) -> object:
        return table

    header(log, table=nothing)

    with pytest.raises(LogError, match="holds no table that can be checked against"):
        verify(log)


def test_a_header_without_a_run_is_told(log: Path) -> None:
    told = json.loads((log / HEADER).read_bytes())
    del told["run"]
    (log / HEADER).write_bytes(canonical_json(told))

    with pytest.raises(LogError, match=r"cannot be checked: header\.json misses 'run'"):
        verify(log)


def test_a_table_that_is_no_machine_is_told(log: Path) -> None:
    header(log, table=changed)

    with pytest.raises(LogError, match="no row uses skip"):
        verify(log)


def test_a_log_of_an_older_table_is_checked_against_that_table(log: Path) -> None:
    def older(table: dict[str, Any]) -> dict[str, Any]:
        rows = [row for row in table["rows"] if row != ["FAILED", "stop", "HALTED"]]
        return table | {"rows": [*rows, ["FAILED", "stop", "IDLE"]]}

    old = older(json.loads((log / HEADER).read_bytes())["table"])

    def anew(nesting: dict[str, Any]) -> dict[str, Any]:
        return nesting | {"digest": sha256_hex(canonical_json(old))}

    header(log, table=older, nesting=anew)

    assert {} == faults(log)


def test_only_the_first_faults_are_written_out(plain: Path) -> None:
    change(plain, "paths", lambda rows: rows.with_columns(pl.col("seq") * 2))

    (found,) = [check for check in verify(plain).checks if check.name == "sequence"]

    assert FAULTS_SHOWN >= len(found.faults)
    assert found.count >= len(found.faults)


def test_a_verdict_as_plain_values_can_be_written_as_json(plain: Path) -> None:
    change(plain, "fills", without(0))

    told = json.loads(json.dumps(as_plain(verify(plain))))

    assert not told["conforms"]
    broken = [check for check in told["checks"] if not check["holds"]]
    assert ["effects"] == [check["name"] for check in broken]
    assert "instruction 1" == broken[0]["places"][0]["where"]


def test_an_instruction_that_is_left_open_is_listed(plain: Path) -> None:
    end_in(plain, 1, "AWAIT_POSITION")

    verdict = verify(plain)

    (left,) = verdict.open
    assert (1, "INSTRUCTION.AWAIT_POSITION") == (left.instruction, left.leaf)


def test_an_instruction_that_was_left_while_others_followed_is_found(plain: Path) -> None:
    end_in(plain, 1, "AWAIT_POSITION", rest=True)

    found = faults(plain)

    assert "was left in INSTRUCTION.AWAIT_POSITION at record" in found["instructions"][0][1]


def end_in(log: Path, number: int, leaf: str, *, rest: bool = False) -> None:
    """End an instruction in a leaf, and with it the log unless the rest is to stay."""
    reader = Log(log)
    states = reader.header["nesting"]["states"]
    ending = next(at for at, path in enumerate(reader.paths) if states[path[3]].endswith(leaf))
    paths = pl.read_parquet(log / "000001.paths.parquet").with_row_index("at")
    at = paths.filter(instruction=number)["at"][0]
    path = pl.when(pl.col("at") == at).then(len(states) + ending).otherwise("path").alias("path")
    ended = paths if rest else paths.filter(pl.col("at") <= at)
    ended.with_columns(path).drop("at").write_parquet(log / "000001.paths.parquet")
    rechain(log)


def test_a_file_that_was_cut_short_is_found_with_its_name(log: Path) -> None:
    path = log / "000001.usual.parquet"
    path.write_bytes(path.read_bytes()[:500])

    found = faults(log)

    assert path.name == found["files"][0][0]
    assert "cannot be read" in found["files"][0][1]
    assert "the rest could not be checked" in found["reading"][0][1]
