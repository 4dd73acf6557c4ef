"""What if, of a backtest: it is simulated anew, and one decision or one answer is another."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import polars as pl
from attrs import define, evolve

from verifill.backtest import run
from verifill.build import Carried, build, described
from verifill.config import Config
from verifill.engine.digest import sha256_file
from verifill.engine.errors import ConfigError, LogError, StateError
from verifill.engine.log.reader import Log
from verifill.engine.log.writer import BESIDE, HEADER
from verifill.machines.forms import PLAN, RECEIPT
from verifill.machines.strategy import Plan, PlanReport, Positions, Strategy
from verifill.modes import BACKTEST
from verifill.replay.backtest import first_difference, same_data, same_settings
from verifill.replay.changed import WhatIf
from verifill.replay.forked import Forked
from verifill.replay.under_way import DECIDE, EXECUTED, NOTHING, SUBMIT, outcome_of
from verifill.venues.interfaces import Venue
from verifill.venues.market import MarketView
from verifill.venues.orders import Outcome, Receipt, Request

ANSWERED: Final = ("accepted", "refused", "unknown")
"""Events that say what came of a send that has left."""


def fork_backtest(
    folder: Path,
    config: Config,
    seq: int,
    changed: WhatIf,
    to: Path,
    *,
    start_from: Path | None = None,
) -> Forked:
    """Run a backtest again with one answer changed, and write its log.

    Args:
        folder: the log.
        config: what it was run with.
        seq: number of the record that follows from the answer.
        changed: `decide`, or `VENUE.submit`, and what is to be answered.
        to: folder of the fork's log.
        start_from: log of the run that it continued.

    Raises:
        ConfigError: it cannot be changed there, or not so; settings or data are others.
        LogError: the log cannot be read, or is not what its settings give up to there.
    """
    log = Log(folder)
    carried = None if start_from is None else Carried.read(start_from)
    settings = evolve(config, mode=BACKTEST)
    said = described(settings, carried)
    same_settings(folder, log.header["config"], said, config)
    told = {
        "parent": {
            "run": log.header["run"],
            "mode": BACKTEST,
            "header_digest": sha256_file(folder / HEADER),
        },
        "seq": seq,
        "question": changed.question,
        "simulated": False,
        "answer": changed.answer,
    }
    with TemporaryDirectory(prefix="verifill-what-if-") as work:
        parts = build(settings, work=Path(work) / BESIDE, start_from=carried)
        same_data(folder, log, parts, config)
        if changed.question == DECIDE:
            at: Decided | Sends
            at = decided = Decided(parts.strategy, _tick(log, seq), changed.answer)
            parts = evolve(parts, strategy=decided)
        else:
            names = [venue.rules.name for venue in parts.venues]
            at = sends = Sends(_send(log, seq, changed, names), changed)
            parts = evolve(parts, venues=[Otherwise(venue, sends) for venue in parts.venues])
        outcome = run(parts, to, config=said, more={"fork": told})
    if difference := first_difference(log, Log(to), seq - 1):
        shutil.rmtree(to, ignore_errors=True)
        msg = (
            f"{folder} cannot be forked at record {seq}: run again, it departs at record "
            f"{difference.seq} already. `verifill replay` shows how"
        )
        raise LogError(msg)
    return Forked(
        folder=to,
        seq=seq,
        question=changed.question,
        recorded=at.recorded,
        answer=changed.answer,
        carried_out=isinstance(at, Sends) and at.carried_out,
        state=outcome.state,
        reason=outcome.reason,
        last=Log(to).last_seq,
    )


class Decided:
    """A strategy that decides otherwise at one tick.

    Args:
        strategy: it; asked at that tick too, so that it has seen it.
        tick: number of the tick.
        answer: the plan, as a live log holds one.

    Attributes:
        recorded: what it had decided.
    """

    def __init__(self, strategy: Strategy, tick: int, answer: Any) -> None:  # noqa: ANN401 - of any shape
        self.recorded: Any = None
        self._strategy = strategy
        self._left = tick
        try:
            self._plan: Plan = PLAN.made(answer)
        except (TypeError, ValueError, KeyError, StateError) as error:
            msg = (
                f"what is to be decided is no plan: {error}. A plan is a list, such as [] or "
                '[{"instruction": {"op": "SPOT_TRADE", "account": ..., "symbol": ..., "side": '
                '"BUY", "quantity": "0.01"}}]'
            )
            raise ConfigError(msg) from error

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:
        """See `Strategy.decide`."""
        plan = self._strategy.decide(market, positions, last)
        self._left -= 1
        if self._left:
            return plan
        self.recorded = PLAN.plain(plan)
        return self._plan


@define
class Sends:
    """Counts what is sent, over all venues.

    Attributes:
        left: sends up to the one that is answered otherwise.
        changed: how.
        recorded: what the simulated venue had said.
        carried_out: whether it has executed it all the same.
    """

    left: int
    changed: WhatIf
    recorded: Any = None
    carried_out: bool = False

    def answer(self, venue: Venue, request: Request) -> Receipt:
        """What comes of a send."""
        self.left -= 1
        if self.left:
            return venue.submit(request)
        if self.changed.answer["outcome"] in NOTHING:
            return RECEIPT.made(self.changed.answer)
        self.recorded = RECEIPT.plain(venue.submit(request))
        self.carried_out = True
        return RECEIPT.made(self.changed.answer)


class Otherwise:
    """A venue whose answer to one send is another; implements what the venue does.

    Args:
        venue: it.
        sends: knows which.
    """

    def __init__(self, venue: Venue, sends: Sends) -> None:
        self.rules = venue.rules
        self._venue = venue
        self._sends = sends
        for name in dir(venue):
            if not name.startswith("_") and name not in {"rules", "submit"}:
                value = getattr(venue, name)
                if callable(value):
                    setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the venue has
        """That of the venue."""
        return getattr(self._venue, name)

    def submit(self, request: Request) -> Receipt:
        """See `OrderHandler.submit`."""
        return self._sends.answer(self._venue, request)


def _record(log: Log, seq: int) -> Mapping[str, Any]:
    rows = log.records().filter(seq=seq).select("machine", "instance", "from", "event", "to")
    found = rows.collect()
    if not found.height:
        msg = f"{log.folder} has no record {seq}; allowed are 1 to {log.last_seq}"
        raise ConfigError(msg)
    return found.row(0, named=True)


def _tick(log: Log, seq: int) -> int:
    """The tick whose decision a record follows from."""
    row = _record(log, seq)
    if row["from"] != "DECIDE":
        msg = (
            f"record {seq} ({row['event']}) follows from no decision; a decision is changed at "
            "the record that leaves DECIDE"
        )
        raise ConfigError(msg)
    return int(row["instance"])


def _send(log: Log, seq: int, changed: WhatIf, venues: Sequence[str]) -> int:
    """Which of all sends a record says the answer of.

    Raises:
        ConfigError: none; or it is none that can be changed so.
    """
    names = [f"{name}{SUBMIT}" for name in venues]
    if changed.question not in names:
        msg = (
            f"what-if {changed.question!r}: of a backtest these answers may be changed: {DECIDE}, "
            f"{', '.join(names)}. The others are not in its log"
        )
        raise ConfigError(msg)
    row = _record(log, seq)
    if row["event"] not in ANSWERED or "REHEARSE" in row["from"]:
        msg = (
            f"record {seq} ({row['event']}) is no answer to a send; those are {', '.join(ANSWERED)}"
        )
        raise ConfigError(msg)
    said = changed.answer
    outcome = outcome_of(said) if said else ""
    allowed = sorted(NOTHING | {Outcome.UNKNOWN, Outcome.ACCEPTED})
    if outcome in EXECUTED or outcome not in allowed:
        msg = (
            f"{changed.question} cannot be {said}: what a simulated venue executes follows from "
            f'its market. Say {{"outcome": ...}} with one of {", ".join(allowed)}'
        )
        raise ConfigError(msg)
    sends = pl.col("event").is_in(ANSWERED) & ~pl.col("from").str.contains("REHEARSE")
    return log.records().filter(sends, pl.col("seq") <= seq).collect().height
