"""A machine that runs: one state variable, and a record of how it came there.

Two executors with the same face. `CompiledExecutor` reads the flat table;
`TransitionsExecutor` runs the `transitions` machine itself. Both leave the same log.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final, Protocol

from verifill.engine.compile import IGNORED, REFUSED, Answer, Compiled, ask, machine_of
from verifill.engine.errors import IllegalEvent
from verifill.engine.paths import Activity, Move, Paths, Step
from verifill.engine.table import AnyTable

# bound once: Python 3.11 looks enum members up slowly
MOVED: Final = Move.MOVED
IGNORED_MOVE: Final = Move.IGNORED
REFUSED_MOVE: Final = Move.REFUSED


class UsualRow:
    """What is recorded of an instruction that went the usual way; see `engine.log.usual`.

    Args:
        kind: what it has in common with others, by number.

    Attributes:
        kind: likewise.
        ref: the venue's reference of the fill.
        seq: number of the transition that starts the instruction.
        quantity: that was asked for, and filled, in units.
        price: of the fill, in ticks.
        fee: what it cost, in units of the asset that it is taken in.
        base_total: of the base asset, after it, in units.
        base_low: least total that was expected.
        base_high: greatest.
        quote_total: likewise of the quote asset.
        quote_low: least.
        quote_high: greatest.
    """

    def __init__(self, kind: int) -> None:
        self.kind: Final = kind
        self.ref = ""
        self.seq = 0
        self.quantity = self.price = self.fee = 0
        self.base_total = self.base_low = self.base_high = 0
        self.quote_total = self.quote_low = self.quote_high = 0


class Context:
    """What all transitions of one recorded path have in common.

    Attributes:
        time_ns: when, by the clock of the run.
        tick: number of the tick.
        chain: number of the atomic transaction, 0 outside one.
        instruction: number of the instruction, 0 outside one.
        attempt: which send of it this is, from 1; 0 outside one.
        usual: the one row that stands for all that is recorded of the path, where it went the
            usual way (see `engine.log.usual`); whoever records the path takes it away.
    """

    __slots__ = ("attempt", "chain", "instruction", "tick", "time_ns", "usual")

    def __init__(self) -> None:
        self.time_ns = 0
        self.tick = 0
        self.chain = 0
        self.instruction = 0
        self.attempt = 0
        self.usual: UsualRow | None = None


class PathLog(Protocol):
    """What an executor writes to."""

    def path(self, seq: int, number: int, context: Context) -> None:
        """Record a path whose first transition has this sequence number."""
        ...


class NoLog:
    """For a machine whose path nobody asks for."""

    def path(self, seq: int, number: int, context: Context) -> None:
        """Forget it."""


NO_LOG = NoLog()


class Executor(ABC):
    """A running machine.

    Args:
        compiled: names and codes of its states and events.
        log: what it writes to; nothing if left out.

    Attributes:
        compiled: names and codes of its states and events.
        paths: every path it has taken.
        node: the path since the last `cut`; its end is the state.
        base: sequence number of the last transition before that path.
        context: what is common to the transitions until the next `cut`.
    """

    def __init__(self, compiled: Compiled, log: PathLog = NO_LOG) -> None:
        self.compiled = compiled
        self.paths = Paths(len(compiled.states))
        self.node = self.paths.nodes[compiled.initial]
        self.base = 0
        self.context = Context()
        self._record = log.path  # bound once: every tick calls it
        self._codes = {event: code for code, event in enumerate(compiled.events)}

    @property
    def seq(self) -> int:
        """Sequence number of the last transition; 0 before the first."""
        return self.base + self.node.depth

    @property
    def state(self) -> str:
        """Name of the leaf that it is in."""
        return self.compiled.states[self.node.state]

    @abstractmethod
    def fire(self, event: str) -> None:
        """Move upon an event.

        Raises:
            IllegalEvent: there is no row; recorded as refused, the state is unchanged.
            TableError: the machine has no such event at all.
        """

    def fire_all(self, events: tuple[str, ...]) -> None:
        """Move upon one event after another.

        Raises:
            IllegalEvent: as `fire`, for the first of them that has no row.
        """
        for event in events:
            self.fire(event)

    def drive(self, activities: Mapping[str, Activity]) -> None:
        """Do the work of the state, move upon what came of it, until a state has no work.

        Args:
            activities: leaf state -> its work.
        """
        self.paths.employ([activities.get(state) for state in self.compiled.states])
        while (work := self.node.work) is not None:
            self.fire(work())

    def cut(self) -> None:
        """End the recorded path: what follows has another time, tick or instruction."""
        node, base = self.node, self.base
        depth = node.depth
        if depth:
            self._record(base + 1, node.number, self.context)
            self.base = base + depth
            self.node = node.root

    def _take(self, event: str, target: int, move: Move) -> None:
        step = Step(self.node.state, self._codes[event], target, move)
        self.node = self.paths.extend(self.node, event, step)

    def _refuse(self, event: str) -> IllegalEvent:
        self._take(event, self.node.state, Move.REFUSED)
        self.cut()
        return self.compiled.illegal(self.node.state, self._codes[event])


class CompiledExecutor(Executor):
    """Runs the flat table; a path that was taken before costs one look-up an event."""

    def fire(self, event: str) -> None:
        """See `Executor.fire`."""
        try:
            self.node = self.node.then[event]
        except KeyError:
            self._look_up(event)

    def fire_all(self, events: tuple[str, ...]) -> None:
        """See `Executor.fire_all`; events that were taken together before cost one look-up."""
        node = self.node
        try:
            self.node = node.after[events]
        except KeyError:
            super().fire_all(events)
            node.after[events] = self.node

    def drive(self, activities: Mapping[str, Activity]) -> None:
        """See `Executor.drive`; `fire` written out, because this is where a run lives."""
        self.paths.employ([activities.get(state) for state in self.compiled.states])
        while (work := self.node.work) is not None:
            event = work()
            try:
                self.node = self.node.then[event]
            except KeyError:
                self._look_up(event)

    def _look_up(self, event: str) -> None:
        state, compiled = self.node.state, self.compiled
        cell = compiled.cells[state * len(compiled.events) + compiled.event(event)]
        if cell == REFUSED:
            raise self._refuse(event)
        if cell == IGNORED:
            self._take(event, state, Move.IGNORED)
        else:
            self._take(event, cell, Move.MOVED)


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

    def fire(self, event: str) -> None:
        """See `Executor.fire`."""
        self.compiled.event(event)
        model = self._machine.model
        answer = ask(self._machine, model, event)
        if answer is Answer.REFUSED:
            raise self._refuse(event)
        move = Move.IGNORED if answer is Answer.IGNORED else Move.MOVED
        self._take(event, self.compiled.state(model.state), move)


class TransitionLog(PathLog, Protocol):
    """What a durable executor writes to."""

    def transition(
        self, source: str, event: str, target: str, move: Move, context: Context
    ) -> None:
        """Write one transition; it is on the disk when this returns."""
        ...


class DurableExecutor(Executor):
    """Runs the flat table; each transition is on the disk before the state moves (law 4).

    It has written each transition by itself, so that every path of it is an empty one, in the
    state that it is in: what it remembers of where it was does not grow.

    Args:
        compiled: the flat table.
        log: what it writes to.
    """

    def __init__(self, compiled: Compiled, log: TransitionLog) -> None:
        super().__init__(compiled, log)
        self._transitions = log

    def fire(self, event: str) -> None:
        """See `Executor.fire`.

        Raises:
            LogError: it cannot be written; the state is unchanged.
        """
        compiled, node = self.compiled, self.node
        names, state = compiled.states, node.state
        cell = compiled.cells[state * len(compiled.events) + compiled.event(event)]
        target, move = state, IGNORED_MOVE
        if cell == REFUSED:
            move = REFUSED_MOVE
        elif cell != IGNORED:
            target, move = cell, MOVED
        self._transitions.transition(names[state], event, names[target], move, self.context)
        self.base += 1
        if move is REFUSED_MOVE:
            raise compiled.illegal(state, compiled.event(event))
        self.node = self.paths.nodes[target]
