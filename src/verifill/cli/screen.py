"""Output for people: consoles, tables, numbers and times."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import NoReturn

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

NANOSECONDS = 10**9

ENDINGS: Mapping[str, str] = {"COMPLETED": "bold green", "INTERRUPTED": "bold yellow"}


class Screen(Console):
    """A console that leaves a broken pipe to whoever called."""

    def on_broken_pipe(self) -> NoReturn:
        """See `rich.console.Console.on_broken_pipe`."""
        raise BrokenPipeError


def screen() -> Screen:
    """Standard output, without colour where it is no terminal."""
    return Screen(highlight=False, markup=False, emoji=False)


def aside() -> Screen:
    """Standard error, for progress."""
    return Screen(file=sys.stderr, highlight=False, markup=False, emoji=False)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A plain table; columns that hold numbers stand to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    whole = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=SIMPLE,
        pad_edge=False,
        collapse_padding=True,
    )
    for at, column in enumerate(columns):
        numbers = bool(cells) and all(row[at][1] for row in cells)
        whole.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for row in cells:
        whole.add_row(*(text for text, _ in row))
    return whole


def lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """A table as plain lines, of any width: a thousand times as fast."""
    texts = [list(columns), *([_cell(value)[0].plain for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for row in texts:
        padded = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        yield "  ".join(padded).rstrip()


def pairs(title: str, rows: Iterable[tuple[str, object]]) -> Table:
    """A table of names and values."""
    whole = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    whole.show_header = False
    whole.add_column(style="dim", no_wrap=True)
    whole.add_column(overflow="fold")
    for name, value in rows:
        whole.add_row(name, _cell(value)[0])
    return whole


def number(value: Decimal | int) -> str:
    """A number with thousands apart and no empty decimals; never rounded."""
    text = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def short(value: Decimal) -> str:
    """A number for a narrow column: rounded to six digits, or to a whole one."""
    digits = max(0, 6 - max(value.adjusted() + 1, 1)) if value else 0
    return number(round(value, digits) if digits else Decimal(round(value)))


def percent(value: Decimal | None) -> str:
    """A ratio as percent, to two decimals."""
    return "-" if value is None else f"{value * 100:,.2f} %"


def moment(time_ns: int) -> str:
    """A time in UTC, to the second."""
    return f"{datetime.fromtimestamp(time_ns // NANOSECONDS, tz=UTC):%Y-%m-%d %H:%M:%S}"


def ending(word: str | None) -> Text:
    """How a run ended, in its colour."""
    if word is None:
        return Text("no ending", style="bold yellow")
    return Text(word, style=ENDINGS.get(word, "bold red"))


def _cell(value: object) -> tuple[Text, bool]:
    """A value as text, and whether it is a number."""
    if isinstance(value, Text):
        return value, value.justify == "right"
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return Text(number(value)), True
    return Text("" if value is None else str(value)), False
