"""The pages of docs/reference/machines: each machine drawn, with its rows and their reasons.

`python -m verifill.reference machines DIR` writes them, with an SVG for each.
"""

from collections.abc import Iterator, Mapping
from functools import cache

from verifill.cli.machines import MACHINES
from verifill.engine.compile import IGNORED, REFUSED, compile_table
from verifill.engine.drawing.model import picture, places
from verifill.engine.flat import EVERYWHERE
from verifill.engine.render import render
from verifill.engine.table import AnyTable

INDEX = "README.md"
WRITTEN = "<!-- Written by `python -m verifill.reference machines DIR`; do not edit. -->"


@cache
def machine_pages() -> Mapping[str, str]:
    """File name -> content, for every machine a page and its drawing, and an index."""
    pages = {INDEX: _lines(_index())}
    for name, (table, what) in MACHINES.items():
        pages[f"{name}.md"] = _lines(_page(table, what))
        pages[f"{name}.svg"] = render(table, "svg")
    return pages


def _lines(lines: Iterator[str]) -> str:
    return "\n".join(lines) + "\n"


def _index() -> Iterator[str]:
    yield "# The machines"
    yield f"\n{WRITTEN}\n"
    yield "Each page is made from the table that runs. `verifill machines NAME --format FORMAT`"
    yield "draws the same; with `--log LOG` a run is drawn over it.\n"
    yield "| machine | what it runs | states | events | digest |"
    yield "|---|---|---|---|---|"
    for name, (table, what) in MACHINES.items():
        compiled = compile_table(table)
        counts = f"{len(compiled.states)} | {len(compiled.events)}"
        yield f"| [{name}]({name}.md) | {what} | {counts} | `{table.digest[:12]}` |"


def _page(table: AnyTable, what: str) -> Iterator[str]:
    yield f"# {table.name}"
    yield f"\n{WRITTEN}\n"
    yield f"{what[0].upper()}{what[1:]}. sha256 `{table.digest}`\n"
    yield f"![The states and moves of {table.name}]({table.name}.svg)\n"
    held = {child.name: child for _, child in places(table)}
    if held:
        pages = ", ".join(f"[{name}]({name}.md)" for name in held)
        yield f"It holds {pages}. A table held in several places is drawn once.\n"
    yield "## Properties\n"
    yield from _properties(table)
    yield "\n## Rows\n"
    yield "Its own; those of a machine that it holds are on that machine's page.\n"
    yield "| in | upon | go to | why |"
    yield "|---|---|---|---|"
    for row in table.rows:
        why = row.why.replace("|", "\\|")
        yield f"| `{row.source}` | `{row.upon}` | `{row.target}` | {why} |"
    if table.ignored:
        yield "\nIgnored, because it is a repeat: logged, and nothing moves.\n"
        for state, event in table.plain.ignored:
            where = "every leaf without a row for it" if state == EVERYWHERE else f"`{state}`"
            yield f"* `{event}` in {where}"
    yield "\n## As Mermaid\n"
    yield f"```mermaid\n{render(table, 'mermaid')}```"


def _properties(table: AnyTable) -> Iterator[str]:
    """What holds of a table that exists, and the figures of this one."""
    compiled = compile_table(table)
    cells = compiled.cells
    ignored, refused = cells.count(IGNORED), cells.count(REFUSED)
    moves = len(cells) - ignored - refused
    yield f"* {len(compiled.states)} leaf states and {len(compiled.events)} events:"
    yield f"  of {len(cells)} pairs {moves} move, {ignored} are ignored and {refused} are illegal."
    yield "* Deterministic: for a pair of state and event there is one row at most."
    yield f"* It starts in `{compiled.states[compiled.initial]}`, and every leaf can be reached."
    ends = [f"`{compiled.states[code]}`" for code in sorted(compiled.final)]
    if ends:
        yield f"* It may end in {', '.join(ends)}, and from every leaf one of them can be reached."
    else:
        yield "* It never ends: every leaf has a way out."
    once = [box.label for box in picture(table).boxes if box.entry]
    if once:
        yield f"* The rows of {', '.join(once)} are the same in every place that holds it."
