"""Pages of small runs, and a log whose texts would be markup if they could."""

import json
from pathlib import Path
from typing import Any

from tests.machines.lives import Moments
from tests.machines.support import buy, sell
from tests.machines.test_lives import lost, refused, world
from tests.machines.test_saga import saga
from tests.rechained import Records, rechained
from tests.runs import buy as bought
from tests.runs import ran, ticks
from tests.runs import sell as sold
from verifill.engine.log.writer import HEADER
from verifill.machines.strategy import Plan
from verifill.page.badges import Judged
from verifill.page.data import Shown
from verifill.page.writing import write_page

RUN = "document.title='ran'"
HOSTILE = f'</script><script>{RUN}</script><img src=x onerror="{RUN}">'
COMMENT = "<!--<script>"


def lived(folder: Path) -> Path:
    """The log of two process lives: an answer lost, a refusal, and a saga."""
    one = world(
        folder,
        [buy("1", name="A"), sell("0.5", name="B")],
        [saga(buy("1"))],
        submits=[lost, refused],
    )
    one.live(moments=Moments("send", 1, after=True))
    one.live()
    return one.log


def hostile(folder: Path) -> Path:
    """A log whose reasons, assets and run are markup; its chain is made anew."""

    def change(records: Records) -> Records:
        for record in records:
            told: dict[str, Any] = record["payload"] or {}
            if "reason" in told:
                told["reason"] = HOSTILE
            for row in told.get("streams", {}).get("positions", []):
                row[2] = row[2].replace(":BTC", f":{HOSTILE}")
            for row in told.get("streams", {}).get("notes", []):
                row[2] = json.dumps({"reason": HOSTILE + COMMENT})
        return records

    log = lived(folder)
    header = json.loads((log / HEADER).read_text())
    (log / HEADER).write_text(json.dumps(header | {"mode": HOSTILE}))
    return rechained(log, folder / "hostile", change)


def empty(log: Path, folder: Path) -> Path:
    """A log as another, without a record."""
    return rechained(log, folder, lambda _: [])


def long(folder: Path, count: int) -> Path:
    """The log of a backtest that buys and sells in turn, seven records a tick."""
    plans: list[Plan] = [(bought() if at % 2 == 0 else sold(),) for at in range(count)]
    log, outcome = ran(folder, ticks(plans), rows=count)
    assert count == outcome.ticks
    return log


def page_of(log: Path, to: Path, **shown: Any) -> Path:  # noqa: ANN401 - what `Shown` takes
    """The page of a log."""
    write_page(log, to, Judged(no_anchor=True), Shown(**shown))
    return to
