"""Machines that run beside the loop, one for each scope, and every change of them as a value.

The loop itself is one machine with one state variable. Breakers, feeds and trading states
are many small ones; each runs its table here and tells of every event before it moves, so
that the log has it first. A command that does not apply is told of too, as refused.
"""

from collections.abc import Callable

from attrs import field, frozen

from verifill.engine.compile import IGNORED, REFUSED, compile_table
from verifill.engine.paths import Move
from verifill.engine.table import AnyTable


@frozen(kw_only=True)
class Change:
    """What an event did to one machine, for the log.

    Attributes:
        machine: Name of the table.
        scope: What it is about: `venue:binance:SPOT_TRADE`, `account:wallet`, `global` ...
        source: The state before.
        event: What happened.
        target: The state after; the same if the event was a repeat or refused.
        move: Whether it moved, was a repeat, or was refused.
        reason: Why, in words.
        actor: Who said so; empty if it was no person.
    """

    machine: str
    scope: str
    source: str
    event: str
    target: str
    move: Move = Move.MOVED
    reason: str
    actor: str = ""

    def as_record(self) -> dict[str, str]:
        """The change in plain values, by the names that the log's columns have."""
        return {
            "machine": self.machine,
            "scope": self.scope,
            "from": self.source,
            "event": self.event,
            "to": self.target,
            "move": self.move.name,
            "reason": self.reason,
            "actor": self.actor,
        }


Tell = Callable[[Change], None]
"""What is told of every change, before it takes effect.

What it raises prevents the change. It must not call back whatever told it.
"""


@frozen
class Running:
    """A table that runs in one scope; it holds no state, whoever uses it does.

    Attributes:
        table: The machine.
        scope: What it is about.
        tell: What is told of every change.
    """

    table: AnyTable
    scope: str
    tell: Tell = field(eq=False)

    def fire(self, state: str, event: str, reason: str, actor: str = "") -> str:
        """The state that an event leads to, after it was told.

        Raises:
            IllegalEvent: there is no row; told as refused.
        """
        compiled = compile_table(self.table)
        source, code = compiled.state(state), compiled.event(event)
        cell = compiled.cells[source * len(compiled.events) + code]
        if cell == REFUSED:
            self.refuse(state, event, reason, actor)
            raise compiled.illegal(source, code)
        move = Move.IGNORED if cell == IGNORED else Move.MOVED
        target = state if cell == IGNORED else compiled.states[cell]
        self._tell(state, event, target, move, reason, actor)
        return target

    def refuse(self, state: str, event: str, reason: str, actor: str) -> Change:
        """Tell of something that does not apply; the state stays."""
        return self._tell(state, event, state, Move.REFUSED, reason, actor)

    def _tell(
        self, source: str, event: str, target: str, move: Move, reason: str, actor: str
    ) -> Change:
        change = Change(
            machine=self.table.name,
            scope=self.scope,
            source=source,
            event=event,
            target=target,
            move=move,
            reason=reason,
            actor=actor,
        )
        self.tell(change)
        return change
