"""A Parquet file written in parts, so that memory does not grow with it.

polars writes a Parquet file in one go only. So rows are collected into parts, and the parts
are streamed into the one file at the end.
"""

from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Final

import polars as pl

PART_ROWS: Final = 2**17
GROUP_ROWS: Final = 2**15  # what the reader of one chunk has to decode


class TableDigest:
    """The SHA-256 of a table's rows as CSV without a header, in whatever frames they come."""

    def __init__(self) -> None:
        self._digest = sha256()

    def add(self, frame: pl.DataFrame) -> None:
        """Adds rows at the end."""
        text = BytesIO()
        frame.write_csv(text, include_header=False)
        self._digest.update(text.getbuffer())

    def hex(self) -> str:
        """The digest of the rows so far, as 64 hexadecimal digits."""
        return self._digest.hexdigest()


class PartWriter:
    """Collects frames of one schema in a new folder, then writes them as one file.

    Attributes:
        rows: How many rows have been added.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.rows = 0
        self._folder = folder
        self._parts: list[Path] = []
        self._pending: list[pl.DataFrame] = []
        self._pending_rows = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Adds rows at the end."""
        self.rows += frame.height
        self._pending.append(frame)
        self._pending_rows += frame.height
        if self._pending_rows >= PART_ROWS:
            self._write_part()

    def finish(self, path: Path) -> None:
        """Writes all rows to a file; at least one frame must have been added."""
        if self._pending:
            self._write_part()
        pl.scan_ipc(self._parts, glob=False).sink_parquet(
            path, compression="lz4", row_group_size=GROUP_ROWS, maintain_order=True
        )

    def _write_part(self) -> None:
        part = self._folder / f"part-{len(self._parts):06}.arrow"
        pl.concat(self._pending).write_ipc(part)
        self._parts.append(part)
        self._pending = []
        self._pending_rows = 0
