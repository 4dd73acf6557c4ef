"""Paper trading: a live run whose venues are simulated in its own process, at live prices.

Log, recovery, operators and reports are those of a live run. The accounts are kept in a
journal beside the log: an order that was executed is in it before it is answered, so that
neither a crash of the process nor a restart loses it or executes it twice.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from attrs import evolve

from verifill.anchors import anchor_to_write
from verifill.assembly.loopback import Connected, Hosting
from verifill.assembly.paper import connect_paper
from verifill.assembly.prices import PriceSource, replayed, served
from verifill.config import Config, load_config
from verifill.engine.clock import Times
from verifill.engine.errors import ConfigError
from verifill.engine.inbox import Inbox
from verifill.engine.log.anchor import Anchor
from verifill.engine.log.writer import is_log
from verifill.live import Ended, go_on
from verifill.machines.operator import Mailbox
from verifill.machines.recovery import Found
from verifill.modes import PAPER
from verifill.start import Outside, Start
from verifill.telling import Style, Tell, telling
from verifill.venues.loopback.journal import Journal


def run_paper(
    config: Config | Path | str,
    *,
    prices: PriceSource,
    folder: Path | str | None = None,
    anchor: Anchor | Path | str | None = None,
    mailbox: Callable[[Path], Mailbox] = Inbox,
    ticks: int = 0,
    times: Times | None = None,
    tell: Tell | None = None,
) -> Ended:
    """Trade on paper until stopped, from the beginning or from where the last life ended.

    Args:
        config: the configuration, or its file.
        prices: where live prices come from; see `served` and `replayed`.
        folder: of the log; by default the one that the configuration names. The accounts are
            kept in `FOLDER.venues.jsonl` beside it.
        anchor: see `verifill.live.run_live`.
        mailbox: where operators' commands wait, given the log's folder.
        ticks: after so many ticks it stops; 0 for no end.
        times: where time comes from.
        tell: told of each record, with its number, once it is on the disk.

    Raises:
        UserDefect: configuration, data or strategy cannot be used, or the log is of another mode.
        EnvironmentDefect: log or journal cannot be written or are not as they were.
    """
    settings = config if isinstance(config, Config) else load_config(config)
    log = settings.log_folder if folder is None else Path(folder)
    anchor = anchor_to_write(log, anchor or settings.anchor_file)
    times = times or Times()
    journal = journal_of(log)
    if journal.exists() and not is_log(log):
        raise ConfigError(_without_log(journal, log))
    with ExitStack() as held:

        def connected(hosting: Hosting, found: Found, cursors: Mapping[str, int]) -> Connected:
            if found.memory and not journal.exists():
                raise ConfigError(_without_journal(journal, log))
            accounts = Journal(journal)
            held.callback(accounts.close)
            return connect_paper(hosting, accounts, prices, times=times, since=cursors)

        start = Start(
            config=evolve(settings, mode=PAPER),
            connect=connected,
            folder=log,
            anchor=anchor,
            mailbox=mailbox,
            ticks=ticks,
            outside=Outside(times=times),
            tell=tell or telling(Style.NONE),
        )
        return go_on(start)


def journal_of(log: Path) -> Path:
    """Where the accounts of a paper log are kept."""
    return log.with_name(f"{log.name}.venues.jsonl")


def _without_log(journal: Path, log: Path) -> str:
    return (
        f"{journal} holds the accounts of a paper run, but its log {log} is not there. Restore "
        "the log, or remove the journal to begin anew"
    )


def _without_journal(journal: Path, log: Path) -> str:
    return (
        f"{journal} is not there: it holds the accounts of {log}, and without it they would begin "
        "anew. Restore it, or give another folder with --log"
    )


__all__ = ["journal_of", "replayed", "run_paper", "served"]
