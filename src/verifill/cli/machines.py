"""`verifill machines`: draw a machine from its table, or list all of them."""

import sys
from collections.abc import Mapping

from verifill.cli.screen import screen, table
from verifill.engine.compile import compile_table
from verifill.engine.errors import ConfigError
from verifill.engine.render import Drawing, render
from verifill.engine.table import AnyTable
from verifill.machines.atomic import ATOMIC
from verifill.machines.breaker import BREAKER
from verifill.machines.feed import FEED
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.tight_loop import TIGHT_LOOP
from verifill.machines.trading_state import TRADING_STATE

MACHINES: Mapping[str, tuple[AnyTable, str]] = {
    "tight_loop": (TIGHT_LOOP, "one instruction, verified"),
    "atomic": (ATOMIC, "a chain of instructions, all or nothing"),
    "full_loop": (FULL_LOOP, "one tick, with everything inside it"),
    "breaker": (BREAKER, "whether a scope may send at all"),
    "feed": (FEED, "whether market data is of now"),
    "trading_state": (TRADING_STATE, "how far trading may go"),
}


def machines(name: str, drawing: Drawing) -> None:
    """Draw a machine, or list all of them.

    Raises:
        ConfigError: there is no such machine.
    """
    if not name:
        rows = [_row(name) for name in MACHINES]
        screen().print(table("Machines", ("name", "what it runs", "states", "events"), rows))
        return
    if name not in MACHINES:
        msg = f"there is no machine {name!r}; there are {', '.join(MACHINES)}"
        raise ConfigError(msg)
    machine, _ = MACHINES[name]
    sys.stdout.write(render(machine, drawing))


def _row(name: str) -> tuple[str, str, int, int]:
    machine, what = MACHINES[name]
    compiled = compile_table(machine)
    return name, what, len(compiled.states), len(compiled.events)
