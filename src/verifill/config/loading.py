"""Loading a configuration: a TOML file, then the environment over it.

Each value is read exactly, so that every mistake is named by file or variable, key, and what is
allowed.
"""

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import attrs
from attrs import frozen

from verifill.config.config import Config
from verifill.config.exact import Place, built, checked, read, settings_of
from verifill.config.settings import Settings
from verifill.engine.errors import ConfigError

PREFIX: Final = "VERIFILL_"
CREDENTIALS: Final = "VERIFILL_CREDENTIALS_"  # belongs to the venues, never to a configuration


def load_config(path: Path | str, environment: Mapping[str, str] | None = None) -> Config:
    """The configuration of a file, with what the environment overrides.

    Args:
        path: the TOML file.
        environment: variables such as `VERIFILL_LOOP_INTERVAL_S`; those of the process if None.

    Raises:
        ConfigError: the file cannot be read, or a setting is unknown, missing or not allowed.
    """
    file = Path(path)
    place = Place(str(file))
    said = settings_of(Settings, read_toml(file), place)
    _override(said, os.environ if environment is None else environment)
    return _config(built(Settings, said, place), file)


def config_of(table: Mapping[str, object], file: Path) -> Config:
    """The configuration that a file would be that said this; the environment is not asked.

    Args:
        table: what it would say, as plain values.
        file: its name; relative paths start at its folder.

    Raises:
        ConfigError: a setting is unknown, missing or not allowed.
    """
    return _config(read(Settings, table, Place(str(file))), file)


def _config(settings: Settings, file: Path) -> Config:
    said = {field.name: getattr(settings, field.name) for field in attrs.fields(Settings)}
    return Config(**said, file=file)


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file says, as plain values.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"{path}: {_unreadable(error)}"
        raise ConfigError(msg) from error


@frozen
class _Option:
    """A setting that a variable overrides: its sections, and its field in the last of them."""

    sections: tuple[str, ...]
    field: "attrs.Attribute[Any]"

    @property
    def key(self) -> str:
        return ".".join((*self.sections, self.field.name))

    @property
    def variable(self) -> str:
        return PREFIX + self.key.upper().replace(".", "_")


def _options(kind: type[attrs.AttrsInstance], *sections: str) -> Iterator[_Option]:
    """The settings of a section and of those in it."""
    for field in attrs.fields(attrs.resolve_types(kind)):
        if attrs.has(field.type or object):
            yield from _options(field.type, *sections, field.name)
        else:
            yield _Option(sections, field)


def _override(said: dict[str, Any], variables: Mapping[str, str]) -> None:
    """Put what variables say over what the file says.

    Raises:
        ConfigError: a variable belongs to no setting, or its value is not allowed.
    """
    ours = {
        name: text
        for name, text in variables.items()
        if name.startswith(PREFIX) and not name.startswith(CREDENTIALS)
    }
    known = {option.variable: option for option in _options(Settings)} if ours else {}
    for name, text in ours.items():
        if name not in known:
            raise _unknown(name, known)
        option = known[name]
        section = said
        for part in option.sections:
            section = section.setdefault(part, {})
        place = Place(f"environment variable {name}", option.key)
        value = checked(option.field, _value(text, option.field.type), place)
        section[option.field.name] = value


def _unreadable(error: Exception) -> str:
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return "there is no such file; correct the path, or begin with `verifill init`"
        case IsADirectoryError():
            return "it is a folder; name the file in it"
        case PermissionError():
            return "you may not read it; change its permissions"
        case OSError() as why:
            return f"it cannot be read: {why.strerror or why}"
        case _:
            return f"it cannot be read as TOML: {error}"


def _unknown(name: str, known: Iterable[str]) -> ConfigError:
    names = {one.removeprefix(PREFIX): one for one in known}  # alike in what differs
    close = get_close_matches(name.removeprefix(PREFIX), names, n=3, cutoff=0.0)
    told = ", ".join(names[one] for one in close)
    msg = (
        f"environment variable {name} belongs to no setting; the closest are {told}. "
        "Correct it, or unset it"
    )
    return ConfigError(msg)


def _value(text: str, kind: object) -> object:
    """The text as a TOML value if it is one of a table, list, number or truth value."""
    if kind is str or kind is Path:
        return text
    try:
        value: object = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    # an unquoted 0.1 is exact here: it is text
    return text if isinstance(value, float) else value
