"""Paths: the words of events that a machine has taken, each numbered once.

A run takes the same few paths millions of times. A path that was legal once is legal
always, because a machine is a pure function of state and event; so a known path is found
by one look-up for each event, and one number stands for all its transitions in the log.

Paths form a tree: node n < number of states is the empty path in state n; every other
node is its parent and one more step.
"""

from enum import IntEnum

from attrs import frozen


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


class Paths:
    """The tree of all paths that a run has taken so far.

    Args:
        states: number of leaf states, at most 2**24.

    Attributes:
        known: node << 8 | event -> node, for events that moved or were ignored.
        state: node -> leaf it ends in.
        depth: node -> number of its steps.
        parent: node -> node without the last step; a root is its own parent.
        steps: node -> its last step; None for a root.
    """

    def __init__(self, states: int) -> None:
        """Start with the empty paths."""
        self.known: dict[int, int] = {}
        self.state = list(range(states))
        self.depth = [0] * states
        self.parent = list(range(states))
        self.steps: list[Step | None] = [None] * states
        self._refused: dict[int, int] = {}

    def extend(self, node: int, step: Step) -> int:
        """The node of a path with one more step."""
        known = self._refused if step.move is Move.REFUSED else self.known
        key = node << 8 | step.event
        if key not in known:
            known[key] = len(self.state)
            self.state.append(step.target)
            self.depth.append(self.depth[node] + 1)
            self.parent.append(node)
            self.steps.append(step)
        return known[key]

    def word(self, node: int) -> tuple[Step, ...]:
        """All steps of a path, the first one first."""
        steps: list[Step] = []
        while (step := self.steps[node]) is not None:
            steps.append(step)
            node = self.parent[node]
        return tuple(reversed(steps))

    def told_from(self, node: int) -> list[list[int]]:
        """Every path from this node on as parent, source, event, target, move."""
        return [
            [self.parent[at], step.source, step.event, step.target, step.move]
            for at, step in enumerate(self.steps[node:], start=node)
            if step is not None
        ]
