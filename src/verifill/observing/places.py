"""Where in the nested machine a leaf is, by the nesting that the log's header tells."""

from typing import NamedTuple

from attrs import field, frozen

from verifill.engine.log.expand import IGNORED, REFUSED, Nesting
from verifill.machines.atomic import Atomic
from verifill.machines.full_loop import Full
from verifill.machines.tight_loop import Tight
from verifill.observing.following import Entry

RESTS = frozenset({Full.IDLE, Full.HALTED, Full.STOPPED})
"""Where nothing is under way."""
CHAIN_ENDS = frozenset({Atomic.COMMITTED, Atomic.ROLLED_BACK})
INSTRUCTION_ENDS = frozenset(
    {Tight.DONE, Tight.FAILED_CLEAN, Tight.FAILED_PART, Tight.FAILED_MISMATCH}
)
STRANDED = f"{Full.ATOMIC}.{Atomic.STRANDED}"
REHEARSAL = f"{Full.ATOMIC}.{Atomic.REHEARSE}"
TIGHT_LOOP = "tight_loop"
ATOMIC = "atomic"


class Place(NamedTuple):
    """A leaf, taken apart.

    Attributes:
        chain: state of the atomic transaction, without what it holds; empty outside one.
        holder: what holds the tight loop, such as INSTRUCTION or ATOMIC.STEP; empty outside one.
        tight: state of the tight loop; empty outside one.
    """

    chain: str = ""
    holder: str = ""
    tight: str = ""


@frozen
class Places:
    """Takes leaves apart.

    Attributes:
        nesting: how they nest.
    """

    nesting: Nesting
    _known: dict[str | None, Place] = field(factory=dict[str | None, Place], init=False, eq=False)

    def of(self, leaf: str | None) -> Place:
        """Where a leaf is; nowhere if there is none."""
        place = self._known.get(leaf)
        if place is None:  # once for each leaf, of which a table has few
            place = self._known[leaf] = self._taken_apart(leaf)
        return place

    def _taken_apart(self, leaf: str | None) -> Place:
        chain, holder, tight = "", "", ""
        for name, table in self.nesting.holders.items():
            if name and leaf and leaf.startswith(f"{name}."):
                inner = leaf.removeprefix(f"{name}.")
                if table == TIGHT_LOOP:
                    holder, tight = name, inner
                elif table == ATOMIC:
                    chain = inner
        return Place(chain.removesuffix(f".{tight}") if tight else chain, holder, tight)

    def has_moved(self, entry: Entry) -> bool:
        """Whether a record is a move of the machine itself."""
        moved = entry.event is not None and entry.kind not in (IGNORED, REFUSED)
        return moved and self.is_ours(entry)

    def is_ours(self, entry: Entry) -> bool:
        """Whether a record is of the machine itself, and not of one beside it."""
        return entry.machine in self.nesting.instances
