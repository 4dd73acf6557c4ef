"""`verifill replay --at N --what-if`: a run forked at a record, with one answer changed."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from verifill.cli.screen import pairs, screen
from verifill.config import load_config
from verifill.engine.errors import ConfigError
from verifill.engine.log.durable_reader import DurableReader, open_log
from verifill.replay.changed import WhatIf
from verifill.replay.forked import Forked
from verifill.replay.what_if import fork_live
from verifill.replay.what_if_backtest import fork_backtest


@frozen(kw_only=True)
class Wanted:
    """A fork that is asked for.

    Attributes:
        folder: the log.
        seq: number of the record at which it begins; 0 if it was not said.
        what_if: the question, and the answer to it.
        config: what the log was run with; None if it was not said.
        to: folder of the fork's log; by default beside the log.
        start_from: log of the run that a backtest continued.
    """

    folder: Path
    seq: int
    what_if: str
    config: Path | None
    to: Path | None
    start_from: Path | None


def fork(wanted: Wanted, *, as_json: bool) -> None:
    """Fork a run, and say what came of it.

    Raises:
        ConfigError: it cannot be forked so.
        LogError: the log cannot be read, or the fork not be written.
    """
    if not wanted.seq:
        msg = "a fork begins at a record: say which with --at N"
        raise ConfigError(msg)
    if wanted.config is None:
        msg = "a fork goes on with the venues of a configuration; give that of the run: --config"
        raise ConfigError(msg)
    log = open_log(wanted.folder)
    config = load_config(wanted.config)
    changed = WhatIf.of(wanted.what_if)
    name = f"{wanted.folder.resolve().name}-what-if-{wanted.seq}"
    to = wanted.to or wanted.folder.resolve().with_name(name)
    if isinstance(log, DurableReader):
        forked = fork_live(wanted.folder, config, wanted.seq, changed, to)
    else:
        forked = fork_backtest(
            wanted.folder, config, wanted.seq, changed, to, start_from=wanted.start_from
        )
    if as_json:
        sys.stdout.write(json.dumps(as_plain(forked), indent=2) + "\n")
        return
    out = screen()
    out.print(pairs("", _told(forked)))
    out.print(f"verifill report {to} -o {to}.html   # look at it", soft_wrap=True)


def as_plain(forked: Forked) -> Mapping[str, Any]:
    """What came of a fork as plain values for JSON."""
    return asdict(forked) | {"folder": str(forked.folder)}


def _told(one: Forked) -> list[tuple[str, str]]:
    answer = "what the simulated venue says" if one.answer is None else json.dumps(one.answer)
    rows = [
        ("forked at record", str(one.seq)),
        ("question", one.question),
        ("answer in the fork", answer),
    ]
    if one.recorded is not None:
        rows.insert(2, ("answer in the log", json.dumps(one.recorded)))
    if one.carried_out:
        rows.append(("the order under way", "is given to the simulated venue"))
    rows += [
        ("then simulated", f"up to record {one.last:,}"),
        ("rests in", one.state),
        ("log of the fork", str(one.folder)),
    ]
    return [*rows, ("reason", one.reason)] if one.reason else rows
