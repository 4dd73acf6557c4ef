"""The DOT language of Graphviz."""

from collections.abc import Iterator

from verifill.engine.drawing.marks import GREEN, GREY, NONE, RED, TINT, Marks
from verifill.engine.drawing.model import Arrow, Box, Picture


def dot(picture: Picture, marks: Marks = NONE) -> Iterator[str]:
    """A directed graph in which every composite state is a cluster."""
    yield f'digraph "{picture.name}" {{'
    yield f'    label="{picture.name}\\nsha256 {picture.digest}"'
    yield from (f"    // {line}" for line in (*picture.ignored, *marks.notes))
    yield "    rankdir=LR"
    yield "    node [shape=box, style=rounded]"
    yield '    "" [shape=point]'
    yield from _states(picture.boxes, marks, "    ")
    yield f'    "" -> "{picture.initial}"'
    for arrow in picture.arrows:
        yield f'    "{arrow.source}" -> "{arrow.target}" [{_arrow(arrow, marks)}]'
    for number, ((name, event), count) in enumerate(marks.refused.items()):
        yield f'    "refused {number}" [shape=plaintext, label="refused", fontcolor="{RED}"]'
        told = f'label="{event} {count:,}x", color="{RED}", fontcolor="{RED}", arrowhead=tee'
        yield f'    "{name}" -> "refused {number}" [{told}]'
    yield "}"


def _arrow(arrow: Arrow, marks: Marks) -> str:
    between = ", " if marks is NONE else "\\n"
    told = f'label="{between.join(marks.told(arrow))}"'
    if marks is NONE:
        return told
    colour = GREEN if marks.took(arrow) else GREY
    return f'{told}, color="{colour}", fontcolor="{colour}"'


def _states(boxes: tuple[Box, ...], marks: Marks, indent: str) -> Iterator[str]:
    for box in boxes:
        if box.children:
            yield f'{indent}subgraph "cluster_{box.name}" {{'
            yield f'{indent}    label="{box.label}"'
            yield from _states(box.children, marks, indent + "    ")
            yield f"{indent}}}"
        else:
            ends = ", peripheries=2" if box.final else ""
            label = f"{box.label}\\nsee {box.refers}" if box.refers else box.label
            if box.name in marks.visited:
                ends += f', style="rounded,filled", fillcolor="{TINT}"'
            yield f'{indent}"{box.name}" [label="{label}"{ends}]'
