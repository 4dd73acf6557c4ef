"""One part of a drawing as the library graphlay lays it out: boxes, arrows and their texts.

Each text stands in a box of its own that no line is drawn around: its arrow leads into it and out
of it, so it is clear whose it is, and nothing crosses it. The library wants arrows that lead down
the page; one that leads up is handed to it the other way round.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from itertools import pairwise
from types import ModuleType
from typing import Any, Protocol

import attrs

from verifill.engine.drawing.model import Box
from verifill.engine.drawing.words import Told, Words
from verifill.engine.errors import ConfigError

Point = tuple[float, float]

CHARACTER = 7.3  # width of one, in pixels, of a fixed-width font of LINE
LINE = 15.0
PADDING = 14.0  # between a holder and what it holds
HEADER = 20.0  # for the name of a holder

_OPTIONS: Mapping[str, Any] = {
    "direction": "topbottom",
    "spacing": {
        "node_gap": 14.0,
        "dummy_gap": 9.0,
        "layer_gap": 16.0,
        "isolated_gap": 30.0,
        "compound_header": HEADER,
        "compound_padding": PADDING,
    },
}


@attrs.frozen(kw_only=True)
class Placed:
    """A box with its place; x and y are of its upper left corner, in pixels.

    Attributes:
        kind: What it is: start, leaf, visited, unvisited, holder, machine, once, said or stub.
        name_at: Of a box around others, where its name begins.
    """

    x: float
    y: float
    width: float
    height: float
    lines: tuple[Words, ...]
    kind: str
    box: Box | None = None
    name_at: Point = (0, 0)

    def moved(self, x: float, y: float) -> "Placed":
        """The same box elsewhere."""
        across, down = self.name_at
        return attrs.evolve(self, x=self.x + x, y=self.y + y, name_at=(across + x, down + y))


@attrs.frozen(kw_only=True)
class Line:
    """An arrow: the corners of it up to its text and from there on, or all of it in one."""

    pieces: tuple[tuple[Point, ...], ...]
    kind: str

    def moved(self, x: float, y: float) -> "Line":
        """The same arrow elsewhere."""
        pieces = tuple(
            tuple((across + x, down + y) for across, down in piece) for piece in self.pieces
        )
        return attrs.evolve(self, pieces=pieces)


class Drawn(Protocol):
    """What the library answers: a mapping for each box and each arrow, in their order."""

    nodes: Sequence[Mapping[str, Any]]
    edges: Sequence[Mapping[str, Any]]

    def metrics(self) -> Mapping[str, float]:
        """Figures of the drawing's quality: `crossings`, `width`, `height` and others."""
        ...


@attrs.frozen
class _Joined:
    """An arrow as it was handed over: its kind, of how many pieces, and which way round."""

    kind: str
    pieces: int
    up: bool


def library_of(name: str) -> ModuleType:
    """A library of the extra `diagrams`.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        msg = f"this drawing needs {name}, which is not installed: pip install 'verifill[diagrams]'"
        raise ConfigError(msg) from error


def size_of(lines: Sequence[Words]) -> tuple[float, float]:
    """Width and height of some lines of text, in pixels."""
    wide = max((len(line.text) for line in lines), default=0)
    return wide * CHARACTER, LINE * len(lines)


class Sheet:
    """One part of a drawing, on its way through the library."""

    def __init__(self, heights: Mapping[str, float]) -> None:
        """Begin with nothing.

        Args:
            heights: how far down the page each box will be, as far as is known.
        """
        self._library = library_of("graphlay")
        self._graph = self._library.Graph()
        self._heights = heights
        self._boxes: list[tuple[tuple[Words, ...], str, Box | None]] = []
        self._lines: list[_Joined] = []

    def box(
        self,
        name: str,
        kind: str,
        lines: Sequence[Words],
        *,
        size: tuple[float, float],
        box: Box | None = None,
        **around: int,
    ) -> int:
        """Add a box; `around` says in which lane or holder it stands. Returns its number."""
        self._boxes.append((tuple(lines), kind, box))
        width, height = size
        number: int = self._graph.node(name, width=width, height=height, **around)
        return number

    def arrow(self, told: Told, **around: int) -> None:
        """Add an arrow, with its text if it has one."""
        up = self._heights.get(told.source, 0) > self._heights.get(told.target, 0)
        ends = (told.target, told.source) if up else (told.source, told.target)
        stops = [*ends]
        if told.words:
            width, height = size_of(told.words)
            stops.insert(1, f"said {len(self._boxes)}")
            self.box(stops[1], "said", told.words, size=(width + 4, height + 4), box=None, **around)
        for source, target in pairwise(stops):
            self._graph.edge(source, target)
        self._lines.append(_Joined(told.kind, len(stops) - 1, up))

    def stub(self, name: str, words: Words) -> None:
        """Add a line that ends in a text."""
        width, height = size_of([words])
        to = f"stub {len(self._boxes)}"
        self.box(to, "said", [words], size=(width + 4, height + 4))
        self._graph.edge(name, to)
        self._lines.append(_Joined("stub", 1, up=False))

    def laid(self, cycles: str, lanes: str, seed: int) -> tuple[Drawn, list[Placed], list[Line]]:
        """Where the library places it all."""
        options = {
            **_OPTIONS,
            "seed": seed,
            "cycles": {"strategy": cycles},
            "order": {"group_lanes": lanes},
        }
        drawn: Drawn = self._library.layout(self._graph, options=options)
        placed = [_placed(node, *said) for node, said in zip(drawn.nodes, self._boxes, strict=True)]
        edges = iter(drawn.edges)
        return drawn, placed, [_line(one, edges) for one in self._lines]


def _placed(
    node: Mapping[str, Any], lines: tuple[Words, ...], kind: str, box: Box | None
) -> Placed:
    width, height = node["size"]["width"], node["size"]["height"]
    x, y = node["center"]["x"] - width / 2, node["center"]["y"] - height / 2
    return Placed(x=x, y=y, width=width, height=height, lines=lines, kind=kind, box=box)


def _line(joined: _Joined, edges: Iterator[Mapping[str, Any]]) -> Line:
    pieces = [
        tuple((float(at["x"]), float(at["y"])) for at in next(edges)["points"])
        for _ in range(joined.pieces)
    ]
    if joined.up:
        pieces = [piece[::-1] for piece in pieces[::-1]]
    return Line(pieces=tuple(pieces), kind=joined.kind)
