"""Writing a log: chunks with hashes, a chained manifest, and nothing lost or overwritten."""

import fcntl
import json
from collections.abc import Callable
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.engine.test_executor import DOOR
from verifill.engine.compile import compile_table
from verifill.engine.digest import canonical_json
from verifill.engine.errors import LogError, LogExists
from verifill.engine.executor import CompiledExecutor, Context
from verifill.engine.log.reader import Log
from verifill.engine.log.schema import STREAMS
from verifill.engine.log.streams import AMOUNT, CODE, INT, TEXT, Stream, dtype_of
from verifill.engine.log.writer import (
    CHUNK_ROWS,
    Claim,
    Writer,
    check_room,
    is_log,
    make_room,
    reason_of,
)

HEADER = {"run": "r", "epoch": 1}


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def written(folder: Path, paths: int = 3, **given: Any) -> Writer:  # noqa: ANN401 - of Writer
    """A log with so many rows of paths and a note for each."""
    log = Writer(folder, HEADER, **given)
    for seq in range(1, paths + 1):
        log.streams["notes"].append((seq, 0, log.codes["KIND"], f"note {seq}"))
        log.path(seq, 1, Context())
    return log


def test_a_log_has_a_header_with_its_streams_and_their_columns(tmp_path: Path) -> None:
    written(tmp_path).close({"ending": "COMPLETED"})

    header = json.loads((tmp_path / "header.json").read_text())
    assert {"run": "r", "epoch": 1, "schema_version": 1} == {
        name: value for name, value in header.items() if name != "streams"
    }
    assert {name: dict(columns) for name, columns in STREAMS.items()} == header["streams"]


def test_every_chunk_is_named_with_its_rows_and_its_hash(tmp_path: Path) -> None:
    written(tmp_path).close({})

    (chunk, end) = lines(tmp_path)
    assert ({"end": {}}, 1) == ({"end": end["end"]}, chunk["chunk"])
    assert {"notes", "paths"} == {file["stream"] for file in chunk["files"]}
    for file in chunk["files"]:
        path = tmp_path / file["name"]
        assert sha256(path.read_bytes()).hexdigest() == file["sha256"]
        assert 3 == file["rows"] == pl.read_parquet(path).height


def test_each_line_carries_the_hash_of_the_one_before_it(tmp_path: Path) -> None:
    log = written(tmp_path)
    for seq in (4, 5):
        log.flush()
        log.path(seq, 1, Context())
    log.close({})

    header = (tmp_path / "header.json").read_bytes()
    texts = [header, *(tmp_path / "manifest.jsonl").read_bytes().splitlines()]
    assert 5 == len(texts)
    for before, after in pairwise(texts):
        assert sha256(before).hexdigest() == json.loads(after)["previous"]


def test_each_line_carries_the_hash_of_the_rest_of_it(tmp_path: Path) -> None:
    written(tmp_path).close({"b": 1})

    told = lines(tmp_path)
    assert 2 == len(told)
    for line in told:
        own = line.pop("hash")
        assert sha256(canonical_json(line)).hexdigest() == own


def test_a_line_is_canonical(tmp_path: Path) -> None:
    written(tmp_path).close({"b": 1, "a": 2})

    for text in (tmp_path / "manifest.jsonl").read_bytes().splitlines():
        assert canonical_json(json.loads(text)) == text


def test_buffers_are_emptied_at_each_chunk(tmp_path: Path) -> None:
    log = written(tmp_path, CHUNK_ROWS - 1)
    assert CHUNK_ROWS - 1 == log.streams["paths"].rows == log.streams["notes"].rows

    log.path(CHUNK_ROWS, 1, Context())

    assert {0} == {stream.rows for stream in log.streams.values()}
    log.flush()
    assert 1 == len(lines(tmp_path))


def test_whoever_asked_is_told_of_each_chunk(tmp_path: Path) -> None:
    log = Writer(tmp_path, HEADER)
    told: list[int] = []
    log.on_chunk = lambda: told.append(seq)
    for seq in range(1, 2 * CHUNK_ROWS + 1):
        log.path(seq, 1, Context())
    log.flush()

    assert [CHUNK_ROWS, 2 * CHUNK_ROWS] == told
    assert 2 == len(lines(tmp_path))


def test_a_chunk_that_cannot_be_written_is_told_by_the_next_and_no_more_is_written(
    tmp_path: Path,
) -> None:
    log = Writer(tmp_path / "log", HEADER)

    def go_on(count: int) -> None:
        for seq in range(count):
            log.path(seq, 1, Context())

    go_on(CHUNK_ROWS - 1)
    (tmp_path / "log").rename(tmp_path / "moved")
    with pytest.raises(LogError, match=r"000001.paths.parquet cannot be .* complete up to chunk 0"):
        go_on(CHUNK_ROWS + 1)
    (tmp_path / "moved").rename(tmp_path / "log")
    log.path(2 * CHUNK_ROWS + 1, 1, Context())
    log.close({})
    assert [] == lines(tmp_path / "log")


def test_a_chunk_without_rows_is_not_written(tmp_path: Path) -> None:
    log = Writer(tmp_path, HEADER)
    log.flush()
    log.close({"ending": "COMPLETED"})

    assert [{"ending": "COMPLETED"}] == [line["end"] for line in lines(tmp_path)]
    assert {"header.json", "manifest.jsonl"} == {path.name for path in tmp_path.iterdir()}


def test_texts_are_numbered_once_and_named_in_the_chunk_that_first_has_them(
    tmp_path: Path,
) -> None:
    log = written(tmp_path, 1)
    log.flush()
    again, new = log.codes["KIND"], log.codes["OTHER"]
    log.streams["notes"].append((2, 0, new, ""))
    log.close({})

    assert (0, 1) == (again, new)
    assert [["KIND"], ["OTHER"], None] == [line.get("codes") for line in lines(tmp_path)]


def test_paths_are_named_in_the_chunk_that_first_has_them(tmp_path: Path) -> None:
    log = Writer(tmp_path, HEADER)
    machine = CompiledExecutor(compile_table(DOOR), log)
    log.follow(machine.paths)
    for event in ("close", "open", "close"):
        machine.fire(event)
        machine.cut()
        log.flush()
    log.close({})

    assert [1, 1, 0, None] == [
        None if "paths" not in line else len(line["paths"]) for line in lines(tmp_path)
    ]


# A log that is there.


def test_a_log_that_is_there_is_never_overwritten_unasked(tmp_path: Path) -> None:
    written(tmp_path).close({"first": 1})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    with pytest.raises(LogExists, match="already holds a log"):
        Writer(tmp_path, HEADER)

    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_a_log_is_replaced_when_that_is_asked_for(tmp_path: Path) -> None:
    written(tmp_path, 5).close({"first": 1})
    written(tmp_path, 1, overwrite=True).close({"second": 1})

    log = Log(tmp_path)
    assert ({"second": 1}, 1) == (log.end, log.stream("paths").collect().height)


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_log_is_left_alone(tmp_path: Path, *, overwrite: bool) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter.txt").write_text("one")

    with pytest.raises(LogExists, match="it is left alone"):
        Writer(folder, HEADER, overwrite=overwrite)
    with pytest.raises(LogExists, match="is no log"):
        Writer(folder / "chapter.txt", HEADER, overwrite=overwrite)

    assert "one" == (folder / "chapter.txt").read_text()


def test_a_log_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    written(tmp_path).close({})
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(LogExists, match=r"holds 'notes.txt', which is no part of a backtest's log"):
        Writer(tmp_path, HEADER, overwrite=True)


def test_market_data_may_lie_beside_a_log(tmp_path: Path) -> None:
    (tmp_path / "market").mkdir()
    written(tmp_path).close({})
    written(tmp_path, overwrite=True).close({})

    assert (tmp_path / "market").is_dir()


@pytest.mark.parametrize("make", [check_room, make_room])
def test_a_folder_that_is_not_there_is_made(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "new" / "deep")

    assert [] == list((tmp_path / "new" / "deep").iterdir())


# One writer at a time.


def test_a_folder_is_claimed_once(tmp_path: Path) -> None:
    with Claim(tmp_path / "log") as claim:
        assert (tmp_path / "log" / "lock").is_file()
        for overwrite in (False, True):
            with pytest.raises(LogExists, match="a run is writing here"):
                Claim(tmp_path / "log", overwrite=overwrite)
        assert claim

    assert [] == list((tmp_path / "log").iterdir())
    Claim(tmp_path / "log").release()


def test_a_folder_that_is_refused_is_not_left_locked(tmp_path: Path) -> None:
    written(tmp_path).close({})
    before = {path.name for path in tmp_path.iterdir()}

    with pytest.raises(LogExists, match="already holds a log"):
        Claim(tmp_path)
    assert before == {path.name for path in tmp_path.iterdir()}
    Claim(tmp_path, overwrite=True).release()


def test_somebody_s_own_file_of_that_name_is_kept(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("years of work")

    with pytest.raises(LogExists, match="is no log"):
        Claim(tmp_path, overwrite=True)
    assert "years of work" == (tmp_path / "lock").read_text()


def test_a_lock_that_was_left_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()

    with Claim(tmp_path):
        written(tmp_path).close({})
    assert is_log(tmp_path)


def test_a_lock_that_is_just_being_released_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(descriptor: int, how: int) -> None:
        (tmp_path / "lock").unlink()
        flock(descriptor, how)

    flock = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(LogExists, match="a run is writing here"):
        Claim(tmp_path)


def test_a_folder_that_cannot_be_locked_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int, _how: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(LogError, match="cannot be a log: No locks available"):
        Claim(tmp_path)


@pytest.mark.parametrize("header", ["{}", "[]", "{", '{"run": 1, "schema_version": 1}'])
def test_some_header_makes_no_log(tmp_path: Path, header: str) -> None:
    (tmp_path / "header.json").write_text(header)

    assert not is_log(tmp_path)
    with pytest.raises(LogExists, match="is no log; it is left alone"):
        make_room(tmp_path, overwrite=True)
    assert header == (tmp_path / "header.json").read_text()


def test_only_chunks_of_streams_are_deleted(tmp_path: Path) -> None:
    written(tmp_path).close({})
    (tmp_path / "000001.thesis.parquet").write_text("mine")

    with pytest.raises(LogExists, match=r"holds '000001.thesis.parquet'"):
        make_room(tmp_path, overwrite=True)
    assert is_log(tmp_path)


def test_a_reason_is_words() -> None:
    assert "there is no such file or folder" == reason_of(FileNotFoundError(2, "No such file"))
    assert "No space left" == reason_of(OSError(28, "No space left"))
    assert "odd" == reason_of(OSError("odd")) == reason_of(ValueError("odd"))


# A disk that refuses.


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(LogError, match="cannot be a log"):
        make_room(tmp_path / "file" / "log")


def test_a_folder_that_cannot_be_looked_into_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(LogError, match="Permission denied"):
        check_room(tmp_path)


def test_a_log_that_cannot_be_cleared_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path).close({})

    def refuse(_path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(LogError, match="Permission denied"):
        make_room(tmp_path, overwrite=True)


def test_after_a_failed_write_nothing_more_is_written(tmp_path: Path) -> None:
    log = written(tmp_path)
    log.flush()
    before = lines(tmp_path)
    (tmp_path / "000002.paths.parquet").mkdir()  # in the way of the next chunk
    log.path(4, 1, Context())

    with pytest.raises(LogError, match="complete up to chunk 1; nothing more was done"):
        log.flush()
    log.flush()
    log.close({"ending": "COMPLETED"})

    assert before == lines(tmp_path)
    assert None is Log(tmp_path).end
    assert 3 == Log(tmp_path).stream("paths").collect().height


def test_a_header_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(LogError, match=r"header.json cannot be written: No space left"):
        Writer(tmp_path, HEADER)
    monkeypatch.undo()
    assert [] == list(tmp_path.iterdir())


def test_half_a_header_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(path: Path, data: bytes) -> int:
        path.touch()
        raise OSError(28, f"No space left after {len(data) // 2} bytes")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(LogError, match="No space left after"):
        Writer(tmp_path, HEADER)
    assert [] == list(tmp_path.iterdir())


# Streams.


def test_a_stream_keeps_its_types() -> None:
    stream = Stream("all", {"t": TEXT, "c": CODE, "i": INT, "a": AMOUNT})
    row = ("x", 3, -(2**63), 10**38)
    stream.append(row)

    frame = stream.taken().collect()
    assert [row] == frame.rows()
    assert [pl.String, pl.Int32, pl.Int64, pl.Int128] == frame.dtypes
    assert [dtype_of(kind) for kind in (TEXT, CODE, INT, AMOUNT)] == frame.dtypes


def test_a_stream_that_was_taken_is_empty_and_goes_on() -> None:
    stream = Stream("one", {"i": INT})
    stream.append((1,))
    assert 1 == stream.rows
    first = stream.taken()
    assert 0 == stream.rows
    stream.append((2,))

    assert [(1,)] == first.collect().rows()
    assert [(2,)] == stream.taken().collect().rows()
