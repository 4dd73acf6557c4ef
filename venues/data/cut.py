"""A prepared history as data of others: a window cut out of it, and its digest taken anew."""

from pathlib import Path

import polars as pl
from attrs import evolve
from polars.exceptions import PolarsError

from verifill.engine.errors import DataError
from verifill.venues.data.history import CHUNK_ROWS, MARKET, SERIES, History
from verifill.venues.data.parts import PartWriter, TableDigest
from verifill.venues.data.prepare import NO_POINTS, place, sealed, work_folder


def cut(history: History, target: Path, *, from_ns: int, to_ns: int) -> History:
    """Write the part of a history from a time on, up to but without another, as its own history.

    A bar belongs to the time at which it is known. Of a series all that was known by the end is
    kept, also from before the window: a value stands until the next one. The digest is that of
    files which end where the window does.

    Args:
        history: the whole.
        target: the folder to write, as `prepare` does.
        from_ns: where the window begins.
        to_ns: where it is over.

    Raises:
        DataError: there is no bar in it, or the target cannot be written.
    """
    time = pl.col("time_ns")
    bars = pl.scan_parquet(history.path / MARKET, glob=False).filter(time >= from_ns, time < to_ns)
    with work_folder(target) as folder:
        market, market_digest, times = PartWriter(folder / "rows"), TableDigest(), list[int]()
        for frame in bars.collect().iter_slices(CHUNK_ROWS):
            market.add(frame)
            market_digest.add(frame)
            times += frame["time_ns"][0], frame["time_ns"][-1]
        if not times:
            msg = f"the history has no bar from {from_ns} to {to_ns}; choose another window"
            raise DataError(msg, path=str(history.path))
        market.finish(folder / MARKET)
        known = pl.scan_parquet(history.path / SERIES, glob=False).filter(time < to_ns).collect()
        points, points_digest = PartWriter(folder / "points"), TableDigest()
        points.add(NO_POINTS)
        points.add(known)
        points_digest.add(known)
        points.finish(folder / SERIES)
        header = evolve(
            history.header, rows=market.rows, start_ns=times[0], end_ns=times[-1], digest=""
        )
        place(folder, target, sealed(header, market_digest, points_digest))
    return History(target)


def recomputed(history: History) -> str:
    """The digest of what the files of a history hold now, whatever its header says.

    Raises:
        DataError: they cannot be read.
    """
    market, points = TableDigest(), TableDigest()
    try:
        rows = pl.scan_parquet(history.path / MARKET, glob=False).collect()
        for frame in rows.iter_slices(CHUNK_ROWS):
            market.add(frame)
        points.add(pl.scan_parquet(history.path / SERIES, glob=False).collect())
    except (OSError, PolarsError) as error:
        raise DataError(str(error), path=str(history.path)) from error
    return sealed(evolve(history.header, digest=""), market, points).digest
