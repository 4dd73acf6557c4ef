"""Plain values of a file turned into settings, exactly, each mistake named by its key.

No value is guessed into another type: an amount is a quoted decimal number or a whole
number, and a TOML float, which is not exact, is refused with the fix.
"""

import re
import types
from collections.abc import Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, Union, cast, get_args, get_origin

import attrs
from attrs import NOTHING, frozen

from verifill.config.rules import quoted, refusal, shown
from verifill.engine.errors import ConfigError

NUMBER: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


@frozen
class Place:
    """Where a value stands: in which source, under which key."""

    source: str
    key: str = ""

    def at(self, name: str) -> "Place":
        """A key of the table that stands here."""
        part = quoted(name)
        return Place(self.source, f"{self.key}.{part}" if self.key else part)

    def item(self, index: int) -> "Place":
        """An item of the list that stands here."""
        return Place(self.source, f"{self.key}[{index}]")

    def error(self, problem: str) -> ConfigError:
        """An error about what stands here."""
        return ConfigError(f"{self.source}: {problem}")

    def refuse(self, value: object, allowed: object) -> ConfigError:
        """The error about a value that is not allowed here."""
        return self.error(str(refusal(self.key or "the file", value, allowed)))


def read(kind: Any, value: object, place: Place) -> Any:  # noqa: ANN401 - a type, and a value of it
    """The value as what its setting is declared to be.

    Raises:
        ConfigError: it is something else; with source, key, and what is allowed.
    """
    reader = SCALARS.get(kind)
    if reader is not None:
        return reader(value, place)
    if attrs.has(kind):
        return built(kind, settings_of(kind, value, place), place)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(_word([member.value for member in kind], value, place))
    return GENERICS[get_origin(kind)](get_args(kind), value, place)


def settings_of(kind: type[attrs.AttrsInstance], value: object, place: Place) -> dict[str, Any]:
    """What a section says, checked; not what it leaves out.

    Args:
        kind: the section's class.
        value: what stands there.
        place: where.

    Returns:
        Name -> value; of a section inside, a dictionary like this one.

    Raises:
        ConfigError: a key is unknown, or its value is not allowed.
    """
    table = _mapping(value, place)
    fields = {field.name: field for field in attrs.fields(attrs.resolve_types(kind))}
    said: dict[str, Any] = {}
    for name, part in table.items():
        if name not in fields:
            raise place.error(_unknown(place.at(name).key, name, fields))
        field, there = fields[name], place.at(name)
        if attrs.has(field.type or object):
            said[name] = settings_of(field.type, part, there)
        else:
            said[name] = checked(field, part, there)
    return said


def built(kind: Any, said: Mapping[str, Any], place: Place) -> Any:  # noqa: ANN401 - an attrs class
    """A section of what it says, as `settings_of` gives it; sections inside are built first.

    Raises:
        ConfigError: something is missing, or does not fit the rest.
    """
    values = dict(said)
    for field in attrs.fields(kind):
        if field.name not in said:
            if field.default is NOTHING:
                problem = f"{place.at(field.name).key} is missing"
                raise place.error(problem)
        elif attrs.has(field.type):
            values[field.name] = built(field.type, said[field.name], place.at(field.name))
    try:
        return kind(**values)
    except ConfigError as error:
        problem = f"{place.key}: {error}" if place.key else str(error)
        raise place.error(problem) from None


def checked(field: "attrs.Attribute[Any]", value: object, place: Place) -> Any:  # noqa: ANN401 - whatever the field holds
    """The value of a field, read and held to its rule.

    Raises:
        ConfigError: it is not allowed.
    """
    result = read(field.type, value, place)
    if field.validator:
        table = place.key[: len(place.key) - len(field.name)]
        try:
            field.validator(None, field, result)
        except ConfigError as error:
            problem = f"{table}{error}"
            raise place.error(problem) from None
    return result


def _unknown(key: str, name: str, known: Mapping[str, object]) -> str:
    close = get_close_matches(name, known, n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    return f"{key} is unknown{meant}; known there are {', '.join(known)}"


def _optional(kinds: Sequence[Any], value: object, place: Place) -> Any:  # noqa: ANN401 - of either type
    """A setting that may be left out; a file has no word for None."""
    wanted = next(kind for kind in kinds if kind is not types.NoneType)
    return read(wanted, value, place)


def _list(kinds: Sequence[Any], value: object, place: Place) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise place.refuse(value, f"a list: [ ], or tables under [[{place.key}]]")
    items = cast("Sequence[object]", value)
    return tuple(read(kinds[0], item, place.item(index)) for index, item in enumerate(items))


def _table(kinds: Sequence[Any], value: object, place: Place) -> Mapping[Any, Any]:
    key, kind = kinds
    table = _mapping(value, place)
    return MappingProxyType(
        {
            read(key, name, place.at(name)): read(kind, part, place.at(name))
            for name, part in table.items()
        }
    )


def _mapping(value: object, place: Place) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise place.refuse(value, f"a table, [{place.key}]")
    return cast("Mapping[str, object]", value)


def _word(words: Sequence[str], value: object, place: Place) -> str:
    if value not in words:
        raise place.refuse(value, ", ".join(shown(word) for word in words))
    return cast("str", value)


def _text(value: object, place: Place) -> str:
    if not isinstance(value, str):
        raise place.refuse(value, "text, in quotes")
    return value


def _path(value: object, place: Place) -> Path:
    if not isinstance(value, str) or not value:
        raise place.refuse(value, "a path, in quotes")
    return Path(value)


def _truth(value: object, place: Place) -> bool:
    if not isinstance(value, bool):
        raise place.refuse(value, "true or false")
    return value


def _whole(value: object, place: Place) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise place.refuse(value, "a whole number")
    return value


def _decimal(value: object, place: Place) -> Decimal:
    if isinstance(value, float):
        problem = f'{place.key} is {value}, a float, which is not exact; quote it: "{value}"'
        raise place.error(problem)
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return Decimal(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    raise place.refuse(value, 'a number, quoted if it has decimals ("0.1"), without exponent')


def _plain(value: object, place: Place) -> Any:  # noqa: ANN401 - an option of a strategy
    """Text, whole numbers, true and false, lists and tables of them."""
    if isinstance(value, Mapping):
        return _table((str, Any), cast("object", value), place)
    if isinstance(value, list):
        return _list((Any,), cast("object", value), place)
    if isinstance(value, float):
        return _decimal(value, place)
    if isinstance(value, str | int):
        return value
    raise place.refuse(value, "text, a whole number, true, false, a list or a table of them")


SCALARS: Final[Mapping[Any, Any]] = {
    Any: _plain,
    bool: _truth,
    int: _whole,
    str: _text,
    Decimal: _decimal,
    Path: _path,
}
GENERICS: Final[Mapping[Any, Any]] = {
    Union: _optional,
    types.UnionType: _optional,
    tuple: _list,
    Mapping: _table,
    Literal: _word,
}
