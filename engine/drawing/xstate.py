"""The configuration that XState's `createMachine` takes, as JSON."""

import json
from collections.abc import Iterator

from verifill.engine.compile import compile_table
from verifill.engine.drawing.model import Box, moves, picture
from verifill.engine.table import AnyTable


def xstate(table: AnyTable) -> Iterator[str]:
    """The whole machine; a state's id is its name, and targets are ids.

    As `final` are marked only outermost leaves with no moves: XState stops a machine there.
    The digest stands in `meta`.
    """
    whole = picture(table, unfold=True)
    on: dict[str, dict[str, str]] = {}
    for source, event, target in moves(compile_table(table)):
        on.setdefault(source, {})[event] = f"#{_id(target)}"
    told = {
        "id": whole.name,
        "meta": {"table": whole.name, "sha256": whole.digest},
        "initial": whole.initial.split(".", maxsplit=1)[0],
        "states": {box.label: _state(box, on, whole.initial) for box in whole.boxes},
    }
    yield json.dumps(told, indent=2)


def _state(box: Box, on: dict[str, dict[str, str]], initial: str) -> dict[str, object]:
    told: dict[str, object] = {"id": _id(box.name)}
    if box.children:
        entered = next((child for child in box.children if _around(child, initial)), None)
        told["initial"] = (entered or box.children[0]).label
        told["states"] = {child.label: _state(child, on, initial) for child in box.children}
    elif box.name in on:
        told["on"] = on[box.name]
    elif box.final and "." not in box.name:
        told["type"] = "final"
    return told


def _around(box: Box, leaf: str) -> bool:
    return f"{leaf}.".startswith(f"{box.name}.")


def _id(name: str) -> str:
    """A name without dots, which XState takes for a path."""
    return name.replace(".", "__")
