"""A backtest from its configuration to its result, in one call."""

from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from verifill.backtest import ExecutorName, Outcome, Parts, run
from verifill.build import Carried, build, described
from verifill.config import Config, load_config
from verifill.engine.errors import ConfigError
from verifill.engine.log.writer import BESIDE, Claim
from verifill.result import RunResult
from verifill.venues.data.history import History


@frozen(kw_only=True)
class Progress:
    """What is told while a backtest runs; each is called now and then.

    Attributes:
        prepared: with the bytes of market data read so far, and to read.
        began: once, with the parts, before the first tick.
        ticked: with the number of ticks so far.
        ended: once, with what came of it, when its log is complete.
    """

    prepared: Callable[[int, int], None] = lambda _done, _total: None
    began: Callable[[Parts], None] = lambda _parts: None
    ticked: Callable[[int], None] = lambda _ticks: None
    ended: Callable[[Outcome], None] = lambda _outcome: None


def run_backtest(
    config: Config | Path | str,
    *,
    log: Path | str | None = None,
    start_from: Path | str | None = None,
    executor: ExecutorName = "compiled",
    overwrite: bool = False,
    market: Path | str | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Run the backtest that a configuration describes, and write its log.

    Args:
        config: the configuration, or its file.
        log: folder of the log, by default the one that the configuration names; the prepared
            market data goes into `market` inside of it.
        start_from: log of a run whose closing positions and entry values this one takes over.
        executor: `compiled`, or `transitions` to run the library's own machine.
        overwrite: replace a log that is there.
        market: prepared market data to run on; by default, that of the configuration is prepared.
        progress: what to tell meanwhile.

    Raises:
        UserDefect: configuration, data, strategy or folder cannot be used; nothing was run.
        EnvironmentDefect: the log cannot be written; it is complete up to there.
    """
    settings = config if isinstance(config, Config) else load_config(config)
    told = progress or Progress()
    folder = settings.log_folder if log is None else Path(log)
    carried = None if start_from is None else _carried(Path(start_from), folder)
    # claimed before the data is prepared, which goes into the folder too
    with Claim(folder, overwrite=overwrite) as claim:
        parts = build(
            settings,
            work=folder / BESIDE,
            start_from=carried,
            history=None if market is None else History(market),
            progress=told.prepared,
        )
        told.began(parts)
        outcome = run(
            parts,
            folder,
            executor=executor,
            overwrite=overwrite,
            config=described(settings, carried),
            progress=told.ticked,
            claim=claim,
        )
    told.ended(outcome)
    return RunResult(folder, market=market)


def _carried(start_from: Path, folder: Path) -> Carried:
    if start_from.resolve() == folder.resolve():
        msg = f"{folder} cannot be both where the run begins and where its log goes; choose another"
        raise ConfigError(msg)
    return Carried.read(start_from)
