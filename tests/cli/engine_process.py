"""A process that writes a durable log as an engine would, and answers its inbox.

    python -m tests.cli.engine_process BACKTEST FOLDER COUNT

It writes the first COUNT records of a backtest's log, after an EPOCH that holds the opening
positions; or takes up the log that is there. Then it says `ready`, answers what comes, and
ends when its standard input is closed. Only `kill` and `status` apply.
"""

import select
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.transcribed import record, rows_by_seq
from verifill.engine.command import Command
from verifill.engine.commands import CommandName
from verifill.engine.inbox import Inbox
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.durable import DurableLog
from verifill.engine.log.opening import create_log, reopen_log
from verifill.engine.log.reader import Log
from verifill.engine.log.record import Record

APPLY = {CommandName.KILL, CommandName.STATUS}


def begun(backtest: Log, folder: Path, count: int) -> DurableLog:
    """A durable log with the first records of a backtest's."""
    header = {key: value for key, value in backtest.header.items() if key != "streams"}
    evidence = rows_by_seq(backtest)
    rows = backtest.records().head(count).collect().to_dicts()
    anchor = FileAnchor(folder.with_name(f"{folder.name}.anchor"))
    life = _life(rows, {"streams": evidence.get(0, {})})
    if folder.exists():
        digest = header["nesting"]["digest"]
        return reopen_log(folder, life, definition_hash=digest, anchor=anchor)
    log = create_log(folder, header | {"mode": "live"}, life, anchor=anchor)
    if rows:
        log.append([record(row, evidence.get(row["seq"], {})) for row in rows])
    return log


def _life(rows: list[dict[str, Any]], payload: Mapping[str, Any]) -> Record:
    at_ns = rows[0]["wall_ns"] if rows else 0
    return Record(machine="full_loop", kind="EPOCH", wall_ns=at_ns, mono_ns=0, payload=payload)


def _answer(inbox: Inbox, command: Command) -> None:
    if command.name in APPLY:
        inbox.answer(command.id, f"{command.name} for {command.actor}", command.at_ns + 1)
    else:
        inbox.answer(command.id, "there is no row for it", command.at_ns + 1, taken=False)


def main() -> None:
    backtest, folder, count = Log(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    with begun(backtest, folder, count), Inbox(folder) as inbox:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while not select.select([sys.stdin], [], [], 0.01)[0]:
            for command in inbox.pending():
                _answer(inbox, command)


if __name__ == "__main__":
    main()
