"""Process lives of a live engine: begun, cut off, begun again, on one log and one venue."""

import random
import shutil
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path

from attrs import define, field

from verifill.assembly.loopback import Hosting
from verifill.engine.clock import NANOSECONDS, Times
from verifill.engine.command import Command
from verifill.engine.errors import EnvironmentDefect, VerifillError
from verifill.faults.moments import KilledError, Moments
from verifill.faults.outside import PATIENCE_NS, Disk, Time, WaitingError, WatchedAnchor, Wire
from verifill.live import one_life
from verifill.machines.operator import Mailbox
from verifill.start import Outside, Start, over
from verifill.venues.loopback.faults import Fault

LIVES_MAX = 3  # that stop with something under way, one after another


class End(StrEnum):
    """How a process life ended."""

    ENDED = "ended"  # by itself
    KILLED = "killed"
    WAITING = "waiting"  # for a person
    STOPPED = "stopped"  # because the log could not be written
    REFUSED = "refused to start"  # because the log is not as it was
    BROKE = "broke"  # a defect


class NoMail:
    """No operator has anything to say; implements `Mailbox`."""

    def pending(self) -> tuple[Command, ...]:
        """None."""
        return ()

    def answer(self, number: int, text: str, at_ns: int, *, taken: bool = True) -> None:
        """Nobody asked."""


@define
class World:
    """One log, its venues, and the lives of an engine between them.

    Attributes:
        folder: of log and anchor.
        hosting: the configuration, as venues and engine see it.
        time: of both.
        wire: the venues.
        disk: the log's.
        ticks: after so many a life stops.
        seed: of the run's name.
        ends: how each life ended.
        reason: why the last one did.
        signal: number of the signal that stopped it, 0 if none did.
        parked: whether it stopped with something under way.
        mail: what operators say.
        ending: called when a life comes to the moment of its end; its files are kept by default.
        undetected: how often an engine has started where it must not.
    """

    folder: Path
    hosting: Hosting
    time: Time
    wire: Wire
    disk: Disk
    ticks: int = 3
    seed: str = ""
    ends: list[End] = field(factory=list[End])
    reason: str = ""
    signal: int = 0
    parked: bool = False
    undetected: int = 0
    mail: Mailbox = field(factory=NoMail)
    ending: Callable[[], None] | None = None

    @property
    def log(self) -> Path:
        """The folder of the log."""
        return self.folder / "log"

    @property
    def anchor(self) -> Path:
        """The anchor's file."""
        return self.folder / "anchor"

    def live(self, moments: Moments | None = None) -> End:
        """One process life."""
        moments = moments or Moments()
        moments.ending = self.ending or self._keep
        self.wire.moments = self.disk.moments = moments
        self.time.busy()
        end = self._live(moments)
        if self.kept.exists():
            shutil.rmtree(self.log)
            self.kept.rename(self.log)
        self.ends.append(end)
        return end

    @property
    def kept(self) -> Path:
        """What a process that was killed leaves of its log, until its own end is over."""
        return self.folder / "kept"

    def _keep(self) -> None:
        """Keep the files as they are: a process that is killed closes nothing."""
        ignored = shutil.ignore_patterns("lock", "*-shm")
        if self.log.exists():
            shutil.copytree(self.log, self.kept, ignore=ignored)

    def finish(self) -> End:
        """A life, and another as long as one stops with something under way."""
        end = self.live()
        for _ in range(LIVES_MAX):
            if not self.parked:
                break
            end = self.live()
        return end

    def _live(self, moments: Moments) -> End:
        times = Times(self.time.wall_ns, self.time.mono_ns, self.time.sleep)
        outside = Outside(
            times=times,
            database=self.disk.connect,
            entropy=random.Random(self.seed).randbytes,  # noqa: S311 - the same for the same seed
        )
        start = Start(
            config=self.hosting.config,
            connect=over(self.wire, times),
            outside=outside,
            folder=self.log,
            anchor=WatchedAnchor(self.anchor, moments),
            mailbox=lambda _folder: self.mail,
            ticks=self.ticks,
        )
        self.parked, before = False, dict(self.disk.acknowledged)
        try:
            ended = one_life(start, self.hosting)
        except KilledError:
            return End.KILLED
        except WaitingError:
            return End.WAITING
        except VerifillError as error:
            self.reason = f"{type(error).__name__}: {error}"
            if self.disk.acknowledged == before:
                return End.REFUSED
            return End.STOPPED if isinstance(error, EnvironmentDefect) else End.BROKE
        self.reason, self.signal, self.parked = ended.reason, ended.signal, ended.parked
        return End.ENDED


def begun(
    folder: Path, hosting: Hosting, faults: Iterable[Fault] = (), *, ticks: int = 2, seed: str = ""
) -> World:
    """A world in which nothing has happened yet."""
    interval_ns = hosting.config.loop.interval_s * NANOSECONDS
    time = Time(patience_ns=PATIENCE_NS + 2 * interval_ns)
    return World(
        folder=folder,
        hosting=hosting,
        time=time,
        wire=Wire(hosting, time, faults),
        disk=Disk(Moments(), time),
        ticks=ticks,
        seed=seed,
    )
