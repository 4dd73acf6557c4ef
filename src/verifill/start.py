"""What one process life of a live or paper run is started with."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import field, frozen

from verifill.assembly.connection import Connection
from verifill.assembly.endpoints import lines_of
from verifill.assembly.loopback import Connected, Hosting, connect
from verifill.config import Config
from verifill.config.loopback import LoopbackVenueConfig
from verifill.engine.clock import NANOSECONDS, Times, WallClock
from verifill.engine.inbox import Inbox
from verifill.engine.log.anchor import Anchor
from verifill.engine.log.connection import Connect as ConnectDatabase
from verifill.engine.log.connection import connect as connect_database
from verifill.engine.log.live import Moment
from verifill.machines.operator import Mailbox
from verifill.machines.policies import Policies
from verifill.machines.recovery import Found
from verifill.telling import Style, Tell, telling
from verifill.venues.loopback.lines import Lines
from verifill.venues.loopback.transport import Transport

Connect = Callable[[Hosting, Found, Mapping[str, int]], Connection]
"""Gives the venues and their market; told what an earlier life left behind, and where its
feeds had come to."""


@frozen(kw_only=True)
class Outside:
    """What a live run touches of the world beside its venues and its log's folder.

    Attributes:
        times: the clocks.
        database: connects to the log's database.
        entropy: so many bytes that no other run has.
    """

    times: Times = field(factory=Times)
    database: ConnectDatabase = connect_database
    entropy: Callable[[int], bytes] = os.urandom

    def moment(self) -> Moment:
        """Now, by both clocks."""
        return Moment(self.times.wall_ns(), self.times.monotonic_ns())

    def clock(self, interval_s: int) -> WallClock:
        """The clock that ticks."""
        times = self.times
        return WallClock(
            interval_s * NANOSECONDS,
            wall_ns=times.wall_ns,
            monotonic_ns=times.monotonic_ns,
            sleep=times.sleep,
        )


@frozen(kw_only=True)
class Start:
    """What a live run is started with.

    Attributes:
        config: what to run.
        connect: gives the venues and their market; told what an earlier life left behind, and
            where its feeds had come to.
        outside: the clocks and the disk.
        folder: of the durable log; made the first time.
        anchor: the second place that remembers how far the log had come.
        mailbox: where operators' commands wait, given the log's folder.
        ticks: after so many ticks of this process life it stops; 0 for no end.
        tell: told of each record, with its number, once it is on the disk.
        keys: what venues make of keys that are no loopback server's, by name.
    """

    config: Config
    connect: Connect
    folder: Path
    anchor: Anchor
    mailbox: Callable[[Path], Mailbox] = Inbox
    ticks: int = 0
    outside: Outside = field(factory=Outside)
    tell: Tell = field(factory=lambda: telling(Style.NONE))
    keys: Mapping[str, LoopbackVenueConfig] = field(factory=dict[str, LoopbackVenueConfig])


def over(transport: Transport, times: Times, lines: Mapping[str, Lines] | None = None) -> Connect:
    """The venues that a transport reaches, or those that have their own lines."""

    def connected(hosting: Hosting, _found: Found, cursors: Mapping[str, int]) -> Connected:
        return connect(
            hosting,
            transport,
            now_ns=times.wall_ns,
            monotonic_ns=times.monotonic_ns,
            since=cursors,
            lines=lines,
        )

    return connected


def at(ports: Mapping[str, int], policies: Policies) -> Connect:
    """The venues of loopback servers, each request with the time-out of what it is for."""
    lines = lines_of(ports, policies)
    return over(next(iter(lines.values())).reading, Times(), lines)
