"""What leaves the process, as the table of the tight loop tells it.

An attempt begins in the initial leaf of the tight loop. Whatever event leaves it says that
the order was sent, but for the one that says that it never left; and what is rehearsed is a
dry run, which sends nothing.
"""

from typing import Final

from verifill.engine.flat import SEPARATOR
from verifill.engine.verify.machine import Machine

UNSENT: Final = "denied"
REHEARSAL: Final = "REHEARSAL"
DRY: Final = "REHEARSE"


def answers(machine: Machine, source: str, event: str) -> tuple[int, int]:
    """Whether a transition tells the answer to a send, and whether it says it never left."""
    leaves = source in machine.entry and event in machine.nesting.events_of[machine.innermost]
    return int(leaves and event != UNSENT), int(leaves and event == UNSENT)


def is_dry(leaf: str) -> bool:
    """Whether a leaf lies in a rehearsal."""
    return DRY in leaf.split(SEPARATOR)
