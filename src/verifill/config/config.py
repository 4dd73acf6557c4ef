"""A configuration: the settings of a run, where they came from, and their digest."""

import copyreg
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import attrs
from attrs import frozen

from verifill.config.settings import Settings
from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.errors import ConfigError
from verifill.machines.policies import Policies

LOG = "log"  # where a run is written does not change the run
ANCHOR = "anchor"  # nor does where its progress is kept
FILE = "file"
HOSTED = (
    "seed",
    "data",
    "assets",
    "exchanges",
    "chains",
    "routes",
    "opening",
    "entry_prices",
    "loopback",
)
LOOPBACK = "loopback"  # a server's settings do not change a backtest
ELSEWHERE = frozenset({LOG, ANCHOR, FILE, LOOPBACK, "ccxt", "environment", "environments"})


@frozen(kw_only=True)
class Config(Settings):
    """The settings of a run, and the file they came from.

    Attributes:
        file: The file; relative paths start at its folder.
    """

    file: Path = Path("verifill.toml")

    @property
    def log_folder(self) -> Path:
        """Where the log goes."""
        return self.path(self.log or Path("runs") / self.file.stem)

    @property
    def anchor_file(self) -> Path | None:
        """Where the anchor of the log goes; None for the usual place."""
        return self.path(self.anchor) if self.anchor else None

    @property
    def digest(self) -> str:
        """SHA-256 of `as_dict()` as canonical JSON: the same in every process."""
        return sha256_hex(canonical_json(self.as_dict()))

    @property
    def policies(self) -> Policies:
        """The strategy's retries, those of the mode where it says nothing."""
        return self.strategy.retry.over(self.retry.of(self.mode), self.mode)

    @property
    def hosted_digest(self) -> str:
        """SHA-256 of what a server of the venues simulates, the strategy left out."""
        plain: dict[str, Any] = _plain(self)
        return sha256_hex(canonical_json({name: plain[name] for name in HOSTED}))

    def path(self, path: Path) -> Path:
        """A path of the settings; a relative one starts at the folder of the file."""
        return Path(os.path.normpath(self.file.parent / path))

    def error(self, problem: str) -> ConfigError:
        """An error about these settings."""
        return ConfigError(f"{self.file}: {problem}")

    def as_dict(self) -> dict[str, Any]:
        """All that a run depends on, as plain values: no float, no secret."""
        plain: dict[str, Any] = _plain(self)
        return {name: value for name, value in plain.items() if name not in ELSEWHERE}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any setting
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value else "0"
    if isinstance(value, Enum | Path):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, Mapping):
        table = cast("Mapping[str, Any]", value)
        return {str(key): _plain(part) for key, part in table.items()}
    given: object = value
    kind = type(given)
    if attrs.has(kind):
        return {field.name: _plain(getattr(value, field.name)) for field in attrs.fields(kind)}
    return value


def _view(table: dict[Any, Any]) -> "MappingProxyType[Any, Any]":
    return MappingProxyType(table)


def _copy(table: "MappingProxyType[Any, Any]") -> tuple[Any, tuple[dict[Any, Any]]]:
    return _view, (dict(table),)


# Tables are read-only views, which Python does not pickle by itself; a configuration is
# handed to the processes of a parameter sweep.
copyreg.pickle(MappingProxyType, _copy)
