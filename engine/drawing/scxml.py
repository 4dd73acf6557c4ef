"""SCXML, the W3C's notation of state machines: the whole machine, which another can run."""

from collections.abc import Iterator
from xml.sax.saxutils import quoteattr

from verifill.engine.compile import compile_table
from verifill.engine.drawing.model import Box, moves, picture
from verifill.engine.flat import SEPARATOR
from verifill.engine.table import AnyTable


def scxml(table: AnyTable) -> Iterator[str]:
    """Every leaf as a state, every move as a transition of it.

    A leaf in which the machine may end is a plain state if it has moves: a `final` of SCXML
    has none. An event that is ignored has no transition, and neither has one that is illegal:
    SCXML passes over both.
    """
    whole = picture(table, unfold=True)
    by_source: dict[str, list[tuple[str, str]]] = {}
    for source, event, target in moves(compile_table(table)):
        by_source.setdefault(source, []).append((event, target))
    name, initial = quoteattr(whole.name), quoteattr(_id(whole.initial))
    yield "<?xml version='1.0' encoding='UTF-8'?>"
    yield f"<!-- {whole.title} -->"
    yield (
        '<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" '
        f"name={name} initial={initial}>"
    )
    yield from _states(whole.boxes, by_source, "  ")
    yield "</scxml>"


def _states(
    boxes: tuple[Box, ...], by_source: dict[str, list[tuple[str, str]]], indent: str
) -> Iterator[str]:
    for box in boxes:
        rows = by_source.get(box.name, [])
        # only an outermost `final` ends the machine; an inner one would end its parent
        ends = box.final and not rows and SEPARATOR not in box.name
        tag, name = "final" if ends else "state", quoteattr(_id(box.name))
        if not rows and not box.children:
            yield f"{indent}<{tag} id={name}/>"
            continue
        yield f"{indent}<{tag} id={name}>"
        yield from _states(box.children, by_source, indent + "  ")
        for event, target in rows:
            yield (
                f"{indent}  <transition event={quoteattr(event)} target={quoteattr(_id(target))}/>"
            )
        yield f"{indent}</{tag}>"


def _id(name: str) -> str:
    """A name without dots, which loaders take for a path; no state name has two underscores."""
    return name.replace(SEPARATOR, "__")
