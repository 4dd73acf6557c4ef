"""`verifill serve` beside a running engine: it follows, in a real browser, and lets nobody in."""

import json
import signal
import socket
import subprocess
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.live.worlds import written
from tests.observing.test_processes import address, running, trading
from tests.page.pages import empty, lived
from tests.serving import Serving
from verifill.cli.failures import ExitCode
from verifill.engine.errors import ConfigError, LogError
from verifill.engine.log.durable_reader import open_log
from verifill.page import serving as module
from verifill.page.badges import Judged
from verifill.page.data import Shown
from verifill.page.serving import LivePage, Server

PATIENCE_S = 120
SHOWN = "() => Number(document.querySelector('#range').max) + 1"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lived(tmp_path_factory.mktemp("lived"))


@pytest.fixture(scope="module")
def where(log: Path) -> Iterator[str]:
    """The address of a server of the page of a log that nobody writes."""
    with running("serve", log, "--port", "0", "--no-anchor") as process:
        yield address(process)


def asked(
    where: str, path: str = "/", host: str = "", method: str = "GET"
) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of an answer."""
    at = urlsplit(where)
    assert at.hostname
    assert at.port
    connection = HTTPConnection(at.hostname, at.port, timeout=PATIENCE_S)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host or at.netloc)
    connection.endheaders()
    answer = connection.getresponse()
    told = answer.status, dict(answer.getheaders()), answer.read().decode()
    connection.close()
    return told


@contextmanager
def console(page: Page) -> Generator[list[str]]:
    """What a page complains of."""
    heard: list[str] = []

    def error(one: Exception) -> None:
        heard.append(str(one))

    def message(one: object) -> None:
        if getattr(one, "type", "") in {"error", "warning"}:
            heard.append(str(getattr(one, "text", "")))

    page.on("pageerror", error)
    page.on("console", message)
    yield heard
    page.remove_listener("pageerror", error)
    page.remove_listener("console", message)


def test_the_page_follows_an_engine_that_writes(browsed: Page, tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    config = written(tmp_path, '[loopback]\nwidth = "0"\n')
    browsed.context.set_offline(False)
    try:
        serving.start(config)
        with (
            trading(config, serving, tmp_path / "log") as engine,
            running("serve", tmp_path / "log", "--port", "0") as process,
            console(browsed) as heard,
        ):
            browsed.goto(address(process))
            expect(browsed.locator("#live")).to_contain_text("LIVE, record")
            before = browsed.evaluate(SHOWN)
            browsed.keyboard.press("End")
            browsed.wait_for_function(f"() => ({SHOWN})() > {before + 20}")
            assert browsed.evaluate("() => document.querySelector('#number').value") == str(
                browsed.evaluate(SHOWN)
            )
            assert "CONFORMS" == browsed.locator("#badges summary").first.text_content()
            assert None is engine.poll()
            browsed.goto("about:blank")
            process.send_signal(signal.SIGTERM)
            assert ("", "") == process.communicate(timeout=PATIENCE_S)
            assert ExitCode.COMPLETED == process.returncode
    finally:
        serving.end()
        browsed.context.set_offline(True)
    assert [] == heard


def test_what_was_looked_at_stays_when_the_page_is_fetched_anew(
    browsed: Page, tmp_path: Path
) -> None:
    serving = Serving(tmp_path)
    config = written(tmp_path, '[loopback]\nwidth = "0"\n')
    browsed.context.set_offline(False)
    try:
        serving.start(config)
        with (
            trading(config, serving, tmp_path / "log"),
            running("serve", tmp_path / "log", "--port", "0") as process,
        ):
            browsed.goto(f"{address(process)}#seq=7")
            browsed.locator("#text").fill("observed")
            browsed.locator("#h-detail").click()
            browsed.locator("#text").blur()
            before = browsed.evaluate(SHOWN)
            browsed.wait_for_function(f"() => ({SHOWN})() > {before}")
            expect(browsed.locator("#h-detail")).to_have_text("Record 7")
            expect(browsed.locator("#text")).to_have_value("observed")
            browsed.goto("about:blank")
    finally:
        serving.end()
        browsed.context.set_offline(True)


def test_the_page_may_ask_its_own_server_and_nobody_else(where: str) -> None:
    status, headers, text = asked(where)

    assert 200 == status
    assert "connect-src 'self'" in text
    assert "frame-ancestors 'none'" == headers["Content-Security-Policy"]
    assert "no-store" == headers["Cache-Control"]


def test_the_last_record_is_told(where: str, log: Path) -> None:
    asked(where)
    status, _, text = asked(where, "/last")

    assert (200, {"last": open_log(log).last_seq}) == (status, json.loads(text))


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8480", "127.0.0.1", "", "x:1"])
def test_a_host_of_another_name_is_refused(where: str, host: str) -> None:
    status, _, text = asked(where, host=host or "localhost.evil.example")

    assert 421 == status
    assert "<html" not in text


def test_the_names_of_this_machine_are_its_own(where: str) -> None:
    port = urlsplit(where).port

    assert 200 == asked(where, host=f"localhost:{port}")[0]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_but_looking_is_answered(where: str, method: str) -> None:
    assert 501 == asked(where, method=method)[0]


def test_other_paths_are_not_there(where: str) -> None:
    assert 404 == asked(where, "/../header.json")[0]


def test_a_port_that_is_taken_and_a_folder_that_is_no_log_are_refused(
    log: Path, tmp_path: Path
) -> None:
    live = LivePage(log, Judged(), Shown())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="cannot be listened on"):
            Server(live, "127.0.0.1", taken.getsockname()[1])
    with pytest.raises(LogError, match="is no log"):
        LivePage(tmp_path, Judged(), Shown())


def test_a_page_is_made_anew_only_when_the_log_has_grown(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LivePage(log, Judged(no_anchor=True, no_replay=True), Shown())
    first = live.page()

    assert first is live.page()
    monkeypatch.setattr(module, "content", None)
    assert open_log(log).last_seq == live.last


def test_a_run_without_a_record_is_served(log: Path, tmp_path: Path) -> None:
    live = LivePage(empty(log, tmp_path / "empty"), Judged(no_anchor=True), Shown())

    assert b"<!DOCTYPE html>" == live.page()[:15]


def test_a_log_that_is_gone_is_told_and_the_server_goes_on(log: Path, tmp_path: Path) -> None:
    moved = empty(log, tmp_path / "log")
    with running("serve", moved, "--port", "0", "--no-anchor") as process:
        at = address(process)
        moved.rename(tmp_path / "elsewhere")
        gone = asked(at)
        (tmp_path / "elsewhere").rename(moved)
        back = asked(at)

    assert (503, 200) == (gone[0], back[0])
    assert "is no log" in gone[2]
    assert isinstance(process, subprocess.Popen)
