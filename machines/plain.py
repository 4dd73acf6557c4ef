"""Frozen values as plain ones and back, by the types of their fields.

For the few values that say how an engine is set up: every field comes back as it was, so
floats are texts, and a mapping whose keys are no texts is a list of pairs.
"""

import types
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import attrs

T = TypeVar("T")

TEXTS = (float, Decimal)
COLLECTIONS = (tuple, frozenset, list)


def plain(value: object) -> Any:  # noqa: ANN401 - of any shape
    """A value as mappings, lists, texts, integers and None."""
    kind = type(value)
    if attrs.has(kind):
        return {name: plain(getattr(value, name)) for name in _fields(kind)}
    if isinstance(value, Enum | Decimal | float):
        return str(value)
    if isinstance(value, Mapping):
        pairs = [(key, plain(part)) for key, part in cast("Mapping[object, object]", value).items()]
        if all(isinstance(key, str) for key, _ in pairs):
            return {str(key): part for key, part in pairs}
        return [[plain(key), part] for key, part in pairs]
    if isinstance(value, COLLECTIONS):
        parts = cast("tuple[object, ...]", value)
        told = [plain(part) for part in parts]
        return sorted(told) if kind is frozenset else told
    return value


def made(kind: type[T], told: Any) -> T:  # noqa: ANN401 - as `plain` gives it
    """The value of a type that plain ones stand for.

    Raises:
        KeyError, TypeError, ValueError: they stand for none.
    """
    return cast("T", _made(kind, told))


def _made(kind: Any, told: Any) -> Any:  # noqa: ANN401 - any annotation
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return None if told is None else _made(inner[0], told)
    if origin is None:
        return _value(kind, told)
    if issubclass(origin, Mapping):
        is_pairs = isinstance(told, list)
        pairs: Any = cast("Any", told) if is_pairs else cast("dict[str, Any]", told).items()
        return {_made(inner[0], key): _made(inner[1], part) for key, part in pairs}
    if Ellipsis in inner or origin is not tuple:
        return origin(_made(inner[0], part) for part in told)
    return tuple(_made(one, part) for one, part in zip(inner, told, strict=True))


def _value(kind: Any, told: Any) -> Any:  # noqa: ANN401 - any annotation
    if attrs.has(kind):
        return kind(**{name: _made(one, told[name]) for name, one in _fields(kind).items()})
    if kind in TEXTS or issubclass(kind, Enum):
        return kind(told)
    return told


@cache
def _fields(kind: type) -> Mapping[str, Any]:
    """The fields that a type is made of, with their types."""
    hints = get_type_hints(kind)
    return {one.name: hints[one.name] for one in attrs.fields(kind) if one.init}
