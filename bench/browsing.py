"""Opening a page in Chromium and scrubbing through it, timed by the browser's own clock."""

from pathlib import Path
from typing import Any, Final

from attrs import frozen
from playwright.sync_api import Page, sync_playwright

STEPS: Final = 200
LATE_MS: Final = 50.0
"""What is longer is a long task, by the W3C: a person sees it."""

# From the start of the navigation until a record is shown and the frame with it is painted.
USABLE = """() => new Promise((done) => {
  const painted = () => requestAnimationFrame(() =>
    setTimeout(() => done(performance.now()), 0));
  const look = () => document.querySelector('#h-detail')?.textContent.startsWith('Record ')
    ? painted() : setTimeout(look, 1);
  look();
})"""
# Each step: the slider moves; the timeline follows in its frame, table and detail in the next.
SCRUB = """async (steps) => {
  const range = document.querySelector('#range');
  const number = document.querySelector('#number');
  const title = document.querySelector('#h-detail');
  const steps_ms = [], whole_ms = [];
  const later = () => new Promise((done) => setTimeout(done));
  for (let step = 0; step < steps; step += 1) {
    range.value = String(Math.floor(Number(range.max) * ((step * 7919) % steps) / steps));
    await new Promise((done) => requestAnimationFrame(() => {
      const began = performance.now();
      range.dispatchEvent(new Event('input', { bubbles: true }));
      const channel = new MessageChannel();
      document.body.getBoundingClientRect();
      channel.port1.onmessage = async () => {
        steps_ms.push(performance.now() - began);
        while (title.textContent !== `Record ${number.value}`) await later();
        document.body.getBoundingClientRect();
        whole_ms.push(performance.now() - began);
        done();
      };
      channel.port2.postMessage(null);
    }));
  }
  return { steps_ms, whole_ms };
}"""


@frozen
class Browsed:
    """What a browser told.

    Attributes:
        opened_s: from the start of the navigation to the first usable state, each time.
        steps_ms: each step of the scrubber, its layout and painting included.
        whole_ms: the same, until table and detail show the record too.
    """

    opened_s: list[float]
    steps_ms: list[float]
    whole_ms: list[float]

    @property
    def late(self) -> int:
        """How many steps a person would see."""
        return sum(step > LATE_MS for step in self.steps_ms)


def browsed(browser: str, file: Path, times: int) -> Browsed:
    """Open a page so many times, each in a browser that has not seen it, and scrub."""
    opened_s: list[float] = []
    steps_ms: list[float] = []
    whole_ms: list[float] = []
    with sync_playwright() as driver:
        for _ in range(times):
            one = driver.chromium.launch(
                executable_path=browser, args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
            page = one.new_context(
                offline=True, viewport={"width": 1280, "height": 1000}
            ).new_page()
            page.goto(file.as_uri(), wait_until="commit", timeout=120_000)
            opened_s.append(_told(page, USABLE) / 1e3)
            told = _told(page, SCRUB, STEPS)
            steps_ms += told["steps_ms"]
            whole_ms += told["whole_ms"]
            one.close()
    return Browsed(opened_s, steps_ms, whole_ms)


def _told(page: Page, script: str, given: object = None) -> Any:  # noqa: ANN401 - as it is told
    return page.evaluate(script, given)
