"""A sweep that is there, finished or not: its rows, and of each run the log and the settings."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import polars as pl

from verifill.config.rules import quoted
from verifill.engine.errors import ConfigError
from verifill.engine.log.durable_reader import open_log
from verifill.sweep.driver import SWEEP
from verifill.sweep.results import RESULTS
from verifill.sweep.working import RUNS, Row

DESCRIBED = frozenset({"strategy_digest", "from"})  # beside the settings; see `build.described`


class Opened:
    """The folder of a sweep, opened.

    Args:
        folder: of the sweep.

    Raises:
        ConfigError: it is none.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        try:
            said: dict[str, Any] = json.loads((self.folder / SWEEP).read_bytes())
        except (OSError, ValueError) as error:
            msg = f"{folder} is no sweep; name the folder that `verifill sweep` wrote to"
            raise ConfigError(msg) from error
        self._said = said
        self.parameters: list[str] = said["parameters"]

    @property
    def results(self) -> pl.LazyFrame:
        """The rows so far, in no order; the columns are in docs/reference/sweep.md.

        Raises:
            ConfigError: there is none yet.
        """
        if not any((self.folder / RESULTS).glob("*.parquet")):
            msg = f"no run of {self.folder} is over yet; look again later"
            raise ConfigError(msg)
        return pl.scan_parquet(self.folder / RESULTS / "*.parquet")

    def row(self, run: str) -> Row:
        """The row of a run.

        Args:
            run: its id, or how that begins.

        Raises:
            ConfigError: there is none, or several.
        """
        found = self.results.filter(pl.col("id").str.starts_with(run)).collect()
        ids = found["id"].unique().to_list()
        if len(ids) != 1:
            many = f"{len(ids)} runs, give more of the id" if ids else "no run that is over"
            msg = f"{run!r} is {many}; `verifill sweep show {self.folder}` lists them"
            raise ConfigError(msg)
        return found.row(0, named=True)

    def log(self, row: Row) -> Path:
        """The folder of its log."""
        return self.folder / RUNS / str(row["id"])

    def write_toml(self, row: Row, file: Path) -> None:
        """Write its settings, those of its log, as a configuration.

        Raises:
            ConfigError: a file is there, or paths in it would lead elsewhere.
            LogError: the run has no log.
        """
        base = Path(self._said["config"])
        if file.absolute().parent != base.parent:
            msg = (
                f"{file}: paths in it start at its folder; write it to {base.parent}, "
                f"beside {base.name}"
            )
            raise ConfigError(msg)
        said: Mapping[str, object] = open_log(self.log(row)).header["config"]
        lines = [f"# Run {row['id']} of {os.path.normpath(self.folder)}"]
        lines += [f"{key} = {toml(part)}" for key, part in settings(said).items()]
        try:
            with file.open("x", encoding="utf-8") as new:
                new.writelines(f"{line}\n" for line in lines)
        except FileExistsError as error:
            msg = f"{file} is there already, and is left alone; choose another name"
            raise ConfigError(msg) from error


def settings(said: Mapping[str, object]) -> dict[str, object]:
    """What a configuration would say of it: nothing of what was left out, no digest."""
    return {key: part for key, part in said.items() if part is not None and key not in DESCRIBED}


def toml(value: object) -> str:
    """A plain value as TOML, tables in line; None in a table is left out."""
    if isinstance(value, Mapping):
        table = cast("Mapping[str, object]", value)
        parts = [f"{quoted(k)} = {toml(part)}" for k, part in table.items() if part is not None]
        return f"{{ {', '.join(parts)} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, cast('list[object]', value)))}]"
    # a JSON text is one of TOML, but for a character that JSON may leave as it is
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
