"""The machine as a model for spin: every row of the tables, and a venue that may do anything.

The rows are written from the table, one `move` each. What surrounds them - venue, engine,
operator, and a process that ends - is `surroundings.pml`, which knows states and events by
the names that are written here, and holds the rules as assertions.
"""

from collections.abc import Iterator
from importlib.resources import files

from verifill.engine.errors import TableError
from verifill.engine.flat import SEPARATOR, Flat
from verifill.engine.table import AnyTable
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.recovery import OPEN, RESOLVE

ROW = "/* row */"


def promela(table: AnyTable = FULL_LOOP) -> str:
    """The model of a full loop.

    Args:
        table: the machine; one with other rows shows whether the rules still hold.

    Raises:
        TableError: two names of states are one name in Promela.
    """
    around = (
        files("verifill.checking.promela").joinpath("surroundings.pml").read_text(encoding="utf-8")
    )
    return "\n".join((*_names(table), *_moves(table.flat), around))


def _names(table: AnyTable) -> Iterator[str]:
    flat = table.flat
    names = {leaf: name_of(leaf) for leaf in flat.leaves}
    if len(set(names.values())) < len(names):
        msg = f"table {table.name!r}: two states have one name in Promela; rename one"
        raise TableError(msg)
    yield f"/* {table.name}, sha256 {table.digest}; written by `verifill check --promela` */"
    yield from (f"#define {name} {code}" for code, name in enumerate(names.values()))
    yield from (f"#define on_{event} {code}" for code, event in enumerate(flat.events))
    for leaf, holders in _held(table).items():
        places = " || ".join(f"state == {name_of(holder + SEPARATOR + leaf)}" for holder in holders)
        yield f"#define at__{name_of(leaf)} ({places})"
    for holder in dict.fromkeys(leaf.rpartition(SEPARATOR)[0] for leaf in flat.leaves):
        if holder:
            inside = [name_of(leaf) for leaf in flat.leaves if leaf.startswith(holder + SEPARATOR)]
            yield f"#define in__{name_of(holder)} (state >= {inside[0]} && state <= {inside[-1]})"
    for holder in RESOLVE:
        leaves = (name_of(holder + SEPARATOR + leaf) for leaf in sorted(OPEN))
        was = " || ".join(f"before == {leaf}" for leaf in leaves)
        yield f"#define was_open__{name_of(holder)} ({was})"
    yield f"byte state = {names[flat.initial]}, event;"


def _held(table: AnyTable) -> dict[str, list[str]]:
    """Leaf of an innermost machine -> where in the whole that machine is held."""
    found: dict[str, list[str]] = {}
    for holder, child in table.holds.items():
        if not child.holds:
            for leaf in child.flat.leaves:
                found.setdefault(leaf, []).append(str(holder))
            continue
        for leaf, inner in _held(child).items():
            places = [f"{holder}{SEPARATOR}{place}" for place in inner]
            found.setdefault(leaf, []).extend(places)
    return found


def _moves(flat: Flat) -> Iterator[str]:
    """What the machine does with an event; a pair that has no row breaks a rule."""
    yield "inline move() {"
    yield "  if"
    for (leaf, event), target in flat.moves.items():
        guard = f"state == {name_of(leaf)} && event == on_{event}"
        yield f"  :: {guard} -> state = {name_of(target)} {ROW}"
    yield "  :: else -> assert(false) /* illegal: there is no such row */"
    yield "  fi"
    yield "}"


def name_of(state: str) -> str:
    """A name without dots; no state has two underscores in its own."""
    return state.replace(SEPARATOR, "__")
