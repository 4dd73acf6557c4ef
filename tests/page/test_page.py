"""The page of a run: what its file holds, what its badges say, and bad input."""

import re
import sqlite3
from base64 import b64decode
from contextlib import closing
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

import verifill
from tests.machines.support import BTC
from tests.machines.test_live_loop import tolerant
from tests.page.pages import empty, hostile, lived, long
from tests.rechained import Records, rechained
from tests.tampering import edit
from verifill.cli.app import app
from verifill.engine.answers import KEY
from verifill.engine.log.durable_reader import open_log
from verifill.engine.log.reader import Log
from verifill.page import window as module
from verifill.page.badges import Judged
from verifill.page.columns import column, integers
from verifill.page.data import Shown, content
from verifill.page.html import LIVE, SCRIPTS, html, script_of_page

ASSETS = Path(verifill.__path__[0]) / "page" / "assets"
LINES_MAX = 400


def said(*words: object) -> Result:
    """What the command says."""
    return CliRunner().invoke(app, ["report", *map(str, words)])


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lived(tmp_path_factory.mktemp("lived"))


@pytest.fixture(scope="module")
def backtest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return long(tmp_path_factory.mktemp("backtest"), 6)


class Blocks(HTMLParser):
    """The texts of scripts and styles of a page, as an HTML parser finds them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.names: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.names.append(tag)

    def handle_data(self, data: str) -> None:
        if self.names and self.names[-1] in {"script", "style"} and data.strip():
            self.found.append((self.names[-1], data))


def test_the_command_writes_a_page_and_says_its_badges(log: Path, tmp_path: Path) -> None:
    told = said(log, "-o", tmp_path / "run.html", "--no-anchor")

    assert 0 == told.exit_code, told.output
    assert "CONFORMS, CHAIN OK, REPLAY IDENTICAL" == told.stdout.splitlines()[-1]
    assert ["run.html"] == [one.name for one in tmp_path.iterdir()]


def test_without_a_file_the_report_is_printed_as_before(backtest: Path) -> None:
    told = said(backtest)

    assert 0 == told.exit_code
    assert "Profit and loss" in told.stdout


def test_the_page_names_nothing_outside_of_itself(log: Path, tmp_path: Path) -> None:
    said(log, "-o", tmp_path / "run.html")
    text = (tmp_path / "run.html").read_text()

    addresses = set(re.findall(r"[a-z]+://[^\"' )<]+", text))
    assert {"http://www.w3.org/2000/svg"} == addresses  # a name, which nobody fetches
    assert not re.findall(r"<(?:link|img|iframe|object|embed)\b|\bsrc=|@import|url\((?!#)", text)


def test_the_policy_allows_the_scripts_and_styles_of_the_page_alone(log: Path) -> None:
    text = html(content(log, Judged(no_anchor=True, no_replay=True), Shown()))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy
    allowed = {b64decode(one) for one in re.findall(r"'sha256-([^']+)'", policy[1])}
    found = Blocks(text).found

    hashes = {sha256(data.encode()).digest() for _, data in found if not data.startswith("{")}
    assert allowed == hashes
    assert 4 == len(hashes)
    assert policy[1].startswith("default-src 'none'; ")
    assert "unsafe" not in policy[1]


def test_no_markup_of_a_log_stands_in_the_file(tmp_path: Path) -> None:
    text = html(content(hostile(tmp_path), Judged(no_anchor=True), Shown()))

    assert "<img" not in text
    assert 2 == text.count("</script")


def words(log: Path) -> list[str]:
    """What the badges of a log say."""
    told = content(log, Judged(no_anchor=True), Shown()).data["badges"]
    return [one["word"] for one in told]


def test_a_log_that_departs_or_was_changed_has_the_badges_of_it(tmp_path: Path) -> None:
    changed = hostile(tmp_path)
    assert ["CONFORMS", "CHAIN OK", "REPLAY DEPARTS"] == words(changed)

    with closing(sqlite3.connect(changed / "log.sqlite")) as database, database:
        database.execute(edit("seq = 5", wall_ns="wall_ns + 1"))
    assert ["DOES NOT CONFORM", "CHAIN BROKEN"] == words(changed)[:2]


def test_a_backtest_without_its_settings_is_not_replayed_and_says_why(backtest: Path) -> None:
    (*_, badge) = content(backtest, Judged(), Shown()).data["badges"]

    assert ("NOT REPLAYED", "unknown") == (badge["word"], badge["standing"])
    assert "none was given" in badge["found"][0]


def test_a_window_begins_where_it_is_told(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WINDOW_MAX", 10)
    last = content(log, Judged(no_replay=True, no_anchor=True), Shown()).data
    told = content(log, Judged(no_replay=True, no_anchor=True), Shown(first=5)).data
    of = last["window"]["of"]

    assert {"first": of - 9, "last": of, "of": of} == last["window"]
    assert {"first": 5, "last": 14, "of": of} == told["window"]
    assert last["exceptions"] == told["exceptions"]
    assert last["before"]["state"]


def test_an_instruction_that_was_sent_again_counts_once(log: Path) -> None:
    told = content(log, Judged(no_replay=True, no_anchor=True), Shown()).data
    rows = open_log(log).stream("instructions").collect()["instruction"]

    assert rows.n_unique() < rows.len()
    assert rows.n_unique() == told["head"]["counts"]["instructions"]


def test_a_log_whose_answers_were_taken_out_is_not_called_identical(
    log: Path, tmp_path: Path
) -> None:
    """Of its second life nothing can be run again, so nothing is claimed of it."""

    def change(records: Records) -> Records:
        for record in records:
            if record["epoch"] == 2 and record["payload"]:
                record["payload"].pop(KEY, None)
        return records

    stripped = rechained(log, tmp_path / "stripped", change)
    told = CliRunner().invoke(app, ["replay", str(stripped)])

    page = content(stripped, Judged(no_anchor=True), Shown()).data
    assert "REPLAYED IN PART" == page["badges"][-1]["word"]
    assert 1 == told.exit_code
    assert "NOT RUN AGAIN AS A WHOLE" == told.stdout.splitlines()[-1].strip()


def test_exceptions_count_what_the_records_say(log: Path) -> None:
    told = content(log, Judged(no_replay=True, no_anchor=True), Shown()).data["exceptions"]
    coverage = told["coverage"]

    assert told["counts"]["retry"] >= 2
    assert told["notes"]["RECOVERY"] == 3
    assert len(coverage["states_never"]) < coverage["states"]
    assert len(coverage["moves_never"]) < coverage["moves"]


def test_exceptions_tell_which_tolerances_were_used_and_what_was_refused(tmp_path: Path) -> None:
    log = tolerant(tmp_path / "used").log
    told = content(log, Judged(no_replay=True, no_anchor=True), Shown()).data["exceptions"]
    used = told["tolerances"]

    assert [BTC] == used["key"]["words"]
    assert ["0.00000001"] == used["amount"]["words"]
    assert integers([2]) == used["times"]
    nesting = Log(log).header["nesting"]
    pairs = len(nesting["states"]) * len(nesting["events"])
    assert 0 < told["coverage"]["refusals"] < pairs - told["coverage"]["moves"]


@pytest.mark.parametrize(
    ("values", "kind", "bits"),
    [([1, None, -5], "i32", 4), ([2**40, 1], "i64", 8), ([], "i32", 4)],
)
def test_integers_are_packed_exactly(values: list[int | None], kind: str, bits: int) -> None:
    packed = b64decode(column(pl.Series(values, dtype=pl.Int64))[kind])
    parts = [packed[at : at + bits] for at in range(0, len(packed), bits)]

    told = [int.from_bytes(part, "little", signed=True) for part in parts]
    assert [-1 if value is None else value for value in values] == told


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("run.txt", "ends in '.txt'; allowed are .html, .htm"),
        ("nowhere/run.html", "there is no folder"),
        ("there.html", "is there already; choose another file, or say --overwrite"),
    ],
)
def test_a_file_that_cannot_be_is_refused(
    log: Path, tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "there.html").write_text("mine")
    told = said(log, "-o", tmp_path / name)

    assert 2 == told.exit_code
    assert message in told.stderr
    assert "mine" == (tmp_path / "there.html").read_text()
    assert ["there.html"] == [one.name for one in tmp_path.iterdir()]


def test_a_page_that_is_there_is_replaced_when_asked(log: Path, tmp_path: Path) -> None:
    (tmp_path / "there.html").write_text("mine")

    assert 0 == said(log, "-o", tmp_path / "there.html", "--overwrite").exit_code
    assert "mine" != (tmp_path / "there.html").read_text()


def test_no_page_is_written_into_a_log(log: Path) -> None:
    assert "lies in the log" in said(log, "-o", log / "run.html").stderr


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    told = said(tmp_path, "-o", tmp_path.with_suffix(".html"))

    assert 2 == told.exit_code
    assert "is no log" in told.stderr


def test_a_record_that_there_is_not_is_refused(log: Path, tmp_path: Path) -> None:
    told = said(log, "-o", tmp_path / "run.html", "--first", 4000)

    assert 2 == told.exit_code
    assert "has no record 4000; it holds records 1 to" in told.stderr


def test_every_asset_is_short_and_every_script_is_in_the_page() -> None:
    assert {*SCRIPTS, LIVE} == {file.name for file in ASSETS.glob("*.js")}
    for file in ASSETS.iterdir():
        assert len(file.read_text().splitlines()) <= LINES_MAX, file.name
    assert not re.search(
        r"</?script|<!--|innerHTML|document\.write|\beval\b", script_of_page(live=True)
    )


def test_a_run_without_a_record_has_a_page(log: Path, tmp_path: Path) -> None:
    told = said(empty(log, tmp_path / "empty"), "-o", tmp_path / "run.html", "--no-anchor")

    assert 0 == told.exit_code, told.output
    assert (tmp_path / "run.html").is_file()
