"""The reference page of the configuration, written from the classes: docs/reference/config.md.

Names, types, defaults and what is allowed are those that a file is checked with; the words
are the classes' own docstrings. `python -m verifill.config.reference` prints the page.
"""

import inspect
import re
import sys
import types
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args, get_origin

import attrs
from attrs import NOTHING

from verifill.config.rules import Name, shown
from verifill.config.settings import Settings

NAME: Final = "a name"
INTRODUCTION: Final = f"""\
# Configuration

<!-- Written by `python -m verifill.config.reference`; do not edit. -->

A run is configured by one TOML file. A relative path starts at the folder of the file.

* **Numbers.** Whole numbers stand as they are; a number with decimals is quoted (`"0.001"`),
  because a TOML float is not exact and is refused. Rates and parts are plain numbers:
  `"0.001"` is a tenth of a percent.
* **Mistakes.** An unknown key, a wrong type and a value out of range are refused before anything
  runs, with the file, the key and what is allowed.
* **Environment.** A setting outside lists and tables of names can be overridden by a variable:
  `VERIFILL_` and its key in capitals, `_` for each dot. `VERIFILL_LOOP_INTERVAL_S=300` sets
  `loop.interval_s`; a list or table is given as TOML: `VERIFILL_ASSETS='{{ BTC = 8 }}'`. A variable
  that belongs to no setting is refused, except `VERIFILL_CREDENTIALS_...`, which is not read here.
* **Credentials** never stand in a configuration: it is logged. A backtest needs none. An endpoint
  that is a secret stands in a variable of the process, and here only the variable's name.
* **Positions** are named `account:kind:asset`: `binance.spot:BaseToken:USDT`, of a perpetual
  `binance.usdm:Perp:BTCUSDT`, of a leverage `binance.usdm:Setting:BTCUSDT.leverage`, in a lending
  market `aave_v3:aToken:aweETH` and `aave_v3:debtToken:vDebtWETH`, an allowance
  `wallet:Allowance:WETH@aave_v3`.
* **Names** of venues, accounts, assets and symbols are {Name()}.
* **Digest.** The header of a log has all settings but `log`, `loopback`, `ccxt`, `environment`
  and `environments`, and their SHA-256 as canonical JSON.
"""
SCALARS: Final[Mapping[Any, str]] = {
    bool: "true or false",
    int: "whole number",
    str: "text",
    Decimal: "number",
    Path: "path",
    Any: "anything but floats",
}


def reference() -> str:
    """The page."""
    return "\n".join([INTRODUCTION, *_section("", Settings, {})])


def docstring_of(kind: type[Any]) -> tuple[str, dict[str, str]]:
    """What a class's docstring says of it, and of each attribute."""
    text, _, attributes = (inspect.getdoc(kind) or "").partition("\nAttributes:\n")
    entries = re.split(r"\n(?=\w+: )", inspect.cleandoc(attributes))
    told: dict[str, str] = {}
    for entry in entries:
        name, _, words = entry.partition(": ")
        told[name.strip()] = " ".join(words.split())
    return text.strip(), told


def _section(place: str, kind: type[Any], seen: dict[type[Any], str]) -> Iterator[str]:
    """One class: a heading, its words, a table of its settings, then the sections in it."""
    seen[kind] = place
    text, told = docstring_of(kind)
    yield f"## {_heading(place)}\n\n{text}\n"
    yield "| key | | type | default | allowed |"
    yield "|---|---|---|---|---|"
    inner: list[tuple[str, type[Any]]] = []
    for field in attrs.fields(attrs.resolve_types(kind)):
        found = _inner(field.type)
        if found is None:
            yield _row(field, told[field.name], _words(field.type))
            continue
        there, inside = _there(place, field.name, field.type), found
        if inside in seen:
            link = f"as {_heading(seen[inside])}"
        else:
            link = f"see {_heading(there)}"
            inner.append((there, inside))
            seen[inside] = there
        yield _row(field, told[field.name], link)
    yield ""
    for there, inside in inner:
        yield from _section(there, inside, seen)


def _row(field: "attrs.Attribute[Any]", words: str, kind: str) -> str:
    rule = str(field.validator or "").replace(str(Name()), NAME)
    return f"| `{field.name}` | {_cell(words)} | {kind} | {_default(field)} | {_cell(rule)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _heading(place: str) -> str:
    if not place:
        return "The file"
    return f"`[[{place[:-2]}]]`" if place.endswith("[]") else f"`[{place}]`"


def _there(place: str, name: str, kind: Any) -> str:  # noqa: ANN401 - a type
    """The key of a section inside another, with NAME for a name that the user gives."""
    path = f"{place}.{name}" if place else name
    origin = get_origin(kind)
    if origin is Mapping:
        return f"{path}.NAME"
    return f"{path}[]" if origin is tuple else path


def _inner(kind: Any) -> type[Any] | None:  # noqa: ANN401 - a type
    """The class of a section that a setting holds, one or several; None if it holds values."""
    options = [kind, *get_args(kind)]
    return next((cast("type[Any]", option) for option in options if attrs.has(option)), None)


def _words(kind: Any) -> str:  # noqa: ANN401 - a type
    """A type in words."""
    if kind in SCALARS:
        return SCALARS[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "one word" if len(kind) > len("words") else _any_of([word.value for word in kind])
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return _any_of(arguments)
    if origin is tuple:
        return f"list: {_words(arguments[0])}"
    if origin is Mapping:
        return f"table: {_words(arguments[1])}"
    return _words(next(argument for argument in arguments if argument is not types.NoneType))


def _any_of(words: Any) -> str:  # noqa: ANN401 - a sequence of words
    return ", ".join(f"`{shown(word)}`" for word in words)


def _default(field: "attrs.Attribute[Any]") -> str:
    if field.default is NOTHING:
        return "**required**"
    plain = field.default
    if isinstance(plain, Decimal | Enum):
        return f"`{shown(str(plain))}`"
    if isinstance(plain, str | int) and plain != "":
        return f"`{shown(plain)}`"
    return "all" if isinstance(plain, tuple) and plain else ""


def main() -> None:
    """Print the page."""
    sys.stdout.write(reference())


if __name__ == "__main__":
    main()
