"""`verifill data fetch`: bars of an exchange into a file, with a bar meanwhile."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from verifill.assembly.quoting import connected
from verifill.cli.screen import aside, moment, pairs, screen
from verifill.engine.errors import ConfigError, EnvironmentDefect, NotObserved
from verifill.venues.ccxt.dialects import DIALECTS
from verifill.venues.ccxt.history import Fetching, Gap, Wanted

MS = 1_000_000
TOLD_MAX = 5
FOREVER_MS = 2**53


class ExchangeSilent(EnvironmentDefect):
    """An exchange could not be reached, or gave no answer that can be read."""


def fetch(
    venue: str,
    symbol: str,
    timeframe: str,
    *,
    since: datetime,
    until: datetime | None,
    to: Path,
    port: int,
    progress: bool,
) -> None:
    """Fetch, and say what is there now.

    Raises:
        ConfigError: there is no such exchange, or the bars would end before they begin.
        ExchangeSilent: the exchange does not answer; what was fetched is kept.
    """
    if venue not in DIALECTS:
        msg = f"there is no dialect of {venue!r}; there are {', '.join(DIALECTS)}"
        raise ConfigError(msg)
    if until is not None and _ms(until) <= _ms(since):
        msg = f"--until is {until}, not after --since, {since}; give a later --until"
        raise ConfigError(msg)
    dialect = DIALECTS[venue]
    wanted = Wanted(
        dialect=dialect,
        symbol=symbol,
        timeframe=timeframe,
        since_ms=_ms(since),
        until_ms=_ms(until) if until else FOREVER_MS,
    )
    console = aside()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    disable = not (progress and console.is_terminal)
    with (
        closing(connected(dialect, None, port=port)) as client,
        Bar(*columns, console=console, transient=True, disable=disable) as bar,
    ):
        task = bar.add_task("bars", total=None)

        def told(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        fetching = Fetching(wanted, client, to)
        try:
            bars, gaps = fetching.run(told)
        except NotObserved as error:
            raise ExchangeSilent(_silent(venue, port, error, fetching.part)) from error
    screen().print(pairs("", _summary(to, bars, gaps)))


def _silent(venue: str, port: int, error: NotObserved, part: Path) -> str:
    where = f"on port {port} of this machine" if port else "where ccxt looks for it"
    kept = f"What came before is kept in {part}. " if part.exists() else ""
    return f"{venue} does not answer {where}: {error}. {kept}Run the same command again"


def _summary(to: Path, bars: int, gaps: list[Gap]) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [("file", to), ("bars", f"{bars:,}"), ("gaps", len(gaps))]
    rows += [(moment(gap.begin_ms * MS), f"{gap.bars:,} missing") for gap in gaps[:TOLD_MAX]]
    return rows


def _ms(at: datetime) -> int:
    return round(at.replace(tzinfo=UTC).timestamp() * 1_000)
