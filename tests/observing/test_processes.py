"""`verifill metrics` and `verifill spans` as processes beside a real engine."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.cli.conftest import Verifill
from tests.cli.test_live import ended, said, started
from tests.live.worlds import ROOT, written
from tests.observing.collector import Collector
from tests.observing.logs import rows
from tests.observing.test_metrics import RECORDS, TRANSITIONS, by, labelled, positive, samples
from tests.serving import Serving
from verifill.anchors import default_place
from verifill.cli.failures import ExitCode
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.opening import verify_log

PATIENCE_S = 120
COMMAND = (sys.executable, "-W", "error", "-m", "verifill")
ENDED = (0, "")  # without a word on stderr


@contextmanager
def running(*words: str | Path) -> "Generator[subprocess.Popen[str]]":
    """A command that goes on until it is told to end; it is killed if it has not been."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, words)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def trading(config: Path, serving: Serving, log: Path) -> "Generator[subprocess.Popen[str]]":
    """An engine that has traded once; it is killed if it has not ended."""
    engine = started(config, serving.told["port"], "--log", str(log))
    try:
        said(engine, "matched")
        yield engine
    finally:
        engine.kill()
        engine.communicate()


def address(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    line = process.stdout.readline()
    assert "listening on " in line, process.communicate()
    return line.removeprefix("listening on ").strip()


def scrape(where: str) -> str:
    with urlopen(where, timeout=PATIENCE_S) as answer:  # noqa: S310 - of loopback
        body: bytes = answer.read()
    return body.decode()


def until(done: Callable[[], bool]) -> None:
    """Wait for something that comes."""
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("engine"), '[loopback]\nwidth = "0"\n')


@pytest.fixture(scope="module")
def serving(config: Path) -> Iterator[Serving]:
    made = Serving(config.parent)
    made.start(config)
    yield made
    made.end()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def test_a_running_engine_is_scraped_and_neither_scrapes_nor_kills_disturb_it(
    config: Path, serving: Serving, log: Path
) -> None:
    with (
        trading(config, serving, log) as engine,
        running("metrics", log, "--port", "0") as killed,
        running("metrics", log, "--port", "0") as kept,
    ):
        first, where = address(killed), address(kept)
        found = samples(scrape(where))
        assert 1.0 == found["verifill_engine_up"][labelled()]
        assert 1.0 <= found["verifill_ticks_total"][labelled()]
        scrape(first)
        killed.kill()
        killed.wait()
        before = samples(scrape(where))["verifill_log_sequence"][labelled()]
        until(lambda: samples(scrape(where))["verifill_log_sequence"][labelled()] > before)
        assert None is engine.poll()
        engine.send_signal(signal.SIGINT)
        assert ExitCode.COMPLETED == ended(engine)[0]

        found = samples(scrape(where))
        assert by(log, "kind", RECORDS) == positive(found["verifill_records_total"])
        assert by(log, "machine state event kind", TRANSITIONS) == positive(
            found["verifill_transitions_total"]
        )
        ((last, wall_ns),) = rows(log, "SELECT max(seq), max(wall_ns) FROM records")
        assert last == found["verifill_log_sequence"][labelled()]
        assert wall_ns / 10**9 == found["verifill_log_last_record_timestamp_seconds"][labelled()]
        assert 0.0 == found["verifill_engine_up"][labelled()]
        anchored = int(default_place(log).read_text().splitlines()[-1].split()[0])
        assert last - anchored == found["verifill_anchor_lag_records"][labelled()]
        ((count, least_ns, most_ns),) = rows(log, WAITS)
        assert count == found["verifill_answer_duration_seconds_count"][ACCEPTED]
        spent = found["verifill_answer_duration_seconds_sum"][ACCEPTED]
        assert least_ns * count / 1e9 <= spent + 1e-6
        assert spent <= most_ns * count / 1e9 + 1e-6
        again = subprocess.run(
            [*COMMAND, "metrics", str(log), "--once"], capture_output=True, text=True, check=True
        )
        assert samples(again.stdout) == found
        kept.send_signal(signal.SIGTERM)
        assert ENDED == (kept.wait(), kept.communicate()[1])
    verify_log(log, FileAnchor(default_place(log)))


ACCEPTED = labelled(venue="binance", answer="accepted")
WAITS = """
SELECT count(*), min(a.mono_ns - i.mono_ns), max(a.mono_ns - i.mono_ns)
FROM records i JOIN records a ON a.seq = i.seq + 1 AND a.event = 'accepted'
WHERE i.kind = 'INTENT'
"""


def test_spans_are_followed_while_the_engine_runs_and_through_a_sink_that_is_gone(
    config: Path, serving: Serving, log: Path
) -> None:
    followed, whole = Collector(), Collector()
    with trading(config, serving, log) as engine, followed.listening() as where:
        port = followed.port
        with running("spans", log, "--to", where, "--follow", "--timeout-s", "0.5") as following:
            until(lambda: any(span.name == "tick" for span in followed.spans))
            followed.answers.append(400)
            said(following, "has not taken the spans")
            engine.send_signal(signal.SIGTERM)
            assert ExitCode.COMPLETED == ended(engine)[0]
            until(lambda: any(span.name == "finish" for span in followed.spans))
            following.send_signal(signal.SIGINT)
            out, err = following.communicate(timeout=PATIENCE_S)
    ((last,),) = rows(log, "SELECT max(seq) FROM records")
    assert (0, "") == (following.returncode, out)
    assert re.search(rf"exported \d+ traces with \d+ spans, up to record {last}\n", err)

    with whole.listening(port) as where:
        again = [*COMMAND, "spans", str(log), "--to", where]
        assert "" == subprocess.run(again, capture_output=True, text=True, check=True).stdout
    assert whole.spans == followed.spans
    seqs = [
        told.value.int_value
        for span in whole.spans
        for event in span.events
        for told in event.attributes
        if told.key == "verifill.seq"
    ]
    assert list(range(1, last + 1)) == sorted(seqs)


# What goes wrong.


def refused(told: object, code: ExitCode, *words: str) -> None:
    output, found = getattr(told, "stderr", ""), getattr(told, "exit_code", None)

    assert code == found, output
    assert all(word in output for word in words), output
    assert "Traceback" not in output


SPANS = ("spans", "--to", "-")


@pytest.mark.parametrize("command_line", [("metrics", "--once"), SPANS], ids=["metrics", "spans"])
def test_what_is_no_log_is_refused_with_what_to_do(
    tmp_path: Path, command: Verifill, command_line: tuple[str, ...]
) -> None:
    name, *options = command_line
    (tmp_path / "empty").mkdir()
    for folder in ("nowhere", "empty"):
        told = command(name, tmp_path / folder, *options)
        refused(told, ExitCode.BAD_INPUT, "is no log", "Name the folder that a run wrote")


@pytest.mark.parametrize("command_line", [("metrics", "--once"), SPANS], ids=["metrics", "spans"])
def test_a_log_without_its_database_or_with_another_is_refused(
    tmp_path: Path, logged: Callable[[str], Path], command: Verifill, command_line: tuple[str, ...]
) -> None:
    name, *options = command_line
    log = tmp_path / "log"
    log.mkdir()
    (log / "header.json").write_bytes((logged("plain") / "header.json").read_bytes())
    refused(command(name, log, *options), ExitCode.ENVIRONMENT, "log.sqlite cannot be used")
    (log / "log.sqlite").write_bytes(b"no database" * 1_000)
    refused(command(name, log, *options), ExitCode.ENVIRONMENT, "file is not a database")


@pytest.mark.parametrize("options", [("metrics",), SPANS], ids=["metrics", "spans"])
def test_the_log_of_a_backtest_is_refused(
    backtest: Path, command: Verifill, options: tuple[str, ...]
) -> None:
    told = command(options[0], backtest, *options[1:])

    refused(told, ExitCode.BAD_INPUT, "is the log of a backtest", "verifill report")


@pytest.fixture(scope="module")
def backtest(tmp_path_factory: pytest.TempPathFactory, command: Verifill) -> Path:
    folder = tmp_path_factory.mktemp("backtest")
    config = written(folder)
    assert 0 == command("backtest", config).exit_code
    return folder / "log"


def test_a_port_in_use_is_refused_with_what_to_do(
    logged: Callable[[str], Path], command: Verifill
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = command("metrics", logged("plain"), "--port", port)
    refused(told, ExitCode.BAD_INPUT, f"127.0.0.1:{port} cannot be listened on", "--port 0")
    told = command("metrics", logged("plain"), "--host", "no.such.host.invalid", "--port", "0")
    refused(told, ExitCode.BAD_INPUT, "no.such.host.invalid:0 cannot be listened on")


def test_options_that_do_not_fit_together_are_refused(
    logged: Callable[[str], Path], command: Verifill
) -> None:
    told = command("spans", logged("plain"), "--to", "-", "--follow", "--unfinished")

    refused(told, ExitCode.BAD_INPUT, "give one of them")


def test_a_sink_that_is_gone_ends_it_with_where_to_go_on(
    logged: Callable[[str], Path], command: Verifill
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        where = f"http://127.0.0.1:{free.getsockname()[1]}"
    told = command("spans", logged("plain"), "--to", where, "--after", "12", "--timeout-s", "0.1")

    refused(told, ExitCode.ENVIRONMENT, f"{where}/v1/traces", "go on with --after 12")


def test_a_disk_that_is_full_ends_it_in_words(
    logged: Callable[[str], Path], command: Verifill
) -> None:
    told = command("spans", logged("plain"), "--to", "/dev/full", "--overwrite")

    refused(told, ExitCode.ENVIRONMENT, "/dev/full cannot be written: No space left on device")


@pytest.mark.parametrize(
    ("words", "module", "name"),
    [("metrics LOG --once", "prometheus_client", "metrics"),
     ("spans LOG --to -", "opentelemetry", "tracing")],
)  # fmt: skip
def test_a_missing_extra_is_named(
    logged: Callable[[str], Path], words: str, module: str, name: str
) -> None:
    arguments = [str(logged("plain")) if word == "LOG" else word for word in words.split()]
    script = (
        "import sys\n"
        f"sys.modules[{module!r}] = None\n"
        f"sys.argv = {['verifill', *arguments]!r}\n"
        "from verifill.cli import main\n"
        "main()\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert ExitCode.BAD_INPUT == told.returncode
    assert f"pip install 'verifill[{name}]'" in told.stderr
    assert "Traceback" not in told.stderr


def test_standard_output_holds_lines_of_json_alone(
    logged: Callable[[str], Path], command: Verifill
) -> None:
    told = command("spans", logged("held"), "--to", "-", "--unfinished")

    assert 0 == told.exit_code
    assert 2 == len([json.loads(line) for line in told.stdout.splitlines()])
    assert "exported 3 traces" in told.stderr
    told = command("spans", logged("held"), "--to", "-")
    assert re.search(r"one is under way since record \d+, and not exported", told.stderr)


def test_ctrl_c_ends_a_server_without_a_word(logged: Callable[[str], Path]) -> None:
    with running("metrics", logged("plain"), "--port", "0") as server:
        scrape(address(server))
        os.kill(server.pid, signal.SIGINT)

        assert ENDED == (server.wait(timeout=PATIENCE_S), server.communicate()[1])
