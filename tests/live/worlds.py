"""A live run against a server of its own, and what must be true of it however it was cut off."""

import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from tests.live import victim
from tests.serving import Serving
from verifill.anchors import default_place
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.durable_reader import DurableReader
from verifill.engine.log.opening import verify_log
from verifill.faults.forked import lived
from verifill.replay.live import replay_live
from verifill.venues.loopback.effects import effects_of
from verifill.venues.loopback.journal import read_journal

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "rebalance.toml"
PATIENCE_S = 120

STRATEGY = '''"""Buys a little at every tick, and counts."""

from decimal import Decimal

from verifill import Side, SpotTrade


class Buys:
    def __init__(self):
        self.count = 0

    def decide(self, market, positions, last):
        self.count += 1
        return [
            SpotTrade(
                account="binance.spot",
                symbol="BTC/USDT",
                side=Side.BUY,
                quantity=Decimal("0.01"),
                name=f"B{self.count}",
            )
        ]

    def state(self):
        return {"count": self.count}

    def restore(self, state):
        self.count = state["count"]
'''


def written(folder: Path, more: str = "", strategy: str = STRATEGY) -> Path:
    """A configuration with a strategy, ticking every second."""
    (folder / "strategy.py").write_text(strategy)
    text = EXAMPLE.read_text().replace("../../fixtures", str(ROOT / "fixtures"))
    changes = {
        'source = "rebalance.py"': 'source = "strategy.py"',
        'options = { target = "0.5", band = "0.001" }': "",
        "interval_s = 3600 # one tick an hour": "interval_s = 1",
        'log = "../../runs/rebalance"': f'log = "{folder / "log"}"',
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    config = folder / "live.toml"
    config.write_text(text + more)
    return config


class LiveWorld:
    """One log and one server.

    Args:
        folder: of the log.
        config: the configuration.
        serving: the server, which is up.
    """

    def __init__(self, folder: Path, config: Path, serving: Serving) -> None:
        self.folder = folder
        self.config = config
        self.serving = serving

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def run(self, *moment: str, ticks: int = 2) -> int:
        """One process life; its exit code, negative if it was killed."""
        port = str(self.serving.told["port"])
        given = (str(self.config), port, str(self.log), str(ticks), *moment)
        done = lived(victim.main, *given, patience_s=PATIENCE_S)
        assert done.code in (0, -signal.SIGKILL), done.stderr
        return done.code

    @property
    def records(self) -> pl.DataFrame:
        return DurableReader(self.log).records().collect()

    def payloads(self, name: str) -> list[Any]:
        """What records hold under a name, in order."""
        told = self.records["payload"].drop_nulls().to_list()
        return [payload[name] for text in told if name in (payload := json.loads(text))]

    @property
    def effects(self) -> dict[str, int]:
        """Key -> how often the venue has executed it, those of this log."""
        ours = set(self.records.filter(kind="INTENT")["intent_id"])
        found = effects_of(read_journal(self.serving.journal))
        return {effect.key: effect.effects for effect in found if effect.key in ours}

    def check(self) -> None:
        """Nothing was sent twice, nothing is lost, and the books are the venue's."""
        verify_log(self.log, FileAnchor(default_place(self.log)))
        replayed = replay_live(self.log)
        assert replayed.identical, replayed.difference
        assert (replayed.of, ()) == (replayed.count, replayed.limits)
        records, effects = self.records, self.effects
        assert "STOPPED" == records["to"].drop_nulls()[-1]
        assert all(count <= 1 for count in effects.values()), effects
        events = Counter(records["event"].drop_nulls())
        assert sum(effects.values()) == events["matched"]
        planned = [one["instruction"]["name"] for plan in self.payloads("plan") for one in plan]
        assert len(planned) == len(set(planned))
        intents = records.filter(kind="INTENT")
        assert len(intents) == intents["intent_id"].n_unique()
        booked = self.payloads("memory")[-1]["books"]["totals"]
        shown = self.serving.http()("GET", "/binance/positions")
        totals = json.loads(getattr(shown, "body", b"{}"))["totals"]
        assert booked == {key: int(total) for key, total in totals.items()}
