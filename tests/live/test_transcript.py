"""The transcript of the reference is what really happens, and what it shows is true."""

import json
from pathlib import Path

import pytest

from tests.live.transcript import FAULTS, Transcript
from tests.live.worlds import ROOT
from verifill.venues.loopback.effects import effects_of
from verifill.venues.loopback.journal import read_journal

PAGE = ROOT / "docs" / "reference" / "live-transcript.md"
HEAD = f"""\
# A live run that is killed

What really came of these commands; a test types them anew and compares. The strategy buys 0.01 BTC
once a tick. Keys, times, the run's name and numbers that differ each time have names here, and of
what an engine says only the lines that are the same each time are shown. `faults.toml` is

```
{FAULTS}```

The venue executes the first order, and its answer never comes. Then the engine is killed.

```
"""


def rehearsed(one: Transcript) -> None:
    one.serve()
    one.live("intent")
    one.arrived(1)
    one.kill("KILL")
    one.run("status runs/live --last 3")
    one.say(
        "The next process life asks the venue by the key of the intent, adopts what it has done, "
        "and sends nothing twice. Its next order rests."
    )
    one.live("accepted")
    one.say(
        "An operator kills it, and wants positions closed: what rests is cancelled, that nothing "
        "of it was executed is verified, and one order sells what the first has bought."
    )
    one.run('ops kill runs/live --flatten yes --reason "the model drifts" --actor ann')
    one.wait("halt")
    one.run("ops status runs/live --actor ann")
    one.kill("TERM")
    one.say("A command to an engine that does not run waits for the next one.")
    one.run('ops resume runs/live --reason "mended" --actor ann --no-wait')
    one.live("recovery")
    one.kill("TERM")
    one.run("ops answer runs/live 3")
    one.say("The venue's own record: one effect of each intent, and none of what was cancelled.")
    one.run("venue effects venue.jsonl")
    one.say("And the log, checked against itself.")
    one.run("verify runs/live")


def test_the_transcript_is_what_happens(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    one = Transcript(tmp_path)
    try:
        rehearsed(one)
        shown = one.serving.http()("GET", "/binance/positions")
    finally:
        one.end()
    page = f"{HEAD}{one.text}\n```\n"
    if request.config.getoption("--rewrite"):
        PAGE.write_text(page)

    assert page == PAGE.read_text()
    effects = effects_of(read_journal(one.serving.journal))
    assert [1, 0, 1] == [effect.effects for effect in effects]
    assert [1, 1, 1] == [effect.arrivals for effect in effects]
    totals = json.loads(getattr(shown, "body", b"{}"))["totals"]
    assert "0" == str(totals["binance.spot:BaseToken:BTC"])
