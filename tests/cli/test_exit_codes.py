"""Every exit code of `verifill live` and `verifill paper`, each by a process of its own."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.worlds import ROOT, STRATEGY, written
from tests.serving import Serving
from verifill.cli.failures import EXIT_CODES, ExitCode
from verifill.venues.loopback.journal import Submitted, read_journal

PATIENCE_S = 120
NOBODY = 9  # a port that nobody listens on
FIRM = '[loopback]\nwidth = "0"\n'
RESTS = {"faults": [{"name": "rests", "handling": {"share": 0, "rest_s": 3_600}}]}
UNHEARD = {"name": "unheard", "on": "query", "times": 10_000, "delivery": {"before": "drop"}}
STOPS = pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
ENDLESS = STRATEGY.replace(
    "        self.count += 1\n",
    "        import sys\n        print('deciding', file=sys.stderr, flush=True)\n"
    "        while True:\n            pass\n",
)
BROKEN = """
import sys
import verifill.cli.live as live
from verifill.cli.app import main


def breaks(*_, **__):
    raise AssertionError("planted")


live.run_live = breaks
sys.argv = ["verifill", *sys.argv[1:]]
main()
"""


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    made = Serving(tmp_path)
    yield made
    made.end()


class Command:
    """A process of the command; what it says is read to the end."""

    def __init__(self, *arguments: object, code: str = "") -> None:
        begun = ["-c", code] if code else ["-m", "verifill"]
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", *begun, *map(str, arguments)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def says(self, word: str) -> None:
        """Wait until it does."""
        assert self.process.stderr
        deadline = time.monotonic() + PATIENCE_S
        while word not in (line := self.process.stderr.readline()):
            assert line, f"it ended without saying {word}"
            assert time.monotonic() < deadline

    def stop(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self) -> tuple[int, str]:
        """Its exit code, and all that it has said."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out + err


def live(config: Path, serving: Serving, *more: object) -> Command:
    return Command("live", config, "--port", serving.told["port"], *more)


@STOPS
@pytest.mark.parametrize("command", ["live", "paper"])
def test_an_engine_that_is_idle_finishes(
    tmp_path: Path, serving: Serving, command: str, stop: signal.Signals
) -> None:
    config = written(tmp_path, FIRM)
    serving.start(config)
    going = Command(command, config, "--port", serving.told["port"])
    going.says("matched")
    going.stop(stop)
    code, told = going.ended()

    assert ExitCode.COMPLETED == code, told
    assert "stopped" in told


@STOPS
def test_an_order_that_waits_is_parked_and_the_next_start_goes_on_with_it(
    tmp_path: Path, serving: Serving, stop: signal.Signals
) -> None:
    config = written(tmp_path, FIRM)
    serving.start(config)
    serving.admin("/arm", RESTS)
    going = live(config, serving)
    going.says("accepted")
    going.stop(stop)
    code, told = going.ended()
    assert ExitCode.PARKED == code, told
    assert "the next start goes on with it" in told

    for _ in range(2):  # an order of an earlier life in flight, at the stop of a later one
        going = live(config, serving)
        going.says("resolve_instruction")
        going.stop(stop)
        code, told = going.ended()
        assert ExitCode.PARKED == code, told

    sent = [line for line in read_journal(serving.journal) if isinstance(line.what, Submitted)]
    assert 1 == len(sent)


def test_what_is_held_is_parked_too_and_a_person_is_still_needed(
    tmp_path: Path, serving: Serving
) -> None:
    config = written(tmp_path, FIRM + "[retry.live.timeouts]\ntight_loop_s = 2\n")
    serving.start(config)
    serving.admin("/arm", {"use": ["dropped_after"], "faults": [UNHEARD]})
    going = live(config, serving)
    going.says("HELD")
    going.stop(signal.SIGTERM)
    code, told = going.ended()

    assert ExitCode.PARKED == code, told
    assert "INSTRUCTION.HELD" in told


@STOPS
@pytest.mark.parametrize("command", ["live", "paper"])
def test_a_start_that_is_blocked_ends_early_when_it_is_stopped(
    tmp_path: Path, command: str, stop: signal.Signals
) -> None:
    waiting = Command(command, written(tmp_path), "--port", NOBODY)
    waiting.says("blocked")
    waiting.stop(stop)
    code, told = waiting.ended()

    assert ExitCode.ENDED_EARLY == code, told
    assert "market data is not fresh" in told


@pytest.mark.parametrize("command", ["live", "paper"])
def test_bad_input_is_refused(tmp_path: Path, command: str) -> None:
    config = written(tmp_path, "[nonsense]\n")
    code, told = Command(command, config, "--port", NOBODY).ended()
    assert (ExitCode.BAD_INPUT, True) == (code, "nonsense" in told)

    code, told = Command(command, tmp_path / "nowhere.toml", "--port", NOBODY).ended()
    assert (ExitCode.BAD_INPUT, True) == (code, "nowhere.toml" in told)

    code, told = Command(command, "--nonsense").ended()
    assert (ExitCode.BAD_INPUT, True) == (code, "--nonsense" in told)


def test_a_log_that_is_damaged_or_has_no_place_is_a_matter_of_the_machine(
    tmp_path: Path, serving: Serving
) -> None:
    config = written(tmp_path, FIRM)
    serving.start(config)
    assert ExitCode.COMPLETED == live(config, serving, "--ticks", "1").ended()[0]

    (log,) = (tmp_path / "log").glob("*.sqlite*")
    whole = bytearray(log.read_bytes())
    whole[len(whole) // 2] ^= 255
    log.write_bytes(whole)
    code, told = live(config, serving).ended()
    assert ExitCode.ENVIRONMENT == code, told
    assert "Traceback" not in told

    (tmp_path / "file").write_text("")
    code, told = live(config, serving, "--log", tmp_path / "file" / "log").ended()
    assert ExitCode.ENVIRONMENT == code, told


def test_a_defect_is_told_as_one(tmp_path: Path) -> None:
    code, told = Command("live", written(tmp_path), code=BROKEN).ended()

    assert ExitCode.DEFECT == code
    assert "This is a defect of Verifill" in told


@pytest.mark.parametrize(
    ("stop", "expected"),
    [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)],
)
def test_a_strategy_that_does_not_come_back_is_interrupted_by_the_second_signal(
    tmp_path: Path, serving: Serving, stop: signal.Signals, expected: ExitCode
) -> None:
    config = written(tmp_path, FIRM, ENDLESS)
    serving.start(config)
    going = live(config, serving)
    going.says("deciding")
    going.stop(stop)
    if stop == signal.SIGINT:
        going.says("press Ctrl-C again")
    else:
        time.sleep(0.5)  # two signals at once would be one
    going.stop(stop)
    code, told = going.ended()

    assert expected == code, told


def test_each_documented_code_of_a_run_has_a_test_here() -> None:
    documented = {int(line.split()[0]) for line in EXIT_CODES.splitlines()[1:]}

    assert documented == {0, 1, 2, 3, 4, 5, 130, 143}
