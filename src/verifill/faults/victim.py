"""An engine in a process of its own, which kills itself with signal 9 at one moment.

Nothing of it is patched: moments are watched where the engine meets the outside.
"""

import os
import signal
from pathlib import Path

from attrs import evolve, frozen

from verifill.assembly.history import prepared
from verifill.assembly.loopback import Hosting
from verifill.config import load_config
from verifill.engine.clock import Times
from verifill.faults.moments import At, Moments, Place
from verifill.faults.outside import PLACES, Disk, Time, WatchedAnchor
from verifill.live import one_life
from verifill.modes import LIVE
from verifill.start import Outside, Start, over
from verifill.venues.loopback.transport import Attempt, Http

PATIENCE_S = 5.0  # for one request
ACKNOWLEDGED = "acknowledged"  # the file of what was


@frozen
class Order:
    """What a victim is to do.

    Attributes:
        config: the configuration.
        port: of the venues.
        folder: of log, anchor, and what was acknowledged.
        ticks: after so many it stops.
        place: where it ends; empty if it is left alone.
        number: at which moment of that place.
        after: after it, not before.
    """

    config: str
    port: int
    folder: str
    ticks: int
    place: str = ""
    number: int = 0
    after: bool = False

    @property
    def moments(self) -> Moments:
        """What ends it."""
        end = At(Place(self.place), self.number, self.after) if self.place else None
        return Moments(end, ending=die)


class Watched:
    """Attempts whose moments are counted; implements `Transport`."""

    def __init__(self, http: Http, moments: Moments) -> None:
        self._http = http
        self._moments = moments

    def __call__(self, method: str, target: str, body: bytes = b"") -> Attempt:
        """See `Transport`."""
        place = PLACES.get(target.partition("?")[0].rpartition("/")[2], Place.LOOK)
        return self._moments.around(place, lambda: self._http(method, target, body))


def die() -> None:
    """End as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(order: Order) -> None:
    """One process life."""
    folder, moments = Path(order.folder), order.moments
    file = os.open(folder / ACKNOWLEDGED, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def acknowledge(number: int, digest: str) -> None:
        os.write(file, f"{number} {digest}\n".encode())  # which a kill does not undo

    disk = Disk(moments, Time(), on_acknowledged=acknowledge)
    config = evolve(load_config(Path(order.config)), mode=LIVE)
    start = Start(
        config=config,
        connect=over(Watched(Http(order.port, PATIENCE_S), moments), Times()),
        outside=Outside(database=disk.connect),
        folder=folder / "log",
        anchor=WatchedAnchor(folder / "anchor", moments),
        ticks=order.ticks,
    )
    work = folder / f"data-{os.getpid()}"  # which whoever owns the folder removes: a kill cannot
    one_life(start, Hosting.of(config, prepared(config, work, None)))
