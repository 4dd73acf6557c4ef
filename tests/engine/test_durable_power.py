"""Power cuts, failing syncs, short writes and a full disk, through a disk that does them."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import apsw
import pytest
from attrs import define, field

from tests.engine.durable_support import Memory, created, reopened, step
from verifill.engine.errors import LogError
from verifill.engine.log import connection, opening
from verifill.engine.log.durable import DurableLog
from verifill.faults.power_disk import Adapted, Disk, disk_of, laid_out

SEEDS = 4  # parts of the unsynced sectors that are tried at every power cut
FAULTS = (
    (apsw.SQLITE_FULL, False),
    (apsw.SQLITE_IOERR_WRITE, True),
    (apsw.SQLITE_IOERR_FSYNC, False),
)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = disk_of(tmp_path)
    yield disk
    disk.unregister()


@define
class Scenario:
    """A log of two process lives on a disk, and every power cut there can be in it.

    Attributes:
        acknowledged: number of the last record whose append returned; 0 before there is a log.
        attempted: numbers at which a step ends.
        cuts: what a cut left, with what was acknowledged and anchored then.
    """

    disk: Disk
    folder: Path
    acknowledged: int = 0
    attempted: set[int] = field(factory=lambda: {0, 1})
    anchor: Memory = field(factory=Memory)
    cuts: list[tuple[dict[str, bytes], int, list[tuple[int, str]]]] = field(
        factory=list[tuple[dict[str, bytes], int, list[tuple[int, str]]]]
    )

    def run(self) -> None:
        self.disk.before_sync = self.cut
        with self.live(created(self.folder, anchor=self.anchor, connect=self.connect)) as log:
            self.append(log, 1, 3, 2, 6, 1)
            log.anchor()
            self.append(log, 2)
        self.attempted.add(self.acknowledged + 1)
        with self.live(reopened(self.folder, anchor=self.anchor, connect=self.connect)) as log:
            self.append(log, 1, 4, 2)

    def connect(self, path: Path) -> Adapted:
        told = self.disk.connect(path)
        told.execute("PRAGMA wal_autocheckpoint = 6")  # so that the log of writes begins anew
        return told

    def live(self, log: DurableLog) -> DurableLog:
        self.acknowledged = log.tail.seq
        return log

    def append(self, log: DurableLog, *sizes: int) -> None:
        for size in sizes:
            self.attempted.add(self.acknowledged + size)
            self.acknowledged = log.append(step(self.acknowledged, size))
            self.cut()

    def cut(self) -> None:
        seeds = [100 * len(self.cuts) + seed for seed in range(SEEDS)]
        for image in self.disk.images(self.folder, seeds):
            self.cuts.append((image, self.acknowledged, list(self.anchor.lines)))


def lost(scenario: Scenario, tmp_path: Path) -> int:
    """At how many of the power cuts an acknowledged record is gone, or the log does not open."""
    header = scenario.folder / "header.json"
    gone = 0
    for number, (image, acknowledged, anchored) in enumerate(scenario.cuts):
        folder = laid_out(image, tmp_path / f"cut-{number}", header)
        try:
            with reopened(folder, anchor=Memory(anchored)) as log:
                found = log.found.seq
                assert found + 2 == log.append(step(0))
        except LogError:
            gone += acknowledged > 0
        else:
            assert found in scenario.attempted  # a step is there whole or not at all
            gone += found < acknowledged
    return gone


def test_a_power_cut_at_any_sync_loses_nothing_that_was_acknowledged(
    disk: Disk, tmp_path: Path
) -> None:
    scenario = Scenario(disk, tmp_path / "log")
    scenario.run()

    assert 24 == scenario.acknowledged
    assert len(scenario.cuts) > 150
    assert 0 == lost(scenario, tmp_path)


@pytest.mark.parametrize(("level", "number"), [("OFF", 0), ("NORMAL", 1)])
def test_without_the_sync_of_each_commit_power_cuts_do_lose_records(
    level: str, number: int, disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pragmas = dict(connection.PRAGMAS) | {"synchronous": (level, number)}
    monkeypatch.setattr(connection, "PRAGMAS", pragmas)
    scenario = Scenario(disk, tmp_path / "log")
    scenario.run()

    assert lost(scenario, tmp_path) > 10


# A disk that is full or broken.


@define
class Broken:
    """A log whose disk fails at one call of a step.

    Attributes:
        acknowledged: number of the last record before that step.
        found: number of the last record when the log was opened again; None if no call failed.
    """

    acknowledged: int
    found: int | None


def broken(disk: Disk, folder: Path, call: int, fault: int, *, short: bool) -> Broken:
    anchor = Memory()
    log = created(folder, anchor=anchor, connect=disk.connect)
    acknowledged = log.append(step(1, 20))
    disk.fault, disk.faulty, disk.short = fault, disk.calls + call, short
    try:
        log.append(step(1, 20))
    except LogError as error:
        assert "unknown, not denied" in str(error)  # noqa: PT017 - whether it fails is asked
    else:
        disk.faulty = -1
        log.close()
        return Broken(acknowledged, None)
    calls = disk.calls
    with pytest.raises(LogError, match="written no more"):
        log.append(step(1))
    assert calls == disk.calls  # the disk was not touched again
    left = disk.after_kill(folder.with_name(f"{folder.name}-killed"), folder / "header.json")
    log.close()
    with reopened(left, anchor=anchor, connect=disk.connect) as again:
        assert again.found.seq + 2 == again.append(step(1))
        return Broken(acknowledged, again.found.seq)


@pytest.mark.parametrize(("fault", "short"), FAULTS)
def test_a_write_or_sync_that_fails_stops_the_log_and_opening_it_again_decides(
    fault: int, *, short: bool, disk: Disk, tmp_path: Path
) -> None:
    calls = count(1)
    found: list[int] = []
    while True:
        call = next(calls)
        told = broken(disk, tmp_path / f"log-{call}", call, fault, short=short)
        if told.found is None:
            break
        assert told.found in {told.acknowledged, told.acknowledged + 20}
        found.append(told.found - told.acknowledged)

    assert len(found) > 5  # so many writes and syncs has a step
    assert {0} == set(found[:-1])
    assert 20 == found[-1]  # the sync failed: everything is there, though it was not acknowledged


def after_failed_sync(disk: Disk, folder: Path) -> tuple[int, list[int]]:
    """What a life takes over whose forerunner had a failing sync, and what power cuts leave."""
    anchor = Memory()
    log = created(folder, anchor=anchor, connect=disk.connect)
    log.append(step(1))
    disk.fault, disk.faulty = apsw.SQLITE_IOERR_FSYNC, "sync"
    with pytest.raises(LogError, match="unknown, not denied"):
        log.append(step(1, 5))
    left = disk.after_kill(folder.with_name("killed"), folder / "header.json")
    log.close()
    again = reopened(left, anchor=anchor, connect=disk.connect)
    again.append(step(1))
    cuts = [
        laid_out(image, folder.with_name(f"cut-{number}"), folder / "header.json")
        for number, image in enumerate(disk.images(left, range(SEEDS)))
    ]
    reached = again.tail.seq
    again.close()
    return reached, [end(cut, anchor) for cut in cuts]


def end(folder: Path, anchor: Memory) -> int:
    """Where a log ends; 0 if it does not open."""
    try:
        with reopened(folder, anchor=Memory(list(anchor.lines))) as log:
            return log.found.seq
    except LogError:
        return 0


def test_what_a_failed_sync_left_in_doubt_is_on_the_disk_before_anything_rests_on_it(
    disk: Disk, tmp_path: Path
) -> None:
    reached, ends = after_failed_sync(disk, tmp_path / "log")

    assert {reached} == set(ends)


def nothing(_connection: connection.Connection, _path: Path) -> None:
    """The planted bug."""


def test_if_it_were_not_written_anew_a_power_cut_would_lose_it(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "make_durable", nothing)
    _, ends = after_failed_sync(disk, tmp_path / "log")

    assert 0 in ends
