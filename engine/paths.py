"""Paths: the words of events that a machine has taken, each numbered once.

A run takes the same few paths millions of times. A path that was legal once is legal
always, because a machine is a pure function of state and event; so a known path costs one
look-up for each event, and one number stands for all its transitions in the log.

Paths form a tree. The roots are the empty paths, one in each leaf state; every other node
is its parent and one more step.
"""

from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from typing import Final

from attrs import frozen

Activity = Callable[[], str]
"""The work of a state; it answers with the event that tells how it went."""


class Move(IntEnum):
    """What an event did."""

    MOVED = 0
    IGNORED = 1  # a repeat: recorded, the state stays
    REFUSED = 2  # no row: recorded, the state stays, and an error is raised


@frozen
class Step:
    """One transition of a path.

    Attributes:
        source: code of the leaf before.
        event: code of the event.
        target: code of the leaf after; the source itself unless it moved.
        move: what the event did.
    """

    source: int
    event: int
    target: int
    move: Move


class Node:
    """A path: where it ends, and how it goes on.

    Attributes:
        number: what stands for the path in the log; of a root, the code of its state.
        state: code of the leaf that it ends in.
        depth: how many transitions it has.
        parent: the path without its last step; a root is its own.
        root: the empty path in the state that it ends in.
        step: its last step; None of a root.
        then: event -> the path with that event, where it moves or is ignored.
        after: several events -> the path with all of them, where they were taken before.
        work: what is to be done at its end; None if nothing is, or nobody drives.
    """

    __slots__ = ("after", "depth", "number", "parent", "root", "state", "step", "then", "work")

    def __init__(
        self,
        number: int,
        state: int,
        *,
        parent: "Node | None" = None,
        root: "Node | None" = None,
        step: Step | None = None,
    ) -> None:
        self.number: Final = number
        self.state: Final = state
        self.parent: Final = parent or self
        self.root: Final = root or self
        self.step: Final = step
        self.depth: Final[int] = parent.depth + 1 if parent else 0
        self.then: Final[dict[str, Node]] = {}
        self.after: Final[dict[tuple[str, ...], Node]] = {}
        self.work: Activity | None = None


class Paths:
    """The tree of all paths that a run has taken so far.

    Args:
        states: number of leaf states.

    Attributes:
        nodes: every path by its number; the first ones are the roots.
    """

    def __init__(self, states: int) -> None:
        self.nodes = [Node(state, state) for state in range(states)]
        self._refused: dict[tuple[int, int], Node] = {}
        self._works: Sequence[Activity | None] = [None] * states

    def employ(self, works: Sequence[Activity | None]) -> None:
        """Say what is to be done in each state, now and for paths yet to come."""
        self._works = works
        for node in self.nodes:
            node.work = works[node.state]

    def extend(self, node: Node, event: str, step: Step) -> Node:
        """The path with one more step, which is known from now on."""
        if step.move is Move.REFUSED:
            key = (node.number, step.event)
            if key not in self._refused:
                self._refused[key] = self._add(node, step)
            return self._refused[key]
        if event not in node.then:
            node.then[event] = self._add(node, step)
        return node.then[event]

    def _add(self, parent: Node, step: Step) -> Node:
        root = self.nodes[step.target]
        node = Node(len(self.nodes), step.target, parent=parent, root=root, step=step)
        node.work = self._works[step.target]
        self.nodes.append(node)
        return node

    def told_from(self, number: int) -> Iterator[list[int]]:
        """Every path from this number on as parent, source, event, target, move."""
        for node in self.nodes[number:]:
            step = node.step
            if step is not None:
                yield [node.parent.number, step.source, step.event, step.target, step.move]
