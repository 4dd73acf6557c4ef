"""Mermaid's `stateDiagram-v2`."""

from collections.abc import Iterator

from verifill.engine.drawing.marks import NONE, Marks
from verifill.engine.drawing.model import Box, Picture, walk
from verifill.engine.flat import SEPARATOR

INDENT = " " * 4


def mermaid(picture: Picture, marks: Marks = NONE) -> Iterator[str]:
    """A nested state diagram.

    Moves stand outside of all composite states: inside one, Mermaid would take both ends
    for states of that composite.
    """
    yield "stateDiagram-v2"
    yield f"{INDENT}%% {picture.title}"
    yield from (f"{INDENT}%% {line}" for line in (*picture.ignored, *marks.notes))
    yield from _states(picture.boxes, INDENT)
    yield f"{INDENT}[*] --> {_id(picture.initial)}"
    for arrow in picture.arrows:
        told = ", ".join(marks.told(arrow))
        yield f"{INDENT}{_id(arrow.source)} --> {_id(arrow.target)} : {told}"
    for box in walk(picture.boxes):
        if box.final:
            yield f"{INDENT}{_id(box.name)} --> [*]"
    yield from _classes(picture, marks)


def _states(boxes: tuple[Box, ...], indent: str) -> Iterator[str]:
    for box in boxes:
        opening = " {" if box.children else ""
        label = f"{box.label}<br/>see {box.refers}" if box.refers else box.label
        yield f'{indent}state "{label}" as {_id(box.name)}{opening}'
        if box.children:
            yield from _states(box.children, indent + INDENT)
            yield f"{indent}}}"


def _classes(picture: Picture, marks: Marks) -> Iterator[str]:
    """Tints of an overlay; Mermaid gives a class to states and none to arrows."""
    if marks is NONE:
        return
    yield f"{INDENT}classDef visited fill:#cfe8d5,stroke:#1b7837,color:#111"
    yield f"{INDENT}classDef never fill:#eee,stroke:#aaa,color:#777"
    yield f"{INDENT}classDef refused stroke:#c62828,stroke-width:3px"
    for box in picture.leaves():
        word = "visited" if box.name in marks.visited else "never"
        yield f"{INDENT}class {_id(box.name)} {word}"
    for name in dict.fromkeys(name for name, _ in marks.refused):
        yield f"{INDENT}class {_id(name)} refused"
    for (name, event), count in marks.refused.items():
        yield f"{INDENT}note right of {_id(name)} : refused {event} {count:,}x"


def _id(name: str) -> str:
    """A name without dots, which Mermaid does not take; no state name has two underscores."""
    return name.replace(SEPARATOR, "__")
