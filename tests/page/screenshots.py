"""Pictures of a page, as the documentation shows them: every view, and the whole in light and dark.

python -m tests.page.screenshots PAGE.html FOLDER
"""

import shutil
import sys
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, sync_playwright

VIEWS = {
    "timeline": "#timeline",
    "records": "#records",
    "record": "#detail",
    "machine": "#machine-of",
    "plots": "#plots",
    "exceptions": "#exceptions",
}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTH, HEIGHT = 1280, 1000


def main(file: Path, folder: Path) -> None:
    """Take them all."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-dev-shm-usage"],
        )
        context = browser.new_context(offline=True, viewport={"width": WIDTH, "height": HEIGHT})
        page = context.new_page()
        page.goto(file.absolute().as_uri())
        shown(page)
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            page.evaluate("() => window.scrollTo(0, 0)")
            page.screenshot(path=folder / f"page-{theme}.png")
        page.emulate_media(color_scheme="light")
        # what is fixed above the views would lie over them
        page.evaluate("() => { document.querySelector('#scrub').style.position = 'static'; }")
        page.locator("#axis").select_option("time")
        for name, where in VIEWS.items():
            page.locator(where).screenshot(path=folder / f"{name}.png")
        browser.close()


def shown(page: Page) -> None:
    """The record of the first retry, which has something to look at in every view."""
    page.keyboard.press("r")
    page.locator("#exceptions h3").first.wait_for()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
