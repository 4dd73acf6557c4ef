"""Live runs in the test's own process, under virtual time: the venues are the same service."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from attrs import define, evolve, field

from verifill.assembly.history import prepared
from verifill.assembly.loopback import Hosting, ServerParts
from verifill.config import load_config
from verifill.engine.clock import NANOSECONDS, Times
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.record import Record
from verifill.live import Ended, go_on
from verifill.modes import LIVE
from verifill.result import RunResult
from verifill.start import Outside, Start, over
from verifill.telling import Style, Tell, telling
from verifill.venues.loopback.journal import Journal
from verifill.venues.loopback.local import Local
from verifill.venues.loopback.service import Service


class KilledError(BaseException):
    """The process is gone."""


START_NS = 1_700_000_000 * NANOSECONDS


@define
class Virtual:
    """Time that passes where somebody sleeps.

    Attributes:
        now_ns: by either clock.
        patience: so many sleeps are borne: whoever is waited for does not come.
    """

    now_ns: int = START_NS
    patience: int = 100_000

    def sleep(self, seconds: float) -> None:
        self.patience -= 1
        assert self.patience
        self.now_ns += round(seconds * NANOSECONDS)

    def times(self) -> Times:
        return Times(lambda: self.now_ns, lambda: self.now_ns, self.sleep)


@define
class Inside:
    """One server and the lives of one log.

    Attributes:
        folder: of log and journal.
        config: the configuration.
        time: virtual.
    """

    folder: Path
    config: Path
    time: Virtual = field(factory=Virtual)
    service: Service = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        settings = load_config(self.config)
        hosting = Hosting.of(settings, prepared(settings, self.folder / "work", None))
        self.service = Service(
            ServerParts(hosting),
            Journal(self.folder / "journal.jsonl"),
            clock=lambda: self.time.now_ns,
            start_ns=START_NS,
            die=dead,
        )

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def result(self) -> RunResult:
        return RunResult(self.log)

    def live(self, ticks: int, tell: Tell | None = None) -> Ended:
        """One process life."""
        start = Start(
            config=evolve(load_config(self.config), mode=LIVE),
            connect=over(Local(self.service), self.time.times()),
            folder=self.log,
            anchor=FileAnchor(self.folder / "anchor"),
            ticks=ticks,
            outside=Outside(times=self.time.times()),
            tell=tell or telling(Style.NONE),
        )
        return go_on(start)

    def killed_at(self, event: str) -> None:
        """A process life that ends when something has happened for the first time."""

        def tell(record: Record, _seq: int) -> None:
            if record.event == event:
                raise KilledError

        with suppress(KilledError):
            self.live(0, tell)

    @property
    def now(self) -> Callable[[], int]:
        return lambda: self.time.now_ns


def dead() -> NoReturn:
    msg = "nothing here is to die"
    raise AssertionError(msg)
