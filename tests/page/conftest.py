"""A browser that reaches no network."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.engine.test_drawing_foreign import needed

PATIENCE_MS = 120_000.0


@pytest.fixture(scope="module")
def browsed() -> Iterator[Page]:
    """A page of a browser that reaches no network."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=needed(shutil.which("chromium")),
            args=["--no-sandbox", "--disable-dev-shm-usage"],
        )
        context = browser.new_context(offline=True, viewport={"width": 1280, "height": 1000})
        context.set_default_timeout(PATIENCE_MS)
        yield context.new_page()
        browser.close()
