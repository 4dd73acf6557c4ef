"""A backtest run again: the same data, settings and strategy, and every record compared.

Its log does not hold all that its venues said: what is plain is left out there. So the market,
the venues and the strategy are simulated anew, and only if data, settings and strategy have the
digests that the log names.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import polars as pl
from attrs import evolve

from verifill.backtest import Parts, run
from verifill.build import Carried, build, described
from verifill.config import Config
from verifill.engine.digest import sha256_file
from verifill.engine.log.reader import Log
from verifill.engine.log.schema import STREAMS
from verifill.engine.log.writer import BESIDE
from verifill.engine.replay.difference import COMPARED, PAYLOAD, Difference, Field, Row, Sort
from verifill.modes import BACKTEST
from verifill.replay.replayed import Replayed
from verifill.result import MARKET
from verifill.venues.data.cut import recomputed
from verifill.venues.data.history import History

ANEW: Final = (
    "market, venues and strategy were simulated anew from data, settings and strategy of the same "
    "digests"
)
OTHER: Final = (
    "market and venues were simulated anew from data of the same digest, with another strategy"
)


def replay_backtest(
    folder: Path,
    config: Config,
    *,
    strategy: str = "",
    start_from: Path | None = None,
    until: int = 0,
) -> Replayed:
    """Run a backtest again, and compare every record and all of its evidence.

    Args:
        folder: the log.
        config: what it was run with.
        strategy: source of another strategy; the configuration's own if empty.
        start_from: log of the run that it continued.
        until: number of the last record that is compared; 0 for all.

    Raises:
        ConfigError: settings or data are not those of the log.
        LogError: the log cannot be read.
    """
    log = Log(folder)
    carried = None if start_from is None else Carried.read(start_from)
    settings = evolve(config, mode=BACKTEST)
    said = described(settings, carried)
    same_settings(folder, log.header["config"], said, config)
    if strategy:
        settings = evolve(settings, strategy=evolve(settings.strategy, source=strategy))
        said = described(settings, carried)
    with TemporaryDirectory(prefix="verifill-replay-") as work:
        again = Path(work) / "log"
        history = _shared(folder, config)
        parts = build(settings, work=Path(work) / BESIDE, start_from=carried, history=history)
        same_data(folder, log, parts, config)
        run(parts, again, config=said)
        count = log.last_seq
        difference = None
        if strategy or _chain(log) != _chain(Log(again)):
            difference = first_difference(log, Log(again), until)
    same = count if difference is None else difference.seq - 1
    return Replayed(
        run=str(log.header["run"]),
        mode=BACKTEST,
        how=OTHER if strategy else ANEW,
        count=min(same, until or same),
        of=count,
        difference=difference,
    )


def _shared(folder: Path, config: Config) -> History | None:
    """The data of a run of a sweep, which may be a window of that of the settings; else None.

    Raises:
        ConfigError: it was changed.
        DataError: it cannot be read.
    """
    if not (folder / BESIDE).is_symlink():
        return None
    history = History(folder / MARKET)
    if recomputed(history) != history.digest:
        problem = f"the data in {history.path} was changed; run the sweep again in a new folder"
        raise config.error(problem)
    return history


def same_settings(
    folder: Path, then: Mapping[str, Any], now: Mapping[str, Any], config: Config
) -> None:
    """Refuse to compare what was run with something else.

    Raises:
        ConfigError: settings differ, or the strategy's file does.
    """
    other = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
    if other:
        problem = (
            f"{folder} was run with another {', '.join(other)}; give the configuration that it was "
            "run with (and --from, if it continued a run), or another strategy with --strategy"
        )
        raise config.error(problem)


def same_data(folder: Path, log: Log, parts: Parts, config: Config) -> None:
    """Refuse to compare what was run on other data.

    Raises:
        ConfigError: it was.
    """
    if parts.timeline.digest != log.header["data_digest"]:
        problem = (
            f"the data has the digest {parts.timeline.digest}, and {folder} was run on data of "
            f"{log.header['data_digest']}; restore the files of [data]"
        )
        raise config.error(problem)


def _chain(log: Log) -> list[object]:
    """What the chunks are, by their hashes now, and what their numbers mean: the same if equal."""
    names = [file["name"] for line in log.manifest for file in line.get("files", ())]
    told = [line.get(name) for line in log.manifest for name in ("codes", "paths", "usual")]
    return [[(name, sha256_file(log.folder / name)) for name in names], told]


def first_difference(log: Log, again: Log, until: int) -> Difference | None:
    """The first record that differs, or whose evidence does."""
    found = [
        one
        for stream in ("", *EVIDENCE)
        if (one := _differing(_frame(log, stream, until), _frame(again, stream, until), stream))
    ]
    return min(found, key=lambda one: one.seq) if found else None


EVIDENCE: Final = tuple(stream for stream in STREAMS if stream != "paths")


def _frame(log: Log, stream: str, until: int) -> pl.DataFrame:
    """A stream, or the records, in columns that equal runs have equal."""
    if stream:
        frame = log.stream(stream).with_columns(pl.col(pl.Enum).cast(pl.String))
    else:
        run = pl.lit(str(log.header["run"]))
        frame = (
            log.records()
            .select("seq", *COMPARED, PAYLOAD)
            .with_columns(pl.col("intent_id").str.strip_prefix(run))
        )
    return (frame.filter(pl.col("seq") <= until) if until else frame).collect()


def _differing(expected: pl.DataFrame, actual: pl.DataFrame, stream: str) -> Difference | None:
    """The first row in which two frames of the same columns differ."""
    count = min(expected.height, actual.height)
    pairs = zip(expected.head(count).get_columns(), actual.head(count), strict=True)
    unequal = [ours.ne_missing(theirs).alias(ours.name) for ours, theirs in pairs]
    at = pl.DataFrame(unequal).select(pl.any_horizontal(pl.all())).to_series().arg_max()
    if count and at is not None and any(column[at] for column in unequal):
        names = [column.name for column in unequal if column[at]]
        return _difference(stream, expected.row(at, named=True), actual.row(at, named=True), names)
    if expected.height > count:
        return _difference(stream, expected.row(count, named=True), None, ())
    if actual.height > count:
        return _difference(stream, None, actual.row(count, named=True), ())
    return None


def _difference(
    stream: str, expected: Row | None, actual: Row | None, names: Iterable[str]
) -> Difference:
    of = f"{stream}." if stream else ""
    fields = tuple(Field(f"{of}{n}", (expected or {})[n], (actual or {})[n]) for n in names)
    seq = min(row["seq"] for row in (expected, actual) if row)
    what = f"a row of {stream}" if stream else "a record"
    if expected is None:
        sort, what = Sort.EXTRA, f"the replay has {what} that the log does not hold"
    elif actual is None:
        sort, what = Sort.MISSING, f"the log holds {what} that the replay does not have"
    else:
        sort, what = Sort.CHANGED, f"{what} differs: {', '.join(one.name for one in fields)}"
    return Difference(
        seq=seq,
        sort=sort,
        what=what,
        expected=expected,
        actual=actual,
        fields=fields,
        cause_seq=seq - 1,
    )
