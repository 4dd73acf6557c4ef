"""Files of rows: CSV and Parquet, read in batches, so that memory does not grow with them.

CSV is read as text, by blocks of lines. Lines that start with `#` and empty lines are
skipped; a field may be quoted, but not run over several lines.
"""

import csv
import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

import polars as pl
from attrs import frozen
from polars.exceptions import PolarsError

from verifill.engine.errors import DataError

CSV_BLOCK_BYTES: Final = 4 * 2**20
PARQUET_ROWS: Final = 2**17
_EMPTY_LINE: Final = re.compile(rb"^\r?\n", re.MULTILINE)


@frozen
class Batch:
    """Some rows of a file, in order.

    Attributes:
        rows: The wanted columns by our names; those of a CSV file as text.
        size_bytes: How much of the file they make up.
    """

    rows: pl.DataFrame
    size_bytes: int


class Table(Protocol):
    """A file of rows, opened and found to have the wanted columns."""

    @property
    def size_bytes(self) -> int:
        """The file's size."""
        ...

    def batches(self) -> Iterator[Batch]:
        """The rows from the beginning; may be asked for again."""
        ...

    def defect(
        self, message: str, *, row: int | None = None, field: str | None = None
    ) -> DataError:
        """The error about this file, about a row counted from 1, or about a column of ours."""
        ...


def open_table(path: Path, names: Mapping[str, str]) -> Table:
    """The file, with the columns that `names` gives by our names.

    Raises:
        DataError: the file is missing, empty, of an unknown type, or lacks a column.
    """
    if not path.exists():
        msg = "there is no such file; correct the path"
        raise DataError(msg, path=str(path))
    kinds: dict[str, type[CsvTable | ParquetTable]] = {
        ".csv": CsvTable,
        ".parquet": ParquetTable,
        ".pq": ParquetTable,
    }
    kind = kinds.get(path.suffix.lower())
    if path.is_dir() or kind is None:
        what = "a directory" if path.is_dir() else f"of the unknown type {path.suffix!r}"
        msg = f"this is {what}; give one .csv or .parquet file"
        raise DataError(msg, path=str(path))
    if path.stat().st_size == 0:
        msg = "the file is empty; give one with column names and rows"
        raise DataError(msg, path=str(path))
    try:
        return kind(path, names)
    except OSError as error:
        msg = f"the file cannot be read: {error}; give it to the user who runs this"
        raise DataError(msg, path=str(path)) from error


class CsvTable:
    """A CSV file with a header."""

    def __init__(self, path: Path, names: Mapping[str, str]) -> None:
        self._path = path
        self._names = names
        self.size_bytes = path.stat().st_size
        _, line = next(self._lines(), (0, b""))
        self._header = [name.strip() for name in _fields(line.removeprefix(BOM_UTF8))]
        _require(path, names, self._header)
        self._positions = {field: self._header.index(name) for field, name in names.items()}

    def batches(self) -> Iterator[Batch]:
        """The rows from the beginning."""
        first_line = next(islice(self._lines(), 1, None), None)
        if first_line is None:
            msg = "the file has a header but no rows; give one with rows"
            raise self.defect(msg)
        row = 1
        with self._path.open("rb") as file:
            # Only what is before the first row is skipped: later comments are polars' to skip.
            for _ in range(first_line[0] - 1):
                file.readline()
            while block := file.read(CSV_BLOCK_BYTES) + file.readline():
                rows = self._parse(block, row)
                row += rows.height
                yield Batch(rows, len(block))

    def defect(
        self, message: str, *, row: int | None = None, field: str | None = None
    ) -> DataError:
        """The error about this file; a row is given by its line as well."""
        if row is not None:
            line, _ = next(islice(self._lines(), row, None))
            message = f"{message} (line {line} of the file)"
        column = None if field is None else self._names[field]
        return DataError(message, path=str(self._path), row=row, column=column)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """The header and the rows, as they stand, each with the number of its line."""
        with self._path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip(b"\r\n") and not line.startswith(b"#"):
                    yield number, line

    def _parse(self, block: bytes, row: int) -> pl.DataFrame:
        rows = self._try(block)
        # An empty line comes as missing values, or as an error if it is the first. It is
        # looked for only then, because looking takes as long as parsing does.
        if rows is None or rows.to_series().null_count():
            try:
                rows = self._parsed(_EMPTY_LINE.sub(b"", block))
            except PolarsError as error:
                raise self._malformed(row, error) from error
        return rows.select(
            pl.col(str(position)).alias(field) for field, position in self._positions.items()
        )

    def _try(self, block: bytes) -> pl.DataFrame | None:
        try:
            return self._parsed(block)
        except PolarsError:
            return None

    def _parsed(self, block: bytes) -> pl.DataFrame:
        return pl.read_csv(
            block,
            has_header=False,
            schema={str(position): pl.String for position in range(len(self._header))},
            columns=sorted(set(self._positions.values())),
            comment_prefix="#" if b"#" in block else None,
            raise_if_empty=False,
        )

    def _malformed(self, first_row: int, error: PolarsError) -> DataError:
        """The error about the first row, from the given one on, with too many or few fields."""
        width = len(self._header)
        for row, (_, line) in enumerate(islice(self._lines(), first_row, None), start=first_row):
            fields = len(_fields(line))
            if fields != width:
                message = f"the row has {fields} fields where the header has {width}"
                return self.defect(f"{message}; correct the row", row=row)
        reason = str(error).split("\n", maxsplit=1)[0]
        return self.defect(f"the file is no UTF-8 text in CSV form: {reason}")


class ParquetTable:
    """A Parquet file."""

    def __init__(self, path: Path, names: Mapping[str, str]) -> None:
        self._path = path
        self._names = names
        self.size_bytes = path.stat().st_size
        try:
            self._scan = pl.scan_parquet(path, glob=False)
            present = self._scan.collect_schema().names()
            self._height = int(self._scan.select(pl.len()).collect().item())
        except (PolarsError, OSError) as error:
            raise self._unreadable(error) from error
        _require(path, names, present)
        if not self._height:
            msg = "the file has no rows; give one with rows"
            raise self.defect(msg)

    def batches(self) -> Iterator[Batch]:
        """The rows from the beginning."""
        wanted = self._scan.select(pl.col(name).alias(ours) for ours, name in self._names.items())
        for offset in range(0, self._height, PARQUET_ROWS):
            try:
                rows = wanted.slice(offset, PARQUET_ROWS).collect()
            except (PolarsError, OSError) as error:
                raise self._unreadable(error) from error
            yield Batch(rows, self.size_bytes * rows.height // self._height)

    def defect(
        self, message: str, *, row: int | None = None, field: str | None = None
    ) -> DataError:
        """The error about this file."""
        column = None if field is None else self._names[field]
        return DataError(message, path=str(self._path), row=row, column=column)

    def _unreadable(self, error: Exception) -> DataError:
        reason = str(error).split("\n", maxsplit=1)[0]
        return self.defect(f"the file is no whole Parquet file: {reason}")


def _fields(line: bytes) -> list[str]:
    rows = list(csv.reader([line.decode(errors="replace").rstrip("\r\n")]))
    return rows[0] if rows else []


def _require(path: Path, names: Mapping[str, str], present: Sequence[str]) -> None:
    for name in names.values():
        if present.count(name) != 1:
            fault = "is missing" if name not in present else "stands there more than once"
            msg = (
                f"the column {fault}; the file has {', '.join(present) or 'none'}; "
                "name the right one in the settings"
            )
            raise DataError(msg, path=str(path), column=name)
