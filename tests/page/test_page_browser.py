"""Chromium shows the page of a run: every view, every key, and nothing of a log runs in it."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import polars as pl
import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from tests.live.test_reports import world
from tests.machines.test_live_loop import tolerant
from tests.page.pages import HOSTILE, empty, hostile, lived, long, page_of
from verifill.cli.init import init
from verifill.config import load_config
from verifill.engine.log.durable_reader import open_log
from verifill.page.window import WINDOW_MAX
from verifill.replay.changed import WhatIf
from verifill.replay.travel import Jump, Travel
from verifill.replay.what_if_backtest import fork_backtest
from verifill.running import run_backtest

CONTRAST_MIN = 4.5  # of WCAG 2.2, level AA, for text
COLOURS = """() => {
    const style = getComputedStyle(document.documentElement);
    const pen = document.createElement('canvas').getContext('2d');
    const read = (name) => {
        pen.fillStyle = style.getPropertyValue(name).trim();
        return [1, 3, 5].map((at) => parseInt(pen.fillStyle.slice(at, at + 2), 16));
    };
    const texts = ['ink', 'soft', 'here', 'good', 'bad', 'odd', 'failure', 'hold', 'refused',
        'retry', 'ignored', 'operator'];
    return texts.map((name) => [...read('--' + name), ...read('--paper')]);
}"""
FRAMES = """() => new Promise((done) => {
    let left = 60;
    const frame = () => { left -= 1; if (left) requestAnimationFrame(frame); else done(); };
    frame();
})"""
Open = Callable[..., Page]


@pytest.fixture
def opened(browsed: Page) -> Iterator[Open]:
    """Opens a file at a record; no test may leave an error or a warning behind."""
    told: list[str] = []

    def fault(error: Exception) -> None:
        told.append(str(error))

    def message(one: ConsoleMessage) -> None:
        if one.type in {"error", "warning"}:
            told.append(one.text)

    def go(file: Path, link: str = "") -> Page:
        browsed.goto("about:blank")
        browsed.goto(file.as_uri() + link)
        return browsed

    browsed.on("pageerror", fault)
    browsed.on("console", message)
    yield go
    browsed.remove_listener("pageerror", fault)
    browsed.remove_listener("console", message)
    assert not told


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lived(tmp_path_factory.mktemp("lived"))


@pytest.fixture(scope="module")
def file(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page_of(log, tmp_path_factory.mktemp("page") / "run.html")


@pytest.fixture(scope="module")
def lived_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration that `verifill init` writes, and its run."""
    folder = tmp_path_factory.mktemp("project")
    init(folder)
    run_backtest(folder / "verifill.toml", log=folder / "log")
    return folder


def contrast(one: Sequence[int], other: Sequence[int]) -> float:
    """The contrast of two colours, by WCAG."""
    first, second = sorted((luminance(one), luminance(other)), reverse=True)
    return (first + 0.05) / (second + 0.05)


def luminance(colour: Sequence[int]) -> float:
    parts = [part / 255 for part in colour]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def at(page: Page, seq: int) -> None:
    expect(page.locator("#h-detail")).to_have_text(f"Record {seq}")


def test_the_header_shows_the_badges_with_what_was_found(opened: Open, file: Path) -> None:
    page = opened(file)

    assert ["CONFORMS", "CHAIN OK", "REPLAY IDENTICAL"] == page.locator(
        "#badges summary"
    ).all_text_contents()
    page.get_by_text("CHAIN OK").click()
    expect(page.locator("#badges details[open]")).to_contain_text("every record carries the hash")


def test_keys_move_the_cursor_and_jump_to_what_matters(opened: Open, file: Path, log: Path) -> None:
    page, travel = opened(file), Travel(log)
    retry = travel.following(Jump.RETRY, after=1)
    failure = travel.following(Jump.FAILURE, after=1)
    assert retry
    assert failure

    for key, seq in (
        ("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2), ("End", travel.last_seq),
        ("Home", 1), ("r", retry), ("Home", 1), ("n", failure), ("Shift+R",
        travel.preceding(Jump.RETRY, before=failure)),
    ):  # fmt: skip
        page.keyboard.press(key)
        at(page, seq or 0)
    page.keyboard.press("Home")
    page.keyboard.press("f")
    expect(page.locator("#said")).to_have_text("No refused after record 1 in this page")


def test_play_goes_on_to_the_end_and_stops_there(opened: Open, file: Path, log: Path) -> None:
    last = Travel(log).last_seq
    page = opened(file, f"#seq={last - 2}")
    page.keyboard.press(" ")
    expect(page.locator("#play")).to_have_text("Pause")

    at(page, last)
    expect(page.locator("#play")).to_have_text("Play")


def test_a_link_opens_its_record_and_the_cursor_writes_it(opened: Open, file: Path) -> None:
    page = opened(file, "#seq=9")
    at(page, 9)
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => location.hash === '#seq=10'")

    page.evaluate("() => { location.hash = '#seq=7' }")
    at(page, 7)
    page.evaluate("() => { location.hash = '#seq=4000' }")
    expect(page.locator("#said")).to_contain_text("Record 4000 is not in this page")


def test_every_record_is_shown_as_time_travel_shows_it(opened: Open, file: Path, log: Path) -> None:
    page, travel = opened(file), Travel(log)
    for seq in range(1, travel.last_seq + 1):
        there = travel.at(seq)
        at(page, seq)
        levels = page.locator("h3:text-is('Levels') + table tbody tr").all_text_contents()
        known = page.locator("h3:text-is('Positions as last read') + table tbody tr")
        assert levels == [
            f"{one.table}{one.instance}{one.state}" for one in there.levels if one.state
        ]
        assert known.all_text_contents() == [
            f"{key}{one.total:f}{one.seq}" for key, one in there.positions.items()
        ]
        page.keyboard.press("ArrowRight")


def test_the_state_at_the_cursor_stands_out_in_the_drawing(opened: Open, file: Path) -> None:
    page = opened(file, "#seq=21")

    state = (page.locator("#state").text_content() or "").removeprefix("At the cursor: ")
    here = page.locator("#diagram rect.here")
    assert state.startswith("INSTRUCTION.")
    names = here.evaluate_all("all => all.map((one) => one.dataset.state)")
    assert {"INSTRUCTION", state.replace("INSTRUCTION", "tight_loop")} == set(names)


def test_the_table_is_filtered_by_text_machine_and_sort(opened: Open, file: Path) -> None:
    page = opened(file)
    rows = page.locator("#rows tbody tr[data-at]")
    whole = page.locator("#found").text_content()

    page.fill("#text", "resolve_instruction")
    expect(rows).to_have_count(1)
    rows.click()
    expect(page.locator("#facts-of")).to_contain_text("resolve_instruction")
    page.fill("#text", "may be in flight")
    expect(rows).to_have_count(1)
    page.fill("#text", "")
    expect(page.locator("#found")).to_have_text(whole or "")
    page.select_option("#machine", "atomic")
    assert {"atomic"} == set(page.locator("#rows tbody td:nth-child(5)").all_text_contents())
    page.select_option("#machine", "all")
    page.select_option("#sort", "refused or failed")
    assert rows.count() >= 1
    assert rows.count() == page.locator("#rows tr.failure").count()


def test_the_detail_shows_intervals_fills_and_waits(opened: Open, file: Path, log: Path) -> None:
    matched = page_seq(log, "matched")
    page = opened(file, f"#seq={matched}")
    detail = page.locator("#facts-of")

    expect(detail).to_contain_text("Positions read: expected and actual")
    expect(detail.locator("span.holds").first).to_have_text("inside")
    expect(detail.locator("h3", has_text="sends and waits")).to_have_count(1)


def page_seq(log: Path, event: str) -> int:
    """The number of the first record of an event."""
    travel = Travel(log)
    rows = travel.rows(1, travel.last_seq)
    return next(int(row["seq"]) for row in rows if row["event"] == event)


def test_a_click_in_the_timeline_and_in_the_report_moves_the_cursor(
    opened: Open, file: Path
) -> None:
    page = opened(file)
    page.locator("#lanes .pick[data-at='4']").click()
    at(page, 5)
    link = page.locator("#report a").first
    seq = int(link.text_content() or "0")
    link.click()
    at(page, seq)


def test_the_report_shows_tolerances_and_refusals(opened: Open, file: Path, tmp_path: Path) -> None:
    page = opened(page_of(tolerant(tmp_path / "used").log, tmp_path / "page.html"))
    used = page.locator("h3:text-is('Tolerances used') + table tbody tr")

    expect(used).to_have_count(1)
    expect(used).to_contain_text("desk.spot:BaseToken:BTC")
    expect(used).to_contain_text("0.00000001")
    expect(page.locator("#report")).to_contain_text("refusals met")
    without = opened(file)
    expect(without.locator("h3:text-is('Tolerances used') + p")).to_have_text("None.")


def test_markup_in_a_log_is_shown_and_never_runs(opened: Open, tmp_path: Path) -> None:
    page = opened(page_of(hostile(tmp_path), tmp_path / "page.html"), "#seq=3")

    assert "Run r" == page.title()
    expect(page.locator("#facts-of")).to_contain_text(HOSTILE)
    expect(page.locator("#facts")).to_contain_text(HOSTILE)
    assert f"desk.spot:BaseToken:{HOSTILE}" in page.locator("#key option").all_text_contents()
    assert 0 == page.locator("img").count()
    assert 2 == page.locator("script").count()


def test_a_script_that_came_in_would_be_refused_by_the_policy(
    browsed: Page, file: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "odd.html"
    script = "<script>document.title = 'ran'</script><main>"
    odd.write_text(file.read_text().replace("<main>", script))
    browsed.goto(odd.as_uri())

    assert "Run r" == browsed.title()


def test_the_table_stays_at_the_record_that_was_jumped_to(
    opened: Open, lived_once: Path, tmp_path: Path
) -> None:
    """What is drawn where a table is scrolled to must not let the browser scroll it on."""
    page = opened(page_of(lived_once / "log", tmp_path / "run.html"))
    page.locator("#number").fill("30")
    page.locator("#number").press("Enter")
    at(page, 30)

    page.evaluate(FRAMES)
    page.locator("#rows").scroll_into_view_if_needed()

    expect(page.locator("#rows tr[aria-current]")).to_be_in_viewport()


def test_a_long_run_is_windowed_and_says_so(opened: Open, tmp_path: Path) -> None:
    log = long(tmp_path, 15_000)
    page = opened(page_of(log, tmp_path / "page.html"))
    first = Travel(log).last_seq - WINDOW_MAX + 1

    at(page, first)
    expect(page.locator("#windowed")).to_contain_text("This page holds 100,000 records")
    assert 100 > page.locator("#rows tbody tr").count()
    page.keyboard.press("n")
    last = Travel(log).last_seq
    expect(page.locator("#said")).to_contain_text(
        f"in this page, which holds {first} to {last} of {last}: report --first RECORD shows others"
    )
    page.keyboard.press("End")
    at(page, Travel(log).last_seq)
    assert 100 > page.locator("#rows tbody tr").count()
    there = Travel(log).at(Travel(log).last_seq)
    known = page.locator("h3:text-is('Positions as last read') + table tbody tr")
    assert len(there.positions) == known.count()
    expect(page.locator("#equity")).to_contain_text(
        "of each part the first, last, least and greatest"
    )
    expect(page.locator("#rows tr[aria-current=true]")).to_have_count(1)


def test_a_fork_says_what_was_answered_otherwise(
    opened: Open, lived_once: Path, tmp_path: Path
) -> None:
    """Markup in the answer is shown, and does not run."""
    config, fork = lived_once / "verifill.toml", tmp_path / "fork"
    records = open_log(lived_once / "log").records()
    seq = records.filter(pl.col("event") == "accepted").collect()["seq"][-1]
    receipt = {"outcome": "REJECTED_DEFINITIVE", "reason": "<b>closed</b>"}
    changed = WhatIf.of(f"binance.submit={json.dumps(receipt)}")
    fork_backtest(lived_once / "log", load_config(config), seq, changed, fork)

    page = opened(page_of(fork, tmp_path / "page.html"))

    row = page.locator("#facts dt:text-is('what if') + dd")
    expect(row).to_contain_text(f"record {seq}")
    expect(row).to_contain_text("binance.submit")
    expect(row).to_contain_text("<b>closed</b>")


def test_a_run_without_a_record_says_so(opened: Open, log: Path, tmp_path: Path) -> None:
    page = opened(page_of(empty(log, tmp_path / "empty"), tmp_path / "page.html"))
    page.keyboard.press("ArrowRight")

    expect(page.locator("#facts-of")).to_have_text("The log holds no record.")
    expect(page.locator("#range")).to_be_disabled()
    expect(page.locator("#found")).to_have_text("0 of 0 records")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_light_and_dark(
    opened: Open, browsed: Page, file: Path, scheme: Literal["light", "dark"]
) -> None:
    browsed.emulate_media(color_scheme=scheme)
    page = opened(file)
    colours: list[list[int]] = page.evaluate(COLOURS)
    browsed.emulate_media(color_scheme="light")

    assert colours
    assert not [pair for pair in colours if contrast(pair[:3], pair[3:]) < CONTRAST_MIN]


def test_focus_is_visible_and_every_control_has_a_name(opened: Open, file: Path) -> None:
    page = opened(file)
    page.keyboard.press("Tab")

    outline = "() => getComputedStyle(document.activeElement).outlineStyle"
    assert "solid" == page.evaluate(outline)
    assert 1 == page.get_by_role("searchbox", name="Find").count()
    for name in ("Machine", "Show", "Position"):
        assert 1 == page.get_by_role("combobox", name=name).count()


def test_a_print_has_no_controls_and_a_whole_detail(
    opened: Open, browsed: Page, file: Path
) -> None:
    page = opened(file, "#seq=21")
    browsed.emulate_media(media="print")
    hidden = page.locator("#range").is_hidden()
    overflow = page.evaluate("() => getComputedStyle(document.querySelector('#facts-of')).overflow")
    browsed.emulate_media(media="screen")

    assert hidden
    assert "visible" == overflow


WIDTHS = (
    "() => [...document.querySelectorAll('#lanes .pick')].map((one) => one.width.baseVal.value)"
)


def test_the_timeline_is_to_scale_in_time_when_asked_and_shows_when_ticks_are_due(
    opened: Open, file: Path, log: Path
) -> None:
    page = opened(file, "#seq=1")
    even = page.evaluate(WIDTHS)
    page.locator("#axis").select_option("time")
    scaled = page.evaluate(WIDTHS)
    rows = open_log(log).records().head(len(scaled) + 1).collect()["wall_ns"].diff().to_list()[1:]

    assert max(even) - min(even) < 1
    longest = max(range(len(rows)), key=lambda at: rows[at])
    assert max(scaled) == scaled[longest] > 3 * min(scaled)
    expect(page.locator("#lanes .ruler")).to_have_count(5)


def test_the_timeline_shows_when_each_tick_is_to_be_over(opened: Open, tmp_path: Path) -> None:
    one = world(tmp_path, "live")
    one.live(3)
    page = opened(page_of(one.log, tmp_path / "run.html"), "#seq=20")
    page.locator("#axis").select_option("time")

    due = page.locator("#lanes .due title").all_text_contents()
    assert {"tick 1 is to be over", "tick 2 is to be over"} <= {one[:20] for one in due}
