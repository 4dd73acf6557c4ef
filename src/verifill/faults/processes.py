"""Real processes: an engine that is killed with signal 9, venues that outlive it, real time."""

import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from verifill.engine.errors import EnvironmentDefect
from verifill.faults import forked, victim
from verifill.faults.hazard import Group, Hazard, Spot, Whole, scenes
from verifill.faults.kills import ended, everywhere
from verifill.faults.lives import End, World
from verifill.faults.moments import At, Place
from verifill.faults.victim import ACKNOWLEDGED, Order
from verifill.machines.tight_loop import Tight
from verifill.venues.loopback.effects import effects_of
from verifill.venues.loopback.journal import read_journal
from verifill.venues.loopback.server import Ready

PATIENCE_S = 120
LOOK_S = 0.02
JOURNAL, READY = "journal.jsonl", "ready.json"
FIRST = {Place.COMMIT: 13, Place.SEND: 1}
"""How many moments of each place are tried: those of a first tick that sends one order."""
TURNS = frozenset({"compensate", "commit", "committed", "rolled_back", "fail", "complete"})
"""Events with which a chain takes its direction, or its end."""
SCENES = scenes("one", "saga taken back", "one transaction")


@contextmanager
def served(world: World) -> Generator[int]:
    """A server of the venues in a process of its own, and its port; ended afterwards.

    Raises:
        EnvironmentDefect: it does not listen.
    """
    folder = world.folder
    files = ("--journal", str(folder / JOURNAL), "--ready", str(folder / READY))
    config = str(world.hosting.config.file)
    command = [sys.executable, "-m", "verifill", "venue", "serve", config, *files, "--with-parent"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603 - our own
        try:
            yield _port(process, folder / READY)
        finally:
            process.kill()


def _port(process: "subprocess.Popen[bytes]", ready: Path) -> int:
    deadline = time.monotonic() + PATIENCE_S
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            msg = "the server of the venues does not listen; run `verifill venue serve` to see why"
            raise EnvironmentDefect(msg)
        time.sleep(LOOK_S)
    return msgspec.json.decode(ready.read_bytes(), type=Ready).port


def lived(world: World, port: int, at: At | None) -> End:
    """One process life; as it ended."""
    order = Order(
        config=str(world.hosting.config.file),
        port=port,
        folder=str(world.folder),
        ticks=1,
        place=at.place if at else "",
        number=at.number if at else 0,
        after=at.after if at else False,
    )
    try:
        ended = forked.lived(victim.main, order, patience_s=PATIENCE_S)
    except TimeoutError as error:  # it was killed then, and its log tells where it was
        world.reason = str(error)
        return End.WAITING
    world.reason = ended.stderr.strip().rpartition("\n")[2]
    if ended.code == -signal.SIGKILL:
        return End.KILLED
    if ended.code:
        return End.REFUSED if "LogError" in world.reason else End.BROKE
    return End.ENDED


def play(world: World, spot: Spot) -> None:
    """A life for each moment, and one more; then what the venues have in their journal."""
    with served(world) as port:
        for at in (*spot.ats, None):
            world.ends.append(lived(world, port, at))
    world.wire.restart(read_journal(world.folder / JOURNAL))
    for effect in effects_of(world.wire.journal.lines):
        world.wire.sent[effect.key] = effect.arrivals
    told = (world.folder / ACKNOWLEDGED).read_text(encoding="ascii").split()
    world.disk.acknowledged.update(zip(map(int, told[::2]), told[1::2], strict=True))


def moments(whole: Whole, seed: int) -> Iterator[Spot]:
    """Before and after each moment of a first tick; of a chain, each send and each turn."""
    tried = _turns if _chained(whole) else _first
    for spot in everywhere(whole, seed):
        if tried(spot, whole):
            yield spot


def _chained(whole: Whole) -> bool:
    return any(state.startswith("ATOMIC.") for state in whole.states.values())


def _first(spot: Spot, whole: Whole) -> bool:
    at = spot.ats[0]
    waiting = whole.states.get((at.place, at.number), "").endswith(Tight.AWAIT_POSITION)
    reads = at.place is Place.READING and waiting
    return reads or at.number <= FIRST.get(at.place, 0)


def _turns(spot: Spot, _whole: Whole) -> bool:
    state, _, rest = spot.move.partition(" ")
    turns = state.startswith("ATOMIC.") and rest.partition(" ")[0] in TURNS
    return turns or spot.ats[0].place is Place.SEND


def again(whole: Whole, _seed: int) -> Iterator[Spot]:
    """After a send, and then at moments of the recovery; of a chain, after its last send."""
    chained = _chained(whole)
    first = At(Place.SEND, whole.seen[Place.SEND] if chained else 1, after=True)
    for number in range(1, 8):
        for after in (True,) if chained else (False, True):
            yield Spot(ats=(first, At(Place.COMMIT, number, after)))


HAZARDS = (
    Hazard(
        name="kill -9",
        group=Group.PROCESS,
        what="a real process is killed with signal 9; the venues' process is another",
        rows=("P1", "C23"),
        scenes=SCENES,
        spots=moments,
        play=play,
        own=False,
        expects=ended,
    ),
    Hazard(
        name="kill -9 in recovery",
        group=Group.PROCESS,
        what="a real process is killed just after a send, and the next one while it recovers",
        rows=("P1", "C23"),
        scenes=SCENES,
        spots=again,
        play=play,
        own=False,
        expects=ended,
    ),
)
