"""The results of a sweep: one Parquet dataset, a row for each run that is over.

Its files hold so many rows each. Only the last one grows; it is written anew beside the dataset
and takes the place of the one before in one step, so whoever scans the folder, at any moment or
after a crash, finds whole files and each run once.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import polars as pl
from polars.exceptions import PolarsError

from verifill.config.exact import NUMBER
from verifill.engine.digest import canonical_json
from verifill.engine.errors import LogError
from verifill.engine.log.writer import reason_of
from verifill.sweep.metrics import DIGITS
from verifill.sweep.working import TOLD, Row, sync

RESULTS: Final = "results"
PART_ROWS: Final = 2_000  # few enough to be written anew each second
PLANNED: Final[Mapping[str, Any]] = {
    "number": pl.Int64,
    "id": pl.String,
    "point": pl.Int64,
    "sample": pl.Int64,
    "fold": pl.Int64,
    "part": pl.String,
    "from_ns": pl.Int64,
    "to_ns": pl.Int64,
}


class Results:
    """The rows so far, in memory and on disk.

    Args:
        out: folder of the sweep.
        kinds: path of a parameter -> its type; see `kind_of`.
        work: a folder of the same file system, for what is being written.
        part_rows: how many rows a file holds.
    """

    def __init__(
        self, out: Path, kinds: Mapping[str, Any], work: Path, part_rows: int = PART_ROWS
    ) -> None:
        self.schema = {**PLANNED, **kinds, **TOLD}
        self._kinds = kinds
        self._folder = out / RESULTS
        self._work = work
        self._part_rows = part_rows
        self._parts = self._read()
        self._changed: set[int] = set()

    def rows(self) -> Iterable[Row]:
        """Every row."""
        return (row for part in self._parts for row in part)

    def add(self, row: Row) -> None:
        """Take a row in; `flush` puts it on disk."""
        if not self._parts or len(self._parts[-1]) >= self._part_rows:
            self._parts.append([])
        self._parts[-1].append(row)
        self._changed.add(len(self._parts) - 1)

    def drop(self, unwanted: Callable[[Row], bool]) -> None:
        """Take rows out, for runs that are to be run again."""
        for number, part in enumerate(self._parts):
            kept = [row for row in part if not unwanted(row)]
            if len(kept) < len(part):
                self._parts[number] = kept
                self._changed.add(number)
        self.flush()

    def flush(self) -> None:
        """Put on disk what is not there yet."""
        for number in sorted(self._changed):
            rows = [
                {name: _stored(row[name], kind) for name, kind in self.schema.items()}
                for row in self._parts[number]
            ]
            frame = pl.DataFrame(rows, schema=self.schema, orient="row")
            replace(self._folder / _name(number), frame.write_parquet, self._work)
        self._changed.clear()

    def _read(self) -> list[list[Row]]:
        self._folder.mkdir(exist_ok=True)
        names = [_name(number) for number in range(len(list(self._folder.iterdir())))]
        frames = [_read(self._folder / name) for name in names]
        return [frame.select(*self.schema).to_dicts() for frame in frames]


def _read(file: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(file, glob=False)
    except (OSError, PolarsError) as error:
        msg = (
            f"{file} cannot be read: {reason_of(error)}; say --overwrite, which makes the results "
            "anew: logs that are there are read and not run again"
        )
        raise LogError(msg) from error


def _name(number: int) -> str:
    return f"part-{number:06d}.parquet"


def replace(path: Path, write: Callable[[Path], object], work: Path) -> None:
    """Write a file so that it is there whole or not at all, also when the power goes.

    Args:
        path: the file.
        write: writes it, given where.
        work: a folder of the same file system, in which it is made.

    Raises:
        LogError: it cannot be written.
    """
    made = work / f"{path.name}.{os.getpid()}"
    try:
        write(made)
        sync(made)
        made.replace(path)
        sync(path.parent)
    except (OSError, PolarsError) as error:
        msg = (
            f"{path} cannot be written: {reason_of(error)}; what was written before is kept: make "
            "room, and go on with the same command"
        )
        raise LogError(msg) from error


def kinds_of(columns: Mapping[str, Sequence[object]]) -> dict[str, Any]:
    """Path of a parameter -> type of its column: the plainest that holds all values exactly."""
    return {path: _kind(values) for path, values in columns.items()}


def _kind(values: Sequence[object]) -> Any:  # noqa: ANN401 - a type of polars
    if all(isinstance(value, bool) for value in values):
        return pl.Boolean()
    numbers = [_decimal(value) for value in values]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        return pl.String()
    places = max((-int(number.as_tuple().exponent) for number in known), default=0)
    whole = max((number.adjusted() + 1 for number in known), default=1)
    if places <= 0 and whole < len(str(2**63)):
        return pl.Int64()
    return pl.Decimal(DIGITS, places) if max(whole, 1) + places <= DIGITS else pl.String()


def _decimal(value: object) -> Decimal | None:
    """A number, as it stands in a file; None if it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int) or (isinstance(value, str) and NUMBER.fullmatch(value)):
        return Decimal(value)
    return None


def _stored(value: object, kind: object) -> object:
    if isinstance(kind, pl.String) and not isinstance(value, str | None):
        return canonical_json(value).decode()
    if isinstance(kind, pl.Decimal) and isinstance(value, int | str):
        return Decimal(value)
    if isinstance(kind, pl.Int64) and isinstance(value, str):
        return int(value)
    return value
