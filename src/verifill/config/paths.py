"""Paths of settings, as errors name them: `loop.interval_s`, `data.bars[0].file`, `opening."a:b"`.

A table with a value put at a path is a new one that shares all else, so thousands of variants of
one file are cheap.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from verifill.engine.errors import ConfigError

PART: Final = re.compile(
    r'(?:^|\.)(?:(?P<key>[A-Za-z0-9_-]+)|"(?P<quoted>[^"]+)")|\[(?P<index>\d+)\]'
)
ALLOWED: Final = (
    "keys with dots between them, `[0]` for an item of a list, and a key with other characters in "
    'quotes: loop.interval_s, exchanges.x.instruments[0].fee, opening."a:BaseToken:USDT"'
)

Step = str | int


def steps_of(path: str) -> tuple[Step, ...]:
    """The keys and indices of a path.

    Raises:
        ConfigError: it is none.
    """
    steps = tuple(_steps(path))
    if not steps or isinstance(steps[0], int):
        raise _refused(path)
    return steps


def put(table: Mapping[str, object], path: str, value: object) -> dict[str, Any]:
    """The table with this value at the path; sections that lead there are made if need be.

    Raises:
        ConfigError: it is no path, or the table has another shape.
    """
    whole = _put(table, steps_of(path), value, path)
    return cast("dict[str, Any]", whole)


def _steps(path: str) -> Iterator[Step]:
    at = 0
    while at < len(path):
        part = PART.match(path, at)
        if part is None:
            raise _refused(path)
        index = part["index"]
        yield int(index) if index is not None else part["key"] or part["quoted"]
        at = part.end()


def _put(there: object, steps: Sequence[Step], value: object, path: str) -> object:
    if not steps:
        return value
    step, *rest = steps
    if isinstance(step, int):
        if not isinstance(there, list):
            msg = f"{path}: [{step}] is an item of a list, and there is none; correct the path"
            raise ConfigError(msg)
        items = list(cast("list[object]", there))
        if step >= len(items):
            last = f"0 to {len(items) - 1}" if items else "none, the list is empty"
            msg = f"{path}: there is no item [{step}]; allowed is {last}"
            raise ConfigError(msg)
        items[step] = _put(items[step], rest, value, path)
        return items
    if there is not None and not isinstance(there, Mapping):
        msg = f"{path}: {step} is a key of a table, and a value stands there; correct the path"
        raise ConfigError(msg)
    table = dict(cast("Mapping[str, object]", there or {}))
    table[step] = _put(table.get(step), rest, value, path)
    return table


def _refused(path: str) -> ConfigError:
    return ConfigError(f'"{path}" is no path of a setting; allowed are {ALLOWED}')
