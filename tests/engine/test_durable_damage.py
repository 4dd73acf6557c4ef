"""Bits that flip and files that end early: found, or harmless, and never taken for the truth."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.durable_support import created, holding, reopened, step
from verifill.engine.errors import LogError
from verifill.engine.log.durable_reader import DurableReader

TRIES = 150


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A log whose last steps are in the log of writes alone, as its writer's kill leaves it."""
    folder = tmp_path_factory.mktemp("live") / "log"
    log = created(folder)
    for _ in range(20):
        log.append(step(1, 6))
    log.anchor()
    yield folder
    log.close()


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with all of it in the database."""
    folder = tmp_path_factory.mktemp("closed") / "log"
    with created(folder) as log:
        for _ in range(20):
            log.append(step(1, 6))
        log.anchor()
    return folder


def damaged(whole: Path, name: str, data: bytes, tmp_path: Path, *, early: bool = False) -> str:
    """What comes of a log with other bytes in one of its files: what was found, or nothing."""
    folder = tmp_path / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in whole.iterdir():
        if path.name not in {"lock", "log.sqlite-shm"}:
            (folder / path.name).write_bytes(path.read_bytes())
    (folder / name).write_bytes(data)
    lines = whole.with_name("log.anchor").read_text().splitlines()
    seq, digest = lines[0 if early else -1].split()
    told = holding((int(seq), digest))
    try:
        reopened(folder, anchor=told).close()
    except LogError as error:
        return str(error)
    sound, found = (DurableReader(one).records().collect() for one in (whole, folder))
    assert sound.equals(found.head(sound.height))  # the flipped bit was of no meaning
    return ""


def flipped(data: bytes, chance: random.Random) -> bytes:
    at, bit = chance.randrange(len(data)), chance.randrange(8)
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def test_a_bit_that_flips_in_the_database_is_found_or_harmless(
    closed: Path, tmp_path: Path
) -> None:
    data, chance = (closed / "log.sqlite").read_bytes(), random.Random(7)
    found = [damaged(closed, "log.sqlite", flipped(data, chance), tmp_path) for _ in range(TRIES)]

    assert sum(map(bool, found)) > TRIES // 2  # the rest lies in room that is not used
    assert any("was edited" in words for words in found)


def test_a_bit_that_flips_in_the_log_of_writes_is_found_or_harmless(
    live: Path, tmp_path: Path
) -> None:
    data, chance = (live / "log.sqlite-wal").read_bytes(), random.Random(8)
    found = [damaged(live, "log.sqlite-wal", flipped(data, chance), tmp_path) for _ in range(TRIES)]

    assert sum(map(bool, found)) > TRIES // 2
    assert any("it ends at record" in words for words in found)


@pytest.mark.parametrize(("kind", "name"), [("closed", "log.sqlite"), ("live", "log.sqlite-wal")])
def test_a_file_that_ends_early_is_found(
    kind: str, name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    whole: Path = request.getfixturevalue(kind)
    data, chance = (whole / name).read_bytes(), random.Random(9)
    for _ in range(20):
        assert damaged(whole, name, data[: chance.randrange(len(data))], tmp_path)


def test_a_bit_that_flips_in_the_log_of_writes_after_the_last_anchor_is_found_by_the_mark(
    live: Path, tmp_path: Path
) -> None:
    """To SQLite it looks like the torn end of a write."""
    data = bytearray((live / "log.sqlite-wal").read_bytes())
    data[len(data) // 2] ^= 1

    said = damaged(live, "log.sqlite-wal", bytes(data), tmp_path, early=True)
    assert f"record {DurableReader(live).last_seq} was acknowledged" in said
    assert DurableReader(tmp_path / "damaged").last_seq < DurableReader(live).last_seq


def test_a_log_that_is_refused_is_left_as_it_is(live: Path, tmp_path: Path) -> None:
    data = (live / "log.sqlite-wal").read_bytes()
    torn = data[: len(data) // 2]
    before = (live / "log.sqlite").read_bytes()

    assert "it ends at record" in damaged(live, "log.sqlite-wal", torn, tmp_path)
    assert torn == (tmp_path / "damaged" / "log.sqlite-wal").read_bytes()
    assert before == (tmp_path / "damaged" / "log.sqlite").read_bytes()
