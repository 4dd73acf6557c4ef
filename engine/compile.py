"""From a table to a `transitions` machine, and from that machine to a flat table of integers.

A table builds a real `HierarchicalMachine`, and the flat table is compiled by *asking* it:
for every leaf and every event, put the machine in the leaf, trigger the event, and record
where it went or that it refused. So the compiled table is what `transitions` does, by
construction, and a lookup in it is several hundred times faster.
"""

from collections.abc import Iterator, Mapping
from enum import IntEnum
from functools import cached_property, lru_cache
from typing import Any

import attrs
from transitions.extensions.nesting import HierarchicalMachine, NestedState

from verifill.engine.errors import IllegalEvent, TableError
from verifill.engine.flat import SEPARATOR, Flat, inner
from verifill.engine.table import AnyTable

REFUSED = -1
IGNORED = -2


class Model:
    """What a machine moves: a leaf state, and whether it was written.

    A move to the same leaf writes the state and an ignored event does not. That is how the
    two are told apart without reading the table.
    """

    def __init__(self) -> None:
        self._state = ""
        self.written = False

    @property
    def state(self) -> str:
        """The leaf that the machine is in."""
        return self._state

    @state.setter
    def state(self, leaf: str) -> None:
        self._state = leaf
        self.written = True


class DottedState(NestedState):
    """A nested state named with dots; the library's `_` would split AWAIT_POSITION in two."""

    separator = SEPARATOR


class DottedMachine(HierarchicalMachine):
    """A machine of dotted states.

    Its model is not registered with the library, which would give it some hundred methods,
    one for each event and state, and warn for each that two held machines share. Add a model
    of your own with `add_model` if you want those.
    """

    state_cls = DottedState

    @property
    def model(self) -> Model:
        """The model that the machine moves, at first in the initial leaf."""
        return self._entered

    @cached_property
    def _entered(self) -> Model:
        leaf = str(self.initial)
        while inside := self.get_state(leaf).initial:
            leaf = inner(leaf, inside)
        model = Model()
        self.set_state(leaf, model)
        return model

    def _check_event_result(
        self,
        res: bool,  # noqa: FBT001 - the signature is the library's
        model: object,
        trigger: str,
    ) -> bool:
        """Whether a state took the event; a model of somebody else gets an exception if not.

        The library searches all states to word its exception, and raises it through five
        calls. For a `Model` the answer is enough, and compiling takes half the time.
        """
        if isinstance(model, Model):
            return bool(res)
        return super()._check_event_result(res, model, trigger)


class Answer(IntEnum):
    """What a machine did with an event."""

    MOVED = 0
    IGNORED = IGNORED
    REFUSED = REFUSED


@attrs.frozen(kw_only=True)
class Compiled:
    """A machine as one flat table of integers, as the machine itself answered.

    Attributes:
        name: The machine's name.
        digest: The digest of the table that the machine was built from.
        states: The leaves; a state's code is its place here.
        events: The events; an event's code is its place here.
        initial: The code of the leaf that the machine starts in.
        cells: For `state * len(events) + event` the next state, or REFUSED, or IGNORED.
        final: The codes of the leaves in which the machine may end.
    """

    name: str
    digest: str
    states: tuple[str, ...]
    events: tuple[str, ...]
    initial: int
    cells: tuple[int, ...]
    final: frozenset[int]
    _states: Mapping[str, int] = attrs.field(
        init=False,
        eq=False,
        repr=False,
        default=attrs.Factory(lambda self: _numbered(self.states), takes_self=True),
    )
    _events: Mapping[str, int] = attrs.field(
        init=False,
        eq=False,
        repr=False,
        default=attrs.Factory(lambda self: _numbered(self.events), takes_self=True),
    )

    def state(self, name: str) -> int:
        """The code of a leaf.

        Raises:
            TableError: the machine has no such leaf.
        """
        return self._code(name, self._states, "leaf state")

    def event(self, name: str) -> int:
        """The code of an event.

        Raises:
            TableError: the machine has no such event.
        """
        return self._code(name, self._events, "event")

    def legal(self, state: int) -> tuple[str, ...]:
        """The events that are not refused in a state, the ignored ones included."""
        width = len(self.events)
        cells = self.cells[state * width : (state + 1) * width]
        return tuple(
            event for event, cell in zip(self.events, cells, strict=True) if cell != REFUSED
        )

    def illegal(self, state: int, event: int) -> IllegalEvent:
        """The error for an event that is refused in a state."""
        return IllegalEvent(
            machine=self.name,
            state=self.states[state],
            event=self.events[event],
            legal=self.legal(state),
        )

    def _code(self, name: str, codes: Mapping[str, int], kind: str) -> int:
        code = codes.get(name)
        if code is None:
            msg = f"{self.name} has no {kind} {name!r}; it has {', '.join(codes)}"
            raise TableError(msg)
        return code


def machine_of(table: AnyTable) -> DottedMachine:
    """The table as a machine of `transitions`, with held tables as nested states.

    Its model is in the initial leaf.
    """
    repeats = [[event, leaf, None] for leaf, event in table.flat.ignored()]
    return DottedMachine(
        model=None,
        name=table.name,
        states=_nested_states(table),
        transitions=[*_moves(table), *repeats],
        initial=table.plain.initial,
        auto_transitions=False,
    )


def ask(machine: DottedMachine, model: Model, event: str) -> Answer:
    """Trigger the event on the model and say what the machine did with it."""
    model.written = False
    if not machine.trigger_event(model, event):
        return Answer.REFUSED
    return Answer.MOVED if model.written else Answer.IGNORED


def trigger(machine: DottedMachine, model: Model, event: str) -> bool:
    """Trigger the event on the model: true if it moved, false if the event was ignored.

    Raises:
        IllegalEvent: the machine has no row for it; the model's state is unchanged.
    """
    answer = ask(machine, model, event)
    if answer is Answer.REFUSED:
        legal = tuple(dict.fromkeys(machine.get_triggers(model.state)))
        raise IllegalEvent(
            machine=machine.name.removesuffix(": "), state=model.state, event=event, legal=legal
        )
    return answer is Answer.MOVED


@lru_cache(maxsize=32)
def compile_table(table: AnyTable) -> Compiled:
    """The table compiled by way of the machine that it builds; once for each table."""
    return compile_machine(machine_of(table), table)


def compile_machine(machine: DottedMachine, table: AnyTable) -> Compiled:
    """The machine compiled by asking it; the table gives the names and the digest, no move."""
    flat = table.flat
    codes = _numbered(flat.leaves)
    initial = codes[machine.model.state]
    return Compiled(
        name=table.name,
        digest=table.digest,
        states=flat.leaves,
        events=flat.events,
        initial=initial,
        cells=tuple(cell for leaf in flat.leaves for cell in _cells(machine, leaf, flat, codes)),
        final=frozenset(code for leaf, code in codes.items() if machine.get_state(leaf).final),
    )


def _cells(
    machine: DottedMachine, leaf: str, flat: Flat, codes: Mapping[str, int]
) -> Iterator[int]:
    """What the machine does in the leaf upon each event; most of them it does not know there."""
    known = frozenset(machine.get_triggers(leaf))
    for event in flat.events:
        yield _cell(machine, leaf, event, codes) if event in known else int(Answer.REFUSED)


def _cell(machine: DottedMachine, leaf: str, event: str, codes: Mapping[str, int]) -> int:
    """Where the machine goes from the leaf upon the event, as it answers itself."""
    model = machine.model
    if model.state != leaf:
        machine.set_state(leaf, model)
    answer = ask(machine, model, event)
    return codes[model.state] if answer is Answer.MOVED else int(answer)


def _numbered(names: tuple[str, ...]) -> dict[str, int]:
    return {name: code for code, name in enumerate(names)}


def _nested_states(table: AnyTable) -> list[dict[str, Any]]:
    """The states as `transitions` takes them: dictionaries with children."""
    outermost: list[dict[str, Any]] = []
    nodes: dict[str, dict[str, Any]] = {}
    for name, leaf in table.flat.entries.items():
        holder, _, short = name.rpartition(SEPARATOR)
        node: dict[str, Any] = {"name": short, "final": name in table.flat.final}
        if leaf != name:
            node["initial"] = leaf.removeprefix(inner(name, "")).partition(SEPARATOR)[0]
        node["children"] = []
        nodes[name] = node
        (nodes[holder]["children"] if holder else outermost).append(node)
    return outermost


def _moves(table: AnyTable, holder: str = "") -> Iterator[list[str | None]]:
    """Each row as `transitions` takes it, those of held tables with their whole names.

    All moves are given to the machine itself and none to a nested state: the library looks
    up the target of a nested move among the outermost states too, and takes a wrong one if
    a held table has a state with the name of a state that holds it.
    """
    for source, upon, target in table.plain.rows:
        yield [upon, holder + source, holder + target]
    for state, child in table.holds.items():
        yield from _moves(child, inner(holder + state, ""))
