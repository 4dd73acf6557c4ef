"""Preparing history: many files checked and joined into one folder that a run reads fast."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
import polars as pl
from attrs import asdict, evolve
from polars.exceptions import PolarsError

from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.errors import ConfigError, DataError
from verifill.venues.data.bars import KNOWN, BarReader
from verifill.venues.data.columns import TIME, Converter
from verifill.venues.data.exact import Scale
from verifill.venues.data.history import FORMAT, HEADER, MARKET, SERIES, Header, History
from verifill.venues.data.joining import join
from verifill.venues.data.parts import PartWriter, TableDigest
from verifill.venues.data.sources import BarFile, Gaps, SeriesFile
from verifill.venues.data.tables import open_table

Progress = Callable[[int, int], None]

NO_POINTS: Final = pl.DataFrame(
    {
        "name": pl.Series([], dtype=pl.String),
        "time_ns": pl.Series([], dtype=pl.Int64),
        "value": pl.Series([], dtype=pl.Decimal(38, 0)),
    }
)


def prepare(
    bars: Sequence[BarFile],
    series: Sequence[SeriesFile],
    target: Path,
    *,
    gaps: Gaps = "error",
    progress: Progress | None = None,
) -> History:
    """Checks the files and writes them as one history; memory does not grow with their length.

    A bar stands in the history at the time at which it is known, which is when it closes: a
    time stamp of an opening is moved by one interval. So whoever reads the history up to a
    time never sees a bar that was not complete by then.

    The common time of all instruments runs from the latest first bar to the earliest last
    one; what lies outside is checked and left out. A time inside at which an instrument
    has no bar is a gap.

    Args:
        bars: One file for each instrument; all have the same interval.
        series: One file for each sparse series.
        target: The folder to write: `market.parquet`, `series.parquet`, `history.json`. An
            earlier history in it is replaced, once the new one is complete.
        gaps: "error" refuses them, "skip" leaves out the times that any instrument lacks,
            "carry" repeats the instrument's last close, with no volume.
        progress: Called now and then with the bytes read so far and the bytes to read.

    Raises:
        ConfigError: an instrument or a series is given twice, or there is no instrument.
        DataError: a file or the target cannot be used; the message says which row and why.
    """
    _check_names("instrument", [file.instrument for file in bars])
    _check_names("series", [file.name for file in series])
    if not bars or gaps not in {"error", "skip", "carry"}:
        what = f"gaps is {gaps!r}" if bars else "there is no file of bars"
        msg = f"{what}; give at least one instrument, and gaps as 'error', 'skip' or 'carry'"
        raise ConfigError(msg)
    with work_folder(target) as folder:
        header = _write(bars, series, folder, gaps=gaps, progress=progress or _silent)
        place(folder, target, header)
    return History(target)


def place(folder: Path, target: Path, header: Header) -> None:
    """Move what was written into its place, in which an earlier history may be."""
    # The header comes last: until it is there, the folder does not claim to be whole.
    (target / HEADER).unlink(missing_ok=True)
    for name in (SERIES, MARKET):
        (folder / name).replace(target / name)
    (target / HEADER).write_bytes(msgspec.json.format(msgspec.json.encode(header)))


def sealed(header: Header, market: TableDigest, points: TableDigest) -> Header:
    """The header with the digest of all that the history holds."""
    content = [asdict(header), market.hex(), points.hex()]
    return evolve(header, digest=sha256_hex(canonical_json(content)))


@contextmanager
def work_folder(target: Path) -> Generator[Path]:
    """A folder inside the target that is gone afterwards; so is a target left empty."""
    existed = target.exists()
    try:
        target.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".preparing-", dir=target) as folder:
            yield Path(folder)
    except (OSError, PolarsError) as error:
        msg = f"the history cannot be written: {error}; choose a folder with space that is yours"
        raise DataError(msg, path=str(target)) from error
    finally:
        if not existed and target.is_dir() and not any(target.iterdir()):
            target.rmdir()


def _write(
    bars: Sequence[BarFile],
    series: Sequence[SeriesFile],
    folder: Path,
    *,
    gaps: Gaps,
    progress: Progress,
) -> Header:
    readers = [BarReader(file) for file in bars]
    converters = [_series_converter(file) for file in series]
    total = sum(reader.size_bytes for reader in readers)
    total += sum(converter.table.size_bytes for converter in converters)
    spans: list[tuple[int, int]] = []

    def report() -> None:
        done = sum(reader.read_bytes for reader in readers)
        progress(done + sum(converter.size_bytes for converter in converters), total)

    points, points_digest = PartWriter(folder / "points"), TableDigest()
    points.add(NO_POINTS)
    for file, converter in zip(series, converters, strict=True):
        for frame in converter.frames():
            point_rows = _points(file.name, frame)
            points.add(point_rows)
            points_digest.add(point_rows)
            report()
    points.finish(folder / SERIES)
    market, market_digest = PartWriter(folder / "rows"), TableDigest()
    for frame in join(readers, gaps=gaps):
        market.add(frame)
        market_digest.add(frame)
        spans.append((frame[KNOWN][0], frame[KNOWN][-1]))
        report()
    market.finish(folder / MARKET)
    progress(total, total)
    header = Header(
        format=FORMAT,
        rows=market.rows,
        start_ns=spans[0][0],
        end_ns=spans[-1][1],
        interval_ns=readers[0].interval_ns,
        price_decimals={reader.file.instrument: reader.price_decimals for reader in readers},
        volume_decimals={file.instrument: file.volume_decimals for file in bars},
        series_decimals={file.name: file.decimals for file in series},
        digest="",
    )
    return sealed(header, market_digest, points_digest)


def _series_converter(file: SeriesFile) -> Converter:
    table = open_table(file.path, {TIME: file.time_column, "value": file.value_column})
    return Converter(table, {"value": Scale(file.decimals, "decimals", wide=True)})


def _points(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        pl.lit(name).alias("name"),
        pl.col(TIME).alias("time_ns"),
        pl.col("value").reinterpret(dtype=pl.Decimal(38, 0)),
    )


def _check_names(what: str, names: Sequence[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        msg = f"the {what} {', '.join(repeated)} is given more than once; give one file for each"
        raise ConfigError(msg)


def _silent(_done: int, _total: int) -> None:
    """Reports no progress."""
