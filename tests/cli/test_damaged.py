"""A log that is damaged, gone or another: every command says so, with its exit code."""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Verifill
from verifill.anchors import ANCHOR, default_place
from verifill.cli.failures import ExitCode
from verifill.engine.commands import CommandName
from verifill.engine.inbox import last_posted
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.mark import MARK
from verifill.engine.log.opening import create_log
from verifill.engine.log.reader import Log
from verifill.engine.log.record import Record
from verifill.engine.log.writer import HEADER

BECAUSE = ("--actor", "ann", "--reason", "smoke")
LIFE = Record(machine="process", kind="EPOCH", wall_ns=1, mono_ns=1)
DATABASE = "log.sqlite"


def live(folder: Path, header: Mapping[str, object]) -> Path:
    """A live log whose engine has ended, anchored in the usual place."""
    place = default_place(folder)
    whole = {**header, "mode": "live", ANCHOR: str(place)}
    create_log(folder, whole, LIFE, anchor=FileAnchor(place, folder)).close()
    return folder


@pytest.fixture
def stopped(log: Path, tmp_path: Path) -> Path:
    return live(tmp_path / "live", dict(Log(log).header))


def flipped(log: Path) -> None:
    data = bytearray((log / HEADER).read_bytes())
    data[data.rindex(b'"seed"') + 1] ^= 2
    (log / HEADER).write_bytes(data)


def garbled(log: Path) -> None:
    (log / HEADER).write_bytes(b"{" + (log / HEADER).read_bytes())


def headless(log: Path) -> None:
    (log / HEADER).unlink()


def gone(log: Path) -> None:
    shutil.rmtree(log)


def emptied(log: Path) -> None:
    gone(log)
    log.mkdir()


def other(log: Path) -> None:
    """Another log, which was begun elsewhere, is put in its place."""
    header = dict(Log(log).header) | {"run": "another"}
    gone(log)
    live(log.with_name("elsewhere"), header).rename(log)


def no_database(log: Path) -> None:
    (log / DATABASE).write_bytes(b"no database" * 1_000)


def cut_database(log: Path) -> None:
    (log / DATABASE).write_bytes((log / DATABASE).read_bytes()[:5_000])


def foreign_database(log: Path) -> None:
    (log / DATABASE).unlink()
    with closing(sqlite3.connect(log / DATABASE)) as database:
        database.execute("CREATE TABLE strange (number INTEGER)")


def without_database(log: Path) -> None:
    (log / DATABASE).unlink()


FLIPPED = r"of the fields of header\.json, 'qeed' was not there, 'seed' is gone"
GARBLED = r"header\.json does not parse as JSON at byte 2"
HEADLESS = r"header\.json cannot be read: there is no such file or folder"
LOST = r"holds record 1 of one: the log is lost.*Do not trade.*Only if it is gone for good"
Told = tuple[ExitCode, str]
ENVIRONMENT, INPUT = ExitCode.ENVIRONMENT, ExitCode.BAD_INPUT

SAID: dict[Callable[[Path], None], dict[str, Told]] = {
    flipped: {
        "live": (ENVIRONMENT, f"has a damaged header: {FLIPPED}. Do not trade"),
        "status": (ENVIRONMENT, f"has a damaged header: {FLIPPED}. Do not trade"),
        "verify": (ExitCode.ENDED_EARLY, FLIPPED),
    },
    garbled: {
        "live": (ENVIRONMENT, f"has a damaged header: {GARBLED}. Do not trade"),
        "status": (ENVIRONMENT, f"has a damaged header: {GARBLED}. Do not trade"),
        "verify": (ENVIRONMENT, f"has a damaged header: {GARBLED}. Do not trade"),
    },
    headless: dict.fromkeys(
        ("live", "status", "verify"), (ENVIRONMENT, f"has a damaged header: {HEADLESS}")
    ),
    gone: dict.fromkeys(("live", "status", "verify"), (ENVIRONMENT, LOST)),
    emptied: dict.fromkeys(("live", "status", "verify"), (ENVIRONMENT, LOST)),
    other: {
        "live": (INPUT, "what lies there is another log, which is anchored in .*Do not trade"),
        "status": (ExitCode.COMPLETED, "another"),
        "verify": (INPUT, "what lies there is another log, which is anchored in"),
    },
}


@pytest.mark.parametrize(
    ("damage", "name"), [(damage, name) for damage, said in SAID.items() for name in said]
)
def test_a_damaged_header_a_lost_log_and_another_log_are_told_apart(
    stopped: Path, made: Path, command: Verifill, damage: Callable[[Path], None], name: str
) -> None:
    damage(stopped)
    before = sorted(stopped.iterdir()) if stopped.exists() else []
    words = {
        "live": ("live", made / "verifill.toml", "--port", 9, "--log", stopped),
        "status": ("status", stopped),
        "verify": ("verify", stopped),
    }
    told = command(*words[name])
    code, said = SAID[damage][name]

    assert code == told.exit_code, told.output
    assert re.search(said, re.sub(r"\s+", " ", told.output)), told.output
    assert before == [path for path in before if path.exists()]


def test_a_log_that_was_lost_for_good_is_begun_anew_on_purpose(
    stopped: Path, command: Verifill
) -> None:
    gone(stopped)
    told = command("status", stopped)
    (place,) = re.findall(r"move (\S+) away, then start again", re.sub(r"\s+", " ", told.output))
    Path(place).rename(stopped.with_name("kept"))

    again = command("status", stopped)
    assert INPUT == again.exit_code
    assert "is no log: it has no header.json" in again.stderr


DAMAGES = (flipped, garbled, headless, gone, emptied, no_database, cut_database, foreign_database,
           without_database)  # fmt: skip
READERS: dict[str, Callable[[Path], tuple[str | Path, ...]]] = {
    "status": lambda log: ("status", log),
    "status --json": lambda log: ("status", log, "--json"),
    "verify": lambda log: ("verify", log),
    "verify --no-anchor": lambda log: ("verify", log, "--no-anchor"),
    "log show": lambda log: ("log", "show", log),
    "log export": lambda log: ("log", "export", log, log.with_name("out.parquet")),
    "report": lambda log: ("report", log),
    "report page": lambda log: ("report", log, "-o", log.with_name("page.html")),
    "replay": lambda log: ("replay", log),
    "replay --at": lambda log: ("replay", log, "--at", "1"),
    "machines show": lambda log: ("machines", "show", "--log", log),
    "metrics": lambda log: ("metrics", log, "--once"),
    "ops answer": lambda log: ("ops", "answer", log, "1"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("reader", READERS)
def test_a_command_that_reads_a_damaged_log_ends_with_a_code_and_in_words(
    stopped: Path, command: Verifill, damage: Callable[[Path], None], reader: str
) -> None:
    damage(stopped)
    told = command(*READERS[reader](stopped))

    no_verdict = ExitCode.ENDED_EARLY if "verify" in reader else INPUT
    assert told.exit_code in {ENVIRONMENT, INPUT, no_verdict}, told.output
    assert "Traceback" not in told.output
    assert "defect" not in told.stderr


READING = (
    ("replay", "{log}", "--at", "3"),
    ("report", "{log}"),
    ("report", "{log}", "-o", "{out}/page.html"),
    ("machines", "--log", "{log}"),
    ("log", "show", "{log}"),
    ("log", "export", "{log}", "--to", "{out}/records.csv"),
    ("log", "export", "{log}", "--to", "{out}/trace.json"),
    ("status", "{log}"),
)


@pytest.mark.parametrize("field", ["nesting", "decimals", "instruments", "run"])
def test_a_header_that_was_changed_is_told_of_the_log_and_not_as_a_defect(
    copied: Path, tmp_path: Path, command: Verifill, field: str
) -> None:
    """Whatever it makes a command stumble over; one that does not need the field may go on."""
    header = json.loads((copied / HEADER).read_text())
    was = header.pop(field)
    (copied / HEADER).write_text(json.dumps(header if field == "run" else {**header, field: [was]}))
    told = [command(*(word.format(log=copied, out=tmp_path) for word in one)) for one in READING]
    stumbled = [one for one in told if one.exit_code]

    assert stumbled
    for one in stumbled:
        assert ENVIRONMENT == one.exit_code, one.output
        assert "defect" not in one.output
        assert re.search("is not as it was written|cannot be checked", one.output), one.output


def test_a_log_that_no_command_began_says_what_its_header_lacks(
    log: Path, tmp_path: Path, command: Verifill
) -> None:
    header = {name: told for name, told in Log(log).header.items() if name != "instruments"}
    begun = live(tmp_path / "live", header)
    shown = command("log", "show", begun)
    told = command("log", "export", begun, "--stream", "fills", "--to", tmp_path / "fills.csv")

    assert 0 == shown.exit_code, shown.output
    assert ENVIRONMENT == told.exit_code
    assert re.search(r"header\.json does not say instruments: .*It can be verified", told.stderr)


def test_an_error_over_a_log_that_is_whole_is_a_defect(
    copied: Path, command: Verifill, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbles(*_given: object) -> None:
        raise KeyError

    monkeypatch.setattr("verifill.replay.travel.Travel.at", stumbles)
    told = command("replay", copied, "--at", 3)

    assert ExitCode.DEFECT == told.exit_code
    assert "defect of Verifill" in told.stderr


def test_a_header_that_may_not_be_read_is_not_called_damaged(
    stopped: Path, command: Verifill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read everything, so the file system cannot be asked to refuse."""

    def refuses(_path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuses)
    told = command("log", "show", stopped)

    assert ENVIRONMENT == told.exit_code
    assert "may not be read. Do this as the user whose log it is" in told.stderr


def test_a_file_that_cannot_even_be_looked_for_is_told(log: Path, command: Verifill) -> None:
    told = command("report", log, "-o", f"{'long' * 100}.html")

    assert INPUT == told.exit_code
    assert "cannot be written" in told.stderr


@pytest.mark.parametrize("how", [("--no-wait",), ("--wait-s", "0"), ("--wait-s", "1")])
@pytest.mark.parametrize("damage", [flipped, garbled, no_database, cut_database, foreign_database])
def test_a_command_to_a_damaged_log_is_posted_and_the_damage_is_told(
    stopped: Path, command: Verifill, damage: Callable[[Path], None], how: tuple[str, ...]
) -> None:
    """An engine that runs there may still take it: it has read its log when it began."""
    damage(stopped)
    told = command("ops", "status", stopped, *BECAUSE, *how)

    assert ENVIRONMENT == told.exit_code, told.output
    assert "command 1: status, posted for ann" in told.stdout
    assert CommandName.STATUS == last_posted(stopped, 1)[0].command.name


def test_a_command_to_a_log_that_is_gone_is_not_posted(stopped: Path, command: Verifill) -> None:
    gone(stopped)
    told = command("ops", "kill", stopped, *BECAUSE, "--no-wait")

    assert ENVIRONMENT == told.exit_code
    assert "the log is lost" in told.stderr
    assert not stopped.exists()


@pytest.mark.parametrize("line", [b"", b"00000000000000000009 00000000\n", None])
def test_a_mark_that_is_damaged_or_gone_is_told_and_nothing_starts(
    stopped: Path, made: Path, command: Verifill, line: bytes | None
) -> None:
    mark = stopped / MARK
    mark.unlink() if line is None else mark.write_bytes(line)
    started = command("live", made / "verifill.toml", "--port", 9, "--log", stopped)
    verified = command("verify", stopped)

    assert (ENVIRONMENT, ExitCode.ENDED_EARLY) == (started.exit_code, verified.exit_code)
    for told in (started, verified):
        assert "does not tell how far the log was acknowledged" in re.sub(r"\s+", " ", told.output)


def test_an_anchor_that_is_not_where_the_header_says_is_told(
    stopped: Path, made: Path, command: Verifill
) -> None:
    place = default_place(stopped)
    place.rename(stopped.with_name("kept"))
    started = command("live", made / "verifill.toml", "--port", 9, "--log", stopped)
    verified = command("verify", stopped)
    found = command("verify", stopped, "--anchor", stopped.with_name("kept"))

    assert (ENVIRONMENT, ExitCode.ENDED_EARLY) == (started.exit_code, verified.exit_code)
    for told in (started, verified):
        assert f"the anchor {place} " in re.sub(r"\s+", " ", told.output)
    assert "with --anchor" in re.sub(r"\s+", " ", verified.output)
    assert ExitCode.COMPLETED == found.exit_code, found.output
