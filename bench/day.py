"""A day of ticks under virtual time, with faults on and restarts: memory, log, effects, books.

    python -m bench.day [TICKS] [SEED]

The engine is the live one, on a real log on the disk; its venues are the service of the
loopback server, in this process, honest but for the faults. Of the submits, questions and
readings one in twenty meets a fault, by lot: no answer before or after it was carried out,
a 5xx before or after, an order that arrives late, a reading that is stale. Every few hours
the engine ends, by turns asked to and killed at some commit, and is started again. Where it
waits for a person, one looks in after two minutes, and resumes, or asks for the order anew.
"""

import gc
import os
import random
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from attrs import define, evolve, field

from bench.meter import peak_mb
from verifill.assembly.history import prepared
from verifill.assembly.loopback import Hosting
from verifill.config import load_config
from verifill.engine.clock import NANOSECONDS
from verifill.engine.command import Command
from verifill.engine.commands import CommandName
from verifill.engine.log.durable_reader import DurableReader
from verifill.faults import plans
from verifill.faults.judge import Counts, books_differ, judged
from verifill.faults.lives import World, begun
from verifill.faults.moments import At, Moments, Place
from verifill.faults.story import told
from verifill.machines.full_loop import Full
from verifill.machines.strategy import Plan, PlanReport, Positions
from verifill.modes import LIVE
from verifill.venues.data.generate import Walk, bars
from verifill.venues.loopback.faults import Break, Delivery, Fault, Handling, Route, View
from verifill.venues.market import MarketView

DAY_TICKS = 1_440
LIFE_TICKS = 180
RATE = 0.05
LIVES_MAX = 200
SAMPLE_RECORDS = 400
GROWTH_MAX = 1.5
"""How much more memory the engine may hold in the last quarter of a run than in the second."""
TICK_BYTES_MAX = 20_000
PATIENCE_NS = 120 * NANOSECONDS  # longer than a tick waits for the next

ENGINE = ("/verifill/engine/", "/verifill/machines/")
VENUES = ("/faults/", "/venues/loopback/", "/venues/data/", "/venues/simulated/")
"""Parts of the process that stand for the venues; a live engine holds nothing of a simulation."""
FRAMES = 12  # of a memory block's origin: between the engine or a venue and what it has called

HELD, GONE = Delivery(before=Break.HOLD), Delivery(after=Break.HOLD)
FAILS, FAILED = Delivery(before=Break.STATUS), Delivery(after=Break.STATUS)
FAULTS: Mapping[Place, tuple[Fault, ...]] = {
    Place.SEND: (
        Fault(name="no answer before", delivery=HELD),
        Fault(name="no answer after", delivery=GONE),
        Fault(name="5xx before", delivery=FAILS),
        Fault(name="5xx after", delivery=FAILED),
        Fault(name="late", handling=Handling(late_s=20), delivery=GONE),
    ),
    Place.QUESTION: (
        Fault(name="question unanswered", on=Route.QUERY, delivery=HELD),
        Fault(name="question 5xx", on=Route.QUERY, delivery=FAILS),
    ),
    Place.READING: (
        Fault(name="reading unanswered", on=Route.POSITIONS, delivery=HELD),
        Fault(name="reading 5xx", on=Route.POSITIONS, delivery=FAILS),
        Fault(name="stale reading", on=Route.POSITIONS, view=View(stale_s=30)),
    ),
}


PLANNED, TURNS = "verifill.faults.plans:Planned", "bench.day:Turns"


class Turns:
    """Buys a little and sells it again, by turns, one order a tick."""

    def __init__(self) -> None:
        self._count = 0

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:  # noqa: ARG002 - the protocol
        """The next of them."""
        self._count += 1
        trade = plans.buy if self._count % 2 else plans.sell
        return [trade("0.01", f"T{self._count}")]

    def state(self) -> Mapping[str, Any]:
        """How many there were."""
        return {"count": self._count}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take that back."""
        self._count = state["count"]


class Newest(dict[int, str]):
    """Remembers only what came last, because a day has many records."""

    def __setitem__(self, key: int, value: str) -> None:
        self.clear()
        super().__setitem__(key, value)


@define
class Person:
    """Looks in where nothing has happened for a while, and lets it go on; implements `Mailbox`.

    Attributes:
        world: what is looked at.
        said: how often each command was given.
    """

    world: World
    said: Counter[str] = field(factory=Counter[str])
    _waiting: list[Command] = field(factory=list[Command])
    _looked_ns: int = 0

    def pending(self) -> Sequence[Command]:
        """What waits for an answer."""
        time = self.world.time
        if not self._waiting and time.true_ns - max(time.busy_ns, self._looked_ns) > PATIENCE_NS:
            self._looked_ns = time.true_ns
            self._say()
        return tuple(self._waiting)

    def _say(self) -> None:
        row = next(DurableReader(self.world.log).backwards({"to", "instance"}))
        name = CommandName.RESUME if row["to"] == Full.HALTED else CommandName.ASK
        self.said[name] += 1
        self._waiting.append(
            Command(
                id=self.said.total(),
                at_ns=self.world.time.true_ns,
                actor="ann",
                reason="nothing has happened for a while",
                name=name,
                arguments={"instruction": str(row["instance"]), "scope": "global"},
            )
        )

    def answer(self, number: int, text: str, at_ns: int, *, taken: bool = True) -> None:  # noqa: ARG002 - the protocol
        """It was heard."""
        self._waiting = [one for one in self._waiting if one.id != number]


@define
class Day:
    """What came of a day.

    Attributes:
        ticks: how many there were.
        records: how many the log has.
        log_bytes: its size.
        requests: how many requests of the kinds that faults are for.
        faults: name -> how many were met.
        ends: how lives have ended.
        said: command -> how often a person had to give it.
        counts: what is wrong with it.
        books_differ: whether the books are not what the venues' accounts are.
        sent: how many orders were sent.
        engine_mb: what the engine's own modules held, by and by.
        whole_mb: what all of the process held, venues and their records included.
        took_s: by the wall clock.
    """

    ticks: int = 0
    records: int = 0
    log_bytes: int = 0
    requests: int = 0
    faults: Counter[str] = field(factory=Counter[str])
    ends: Counter[str] = field(factory=Counter[str])
    said: Counter[str] = field(factory=Counter[str])
    counts: Counts = field(factory=Counts)
    books_differ: bool = False
    sent: int = 0
    engine_mb: list[float] = field(factory=list[float])
    whole_mb: list[float] = field(factory=list[float])
    took_s: float = 0.0

    @property
    def tick_bytes(self) -> float:
        """Bytes of log, a tick."""
        return self.log_bytes / self.ticks

    @property
    def growth(self) -> float:
        """Memory of the engine in the last quarter over that in the second.

        Of a day that is from its seventh hour on: the first quarter fills what is filled once.
        """
        quarter = len(self.engine_mb) // 4
        return median(self.engine_mb[-quarter:]) / median(self.engine_mb[quarter : 2 * quarter])


def lived(
    folder: Path,
    ticks: int,
    seed: int,
    *,
    life_ticks: int = LIFE_TICKS,
    sample_records: int = SAMPLE_RECORDS,
) -> Day:
    """A day, from its first tick to its last."""
    began_s, day, lot = perf_counter(), Day(), random.Random(seed)
    world = begun(folder, _hosting(folder / "config", ticks), ticks=life_ticks, seed=str(seed))
    world.disk.acknowledged = Newest()
    world.mail = Person(world, day.said)
    _sample(world, day, sample_records)
    _break_things(world, day, lot)
    for life in range(LIVES_MAX):
        left = ticks - _ticks(world)
        if left <= 0:
            break
        world.ticks = min(left, life_ticks)
        end = None
        if life % 2 and left > life_ticks:
            number = lot.randrange(9, 9 * life_ticks)
            end = At(Place.COMMIT, number, after=lot.random() < 0.5)  # noqa: PLR2004 - a coin
        day.ends[world.live(Moments(end))] += 1
    _quiet(world)
    day.ends[world.finish()] += 1  # whatever is under way comes to its end without faults
    _judge(world, day)
    day.took_s = perf_counter() - began_s
    return day


def _hosting(folder: Path, ticks: int) -> Hosting:
    plans.written(folder, "one")
    walk = Walk(start_price=Decimal(42_000), step_ticks=4_000)
    for name in ("spot", "usdm", "bnb"):
        bars(folder / f"{name}.csv", seed=plans.SEED, rows=2 * ticks + 120, walk=walk)
    file = folder / "faults.toml"
    text = file.read_text(encoding="utf-8").replace('options = { plan = "one" }\n', "")
    file.write_text(text.replace(PLANNED, TURNS), encoding="utf-8")
    config = evolve(load_config(file), mode=LIVE)
    return Hosting.of(config, prepared(config, folder / "data", None))


def _break_things(world: World, day: Day, lot: random.Random) -> None:
    """Let one request in so many meet a fault."""

    def hook(place: Place, _number: int) -> None:
        if place not in FAULTS:
            return
        day.requests += 1
        if lot.random() < RATE:
            fault = lot.choice(FAULTS[place])
            day.faults[fault.name] += 1
            world.wire.service.script.arm([fault])

    world.wire.hook = hook


def _quiet(world: World) -> None:
    world.wire.hook = lambda _place, _number: None
    world.ticks = 1


def _sample(world: World, day: Day, records: int) -> None:
    """Look at memory now and then, if it is traced."""

    def acknowledged(number: int, _digest: str) -> None:
        if tracemalloc.is_tracing() and number % records == 0:
            gc.collect()
            engine, whole = _held()
            day.engine_mb.append(engine / 1e6)
            day.whole_mb.append(whole / 1e6)

    world.disk.on_acknowledged = acknowledged


def _held() -> tuple[int, int]:
    """Bytes that the engine's modules have asked for and still hold, and those of all."""
    held = tracemalloc.take_snapshot().statistics("traceback")
    return sum(one.size for one in held if _is_engine(one)), sum(one.size for one in held)


def _is_engine(held: tracemalloc.Statistic) -> bool:
    """Whether the engine has asked for it: the first of both that the way outwards comes to.

    What both call, such as the language of orders, says nothing of who keeps an order.
    """
    for frame in reversed(held.traceback):
        if any(part in frame.filename for part in VENUES):
            return False
        if any(part in frame.filename for part in ENGINE):
            return True
    return False


def _ticks(world: World) -> int:
    """Number of the last tick."""
    if not world.log.exists():
        return 0
    rows = DurableReader(world.log).backwards({"machine", "instance"})
    ticks: Iterator[int] = (row["instance"] for row in rows if row["machine"] == "full_loop")
    return next((tick for tick in ticks if tick), 0)


def _judge(world: World, day: Day) -> None:
    story = told(world.log)
    day.ticks, day.records = _ticks(world), len(story.rows)
    day.log_bytes = sum(path.stat().st_size for path in world.log.glob("log.sqlite*"))
    day.counts = judged(world, story)
    day.books_differ = books_differ(world, story)
    day.sent = len(world.wire.sent)


def main(ticks: int, seed: int) -> int:
    """Live a day, and tell of it; 1 if memory or log grew beyond their bounds."""
    tracemalloc.start(FRAMES)
    with TemporaryDirectory(dir=Path.cwd()) as folder:
        day = lived(Path(folder), ticks, seed)
    met = sum(day.faults.values())
    print(
        f"{day.ticks:,} ticks, {day.records:,} records, {day.sent:,} orders sent, in "
        f"{day.took_s:.0f} s, load {os.getloadavg()[0]:.1f}; seed {seed}\n"
        f"log {day.tick_bytes:,.0f} bytes a tick (at most {TICK_BYTES_MAX:,}), "
        f"{day.log_bytes / day.records:,.0f} "
        f"a record\n"
        f"{met:,} faults in {day.requests:,} requests: "
        + ", ".join(f"{count} {name}" for name, count in sorted(day.faults.items()))
        + f"\nlives: {', '.join(f'{count} {end}' for end, count in day.ends.items())}; "
        f"a person said: {dict(day.said) or 'nothing'}\n"
        f"wrong: {dict(day.counts.told) or 'nothing'}; books "
        f"{'differ from' if day.books_differ else 'equal'} the venues' accounts\n"
        f"memory, MB, first half and second: {_halves(day.engine_mb)} in the engine's modules, "
        f"{_halves(day.whole_mb)} with the venues and what they keep; peak {peak_mb():.0f}\n"
        f"growth of the engine's from the second quarter to the last: {day.growth:.2f}, at most "
        f"{GROWTH_MAX}"
    )
    return int(day.growth > GROWTH_MAX or day.tick_bytes > TICK_BYTES_MAX)


def _halves(told: list[float]) -> str:
    half = len(told) // 2
    return f"{median(told[1:half] or [0]):.2f} and {median(told[half:] or [0]):.2f}"


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]]
    sys.exit(main(*(given + [DAY_TICKS, 1][len(given) :])))
