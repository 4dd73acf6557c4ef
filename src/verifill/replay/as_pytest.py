"""A run as a test: a file that runs its log again, up to a record."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from string import Template
from typing import Final

from verifill.engine.errors import ConfigError, LogError
from verifill.engine.log.connection import DATABASE, connect, connect_to_read, reading
from verifill.engine.log.durable_reader import DurableReader, open_log
from verifill.engine.log.writer import HEADER
from verifill.replay.travel import Travel

TEXT: Final = Template('''"""Run $run of $mode, reproduced up to record $seq.

Written by `verifill replay --as-pytest` from $source.
"""

from pathlib import Path

from verifill.replay.run import replay
from verifill.replay.travel import Travel

HERE = Path(__file__).parent
LOG = HERE / $log
CONFIG = $config
SEQ = $seq


def test_the_run_is_the_same_up_to_its_record() -> None:
    replayed = replay(LOG, config=CONFIG, until=SEQ)

    assert replayed.difference is None, replayed.difference
    assert SEQ == replayed.count


def test_the_run_is_in_its_state_there() -> None:
    assert $state == Travel(LOG).at(SEQ).state
''')


def write_test(folder: Path, file: Path, *, config: Path | None = None, until: int = 0) -> int:
    """Write a test that runs a log again.

    The records of a live log are copied beside it, up to the last that the test needs; of a
    backtest, log and configuration stay where they are.

    Args:
        folder: the log.
        file: of the test; a folder of its name, ending in `.log`, is made beside it for a live log.
        config: of a backtest, what it was run with.
        until: number of the record up to which it is run; 0 for all.

    Returns:
        That number.

    Raises:
        ConfigError: something is there already, or there is no such record.
        LogError: the log cannot be read, or the test not be written.
    """
    log = open_log(folder)
    live = isinstance(log, DurableReader)
    if not live and config is None:
        msg = f"{folder} is the log of a backtest; give the configuration it was run with: --config"
        raise ConfigError(msg)
    seq = until or log.last_seq
    snapshot = Travel(folder).at(seq)
    copied = file.with_suffix(".log")
    for path in (file, copied) if live else (file,):
        if path.exists():
            msg = f"{path} is there already; name another file, or remove it"
            raise ConfigError(msg)
    text = TEXT.substitute(
        run=snapshot.run,
        mode=snapshot.mode,
        seq=seq,
        source=folder.name,
        log=repr(copied.name if live else str(folder.absolute())),
        config=None if config is None else repr(str(config.absolute())),
        state=repr(snapshot.state),
    )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if live:
            _copy(folder, copied, seq)
        file.write_text(text, encoding="utf-8")
    except (OSError, sqlite3.Error) as error:
        msg = f"{file} cannot be written: {error}"
        raise LogError(msg) from error
    return seq


def _copy(folder: Path, copied: Path, seq: int) -> None:
    """A live log up to a record, as one read of it."""
    copied.mkdir()
    shutil.copyfile(folder / HEADER, copied / HEADER)
    path = folder / DATABASE
    with closing(connect(copied / DATABASE)) as copy:
        with reading(path), closing(connect_to_read(path)) as connection:
            connection.backup(copy)
        copy.execute("DELETE FROM records WHERE seq > ?", (seq,))
        copy.execute("PRAGMA journal_mode = DELETE")  # nothing beside it is needed to read it
