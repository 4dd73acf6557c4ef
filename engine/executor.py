"""A machine that runs: one state variable, and a record of how it came there.

Two executors with the same face. `CompiledExecutor` reads the flat table;
`TransitionsExecutor` runs the `transitions` machine itself. Both leave the same log.
"""

from abc import ABC, abstractmethod
from typing import Protocol

from verifill.engine.compile import IGNORED, REFUSED, Answer, Compiled, ask, machine_of
from verifill.engine.errors import IllegalEvent
from verifill.engine.paths import Move, Paths, Step
from verifill.engine.table import AnyTable


class PathLog(Protocol):
    """What an executor writes to."""

    def path(self, seq: int, node: int, context: "Context") -> None:
        """Record a path whose first transition has this sequence number."""
        ...


class Context:
    """What all transitions of one recorded path have in common.

    Attributes:
        time_ns: when, by the clock of the run.
        tick: number of the tick.
        chain: number of the atomic transaction, 0 outside one.
        instruction: number of the instruction, 0 outside one.
        attempt: which send of it this is, from 1; 0 outside one.
    """

    __slots__ = ("attempt", "chain", "instruction", "tick", "time_ns")

    def __init__(self) -> None:
        """Before the first tick."""
        self.time_ns = 0
        self.tick = 0
        self.chain = 0
        self.instruction = 0
        self.attempt = 0


class Executor(ABC):
    """A running machine.

    Attributes:
        compiled: names and codes of its states and events.
        paths: every path it has taken.
        state: code of the leaf that it is in.
        context: what is common to the transitions until the next `cut`.
    """

    def __init__(self, compiled: Compiled, log: PathLog) -> None:
        """Start in the initial state, with nothing recorded."""
        self.compiled = compiled
        self.paths = Paths(len(compiled.states))
        self.state = compiled.initial
        self.context = Context()
        self._log = log
        self._node = compiled.initial
        self._seq = 1

    @property
    def seq(self) -> int:
        """Sequence number of the last transition; 0 before the first."""
        return self._seq + self.paths.depth[self._node] - 1

    @property
    def state_name(self) -> str:
        """Name of the leaf that it is in."""
        return self.compiled.states[self.state]

    @abstractmethod
    def fire(self, event: int) -> None:
        """Move upon an event.

        Raises:
            IllegalEvent: there is no row; recorded as refused, the state is unchanged.
        """

    def cut(self) -> None:
        """End the recorded path: what follows has another time, tick or instruction."""
        node = self._node
        depth = self.paths.depth[node]
        if depth:
            self._log.path(self._seq, node, self.context)
            self._seq += depth
            self._node = self.state

    def _take(self, step: Step) -> None:
        self._node = self.paths.extend(self._node, step)
        self.state = step.target

    def _refuse(self, event: int) -> IllegalEvent:
        self._take(Step(self.state, event, self.state, Move.REFUSED))
        self.cut()
        return self.compiled.illegal(self.state, event)


class CompiledExecutor(Executor):
    """Runs the flat table; a path that was taken before costs one look-up an event."""

    def fire(self, event: int) -> None:
        """See `Executor.fire`."""
        node = self.paths.known.get(self._node << 8 | event)
        if node is None:
            self._look_up(event)
        else:
            self._node = node
            self.state = self.paths.state[node]

    def _look_up(self, event: int) -> None:
        cell = self.compiled.cells[self.state * len(self.compiled.events) + event]
        if cell == REFUSED:
            raise self._refuse(event)
        if cell == IGNORED:
            self._take(Step(self.state, event, self.state, Move.IGNORED))
        else:
            self._take(Step(self.state, event, cell, Move.MOVED))


class TransitionsExecutor(Executor):
    """Runs the `transitions` machine itself, for every event anew.

    Args:
        compiled: names and codes; its cells are not read.
        log: what it writes to.
        table: what the machine is built from.
    """

    def __init__(self, compiled: Compiled, log: PathLog, table: AnyTable) -> None:
        super().__init__(compiled, log)
        self._machine = machine_of(table)
        self._model = self._machine.model

    def fire(self, event: int) -> None:
        """See `Executor.fire`."""
        answer = ask(self._machine, self._model, self.compiled.events[event])
        if answer is Answer.REFUSED:
            raise self._refuse(event)
        target = self.compiled.state(self._model.state)
        move = Move.IGNORED if answer is Answer.IGNORED else Move.MOVED
        self._take(Step(self.state, event, target, move))
