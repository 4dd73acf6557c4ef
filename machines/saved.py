"""State that survives a restart: handed over as plain values, taken back whole or not at all.

What a machine remembers is a frozen value of its own. It is handed over as a dictionary of
strings, integers and lists, and taken back only if it hands over the very same again: a
field that is missing, unknown, of another type or out of range is refused. A state that
cannot be read is no reason to begin with an empty one: a breaker that forgets is closed.
"""

from typing import Any, Final, TypeVar, cast

import msgspec

from verifill.engine.errors import StateError

VERSION: Final = 1

T = TypeVar("T")


def handed_over(memory: object) -> dict[str, Any]:
    """What a machine remembers, as plain values for JSON."""
    return cast("dict[str, Any]", _plain(memory))


def taken_back(kind: type[T], state: object, what: str) -> T:
    """What a machine remembered, from the plain values that it handed over.

    Args:
        kind: the class of its memory.
        state: what was handed over.
        what: whose state it is, for the error.

    Raises:
        StateError: it is not what such a machine hands over.
    """
    try:
        given = _plain(state)
        memory = msgspec.convert(given, kind)
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise damaged(what, str(error)) from error
    if _plain(memory) != given:
        raise damaged(what, f"it has parts that are unknown to it: {given}")
    return memory


def damaged(what: str, problem: str) -> StateError:
    """The error about a state that cannot be taken back."""
    return StateError(
        f"the saved state of {what} cannot be used: {problem}. It was written by another "
        "version, or damaged; it is not reset unasked. Restore it from the log, or use the "
        "version that wrote it"
    )


def require(*, holds: bool, problem: str) -> None:
    """Refuse a memory whose parts do not agree.

    Raises:
        ValueError: they do not.
    """
    if not holds:
        raise ValueError(problem)


def known_version(version: int) -> None:
    """Refuse a layout that this version does not read.

    Raises:
        ValueError: it is another.
    """
    require(holds=version == VERSION, problem=f"its version is {version}; this one reads {VERSION}")


def _plain(value: object) -> object:
    return msgspec.json.decode(msgspec.json.encode(value))
