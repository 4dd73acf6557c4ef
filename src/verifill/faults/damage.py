"""Damage to the files of a log while no engine runs: found, and nothing is sent on it."""

import random
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from verifill.engine.log.connection import DATABASE, ROWS
from verifill.engine.log.line import HEAD, line_of
from verifill.engine.log.mark import MARK
from verifill.engine.log.record import COLUMNS
from verifill.engine.log.writer import HEADER
from verifill.faults.hazard import Group, Hazard, Spot, Whole, scenes, verdict
from verifill.faults.judge import Verdict
from verifill.faults.kills import copied
from verifill.faults.lives import End, World
from verifill.faults.moments import At, Moments, Place

TRIES = 12  # of each file, for each seed
WAL = f"{DATABASE}-wal"
ANCHOR = "anchor"


def _file(world: World, name: str) -> Path:
    return world.anchor if name == ANCHOR else world.log / name


def flip(world: World, name: str, seed: str) -> None:
    """One bit of a file is another."""
    file, chance = _file(world, name), random.Random(seed)  # noqa: S311 - the same for the same seed
    data = bytearray(file.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    file.write_bytes(bytes(data))


def cut(world: World, name: str, seed: str) -> None:
    """A file ends early."""
    file, chance = _file(world, name), random.Random(seed)  # noqa: S311 - likewise
    data = file.read_bytes()
    file.write_bytes(data[: chance.randrange(len(data))])


def remove(world: World, name: str, _seed: str) -> None:
    """A file is gone."""
    _file(world, name).unlink()


def _records(world: World) -> "closing[sqlite3.Connection]":
    return closing(sqlite3.connect(world.log / DATABASE, isolation_level=None))


def delete(world: World, where: str, _seed: str) -> None:
    """A record is deleted."""
    with _records(world) as records:
        records.execute(f"DELETE FROM records WHERE seq = ({where})")  # noqa: S608 - our own


def edit(world: World, where: str, _seed: str) -> None:
    """A record says something else."""
    with _records(world) as records:
        place = f"$[{HEAD.index('wall_ns')}]"
        later = f"json_set(head, '{place}', wall_ns + 1)"
        records.execute(f"UPDATE records SET head = {later} WHERE seq = ({where})")  # noqa: S608 - our own


def chain_again(world: World, where: str, seed: str) -> None:
    """A record says something else, and whoever did it has made the chain anew from there."""
    edit(world, where, seed)
    with _records(world) as records:
        rows = records.execute(f"{ROWS} WHERE seq >= ({where}) ORDER BY seq")
        at = list(COLUMNS).index("prev_hash")
        previous = ""
        for row in rows.fetchall():
            line = line_of((*row[:at], previous or row[at]))
            previous = line.hash
            records.execute(
                "UPDATE records SET head = ?, hash = ? WHERE seq = ?",
                (line.head, line.hash, line.seq),
            )


FIRST, MIDDLE, LAST = "1", "SELECT max(seq) / 2 FROM records", "SELECT max(seq) FROM records"
Damage = Callable[[World, str, str], None]
DAMAGES: Mapping[str, tuple[Damage, str]] = {
    **{f"bit flips in {name}": (flip, name) for name in (DATABASE, HEADER, ANCHOR, MARK)},
    f"bit flips in {WAL}": (flip, WAL),
    **{f"{name} ends early": (cut, name) for name in (DATABASE, HEADER, MARK)},
    **{f"{name} is gone": (remove, name) for name in (DATABASE, HEADER, ANCHOR, MARK)},
    "first record deleted": (delete, FIRST),
    "record deleted": (delete, MIDDLE),
    "last record deleted": (delete, LAST),
    "record edited": (edit, MIDDLE),
    "last record edited": (edit, LAST),
    "chained again from the first": (chain_again, FIRST),
    "chained again from the middle": (chain_again, MIDDLE),
    "chained again from the last": (chain_again, LAST),
}
RANDOM = (flip, cut)


def spots(*names: str) -> Callable[[Whole, int], Iterator[Spot]]:
    """Each of some damages; those by chance several times."""

    def every(_whole: Whole, seed: int) -> Iterator[Spot]:
        for name in names:
            tries = TRIES if DAMAGES[name][0] in RANDOM else 1
            for number in range(1, tries + 1):
                yield Spot(nth=number, how=f"{name}, seed {seed}")

    return every


def play(world: World, spot: Spot) -> Verdict:
    """A life that ends by itself, damage, and another that must not start on it."""
    world.live()
    return _damaged(world, spot)


def _damaged(world: World, spot: Spot) -> Verdict:
    do, where = DAMAGES[spot.how.rpartition(", seed ")[0]]
    said = SAYS.get(where, _records_of)
    before = said(world)
    do(world, where, f"{spot}")
    must = Verdict.DONE if before == said(world) else Verdict.REFUSED
    world.ticks += 1
    end = world.live()
    world.undetected += must is Verdict.REFUSED and end is not End.REFUSED
    return must


def play_killed(world: World, spot: Spot) -> Verdict:
    """A life that is killed in mid-flight, with its newest steps in the log of writes alone."""
    world.live(Moments(At(Place.COMMIT, KILLED_AT)))
    return _damaged(world, spot)


def _records_of(world: World) -> object:
    """All that SQLite reads of a log, by itself; None if it cannot, or may not write there.

    Of a bit that flips this tells whether a record lies there, without what the engine checks.
    """
    try:
        with copied(world) as log, closing(sqlite3.connect(log / DATABASE)) as database:
            read = [database.execute(query).fetchall() for query in QUERIES]
            database.execute("PRAGMA user_version = 1")
    except (OSError, sqlite3.Error):
        return None
    return read


def _header_of(world: World) -> object:
    """The chain begins with its digest, so that every bit of it counts."""
    return (world.log / HEADER).read_bytes() if (world.log / HEADER).exists() else None


def _anchored(world: World) -> object:
    """Whether its first and its last whole line are such that were published."""
    if not world.anchor.exists():
        return None
    lines = world.anchor.read_bytes().split(b"\n")[:-1]
    published = [f"{n} {d}" for n, d in world.disk.acknowledged.items()]
    return [lines[at].decode("ascii", "replace") in published for at in (0, -1)]


def _marked(world: World) -> object:
    """Its bytes tell by their checksum that they are what was written, so that each counts."""
    mark = world.log / MARK
    return mark.read_bytes() if mark.exists() else None


SAYS: Mapping[str, Callable[[World], object]] = {
    HEADER: _header_of,
    ANCHOR: _anchored,
    MARK: _marked,
}
"""File -> what it says; of the database and its log of writes, the records."""
QUERIES = (
    "SELECT sql FROM sqlite_master ORDER BY name",
    "SELECT * FROM records ORDER BY seq",
    "PRAGMA integrity_check",
)


KILLED_AT = 21  # the third instruction is in flight, and the mark tells of the commit before this

HAZARDS = (
    Hazard(
        name="bit flips",
        group=Group.DAMAGE,
        what="a bit of the database, the header, the anchor or the mark is another while no engine "
        "runs; harmless where SQLite reads what it read before, and in a line of the anchor that "
        "is neither its first nor its last",
        rows=("P5", "C29"),
        scenes=scenes("three"),
        spots=spots(*(f"bit flips in {name}" for name in (DATABASE, HEADER, ANCHOR, MARK))),
        play=play,
        expects=verdict(Verdict.REFUSED, Verdict.DONE),
    ),
    Hazard(
        name="bit flips after a kill",
        group=Group.DAMAGE,
        what="a bit of the log of writes is another, after a life that was killed in mid-flight; "
        "harmless where no record is lost, by what SQLite reads",
        rows=("P5", "C29"),
        scenes=scenes("three"),
        spots=spots(f"bit flips in {WAL}"),
        play=play_killed,
        expects=verdict(Verdict.REFUSED, Verdict.DONE),
        moves=("three",),
    ),
    Hazard(
        name="file damaged",
        group=Group.DAMAGE,
        what="a file of the log, or its anchor, ends early or is gone",
        rows=("P5", "C29"),
        scenes=scenes("three"),
        spots=spots(*(n for n in DAMAGES if n.endswith(("ends early", "is gone")))),
        play=play,
        expects=verdict(Verdict.REFUSED),
    ),
    Hazard(
        name="records tampered with",
        group=Group.DAMAGE,
        what="a record is deleted or edited, or the chain is made anew after it",
        rows=("P5", "C29"),
        scenes=scenes("three"),
        spots=spots(*(n for n in DAMAGES if "record" in n or "chained" in n)),
        play=play,
        expects=verdict(Verdict.REFUSED),
    ),
)
