"""What makes a table a sound machine, and the refusals that name the fix.

Every mistake a table can hold is found when it is built: a name that does not exist, a
second row for one pair, an event that no row uses, a leaf that nothing reaches, a leaf
that leads to no end. `transitions` accepts all of these silently.
"""

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import NoReturn

from verifill.engine.errors import TableError
from verifill.engine.flat import EVERYWHERE, SEPARATOR, Flat, Pair, Plain, entries_of, spread

# Capitals are states, lower case is an event: both can stand in one sentence, and neither
# can be a wildcard or a method's name to `transitions`.
_WORD = "[A-Z][A-Z0-9]*(_[A-Z0-9]+)*"
_STATE_NAME = re.compile(rf"{_WORD}(\.{_WORD})*")
_EVENT_NAME = re.compile("[a-z][a-z0-9]*(_[a-z0-9]+)*")


def sound(plain: Plain) -> Flat:
    """The table spread out.

    Raises:
        TableError: the table is no sound machine; the message names the fix.
    """
    _refuse_spelling(plain)
    _refuse_misplaced(plain)
    entries = entries_of(plain)
    _refuse_unknown(plain, entries)
    flat = spread(plain)
    _refuse_duplicates(plain)
    _refuse_ignored(plain, flat)
    _refuse_unused(plain)
    _refuse_unreachable(plain, flat)
    _refuse_traps(plain, flat)
    return flat


def _refuse(plain: Plain, what: str) -> NoReturn:
    msg = f"table {plain.name!r}: {what}"
    raise TableError(msg)


def _refuse_spelling(plain: Plain) -> None:
    for state in plain.states:
        if not _STATE_NAME.fullmatch(state):
            what = f"state {state!r} is not a name; write capitals, as in AWAIT or RETRY.QUERY"
            _refuse(plain, what)
    for event in plain.events:
        if not _EVENT_NAME.fullmatch(event):
            what = f"event {event!r} is not a name; write lower case, as in matched or timed_out"
            _refuse(plain, what)


def _refuse_misplaced(plain: Plain) -> None:
    """Refuse a held state that is unknown, or that has leaves of its own."""
    for state in plain.held:
        if state not in plain.states:
            what = f"held state {state!r} is unknown{_nearest(state, plain.states)}"
            _refuse(plain, what)
        own = [name for name in plain.states if name.startswith(state + SEPARATOR)]
        if own:
            what = f"state {state} holds a machine and has leaf {own[0]} too; keep one of them"
            _refuse(plain, what)


def _refuse_unknown(plain: Plain, entries: dict[str, str]) -> None:
    for source, upon, target in plain.rows:
        row = f"row ({source}, {upon}, {target})"
        _refuse_no_leaf(plain, entries, source, where=f"{row}: source")
        _refuse_no_event(plain, upon, where=row)
        _refuse_no_state(plain, entries, target, where=f"{row}: target")
    for state, event in plain.ignored:
        if state != EVERYWHERE:
            _refuse_no_leaf(plain, entries, state, where=f"ignored ({state}, {event})")
        _refuse_no_event(plain, event, where=f"ignored ({state}, {event})")
    for state in plain.final:
        _refuse_no_leaf(plain, entries, state, where="final")
    _refuse_no_state(plain, entries, plain.initial, where="initial")


def _refuse_no_state(plain: Plain, entries: dict[str, str], state: str, *, where: str) -> None:
    if state not in entries:
        _refuse(plain, f"{where}: state {state!r} is unknown{_nearest(state, entries)}")


def _refuse_no_leaf(plain: Plain, entries: dict[str, str], state: str, *, where: str) -> None:
    _refuse_no_state(plain, entries, state, where=where)
    if entries[state] != state:
        leaves = [name for name, leaf in entries.items() if name == leaf]
        inside = ", ".join(leaf for leaf in leaves if leaf.startswith(state + SEPARATOR))
        _refuse(plain, f"{where}: state {state} is not a leaf; name each one meant: {inside}")


def _refuse_no_event(plain: Plain, event: str, *, where: str) -> None:
    if event not in plain.events:
        _refuse(plain, f"{where}: event {event!r} is unknown{_nearest(event, plain.events)}")


def _refuse_duplicates(plain: Plain) -> None:
    """Refuse a second row for one pair, in the table or in a machine that it holds."""
    again = _repeated((source, upon) for source, upon, _ in plain.rows)
    for source, upon in again:
        targets = [to for state, event, to in plain.rows if (state, event) == (source, upon)]
        what = f"{len(targets)} rows for ({source}, {upon}), to {' and '.join(targets)}; keep one"
        _refuse(plain, what)
    inside = {
        (f"{state}{SEPARATOR}{leaf}", event)
        for state, child in plain.held.items()
        for leaf, event in child.moves
    }
    for source, upon, _ in plain.rows:
        if (source, upon) in inside:
            what = f"the held machine has a row for ({source}, {upon}) already; remove one of them"
            _refuse(plain, what)


def _refuse_ignored(plain: Plain, flat: Flat) -> None:
    for state, event in _repeated(plain.ignored):
        _refuse(plain, f"({state}, {event}) is ignored twice; keep one")
    for state, event in sorted(flat.listed & flat.moves.keys()):
        _refuse(plain, f"({state}, {event}) is ignored and has a row; remove one of them")


def _refuse_unused(plain: Plain) -> None:
    used = {upon for _, upon, _ in plain.rows}
    unused = [event for event in plain.events if event not in used]
    if unused:
        what = f"no row uses {', '.join(unused)}; add the row, or remove the event"
        _refuse(plain, what)


def _refuse_unreachable(plain: Plain, flat: Flat) -> None:
    reached = _closure({flat.initial}, ((leaf, to) for (leaf, _), to in flat.moves.items()))
    missing = [leaf for leaf in flat.leaves if leaf not in reached]
    if missing:
        what = (
            f"nothing leads from {flat.initial} to {', '.join(missing)}; "
            "add a row that goes there, or remove the state"
        )
        _refuse(plain, what)


def _refuse_traps(plain: Plain, flat: Flat) -> None:
    """Refuse a leaf from which the machine can never end; if it has no end, never move on."""
    moving = [(to, leaf) for (leaf, _), to in flat.moves.items() if to != leaf]
    free = _closure(flat.final, moving) if flat.final else {leaf for _, leaf in moving}
    trapped = [leaf for leaf in flat.leaves if leaf not in free]
    if trapped:
        what = (
            f"no way out of {', '.join(trapped)}; add a row that leads on"
            f"{' to a final state' if flat.final else ''}, or list it as final"
        )
        _refuse(plain, what)


def _closure(start: Collection[str], edges: Iterable[Pair]) -> set[str]:
    """Every name that the edges lead to from the start, the start included."""
    onward: dict[str, list[str]] = {}
    for origin, target in edges:
        onward.setdefault(origin, []).append(target)
    reached = set(start)
    waiting = list(start)
    while waiting:
        new = set(onward.get(waiting.pop(), ())) - reached
        reached |= new
        waiting += new
    return reached


def _repeated(pairs: Iterable[Pair]) -> Iterator[Pair]:
    return (pair for pair, count in Counter(pairs).items() if count > 1)


def _nearest(name: str, known: Collection[str]) -> str:
    """The fix for a name that does not exist: the nearest that does, or all of them."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
