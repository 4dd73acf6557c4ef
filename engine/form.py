"""How the answers that an engine is given are written down; see `engine.answers`."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
from attrs import frozen

T = TypeVar("T")


@frozen
class Form(Generic[T]):
    """How answers of one sort are written down.

    Attributes:
        plain: an answer as mappings, lists, texts, integers and None.
        made: the answer that such values stand for.
    """

    plain: Callable[[T], Any]
    made: Callable[[Any], T]


def form(kind: type[T]) -> Form[T]:
    """The form of a type that `msgspec` can write."""
    return Form(msgspec.to_builtins, lambda told: msgspec.convert(told, kind))
