"""A header that was changed, a log that is gone and another in its place are told apart."""

import json
import random
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.engine.durable_support import HEADER as BEGUN
from tests.engine.durable_support import LIFE, beside, created, filled, holding, reopened
from verifill.engine.errors import LogError, LogExists
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.durable_reader import open_log
from verifill.engine.log.identity import check_header, check_same, header_fault
from verifill.engine.log.opening import create_log
from verifill.engine.log.writer import HEADER

TRIES = 400


@pytest.fixture
def log(tmp_path: Path) -> Path:
    filled(tmp_path / "log").close()
    return tmp_path / "log"


def test_a_header_as_it_was_written_has_no_fault_and_a_folder_without_a_log_has_none(
    log: Path, tmp_path: Path
) -> None:
    assert "" == header_fault(log) == header_fault(tmp_path)


def test_any_bit_of_a_header_that_flips_is_found_with_its_byte_or_its_field(log: Path) -> None:
    data, chance, told = (log / HEADER).read_bytes(), random.Random(3), set[str]()
    for _ in range(TRIES):
        at, bit = chance.randrange(len(data)), chance.randrange(8)
        flipped = bytearray(data)
        flipped[at] ^= 1 << bit
        (log / HEADER).write_bytes(flipped)
        fault = header_fault(log)
        assert fault, (at, bit)
        told.add(re.sub(r"\d+|'.*'", "", fault))

    assert {"byte  of header.json is no text", "header.json does not parse as JSON at byte "} < told
    assert {"of the fields of header.json,  is not as it was written"} <= told


Header = Mapping[str, object]


def without_run(header: Header) -> Header:
    return {name: value for name, value in header.items() if name != "run"}


def with_run(header: Header) -> Header:
    return {**header, "run": "x"}


def with_more(header: Header) -> Header:
    return {**header, "more": 1}


def of_chunks(header: Header) -> Header:
    return {**header, "store": "chunks"}


def indented(header: Header) -> Header:
    return header


def names(header: Header) -> list[str]:
    return [*header]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (with_run, "of the fields of header.json, 'run' is not as"),
        (with_more, "of the fields of header.json, 'more' was not there"),
        (of_chunks, "'store' is not as it was written"),
        (without_run, "'run' is gone"),
        (indented, "its fields are what they were, its bytes are not"),
        (names, "'nesting' is gone, 'run' is gone"),
    ],
)
def test_the_fields_that_differ_are_named_before_a_life_begins_and_to_readers(
    log: Path, change: Callable[[Header], object], said: str
) -> None:
    header = json.loads((log / HEADER).read_bytes())
    (log / HEADER).write_text(json.dumps(change(header), indent=1))

    for use in (reopened, open_log, check_header):
        with pytest.raises(LogError, match="has a damaged header: ") as refused:
            use(log)
        assert said in str(refused.value)
        assert "Do not trade; restore it from a copy" in str(refused.value)


def test_a_header_that_is_gone_is_not_made_anew(log: Path) -> None:
    (log / HEADER).unlink()

    with pytest.raises(LogError, match=r"damaged header: header\.json cannot be read"):
        created(log)
    assert not (log / HEADER).exists()


def no_fields(_header: Header) -> dict[str, str]:
    return {}


def test_the_first_record_of_a_log_of_before_has_no_fields(
    log: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("verifill.engine.log.opening.digests_of", no_fields)
    filled(tmp_path / "old").close()
    (tmp_path / "old" / HEADER).write_bytes((log / HEADER).read_bytes().replace(b"IDLE", b"IDLY"))

    assert "header.json does not give the digest that the first record carries" == header_fault(
        tmp_path / "old"
    )


def test_a_log_that_is_gone_is_not_begun_anew_while_its_anchor_knows_it(log: Path) -> None:
    anchor = FileAnchor(log.with_name("kept"), log)
    shutil.rmtree(log)
    anchor.publish(7, "0" * 64)

    with pytest.raises(LogError, match="holds record 7 of one: the log is lost") as refused:
        created(log, anchor=anchor)
    assert f"move {anchor.path} away, then start again" in str(refused.value)
    assert not log.exists()
    anchor.path.rename(log.with_name("away"))
    created(log, anchor=anchor).close()


def test_another_log_is_told_by_its_first_record(log: Path, tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path / "its", tmp_path / "other")
    create_log(tmp_path / "other", BEGUN | {"run": "another"}, LIFE, anchor=anchor).close()
    its = FileAnchor(tmp_path / "its")

    with pytest.raises(LogExists, match=r"the anchor .*/its is of another log, .*/other. Name the"):
        reopened(log, anchor=its)
    shutil.rmtree(log)
    (tmp_path / "other").rename(log)
    with pytest.raises(LogExists, match="it is another log than the one that the anchor"):
        reopened(log, anchor=beside(log))


def test_an_anchor_that_does_not_know_the_first_record_tells_nothing_of_it(log: Path) -> None:
    late = FileAnchor(log.with_name("late"))
    check_same(log, late)
    late.publish(3, "0" * 64)

    check_same(log, late)
    check_same(log, holding((1, "0" * 64)))


def test_a_header_that_may_not_be_read_is_not_called_damaged(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refused)

    with pytest.raises(LogError, match="may not be read"):
        header_fault(log)
