"""Chromium shows every drawing, with all that its table says."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.engine.test_drawing_foreign import EACH, FOREIGN, TABLES, marked, needed
from verifill.cli.machines import MACHINES
from verifill.engine.drawing.marks import Marks
from verifill.engine.drawing.model import Picture, picture, walk
from verifill.engine.drawing.sheet import CHARACTER
from verifill.engine.render import draw, render
from verifill.engine.table import AnyTable

MERMAID = FOREIGN / "node_modules" / "mermaid" / "dist" / "mermaid.min.js"
PATIENCE_MS = 120_000.0
DRAW = """async ([text, name]) => {
    mermaid.initialize({ startOnLoad: false, maxTextSize: 1e6, maxEdges: 1e4 });
    const { svg } = await mermaid.render(name, text);
    document.body.innerHTML = svg;
    return [...document.querySelectorAll('svg foreignObject, svg text')]
        .map((one) => one.textContent.trim());
}"""
WIDTHS = """() => [...document.querySelectorAll('svg text:not(.small):not(.title)')]
    .map((one) => [one.textContent, one.getBBox().width])"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page of a browser that reaches no network."""
    chromium = needed(shutil.which("chromium"))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        context = browser.new_context(offline=True)
        context.set_default_timeout(PATIENCE_MS)
        yield context.new_page()
        browser.close()


@pytest.fixture
def errors(page: Page) -> Iterator[list[str]]:
    """What the page complained of."""
    told: list[str] = []

    def hear(error: Exception) -> None:
        told.append(str(error))

    page.on("pageerror", hear)
    yield told
    page.remove_listener("pageerror", hear)


def shown_by_mermaid(page: Page, text: str) -> list[str]:
    if not page.evaluate("() => 'mermaid' in window"):
        page.set_content("<body></body>")
        page.add_script_tag(path=MERMAID)
    told: list[str] = page.evaluate(DRAW, [text, "drawing"])
    return told


def labels(shown: Picture) -> list[str]:
    """What stands in its boxes; Mermaid breaks the line before what a box refers to."""
    return [
        f"{box.label}see {box.refers}" if box.refers else box.label for box in walk(shown.boxes)
    ]


def plain(text: str) -> str:
    return re.sub(r"\s", "", text)


@EACH
def test_mermaid_shows_every_state_and_every_event(
    machine: AnyTable, page: Page, errors: list[str]
) -> None:
    shown = picture(machine)
    told = [plain(text) for text in shown_by_mermaid(page, render(machine, "mermaid"))]

    assert not errors
    assert not {plain(label) for label in labels(shown)} - set(told)
    assert not {plain(", ".join(arrow.events)) for arrow in shown.arrows} - set(told)


def test_mermaid_shows_the_nested_whole_unfolded(page: Page) -> None:
    machine, _ = MACHINES["full_loop"]
    told = {plain(text) for text in shown_by_mermaid(page, render(machine, "mermaid", unfold=True))}

    assert set(labels(picture(machine, unfold=True))) <= told


def test_mermaid_shows_a_run_with_its_counts_and_refused_events(page: Page) -> None:
    machine, _ = MACHINES["breaker"]
    text = draw(picture(machine), "mermaid", marked(machine))
    told = " ".join(shown_by_mermaid(page, text))

    assert "3x p50 1.5 ms p99 2 s" in told
    assert "refused odd 1x" in told
    assert page.locator("svg .visited").count() == 1


@pytest.mark.parametrize("machine", TABLES, ids=lambda machine: machine.name)
def test_a_browser_sets_no_text_wider_than_it_was_laid_out(
    machine: AnyTable, page: Page, errors: list[str]
) -> None:
    page.set_content(draw(picture(machine), "svg", marked(machine)))
    widths: list[tuple[str, float]] = page.evaluate(WIDTHS)

    assert widths
    assert not errors
    assert not [text for text, width in widths if width > CHARACTER * len(text) + 1]


def test_markup_in_a_name_does_not_run_in_a_browser(page: Page) -> None:
    odd = Marks(notes=("<script>document.title = 'ran'</script>",), refused={("CLOSED", "<b>"): 1})
    page.set_content(draw(picture(MACHINES["breaker"][0]), "svg", odd))

    assert page.title() != "ran"
    assert page.locator("svg script").count() == 0
    assert page.get_by_text("<b> refused 1x", exact=True).count() == 1


def test_a_script_in_a_page_of_these_tests_would_run(page: Page) -> None:
    page.set_content("<script>document.title = 'ran'</script>")

    assert page.title() == "ran"


def test_the_picture_of_the_readme_is_shown(page: Page) -> None:
    file = Path(__file__).parents[2] / "docs" / "reference" / "machines" / "full_loop.svg"
    page.goto(file.as_uri())

    assert page.evaluate("() => document.documentElement.tagName") == "svg"
    assert page.locator("text.name").all_text_contents() == ["ATOMIC", "tight_loop"]
