"""Live runs under virtual time, with what an operator wants to be told of: each by its name."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.live.inside import Inside
from tests.live.test_reports import CHAINED, GIVEN, USDT, hedged
from tests.live.worlds import ROOT, written
from verifill.engine.inbox import post
from verifill.venues.loopback.faults import Break, Delivery, Fault, Handling, Route

SECOND = 1.0


def plain(folder: Path) -> Path:
    """Three ticks, a life that is killed in mid-flight, and one that goes on from there."""
    made = Inside(folder, written(folder))
    made.live(3)
    made.killed_at("accepted")
    made.time.sleep(SECOND)
    made.live(2)
    return made.log


def lost(folder: Path) -> Path:
    """A send that gets lost, an answer that gets lost, a venue that does not find an order."""
    said = '[loopback.venues.binance]\nidempotency = "D"\nrecv_window_s = 1\n'
    made = Inside(folder, written(folder, said))
    before, after = Delivery(before=Break.DROP), Delivery(after=Break.DROP)
    made.service.script.arm(
        [
            Fault(name="unsent", on=Route.SUBMIT, delivery=before),
            Fault(name="unheard", on=Route.SUBMIT, nth=3, delivery=after),
            Fault(name="slow", on=Route.SUBMIT, nth=4, handling=Handling(share=40, rest_s=3)),
        ]
    )
    made.live(5)
    return made.log


def repeated(folder: Path) -> Path:
    """A send that gets lost, and goes out once more."""
    made = Inside(folder, written(folder))
    lost_once = Fault(name="unsent", on=Route.SUBMIT, delivery=Delivery(before=Break.DROP))
    made.service.script.arm([lost_once])
    made.live(2)  # at the last tick it is stopped while it waits
    return made.log


def halted(folder: Path) -> Path:
    """A mismatch, an operator who takes it into the books, and a life that goes on."""
    made = Inside(folder, written(folder))
    strange = Handling(foreign=7 * 10**8, key=USDT)
    made.service.script.arm([Fault(name="foreign", on=Route.SUBMIT, handling=strange)])
    made.time.patience = 100
    with suppress(AssertionError):  # it waits for an operator, in HALTED
        made.live(2)
    made.time.patience = 1_000
    for name in ("adopt-external", "resume"):
        given = GIVEN[name]
        post(made.log, name, actor="ann", reason="seen", at_ns=made.now(), arguments=given)
    made.live(1)
    return made.log


def held(folder: Path) -> Path:
    """An order that nobody can tell of: HELD, and that is where the log ends."""
    made = Inside(folder, written(folder, '[loopback.venues.binance]\nidempotency = "N"\n'))
    made.service.script.arm(
        [
            Fault(name="unheard", on=Route.SUBMIT, nth=2, delivery=Delivery(after=Break.DROP)),
            Fault(name="mute", on=Route.QUERY, times=1_000, delivery=Delivery(before=Break.DROP)),
        ]
    )
    made.time.patience = 3_000
    with suppress(AssertionError):
        made.live(3)
    return made.log


def saga(folder: Path) -> Path:
    """Chains that are taken back."""
    made = Inside(folder, written(folder, strategy=CHAINED))
    made.live(2)
    return made.log


def carried(folder: Path) -> Path:
    """Two orders a tick, at two accounts."""
    made = hedged(folder, "run")
    made.live(2)
    return made.log


def one_tx(folder: Path) -> Path:
    """A chain in one transaction, rehearsed first."""
    text = (ROOT / "docs" / "examples" / "leveraged_staking.toml").read_text()
    text = text.replace("../../fixtures", str(ROOT / "fixtures"))
    text = text.replace('source = "', f'source = "{ROOT}/docs/examples/')
    config = folder / "live.toml"
    config.write_text(text)
    made = Inside(folder, config)
    made.live(2)
    return made.log


MADE: Mapping[str, Callable[[Path], Path]] = {
    one.__name__: one for one in (plain, lost, halted, held, saga, carried, one_tx)
}


def rows(log: Path, sql: str) -> list[Any]:
    """What a question to a log's database is answered, apart from all that the product does."""
    with sqlite3.connect(f"{(log / 'log.sqlite').as_uri()}?mode=ro", uri=True) as connection:
        found = connection.execute(sql).fetchall()
    connection.close()
    return found


def notes(log: Path) -> list[tuple[str, dict[str, Any]]]:
    """Kind and text of every note, in order."""
    payloads = rows(log, "SELECT payload FROM records WHERE payload LIKE '%\"notes\"%'")
    return [
        (kind, json.loads(text))
        for (payload,) in payloads
        for _, kind, text in json.loads(payload).get("streams", {}).get("notes", ())
    ]
