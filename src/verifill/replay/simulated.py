"""The simulated world that a fork of a live run goes on in: venues, prices and time."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from attrs import define, evolve, frozen

from verifill.assembly.carried import Carried
from verifill.assembly.loopback import Connected, Hosting
from verifill.assembly.paper import connect_paper
from verifill.assembly.positions import positions_of
from verifill.engine.clock import NANOSECONDS, Times
from verifill.engine.errors import ConfigError
from verifill.engine.log.live import Moment
from verifill.engine.replay.difference import PAYLOAD, Row
from verifill.machines.replaying import MARKET
from verifill.replay.changed import answers_of
from verifill.replay.market import RecordedMarket
from verifill.venues.keys import Kind
from verifill.venues.loopback.journal import Journal
from verifill.venues.market import LiveMarket

READ: Final = ".read"
REFS: Final = "what-if-"  # of the simulated venues; no reference of the log begins so
KINDS: Final = frozenset({Kind.BASE, Kind.PERP, Kind.SETTING, Kind.ALLOWANCE})
"""Positions that are all that there is of them: no index, no queue."""


@define
class VirtualTime:
    """Time that passes where somebody sleeps, and from the fork on.

    Attributes:
        wall_ns: by the wall clock.
        mono_ns: by the monotonic clock.
        slept: called after each sleep.
    """

    wall_ns: int = 0
    mono_ns: int = 0
    slept: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        passed_ns = round(seconds * NANOSECONDS)
        self.wall_ns += passed_ns
        self.mono_ns += passed_ns
        self.slept()

    @property
    def moment(self) -> Moment:
        """Now."""
        return Moment(self.wall_ns, self.mono_ns)

    def times(self) -> Times:
        """As clocks."""
        return Times(lambda: self.wall_ns, lambda: self.mono_ns, self.sleep)


class PastPrices(RecordedMarket):
    """The prices of a log, as of a time; those told last stay. Implements `LiveMarket`.

    Args:
        price_decimals: market data -> decimals of its ticks.
        told: what the log says of prices, each with the wall time of its record.
        now_ns: the time.
    """

    def __init__(
        self,
        price_decimals: Mapping[str, int],
        told: Sequence[tuple[int, Mapping[str, Any]]],
        now_ns: Callable[[], int],
    ) -> None:
        super().__init__(price_decimals)
        self._told = told
        self._now_ns = now_ns
        self._next = 0
        self.clock_ns = 0

    def refresh(self) -> None:
        """Go to what was known at this time."""
        now_ns = self._now_ns()
        while self._next < len(self._told) and self._told[self._next][0] <= now_ns:
            self.take(self._told[self._next][1])
            self._next += 1
        self.time_ns = self.clock_ns = now_ns

    def show(self, market: LiveMarket) -> None:
        """Show what another market does."""
        self.time_ns = market.time_ns
        self.prices, self.marks = dict(market.prices), dict(market.marks)
        self.series = dict(market.series)


def prices_in(rows: Sequence[Row]) -> Sequence[tuple[int, Mapping[str, Any]]]:
    """What records say of prices, with their wall times."""
    return [
        (row["wall_ns"], row[PAYLOAD][MARKET])
        for row in rows
        if row[PAYLOAD] and MARKET in row[PAYLOAD]
    ]


@frozen(kw_only=True)
class Implied:
    """What a log implies of its venues at a fork.

    Attributes:
        totals: position key -> units.
        bases: perpetual's key -> entry value.
    """

    totals: Mapping[str, int]
    bases: Mapping[str, int]


def implied(rows: Sequence[Row], venues: Sequence[str], at: int) -> Implied:
    """What the last readings before a fork say.

    Args:
        rows: records of the process life up to the fork, with the answers as recorded.
        venues: their names.
        at: number of the record of the fork, for messages.

    Raises:
        ConfigError: a venue was not read yet, or something is on its way.
    """
    read: dict[str, dict[str, int]] = {}
    for _, question, answer in answers_of(rows):
        if question.endswith(READ) and isinstance(answer, Mapping):
            feed, told = question.removesuffix(READ), cast("Mapping[str, Any]", answer)
            whole = told.get("totals")
            kept = read.get(feed, {}) if whole is None else dict(whole)
            read[feed] = {**kept, **dict(told.get("changed", ()))}
    for venue in venues:
        if venue not in read:
            msg = (
                f"record {at}: {venue} was not read before it in its process life, so nothing "
                "tells its positions. Fork at a later record"
            )
            raise ConfigError(msg)
    bases: Mapping[str, int] = {}
    for row in rows:
        payload: dict[str, Any] = row[PAYLOAD] or {}
        memory: dict[str, Any] = payload.get("memory") or {}
        books: dict[str, Any] = memory.get("books") or {}
        bases = books.get("bases", bases)
    return Implied(totals={k: u for own in read.values() for k, u in own.items()}, bases=bases)


def world(
    hosting: Hosting,
    journal: Path,
    state: Implied,
    prices: Callable[[], LiveMarket],
    time: VirtualTime,
) -> tuple[Connected, Journal]:
    """Simulated venues in a state, at recorded prices.

    Raises:
        ConfigError: the state is none that can be simulated.
    """
    there = {key for key, units in state.totals.items() if units}
    if unknown := sorted(key for key in there if key.split(":")[1] not in KINDS):
        msg = (
            f"{', '.join(unknown)} is in a lending market or a queue, of which the log does not "
            "hold all. A live run can be forked where nothing is there; a backtest anywhere"
        )
        raise ConfigError(msg)
    open_ = {key for key in there if f":{Kind.PERP}:" in key}
    if lost := sorted(open_ - state.bases.keys()):
        msg = f"the entry value of {', '.join(lost)} is not in the log; fork where it is closed"
        raise ConfigError(msg)
    carried = Carried(
        run="of the log",
        closing=state.totals,
        bases={key: units for key, units in state.bases.items() if key in open_},
        decimals=hosting.amounts.scales.as_dict(),
        price_decimals=hosting.history.price_decimals,
    )
    hosted = evolve(
        hosting, positions=positions_of(hosting.amounts, hosting.chains, carried), refs=REFS
    )
    accounts = Journal(journal)
    connected = connect_paper(
        hosted, accounts, lambda _hosting, _began_ns: prices(), times=time.times(), since={}
    )
    connected.refresh()
    for venue in connected.venues.values():
        venue.read()  # ledger rows count from here
    if hosting.config.routes:
        connected.transit.read()
    return connected, accounts
