"""An SVG is laid out so that people can read it, on paper too."""

import re
import sys
import xml.etree.ElementTree as ET
from functools import cache

import pytest

from tests.engine.tables import table
from tests.engine.test_render import DOOR
from verifill.cli.machines import MACHINES
from verifill.engine.drawing.layout import Plan, clashes, meet, on_paper, plan
from verifill.engine.drawing.marks import NONE, Marks, Taken, span
from verifill.engine.drawing.model import Picture, alone, picture, walk
from verifill.engine.drawing.png import NO_LETTER, png
from verifill.engine.drawing.sheet import Placed
from verifill.engine.drawing.words import STAYS
from verifill.engine.errors import ConfigError
from verifill.engine.render import draw, render
from verifill.engine.table import AnyTable

TABLES = [DOOR, *(machine for machine, _ in MACHINES.values())]
EACH = pytest.mark.parametrize("machine", TABLES, ids=lambda machine: machine.name)
SVG = "{http://www.w3.org/2000/svg}"

FONT = 12  # pixels
LEAST_MM = 1.6  # of the size of the font on A4: four and a half points


@cache
def laid(machine: AnyTable, *, unfold: bool = False) -> Plan:
    """Laid out once for all tests."""
    return plan(picture(machine, unfold=unfold), NONE, marked=False)


@cache
def drawn(machine: AnyTable) -> str:
    return render(machine, "svg")


def size(text: str) -> tuple[float, float]:
    root = ET.fromstring(text)  # noqa: S314 - we drew it
    return float(root.attrib["width"]), float(root.attrib["height"])


def area(box: Placed) -> tuple[float, float, float, float]:
    return box.x, box.y, box.x + box.width, box.y + box.height


def words(drawing: Plan) -> list[str]:
    return [line.text for box in drawing.boxes for line in box.lines]


@EACH
@pytest.mark.parametrize("unfold", [False, True])
def test_no_text_lies_over_another_or_a_state_and_no_arrow_crosses_one(
    machine: AnyTable, *, unfold: bool
) -> None:
    assert clashes(laid(machine, unfold=unfold)) == 0


@EACH
@pytest.mark.parametrize("unfold", [False, True])
def test_a_box_is_around_what_it_holds_and_covers_no_other_state(
    machine: AnyTable, *, unfold: bool
) -> None:
    boxes = laid(machine, unfold=unfold).boxes
    leaves = [one for one in boxes if one.box and not one.box.children]

    for holder in (one for one in boxes if one.box and one.box.children):
        assert holder.box
        held = {box.name for box in walk(holder.box.children) if not box.children}
        covered = {one.box.name for one in leaves if one.box and meet(area(holder), area(one))}
        assert held == covered


@EACH
@pytest.mark.parametrize("unfold", [False, True])
def test_every_arrow_is_drawn_and_said(machine: AnyTable, *, unfold: bool) -> None:
    shown = picture(machine, unfold=unfold)
    drawing = laid(machine, unfold=unfold)
    told = "\n".join(words(drawing))
    arrows = sum(1 for box in drawing.boxes if box.kind == "said")
    starts = sum(1 for box in drawing.boxes if box.kind == "start")

    assert arrows + starts == len(drawing.lines)
    for arrow in shown.arrows:
        for event in arrow.events:
            said = event.rpartition(": ")[2].partition(" into ")[0]
            assert said in told


def test_what_leads_into_and_out_of_a_machine_says_its_states() -> None:
    told = words(laid(MACHINES["full_loop"][0]))

    assert "resolve_step" in told
    assert "into STEP.RETRY.QUERY" in told
    assert "strand into STRANDED" in told
    assert "COMMITTED: complete" in told
    assert "begin" in told


def test_what_leads_back_to_its_state_is_said_inside_of_it() -> None:
    boxes = {one.box.name: one for one in laid(MACHINES["tight_loop"][0]).boxes if one.box}

    assert ["AWAIT_POSITION", f"{STAYS} pending"] == [
        line.text for line in boxes["AWAIT_POSITION"].lines
    ]


@EACH
def test_a_machine_alone_fits_a4_with_text_that_can_be_read(machine: AnyTable) -> None:
    assert FONT * on_paper(plan(alone(picture(machine)), NONE, marked=False)) >= LEAST_MM


def test_alone_a_machine_is_without_what_is_drawn_once() -> None:
    shown = alone(picture(MACHINES["full_loop"][0]))

    assert "tight_loop" not in {box.name for box in shown.boxes}
    assert "ATOMIC" in {box.name for box in shown.boxes}
    assert not [arrow for arrow in shown.arrows if arrow.source.startswith("tight_loop")]


@EACH
def test_a_drawing_carries_its_digest(machine: AnyTable) -> None:
    assert f"sha256 {machine.digest}" in drawn(machine)


def test_a_drawing_is_the_same_each_time() -> None:
    machine, _ = MACHINES["tight_loop"]

    assert drawn(machine) == render(machine, "svg")


def test_a_drawing_says_in_words_what_it_shows_and_knows_light_and_dark() -> None:
    root = ET.fromstring(render(DOOR, "svg"))  # noqa: S314 - we drew it
    style = root.findtext(f"{SVG}style") or ""

    assert root.attrib["aria-labelledby"] == "title desc"
    assert root.findtext(f"{SVG}title") == f"State machine small, sha256 {DOOR.digest}"
    assert "OPEN to SHUT.FREE upon close, push" in (root.findtext(f"{SVG}desc") or "")
    assert "prefers-color-scheme: dark" in style


def test_markup_in_a_name_is_shown_and_never_run() -> None:
    shown = picture(DOOR)
    odd = Marks(notes=("<script>alert(1)</script>",), refused={("OPEN", "<b>&"): 1})
    root = ET.fromstring(draw(shown, "svg", odd))  # noqa: S314 - we drew it

    assert root.find(f".//{SVG}script") is None
    assert "<b>& refused 1x" in [text.text for text in root.iter(f"{SVG}text")]


def test_a_run_tints_what_it_visited_and_greys_what_it_never_did() -> None:
    marks = Marks(
        visited={"OPEN"},
        taken={("OPEN", "SHUT.FREE", "close"): Taken(1_200, 5 * 10**6, 10**9)},
        refused={("GONE", "lock"): 2},
        notes=("run 1",),
    )
    text = draw(picture(DOOR), "svg", marks)

    drawing, _, legend = text.partition("where it starts")
    assert drawing.count('class="visited"') == 1
    assert drawing.count('class="unvisited"') == 3
    assert drawing.count('class="to-taken"') == 2  # the piece before the text, and that after it
    assert drawing.count('class="to-never"') == 6
    assert drawing.count('class="to-stub"') == 1
    assert ">close 1,200x<" in drawing
    assert ">p50 5 ms p99 1 s<" in drawing
    assert 'say-never" x' in drawing.partition(">push<")[0][-40:]
    assert ">lock refused 2x<" in drawing
    assert {"the run was here", "never taken", "refused so many times"} <= set(
        re.findall(r">([^<]+)<", legend)
    )


def test_groups_that_no_lanes_hold_apart_are_nested_by_the_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("verifill.engine.drawing.layout.LANES", ())
    nested = plan(picture(DOOR), NONE, marked=False)

    assert [one.box.name for one in nested.boxes if one.kind == "holder" and one.box] == ["SHUT"]


def test_groups_inside_groups_are_nested() -> None:
    machine = table(
        """
        A.B.ONE go A.TWO
        A.TWO go C
        C go A.B.ONE
        """,
        initial="A.B.ONE",
        states="A.B.ONE A.TWO C",
        final="C",
    )
    boxes = {
        one.box.name: one for one in plan(picture(machine), NONE, marked=False).boxes if one.box
    }

    assert ["A", "A.B"] == [name for name, one in boxes.items() if one.kind == "holder"]
    assert meet(area(boxes["A"]), area(boxes["A.B"]))
    assert not meet(area(boxes["A"]), area(boxes["C"]))


def test_lanes_in_which_a_holder_covers_another_state_are_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = table(
        """
        A.ONE go B
        B go A.TWO
        A.TWO go B
        """,
        initial="A.ONE",
        states="A.ONE A.TWO B",
        final="B",
    )
    monkeypatch.setattr("verifill.engine.drawing.layout.PADDING", 400.0)

    assert plan(picture(machine), NONE, marked=False).boxes


def test_a_png_is_twice_as_large_as_its_svg() -> None:
    text = render(DOOR, "svg")
    made = png(text)
    width, height = (int.from_bytes(made[at : at + 4]) for at in (16, 20))

    assert made.startswith(b"\x89PNG")
    assert (2 * size(text)[0], 2 * size(text)[1]) == (width, height)


def test_without_a_font_a_png_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    text = render(DOOR, "svg")
    monkeypatch.setattr("verifill.engine.drawing.png.ONE_LETTER", NO_LETTER)

    with pytest.raises(ConfigError, match="the system has none: install"):
        png(text)


@pytest.mark.parametrize(("library", "way"), [("graphlay", "svg"), ("resvg_py", "png")])
def test_without_its_library_a_drawing_names_the_extra(
    library: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = render(DOOR, "svg")
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(ConfigError, match=re.escape(f"needs {library}") + ".*diagrams"):
        _ = render(DOOR, "svg") if way == "svg" else png(text)


@pytest.mark.parametrize(
    ("time_ns", "told"),
    [
        (0, "0 s"),
        (7, "7 ns"),
        (1_500, "1.5 us"),
        (12_345_678, "12.3 ms"),
        (10**9, "1 s"),
        (90 * 10**9, "1.5 min"),
        (7_200 * 10**9, "2 h"),
        (86_400 * 10**9 * 3, "3 d"),
    ],
)
def test_a_time_is_told_in_the_unit_that_people_take(time_ns: int, told: str) -> None:
    assert told == span(time_ns)


def test_a_table_held_often_is_drawn_once_and_referred_to() -> None:
    shown: Picture = picture(MACHINES["full_loop"][0])
    boxes = {box.name: box for box in shown.boxes}

    assert boxes["INSTRUCTION"].refers == "tight_loop"
    assert boxes["tight_loop"].entry == "tight_loop.SEND"
    assert [box.refers for box in boxes["ATOMIC"].children if box.refers] == ["tight_loop"] * 4
    assert ("INSTRUCTION", "tight_loop.SEND") == shown.stands["INSTRUCTION.SEND"]


def test_a_refused_event_is_drawn_once_where_its_table_is() -> None:
    marks = Marks(refused={("tight_loop.HELD", "tick"): 3, ("IDLE", "resume"): 1})
    text = draw(picture(MACHINES["full_loop"][0]), "svg", marks)

    assert text.count(">tick refused 3x<") == text.count(">resume refused 1x<") == 1
    assert text.count('class="to-stub"') == 3  # and that of the legend


def test_unfolded_every_leaf_stands_where_it_is() -> None:
    machine = MACHINES["full_loop"][0]
    shown = picture(machine, unfold=True)

    assert list(machine.flat.leaves) == [box.name for box in shown.leaves()]
