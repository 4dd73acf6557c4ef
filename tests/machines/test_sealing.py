"""Signed requests: their bytes are in the log before they are sent, and may be sent once more."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from tests.machines.lives import Client, Mailbox, Moments, World
from tests.machines.support import BTC, COIN, OPENING, Act, Ask, Bars, Script, buy, scripted
from tests.machines.test_lives import LIVE, check
from verifill.engine.errors import InstructionError, NotObserved
from verifill.venues.orders import Outcome, Receipt, Request


@define
class Pen:
    """What a venue says when it is asked to sign.

    Attributes:
        refuses: what is raised by one question to seal after the other.
        more: what is to be sent again, one time after the other; then nothing is.
        fails: how often it cannot say what is to be sent again.
        sent: the bytes of each send.
    """

    refuses: list[Exception] = field(factory=list[Exception])
    more: list[Sequence[str]] = field(factory=list[Sequence[str]])
    fails: int = 0
    sent: list[tuple[str, ...]] = field(factory=list[tuple[str, ...]])


class SealingClient(Client):
    """One life's connection to a venue that takes signed bytes."""

    pen: Pen

    def seal(self, request: Request) -> tuple[str, ...]:
        if self.pen.refuses:
            raise self.pen.refuses.pop(0)
        return (f"0x{request.number:02x}",)

    def again(self, request: Request) -> tuple[str, ...]:
        if self.pen.fails:
            self.pen.fails -= 1
            msg = "no answer"
            raise NotObserved(msg)
        return (*request.sealed, *self.pen.more.pop(0)) if self.pen.more else ()

    def submit(self, request: Request) -> Receipt:
        self.pen.sent.append(request.sealed)
        return super().submit(request)


def lost(_request: Request, _ask: Ask) -> Receipt:
    """No answer, and nothing done."""
    return Receipt(Outcome.UNKNOWN, reason="no answer")


def waits(_request: Request, _ask: Ask) -> Receipt:
    """It is in the pool."""
    return Receipt(Outcome.ACCEPTED)


def sealing(
    folder: Path, pen: Pen, *, submits: Sequence[Act] = (), queries: Sequence[Act] = ()
) -> World:
    client = type("OnePen", (SealingClient,), {"pen": pen})
    stage, venue = scripted(Script(submits=submits, queries=queries), bars=Bars(0), opening=OPENING)
    return World(folder, stage, venue, [[buy("1")]], LIVE, Mailbox(), client=client)


def intents(made: World) -> list[dict[str, Any]]:
    rows = made.reader.backwards(("kind", "payload"))
    return [json.loads(row["payload"]) for row in rows if row["kind"] == "INTENT"]


def test_the_bytes_are_in_the_intent_before_they_are_sent(tmp_path: Path) -> None:
    pen = Pen()
    made = sealing(tmp_path, pen)

    assert "STOPPED" == made.live()
    assert [("0x01",)] == pen.sent
    (intent,) = intents(made)
    assert ["0x01"] == intent["request"]["sealed"]
    assert OPENING[BTC] + COIN == made.loop.monitor.totals[BTC]
    check(made)


@pytest.mark.parametrize(
    ("error", "story"),
    [
        (InstructionError("it would revert now"), "denied exhausted fail"),
        (NotObserved("no answer"), "denied resend accepted observed matched"),
    ],
)
def test_what_cannot_be_sealed_never_left(error: Exception, story: str, tmp_path: Path) -> None:
    """Sent again is only what may be another time."""
    made = sealing(tmp_path, Pen(refuses=[error]))

    assert "STOPPED" == made.live()
    assert story in made.story
    check(made)


def test_what_is_lost_is_sent_once_more_with_the_same_bytes(tmp_path: Path) -> None:
    pen = Pen(more=[()])
    made = sealing(tmp_path, pen, submits=[lost], queries=[lost])

    assert "STOPPED" == made.live()
    assert [("0x01",), ("0x01",)] == pen.sent
    assert "unknown repeat found observed matched" in made.story
    assert 1 == len(intents(made))
    check(made, twice=True)


def test_what_waits_too_long_offers_more_and_the_log_has_it_first(tmp_path: Path) -> None:
    pen = Pen(more=[("0xff",)])
    made = sealing(tmp_path, pen, submits=[waits], queries=[waits] * 12)

    assert "STOPPED" == made.live()
    assert [("0x01",), ("0x01", "0xff")] == pen.sent
    assert "overdue repeat found" in made.story
    check(made, twice=True)


@pytest.mark.parametrize("fails", [0, 1])
def test_where_nothing_more_can_be_offered_it_is_held(fails: int, tmp_path: Path) -> None:
    pen = Pen(fails=fails)
    made = sealing(tmp_path, pen, submits=[waits], queries=[waits] * 40)

    made.live()
    assert "overdue exhausted" in made.story
    assert [("0x01",)] == pen.sent
    check(made, twice=True)


@pytest.mark.parametrize("after", [False, True])
def test_a_life_that_ends_around_the_repeat_is_gone_on_with(
    after: bool,  # noqa: FBT001 - a case
    tmp_path: Path,
) -> None:
    """What was to be sent once more is known to the next life, whether or not it was."""
    pen = Pen(more=[("0xff",), ()])
    made = sealing(tmp_path, pen, submits=[waits], queries=[waits] * 8)

    assert "KILLED" == made.live(3, Moments("send", 2, after=after))
    assert "STOPPED" == made.live()
    assert OPENING[BTC] + COIN == made.loop.monitor.totals[BTC]
    assert {("0x01",), ("0x01", "0xff")} >= set(pen.sent)
    check(made, twice=True)
