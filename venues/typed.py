"""Whether the fields of an instruction are what their annotations say.

Frozen structs do not check what they are made of, for the sake of speed. A plan is checked
here instead, before anything is sent: `side="BUY"` is a string and not a side.
"""

from functools import cache
from types import UnionType
from typing import Union, get_args, get_origin, get_type_hints

from verifill.venues.instructions import Instruction


def misfit(instruction: Instruction) -> str:
    """The first field that is of a wrong type, in words; empty if none is."""
    if type(instruction) is Instruction:
        return "a bare Instruction says nothing to do; use one of its types, such as SpotTrade"
    for name, allowed in _fields(type(instruction)):
        value = getattr(instruction, name)
        if not isinstance(value, allowed):
            return not_of(type(instruction), name, value, allowed)
    return ""


def not_of(of: type, name: str, value: object, allowed: tuple[type, ...]) -> str:
    """What a field is, and what it may be."""
    may = " or ".join("None" if kind is type(None) else kind.__name__ for kind in allowed)
    return f"{of.__name__}: {name} is {value!r} of type {type(value).__name__}; give a {may}"


@cache
def _fields(of: type[Instruction]) -> tuple[tuple[str, tuple[type, ...]], ...]:
    """The fields of a type of instruction, each with what it may be."""
    hints = get_type_hints(of)
    return tuple((name, _kinds(hints[name])) for name in of.__struct_fields__)


def _kinds(hint: object) -> tuple[type, ...]:
    if get_origin(hint) in (Union, UnionType):
        return tuple(kind for part in get_args(hint) for kind in _kinds(part))
    return (hint,) if isinstance(hint, type) else (object,)
