"""The matrix: every hazard at every spot of every scene, run, judged and counted."""

import random
import shutil
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import chain
from pathlib import Path

from attrs import evolve, frozen

from verifill.assembly.history import prepared
from verifill.assembly.loopback import Hosting
from verifill.config import Config, load_config
from verifill.engine.errors import LogError
from verifill.faults.hazard import OWN, REFUSED, SAFE, Expected, Group, Hazard, Scene, Spot, Whole
from verifill.faults.judge import (
    Counts,
    Verdict,
    books_differ,
    judged,
    missing,
    too_many,
    verdict_of,
)
from verifill.faults.lives import End, World, begun
from verifill.faults.moments import Moments
from verifill.faults.plans import written
from verifill.faults.story import Story, told
from verifill.modes import LIVE
from verifill.venues.data.history import Chunk, History, SeriesPoints


@frozen(kw_only=True)
class Cell:
    """One hazard at one spot of one scene.

    Attributes:
        hazard: what goes wrong.
        scene: in which run.
        spot: where in it.
        seed: of what is drawn by chance.
        expected: verdicts that are right.
    """

    hazard: Hazard
    scene: Scene
    spot: Spot
    seed: int
    expected: Expected

    @property
    def name(self) -> str:
        """By which it can be run again."""
        return f"{self.hazard.name}: {self.scene}: {self.spot}"


@frozen(kw_only=True)
class Result:
    """What came of a cell.

    Attributes:
        cell: which.
        verdict: how it ended.
        counts: what must be zero.
        by_venue: effects too many that a venue is to blame for, which breaks its word here.
        struck: whether the fault came about; a life may end before its moment.
        reason: what the engine said last.
        signal: number of the signal that broke in on it, 0 if none did.
    """

    cell: Cell
    verdict: Verdict
    counts: Counts
    by_venue: int = 0
    struck: bool = True
    reason: str = ""
    signal: int = 0

    @property
    def bad(self) -> bool:
        """Whether something is wrong with it."""
        return self.counts.bad > 0


@frozen(kw_only=True)
class Picked:
    """Which cells are run.

    Attributes:
        seeds: each gives what is drawn by chance, and the sample.
        every: one of so many.
        sample: so many at most; 0 for all.
        only: names of hazards, or the beginning of a cell's name; none for all.
    """

    seeds: Sequence[int] = (1,)
    every: int = 1
    sample: int = 0
    only: Sequence[str] = ()


class Kept(History):
    """A history that is read once, however many worlds begin with it."""

    @cached_property
    def _chunks(self) -> Sequence[Chunk]:
        return tuple(super().chunks())

    @cached_property
    def _series(self) -> Mapping[str, SeriesPoints]:
        return {name: History.series(self, name) for name in self.series_names}

    def chunks(self, rows: int = 0) -> Iterator[Chunk]:  # noqa: ARG002 - as many as it has
        """See `History.chunks`."""
        return iter(self._chunks)

    def series(self, name: str) -> SeriesPoints:
        """See `History.series`."""
        return self._series[name]


class Matrix:
    """All cells of some hazards.

    Args:
        hazards: of the catalogue.
        work: a folder for configurations, data and logs.
        config: of the user's own strategy, to be run in place of the built-in plans.
        ticks: how many a life of that strategy has.
    """

    def __init__(
        self, hazards: Iterable[Hazard], work: Path, config: Path | None = None, ticks: int = 2
    ) -> None:
        self._hazards = tuple(hazards)
        self._work = work
        self._config = config
        self._ticks = ticks
        self._hostings: dict[Scene, Hosting] = {}
        self._wholes: dict[Scene, Whole] = {}
        self._ran = 0

    def hosting(self, scene: Scene) -> Hosting:
        """The configuration of a scene, as its venues and its engine see it."""
        if scene not in self._hostings:
            folder = self._work / f"scene-{len(self._hostings)}"
            config = evolve(self._settings(scene, folder), mode=LIVE)
            history = Kept(prepared(config, folder / "data", None).path)
            self._hostings[scene] = Hosting.of(config, history)
        return self._hostings[scene]

    def _settings(self, scene: Scene, folder: Path) -> Config:
        if scene == OWN and self._config:
            return load_config(self._config)
        return written(
            folder,
            scene.plan,
            idempotency=scene.klass,
            lag_s=scene.lag_s,
            fee_asset=scene.fee_asset,
        )

    def whole(self, scene: Scene) -> Whole:
        """The run of a scene that nothing befalls."""
        if scene not in self._wholes:
            with self._world(scene) as world:
                world.ticks = self._ticks if scene == OWN else world.ticks
                moments = Moments()
                world.live(moments)
                story = told(world.log)
                written = world.disk.written
                states = {
                    (place, number): story.state_at(max([0, *chain(*written[:commits])]))
                    for place, number, commits in moments.passed
                }
                self._wholes[scene] = Whole(
                    seen=moments.seen,
                    story=story,
                    totals=world.wire.totals(),
                    states=states,
                    commits=[[story.move(seq) for seq in commit] for commit in written],
                    verdict=verdict_of(world, story),
                    comparable=not books_differ(world, story),
                )
        return self._wholes[scene]

    def cells(self, picked: Picked) -> tuple[list[Cell], int]:
        """The cells that are picked, in order, and how many there are to pick from."""
        cells: list[Cell] = []
        total = 0
        names: set[str] = set()  # a cell without chance is the same with each seed
        for seed in picked.seeds:
            some = self._cells(seed, picked.only)
            wanted = [cell for cell in some if _wanted(cell, picked.only)]
            every = [cell for cell in wanted if cell.name not in names]
            names |= {cell.name for cell in every}
            total += len(every)
            chance = random.Random(seed)  # noqa: S311 - the same for the same seed
            first = chance.randrange(picked.every)
            taken = every[first :: picked.every]
            if 0 < picked.sample < len(taken):
                places = sorted(chance.sample(range(len(taken)), picked.sample))
                taken = [taken[at] for at in places]
            cells += taken
        return cells, total

    def _cells(self, seed: int, only: Sequence[str]) -> Iterator[Cell]:
        """The cells of every hazard and scene that some names may be of."""
        for hazard in self._hazards:
            for scene in self._scenes(hazard):
                if not _in_question(hazard, scene, only):
                    continue  # its undisturbed run is spared
                whole = self.whole(scene)
                for spot in hazard.spots(whole, seed):
                    expected = hazard.expects(scene, spot, whole)
                    if scene == OWN and expected != REFUSED:
                        expected = SAFE
                    yield Cell(hazard=hazard, scene=scene, spot=spot, seed=seed, expected=expected)

    def _scenes(self, hazard: Hazard) -> Sequence[Scene]:
        if self._config is None:
            return hazard.scenes
        return (OWN,) if hazard.own and hazard.scenes else ()

    def run(self, cell: Cell) -> Result:
        """Run one cell, and judge it."""
        with self._world(cell.scene, cell.name) as world:
            world.ticks = self._ticks if cell.scene == OWN else cell.hazard.ticks
            cell = _narrowed(cell, cell.hazard.play(world, cell.spot))
            story = _story(world)
            verdict = verdict_of(world, story)
            struck = _struck(cell, world)
            by_venue = min(_planted(cell), too_many(world, story)) if story else 0
            counts = self._counts(cell, world, story, verdict, by_venue)
            kept = cell.scene != OWN and struck and by_venue != _planted(cell)
            counts.unexpected = int(verdict not in cell.expected or kept)
            return Result(
                cell=cell,
                verdict=verdict,
                counts=counts,
                by_venue=by_venue,
                struck=struck,
                reason=world.reason,
                signal=world.signal,
            )

    def _counts(
        self, cell: Cell, world: World, story: Story | None, verdict: Verdict, by_venue: int
    ) -> Counts:
        counts = Counts(undetected=world.undetected)
        if verdict is Verdict.REFUSED:
            if cell.hazard.group is not Group.DAMAGE:  # which was done to it on purpose
                counts.lost = missing(world, story)
            return counts
        if story is None:
            return counts
        whole = self.whole(cell.scene)
        counts = judged(world, story, by_venue)
        counts.wrong += whole.comparable and books_differ(world, story)
        moves = cell.scene.plan in ("", *cell.hazard.moves)
        if not moves and verdict in (Verdict.DONE, Verdict.RESENT):
            counts.wrong += world.wire.totals() != whole.totals
        return counts

    @contextmanager
    def _world(self, scene: Scene, seed: str = "") -> Generator[World]:
        """A world of its own, which is gone afterwards."""
        self._ran += 1
        folder = self._work / f"cell-{self._ran}"
        folder.mkdir()
        try:
            yield begun(folder, self.hosting(scene), seed=seed)
        finally:
            shutil.rmtree(folder)


def _story(world: World) -> Story | None:
    """The log; None where it cannot be read, because it is damaged or was never made."""
    try:
        return told(world.log)
    except (LogError, ValueError, sqlite3.Error):
        return None


def _planted(cell: Cell) -> int:
    """How many effects too many the venue itself makes; of the user's own, at most so many."""
    twice = cell.hazard.twice
    return int(cell.scene.klass in twice or (cell.scene == OWN and bool(twice)))


def _narrowed(cell: Cell, told: Verdict | None) -> Cell:
    """A cell of which it is known how it must end, now that it is known what was done to it."""
    if told not in cell.expected or (cell.scene == OWN and told is not Verdict.REFUSED):
        return cell
    return evolve(cell, expected=frozenset({told}))


STRUCK = frozenset({End.KILLED, End.STOPPED, End.REFUSED})
"""How a life ends whose disk fails."""


def _struck(cell: Cell, world: World) -> bool:
    """Whether lives ended where they were to, and no fault of that name still waits."""
    if cell.hazard.group is Group.DISK:
        return not STRUCK.isdisjoint(world.ends)
    killed = world.ends.count(End.KILLED) >= len(cell.spot.ats)
    waiting = (fault.name for fault in world.wire.service.script.armed)
    return killed and cell.hazard.name not in waiting


def _wanted(cell: Cell, only: Sequence[str]) -> bool:
    return not only or any(cell.hazard.name == one or cell.name.startswith(one) for one in only)


def _in_question(hazard: Hazard, scene: Scene, only: Sequence[str]) -> bool:
    """Whether a name, or the beginning of one, may be of a cell of this scene."""
    begin = f"{hazard.name}: {scene}"
    return not only or any(
        hazard.name == one or begin.startswith(one) or one.startswith(begin) for one in only
    )
