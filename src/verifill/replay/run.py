"""A log run again, of whatever mode it is."""

from collections.abc import Callable
from pathlib import Path

from attrs import evolve

from verifill.assembly.strategy import load_strategy
from verifill.config import Config, load_config
from verifill.engine.errors import ConfigError
from verifill.engine.log.durable_reader import DurableReader, open_log
from verifill.machines.strategy import Strategy
from verifill.modes import BACKTEST
from verifill.replay.backtest import replay_backtest
from verifill.replay.live import replay_live
from verifill.replay.replayed import Replayed
from verifill.replay.strategies import instead


def replay(
    folder: Path | str,
    *,
    config: Config | Path | str | None = None,
    strategy: str = "",
    start_from: Path | str | None = None,
    until: int = 0,
) -> Replayed:
    """Run a log again, and compare every record.

    Args:
        folder: the log.
        config: the configuration that it was run with, or its file; a backtest needs it, and
            another strategy does, for its options.
        strategy: source of a strategy that decides in the place of the log's, as `strategy.source`
            of a configuration; empty for that of the log.
        start_from: of a backtest that continued a run, the log of that.
        until: number of the last record that is compared; 0 for all.

    Raises:
        ConfigError: a configuration is needed, or is not the one of the log.
        LogError: there is no log, or none that can be run again.
    """
    log = open_log(folder)
    settings = config if config is None or isinstance(config, Config) else load_config(config)
    source = _absolute(strategy)
    if not isinstance(log, DurableReader):
        if settings is None:
            msg = (
                f"{folder} is the log of a {BACKTEST}, which is simulated anew to be compared; "
                "give the configuration that it was run with: --config FILE"
            )
            raise ConfigError(msg)
        carried = None if start_from is None else Path(start_from)
        return replay_backtest(
            Path(folder), settings, strategy=source, start_from=carried, until=until
        )
    if not source:
        return replay_live(Path(folder), until=until)
    if settings is None:
        msg = "another strategy is made with the options of a configuration; give --config FILE"
        raise ConfigError(msg)
    return replay_live(Path(folder), strategy=instead(_maker(settings, source)), until=until)


def _maker(settings: Config, source: str) -> Callable[[], Strategy]:
    chosen = evolve(settings, strategy=evolve(settings.strategy, source=source))
    return lambda: load_strategy(chosen)


def _absolute(source: str) -> str:
    """The source of a strategy; a file is looked for from here, not beside the configuration."""
    file, dot, rest = source.partition(".py")
    return f"{Path(file).absolute()}{dot}{rest}" if dot else source
