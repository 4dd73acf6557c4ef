"""PlantUML's state diagrams."""

from collections.abc import Iterator

from verifill.engine.drawing.marks import GREEN, GREY, NONE, RED, TINT, Marks
from verifill.engine.drawing.model import Box, Picture, walk
from verifill.engine.flat import SEPARATOR


def plantuml(picture: Picture, marks: Marks = NONE) -> Iterator[str]:
    """A nested state diagram."""
    yield f"@startuml {picture.name}"
    yield from (f"' {line}" for line in (*picture.ignored, *marks.notes))
    yield f"caption {picture.name} sha256 {picture.digest}"
    yield "hide empty description"
    yield from _states(picture.boxes, marks, "")
    yield f"[*] --> {_id(picture.initial)}"
    for arrow in picture.arrows:
        line = "-->"
        if marks is not NONE:
            line = f"-[{GREEN if marks.took(arrow) else GREY}]->"
        told = "\\n".join(marks.told(arrow)) if marks is not NONE else ", ".join(arrow.events)
        yield f"{_id(arrow.source)} {line} {_id(arrow.target)} : {told}"
    for box in walk(picture.boxes):
        if box.final:
            yield f"{_id(box.name)} --> [*]"
    for (name, event), count in marks.refused.items():
        yield f"note right of {_id(name)} : <color:{RED}>refused {event} {count:,}x</color>"
    yield "@enduml"


def _states(boxes: tuple[Box, ...], marks: Marks, indent: str) -> Iterator[str]:
    for box in boxes:
        label = f"{box.label}\\nsee {box.refers}" if box.refers else box.label
        colour = f" {TINT}" if box.name in marks.visited and not box.children else ""
        opening = " {" if box.children else ""
        yield f'{indent}state "{label}" as {_id(box.name)}{colour}{opening}'
        if box.children:
            yield from _states(box.children, marks, indent + "  ")
            yield f"{indent}}}"


def _id(name: str) -> str:
    return name.replace(SEPARATOR, "__")
