"""Loading a configuration: a TOML file, then the environment over it.

typed-settings finds the options, merges the sources by precedence and builds the
classes. The two loaders here read each value exactly, so that every mistake is named by
file or variable, key, and what is allowed; what then reaches typed-settings is typed.
"""

import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, cast

import attrs
from typed_settings import load_settings
from typed_settings.dict_utils import set_path
from typed_settings.exceptions import InvalidSettingsError, TsError
from typed_settings.loaders import EnvLoader, Loader, TomlFormat
from typed_settings.types import LoadedSettings, LoaderMeta, OptionInfo, OptionList

from verifill.config.config import Config
from verifill.config.exact import Place, checked, read, settings_of
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
    variables = os.environ if environment is None else environment
    loaders: list[Loader] = [TomlFile(file), Environment(variables)]
    try:
        settings = load_settings(Settings, loaders, converter=Typed())
    except InvalidSettingsError as error:
        group = cast("ExceptionGroup[Exception]", error)
        problems = "; ".join(str(problem) for problem in group.exceptions)
        msg = f"{file}: {problems}"
        raise ConfigError(msg) from error
    said = {field.name: getattr(settings, field.name) for field in attrs.fields(Settings)}
    return Config(**said, file=file)


def config_of(table: Mapping[str, object], file: Path) -> Config:
    """The configuration that a file would be that said this; the environment is not asked.

    Args:
        table: what it would say, as plain values.
        file: its name; relative paths start at its folder.

    Raises:
        ConfigError: a setting is unknown, missing or not allowed.
    """
    settings: Settings = read(Settings, table, Place(str(file)))
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


class TomlFile:
    """The loader of one TOML file.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, settings_cls: type[Any], options: OptionList) -> LoadedSettings:
        """What the file says.

        Raises:
            ConfigError: it cannot be read, or says something that is not allowed.
        """
        try:
            table = TomlFormat(None)(self._path, settings_cls, options)
        except (TsError, OSError, UnicodeError) as error:
            msg = f"{self._path}: {_unreadable(error)}"
            raise ConfigError(msg) from error
        said = settings_of(settings_cls, table, Place(str(self._path)), nested=True)
        return LoadedSettings(said, LoaderMeta(str(self._path)))


class Environment(EnvLoader):
    """The loader of environment variables, named as typed-settings names them.

    Args:
        variables: the environment.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(PREFIX)
        self._variables = {
            name: text
            for name, text in variables.items()
            if name.startswith(PREFIX) and not name.startswith(CREDENTIALS)
        }

    def __call__(self, settings_cls: type[Any], options: OptionList) -> LoadedSettings:  # noqa: ARG002 - one protocol
        """What the variables say.

        Raises:
            ConfigError: a variable belongs to no setting, or its value is not allowed.
        """
        known = {self.get_envvar(option): option for option in options}
        said: dict[str, Any] = {}
        for name, text in self._variables.items():
            if name not in known:
                raise _unknown(name, known)
            option = known[name]
            field = getattr(attrs.fields(option.parent_cls), option.path.rpartition(".")[2])
            place = Place(f"environment variable {name}", option.path)
            set_path(said, option.path, checked(field, _value(text, field.type), place))
        return LoadedSettings(said, LoaderMeta("environment"))


def _unreadable(error: Exception) -> str:
    match error.__cause__ if isinstance(error, TsError) and error.__cause__ else error:
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


def _unknown(name: str, known: Mapping[str, OptionInfo]) -> ConfigError:
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


class Typed:
    """What typed-settings converts values with: they are already what they should be."""

    def structure(self, obj: Any, cl: Any) -> Any:  # noqa: ANN401 - typed-settings' protocol
        """A section of its parts; everything else as it is."""
        if not (isinstance(obj, dict) and attrs.has(cl)):
            return cast("object", obj)
        said = cast("dict[str, object]", obj)
        fields = attrs.fields_dict(cl)
        return cl(**{name: self.structure(part, fields[name].type) for name, part in said.items()})

    def get_structure_hook(self, cl: Any) -> Any:  # noqa: ANN401, ARG002 - typed-settings' protocol
        """How values of a type are converted: not at all."""
        return self.structure
