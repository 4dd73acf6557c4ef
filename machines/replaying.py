"""One process life of a live engine again, on the answers that its log holds."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from attrs import frozen

from verifill.engine.command import Command
from verifill.engine.compile import compile_table
from verifill.engine.executor import DurableExecutor
from verifill.engine.log.expand import Nesting
from verifill.engine.log.live import LiveLog
from verifill.engine.replay.difference import Difference, Row
from verifill.engine.replay.given import DivergedError, Given, OverError
from verifill.engine.table import AnyTable
from verifill.machines.assembling import Beyond, Deciding, assemble
from verifill.machines.forms import NOBODY
from verifill.machines.full_loop import FULL_LOOP, Full
from verifill.machines.recovery import Found
from verifill.machines.setup import SETUP
from verifill.venues.market import MarketView

MARKET: Final = "market"  # of a payload: prices


class PastMarket(MarketView, Protocol):
    """Prices as a log holds them."""

    def take(self, told: Mapping[str, Any], /) -> None:
        """Take over what a record says of them."""
        ...


@frozen(kw_only=True)
class Life:
    """One process life, as a log holds it.

    Attributes:
        epoch: its number.
        first: number of its EPOCH.
        rows: its records after that, payloads as plain values.
    """

    epoch: int
    first: int
    rows: Sequence[Row]

    @property
    def ended(self) -> bool:
        """Whether it ended by itself; else it was cut off, parked, or goes on."""
        return bool(self.rows) and self.rows[-1]["to"] == Full.STOPPED


@frozen(kw_only=True)
class Relived:
    """What came of a replay of one life.

    Attributes:
        count: how many of its records were the same.
        difference: where it departs; None if it does not.
        end: how it came to its end.
    """

    count: int
    difference: Difference | None
    end: str


class Mute:
    """The mailbox of a replay: what was posted is among the answers."""

    def __init__(self) -> None:
        self.pending: Callable[[], Sequence[Command]] = NOBODY.pending

    def answer(self, number: int, text: str, at_ns: int, *, taken: bool = True) -> None:
        """Nobody hears it."""


@frozen(kw_only=True)
class Past:
    """What a replay of a life rests on beside its records.

    Attributes:
        run: name of the run.
        nesting: how the log says that its machine nests.
        found: what the life before left behind.
        market: prices as the log holds them.
        strategy: gives the one that decides anew; None to take the decisions of the log.
        table: of the machine; the one that this version has, by default.
    """

    run: str
    nesting: Mapping[str, Any]
    found: Found
    market: PastMarket
    strategy: Deciding | None = None
    table: AnyTable = FULL_LOOP


def relive(life: Life, past: Past) -> Relived:
    """Run one process life again; nothing is reached, and nothing is written.

    Raises:
        KeyError, TypeError, ValueError: an answer of the log cannot be read.
    """
    given = Given(life.rows, life.first, ended=life.ended)
    end = "it ended by itself"
    try:
        parked = _run(given, past)
        given.end()
        end = f"it was parked: {parked}" if parked else end
    except OverError:
        end = "it was cut off, or goes on"
    except DivergedError as error:
        return Relived(count=given.count, difference=error.difference, end="it departs")
    return Relived(count=given.count, difference=None, end=end)


def _run(given: Given, past: Past) -> str:
    """Run it until it ends; why it was parked, or empty."""
    setup = given.ask("setup", NOBODY.setup, SETUP)
    log = LiveLog(given, Nesting(**past.nesting), given.moment)
    machine = DurableExecutor(compile_table(past.table), log)

    def seen() -> None:
        if setup.quoted:
            told = given.coming(MARKET)
            log.tell(MARKET, told)  # None is in no log: a record that lacks its prices is found
            if told is not None:
                past.market.take(told)

    beyond = Beyond(
        clock=NOBODY,
        wall_ns=lambda: 0,
        market=past.market,
        strategy=NOBODY,
        venues=[NOBODY] * len(setup.venues),
        feeds=[NOBODY] * setup.feeds,
        mailbox=Mute(),
        bases=NOBODY.bases,
        cursors=NOBODY.cursors,
        look=NOBODY.look,
        seen=seen,
        worth=NOBODY,
    )
    loop = assemble(
        setup,
        beyond,
        given,
        machine=machine,
        log=log,
        found=past.found,
        run=past.run,
        strategy=past.strategy,
    )
    loop.run()
    return loop.parked
