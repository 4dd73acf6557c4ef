"""How the machine of a run nests, told to its log so that the log explains itself."""

from collections.abc import Iterator, Mapping
from typing import Any

from verifill.engine.compile import Compiled
from verifill.engine.log.expand import INTENT, OBSERVED
from verifill.engine.table import AnyTable
from verifill.machines.atomic import ATOMIC, AtomicEvent
from verifill.machines.full_loop import FULL_LOOP, FullEvent
from verifill.machines.tight_loop import TIGHT_LOOP, TightEvent

# Which column of a path numbers the instances of a table, from the outside in.
INSTANCES = {FULL_LOOP.name: "tick", ATOMIC.name: "chain", TIGHT_LOOP.name: "instruction"}

# Which transitions carry an intent, and which carry what was seen of it.
KINDS: Mapping[str, str] = {
    FullEvent.INSTRUCT: INTENT,
    AtomicEvent.REHEARSE: INTENT,
    AtomicEvent.STEP: INTENT,
    AtomicEvent.COMMIT: INTENT,
    AtomicEvent.COMPENSATE: INTENT,
    TightEvent.RESEND: INTENT,
    TightEvent.OBSERVED: OBSERVED,
}


def nesting(table: AnyTable, compiled: Compiled) -> dict[str, Any]:
    """The fields of `engine.log.expand.Nesting` for a machine, as plain values."""
    tables = dict(_tables("", table))
    return {
        "machine": table.name,
        "digest": table.digest,
        "states": list(compiled.states),
        "events": list(compiled.events),
        "holders": {holder: held.name for holder, held in tables.items()},
        "events_of": {held.name: list(held.plain.events) for held in tables.values()},
        "instances": dict(INSTANCES),
        "kinds": {str(event): kind for event, kind in KINDS.items()},
    }


def _tables(holder: str, table: AnyTable) -> Iterator[tuple[str, AnyTable]]:
    """Every table of the machine with the state that holds it, the whole one under ""."""
    yield holder, table
    for state, child in table.holds.items():
        yield from _tables(f"{holder}.{state}" if holder else str(state), child)
