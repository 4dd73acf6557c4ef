"""`verifill machines`: draw a machine from its table, or list all of them."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

import attrs

from verifill.cli.log import check_target, told_by_polars
from verifill.cli.screen import screen, table
from verifill.engine.compile import compile_table
from verifill.engine.drawing.marks import NONE
from verifill.engine.drawing.model import alone, picture
from verifill.engine.drawing.overlay import overlay
from verifill.engine.drawing.png import png
from verifill.engine.errors import ConfigError
from verifill.engine.log.durable_reader import open_log
from verifill.engine.log.writer import reason_of
from verifill.engine.render import DIAGRAMS, TEXTS, Drawing, draw, render
from verifill.engine.table import AnyTable
from verifill.machines.atomic import ATOMIC
from verifill.machines.breaker import BREAKER
from verifill.machines.feed import FEED
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.tight_loop import TIGHT_LOOP
from verifill.machines.trading_state import TRADING_STATE

PNG: Final = "png"
WHOLE: Final = "full_loop"
"""What a log is drawn over without a name: the machine that holds all others that nest."""

MACHINES: Mapping[str, tuple[AnyTable, str]] = {
    "tight_loop": (TIGHT_LOOP, "one instruction, verified"),
    "atomic": (ATOMIC, "a chain of instructions, all or nothing"),
    "full_loop": (FULL_LOOP, "one tick, with everything inside it"),
    "breaker": (BREAKER, "whether a scope may send at all"),
    "feed": (FEED, "whether market data is of now"),
    "trading_state": (TRADING_STATE, "how far trading may go"),
}


@attrs.frozen(kw_only=True)
class How:
    """How a diagram is drawn.

    Attributes:
        unfold: Draw a table that is held in several places in each of them, and not once.
        alone: Leave out the tables that are drawn once beside it.
        log: The run to draw over it.
    """

    unfold: bool = False
    alone: bool = False
    log: Path | None = None


def machines(
    name: str,
    drawing: str,
    how: How,
    *,
    output: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Draw a machine, or list all of them; without a name a log is drawn over the whole.

    Raises:
        ConfigError: there is no such machine or drawing, or the file cannot be written.
        LogError: the log cannot be drawn over it.
    """
    if not name and how.log is None:
        rows = [_row(name) for name in MACHINES]
        screen().print(table("Machines", ("name", "what it runs", "states", "events"), rows))
        return
    name = name or WHOLE
    if name not in MACHINES:
        msg = f"there is no machine {name!r}; there are {', '.join(MACHINES)}"
        raise ConfigError(msg)
    if output:
        check_target(output, overwrite=overwrite)
    elif drawing == PNG:
        msg = "a PNG is not printed; name a file with -o FILE"
        raise ConfigError(msg)
    machine, _ = MACHINES[name]
    text = _drawn(machine, "svg" if drawing == PNG else drawing, how)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_bytes(png(text) if drawing == PNG else text.encode())
    except OSError as error:
        msg = f"{output} cannot be written: {reason_of(error)}. Choose a place you may write to"
        raise ConfigError(msg) from error


def _drawn(machine: AnyTable, drawing: str, how: How) -> str:
    if drawing in TEXTS and how != How():
        msg = (
            f"--unfold, --alone and --log are of a diagram, and {drawing} is none; "
            f"say one of {', '.join(DIAGRAMS)}, {PNG}"
        )
        raise ConfigError(msg)
    if drawing in TEXTS:
        return render(machine, cast("Drawing", drawing))
    shown = picture(machine, unfold=how.unfold)
    marks = NONE
    if how.log is not None:
        with told_by_polars(how.log):
            marks = overlay(shown, open_log(how.log))
    return draw(alone(shown) if how.alone else shown, drawing, marks)


def _row(name: str) -> tuple[str, str, int, int]:
    machine, what = MACHINES[name]
    compiled = compile_table(machine)
    return name, what, len(compiled.states), len(compiled.events)
