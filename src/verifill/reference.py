"""The reference pages that are made: docs/reference/log.md, cli.md and operations-live.md.

Columns and their types are those of the schema that a log is written with, commands and
options those of the command itself; the words are here. `python -m verifill.reference log`
and the like print the pages; `machines DIR` writes those of `verifill.reference_machines`.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from typer.testing import CliRunner

from verifill.cli.app import app
from verifill.engine.log.schema import STREAMS
from verifill.engine.log.streams import AMOUNT, CODE, INT, TEXT
from verifill.reference_machines import machine_pages
from verifill.reference_operations import operations_page

TYPES: Final[Mapping[str, str]] = {
    INT: "Int64",
    AMOUNT: "Int128",
    CODE: "Enum",
    TEXT: "String",
}

WHAT: Final[Mapping[str, str]] = {
    "paths": "Runs of transitions at one time, each as the number of a path. `records()` expands "
    "them; the manifest says which transitions a path stands for.",
    "instructions": "Decisions: what was asked for, made exact. One that is sent again has a row "
    "for each send.",
    "receipts": "What a venue said of an order that was not simply EXECUTED at once. An order "
    "that was observed and has no row here was EXECUTED, at the time of its transition.",
    "fills": "Trades of an order.",
    "moves": "Transfers that an order caused: events of a transaction, gas, settings.",
    "positions": "Readings: every position that changed since the reading before.",
    "ledger": "Rows of the venues' ledgers that no instruction caused. Each look writes them, "
    "until the books are settled; `RunResult.ledger` has each once. A difference that no venue "
    "explains and a declared tolerance accepts is a row too, of cause TOLERANCE.",
    "notes": "What people need to know and no column holds.",
}

COMMON: Final[Mapping[str, str]] = {
    "seq": "number of the transition that the record belongs to: a decision comes with the "
    "transition that starts its instruction, a receipt and a reading with the last before them",
    "instruction": "number of the instruction, from 1; 0 for what belongs to none",
    "ref": "the venue's own reference: trade, event, funding period",
    "key": "position key, `account:kind:asset`",
    "amount": "units of the key's asset, with its sign",
    "cause": "why: TRADE, FEE, REALISED, TRANSFER, GAS, CALL, FUNDING, INTEREST, LIQUIDATION, "
    "SETTING; in the ledger also TOLERANCE",
}

OWN: Final[Mapping[str, Mapping[str, str]]] = {
    "paths": {
        "seq": "number of the first transition of the path",
        "path": "number of the path, counted after the states; see the manifest",
        "time_ns": "when, by the clock of the run",
        "tick": "number of the tick, from 1",
        "chain": "number of the atomic transaction, 0 outside one",
        "instruction": "number of the instruction, 0 outside one",
        "attempt": "which send of it, from 1; 0 outside one",
    },
    "instructions": {
        "parent": "the instruction whose remainder or compensation it is, else 0",
        "role": "why it is there: PLAN, REMAINDER, REHEARSAL, COMMIT, STEP, COMPENSATION",
        "op": "the operation; ONE_TX is a whole chain in one transaction",
        "account": "the account that acts",
        "subject": "symbol or asset that it is about",
        "side": "BUY or SELL, empty for other operations",
        "name": "how the plan refers to it; may be empty",
        "quantity": "units of the asset that is traded or moved; -1 is MAX, all there is",
        "limit": "worst price in ticks, or least output in units; 0 is none",
        "detail": "JSON of the whole instruction where the columns do not hold it all",
    },
    "receipts": {
        "outcome": "EXECUTED, EXECUTED_PARTIAL, REJECTED_DEFINITIVE, EXPIRED, ACCEPTED, ABSENT, "
        "UNKNOWN",
        "effect_ns": "time of its last effect",
        "reason": "the venue's words",
    },
    "fills": {
        "quantity": "units of the base asset, positive",
        "price": "ticks of the instrument",
        "fee": "units of the fee's asset; negative is a rebate",
        "fee_asset": "what the fee was taken in",
        "realised": "units of the margin asset that a perpetual paid out, or in",
    },
    "moves": {"step": "index of the step of a ONE_TX chain, -1 for the transaction itself"},
    "positions": {
        "as_of_ns": "the moment that the reading describes",
        "total": "units, as the venue says",
        "low": "least total that was expected",
        "high": "greatest total that was expected",
    },
    "ledger": {"time_ns": "when, as the venue says"},
    "notes": {
        "kind": "FAILURE, DENIED, HELD, EXPIRED, SKIPPED, COALESCED, RECOVERY, CANCEL, FLATTEN, or "
        "the verdict of a reconciliation",
        "payload": "JSON with the reason",
    },
}

KINDS: Final = (
    "INTENT: an instruction is taken up; OBSERVED: its effect was seen; IGNORED: a repeat; "
    "REFUSED: no row, a defect; TRANSITION: any other"
)

RECORDS: Final[Mapping[str, tuple[str, str]]] = {
    "seq": ("Int64", "number of the transition, from 1 without a gap"),
    "run": ("String", "name of the run: a digest of what ran, equal for equal runs"),
    "epoch": ("Int64", "process life, from 1; a backtest has one"),
    "machine": ("String", "table that the event belongs to: full_loop, atomic, tight_loop"),
    "instance": ("Int64", "number of the tick, chain or instruction, by machine"),
    "parent": ("Int64", "instance of the machine around it, 0 for the outermost"),
    "from": ("String", "leaf state before"),
    "event": ("String", "what happened"),
    "to": ("String", "leaf state after; the same if the event was ignored or refused"),
    "attempt": ("Int64", "which send of the instruction, from 1; 0 outside a tight loop"),
    "kind": ("String", KINDS),
    "cause_seq": ("Int64", "number of the transition before"),
    "intent_id": ("String", "key of the send: run.tick.instruction.attempt; null outside one"),
    "venue_ref": ("String", "the venue's reference of the last fill"),
    "wall_ns": ("Int64", "when, by the wall clock; of a backtest, the time of the data"),
    "mono_ns": ("Int64", "when, by a clock that never goes back; likewise"),
    "venue_ns": ("Int64", "when, by the venue's clock; likewise"),
    "definition_hash": ("String", "SHA-256 of the machine's table"),
    "quantity": ("Int128", "of an INTENT what was asked for, OBSERVED what was filled; units"),
    "price": ("Int128", "of an INTENT its limit, OBSERVED the last fill's price; ticks"),
    "payload": ("String", "notes on this transition, JSON, one a line"),
    "prev_hash": ("String", "hash of the record before, where the log chains records; else null"),
}

HEADER: Final[Mapping[str, str]] = {
    "schema_version": "version of this layout",
    "run": "name of the run: a digest of what ran",
    "mode": "backtest, paper or live",
    "epoch": "process life",
    "config": "all settings, with the digest of the strategy's file",
    "config_digest": "SHA-256 of the settings as canonical JSON",
    "data_digest": "SHA-256 of the market data",
    "decimals": "asset, or perpetual's symbol -> decimals of its amounts",
    "price_decimals": "market data -> decimals of its prices",
    "instruments": "`account:symbol` -> base and quote asset, market data",
    "links": "what assets are worth in one another, by which market data",
    "bases": "perpetual's key -> entry value at the start, units of base times ticks",
    "quote": "asset that reports count in",
    "market": "of a paper or live log: `recorded`, its payloads hold the prices",
    "nesting": "states, events and tables of the machine, and the digest of its table",
    "seed": "where chance begins",
    "table": "the table of the machine, every row of it",
    "versions": "of Python and of the packages that a result depends on",
    "streams": "stream -> columns -> kind",
}

LOG_HEAD: Final = """\
# The log

<!-- Written by `python -m verifill.reference log`; do not edit. -->

A log is a folder: `header.json` says what ran; `manifest.jsonl` has a line for each chunk,
chained by SHA-256, and a last line that says how the run ended; `NNNNNN.STREAM.parquet` are the
chunks. A line carries the SHA-256 of the line before it under `previous`, and under `hash` that
of itself without it, which logs of earlier versions do not have. `market/` beside them is the
prepared market data, and no part of the log; nor is `lock`, an empty file that the operating
system locks while a run writes there. A run that ends early leaves everything up to there; a
line that was cut off is left out on reading.

* **Amounts** are integers in units of 10^-decimals of their asset; the header's `decimals` say how
  many. **Prices** are integers in ticks of 10^-`price_decimals` of their market data.
* **Times** are nanoseconds since the epoch, UTC.
* **Enum** columns are stored as numbers; the manifest's `codes` hold their texts, in order.

`RunResult` reads all of it with exact `Decimal(38, s)` columns beside the units (`quantity` and
`quantity_units`, `price` and `price_ticks`) and UTC datetimes beside the nanoseconds; s is the
greatest number of decimals of any asset of the run. `verifill log export` writes the same.
"""

DURABLE: Final = """\
## The durable log

Live trading keeps its log in SQLite, because what is logged must be on the disk before anything
rests on it. Such a log is a folder of `header.json`, with `"store": "sqlite"` beside the keys
above, `log.sqlite`, and `mark`, which says how far it was acknowledged; SQLite keeps
`log.sqlite-wal` and `log.sqlite-shm` beside it while it is open. `inbox.sqlite`, where
[operators' commands](operations-live.md) wait, is no part of it. Files are for their owner alone
(0600, a new folder 0700). `verifill log` and `RunResult` read it as they read any other;
`open_log(folder)` gives the reader that fits.

* **A step is whole or not there.** `append` writes the records of one engine step in one
  transaction, in the write-ahead log with `synchronous=FULL`, both read back when the log is
  opened. When it returns, they survive a power cut. A second INTENT with the same `intent_id` is
  refused with its step.
* **A failure ends it.** After any failure to write or to anchor, that process writes no more. A
  commit that failed is unknown, not absent: opening the log again decides, and first writes what
  it found to the disk anew, because after a failed sync the system may show what the disk never
  got.
* **One writer.** A lock of the operating system on `lock` is held as long as the process lives.
* **The table `records`** has the columns of `records()` above, amounts as decimal texts, and
  `hash`. More kinds than in a backtest: PLAN, RESOLVED, OPERATOR, NOTE, and EPOCH, which begins
  every process life. `from`, `event`, `to` and `venue_ns` may be null. `mono_ns` never goes back
  within an epoch. Stored are `seq`, `kind`, `intent_id`, `payload`, `hash` and `head`, which is a
  JSON array of all other columns in their order; the database shows those as columns too.
* **`payload`** is canonical JSON. Under `streams` it holds rows of the streams below that belong
  to the record, as stream -> list of rows, each a list with a value for every column but `seq`.
  The last record of a run that ended holds under `end` how it ended. Of a live run, the record
  after each look at the market (one a tick) holds the prices under `market`: `time_ns`, and of
  `prices`, `marks` (ticks by market data) and `series` (integers of 18 decimals) all there are in
  the first of a process life, and then what has changed. They are what reports value positions by.
  Under `answers` a live run keeps what it was told from outside since the record before, in order:
  [question, answer], the question alone where the answer is that of the last time, their number
  before it where it came several times in a row. [Replay](replay.md) runs on them.
* **The chain.** `hash` is the SHA-256 of four lines in UTF-8: `kind`, `intent_id`, `head` and
  `payload` as they are stored, of which one that is null is an empty line, with a line feed
  between them. `head` ends with `prev_hash`; that of the first record is the SHA-256 of
  `header.json`.
* **The anchor** is a second place, by default a text file elsewhere with a line of number and
  hash for each time it was told: when a process life begins, and at every terminal state. Its first
  line names the log's folder, and the header names the file under `anchor`: empty if a program
  has its own callable. Without `--anchor`, or `anchor` in the configuration, it lies in the user's
  folder for state (`$XDG_STATE_HOME/verifill/anchors`, `~/.local/state` if that is not set), under
  the log's name and a digest of its path.
* **The mark** is the file `mark`: the number of the last record that was acknowledged, and its
  CRC-32, written over the one before after every commit, without a sync. It is never further than
  what was synced, so a chain that ends before it has lost records. It is on the disk before the
  first record is; one that is missing or damaged is refused.
* **The first record** holds under `header` a digest of each field of `header.json`, so that a
  header that was changed is told with the field, or the byte at which it does not parse.
* **Opening** verifies all of it: every hash, numbers without a gap, epochs, `mono_ns`, run and
  table, the anchored record, the mark, the index that keeps intents apart, and the pages of the
  database. A log that fails is refused with the place, and left as it is; so is an old log with a
  new table. A file that others were let into is private again, with a warning and, under
  `tightened`, a word in the EPOCH; one of another owner is refused.
* **A folder without a log whose anchor knows records** is a log that is lost: no new one begins
  there until the anchor is moved away. Another log in its place is refused too.

What this does not find out:

* Without the anchor, or after the record that was anchored last: records cut off the end, or all
  of them hashed anew, by whoever may write to the folder, the mark included.
* Whoever can write to the log and to the anchor can make both anew. Keep the anchor where the
  engine's user cannot rewrite it, if that matters.
* A disk that says it has synced and has not; a file system over a network, where locks and the
  write-ahead log do not work.

Read `log.sqlite` through SQLite only. A process that writes it must not open it in any other way:
on closing such a file the system lets go of all locks that SQLite holds on it in that process. A
reader that stays in one statement for long lets `log.sqlite-wal` grow.
"""

CLI_HEAD: Final = """\
# The command line

<!-- Written by `python -m verifill.reference cli`; do not edit. -->

`verifill` writes results to standard output, and progress and errors to standard error. There is
no colour and no progress bar where the output is no terminal. What goes wrong is told in words;
`verifill --debug COMMAND` shows the traceback of what was not expected.

Ctrl-C finishes the tick under way, writes the rest of the log and ends with 130; a second Ctrl-C
ends a strategy that does not come back. SIGTERM, which `timeout` and containers send, does the same
and ends with 143.

Nothing is ever overwritten without `--overwrite`, and with it only a log: a folder that holds
anything else is left alone. One run at a time writes to a folder: a second one is refused, with
`--overwrite` too. `log export` writes to no folder that holds a log.
"""

COMMANDS: Final = (
    *("backtest", "live", "paper", "report", "log show", "log export", "verify"),
    *("replay", "machines"),
    *("data fetch", "init", "status", "ops", "ops adopt", "ops kill", "ops answer"),
    *("faults run", "faults list", "sweep run", "sweep show", "metrics", "spans"),
)
PAGE_WIDTH: Final = 80


def log_page() -> str:
    """The page of the log."""
    return "\n".join(_log_lines()) + "\n"


def cli_page() -> str:
    """The page of the command line."""
    return "\n".join(_cli_lines()) + "\n"


def _log_lines() -> Iterator[str]:
    yield LOG_HEAD
    yield "## `header.json`\n"
    yield "| key | meaning |"
    yield "|---|---|"
    yield from (f"| `{key}` | {meaning} |" for key, meaning in HEADER.items())
    yield ""
    yield from _table("Transitions: `records()`", "Every transition, one row each.", [
        (name, kind, meaning) for name, (kind, meaning) in RECORDS.items()
    ])  # fmt: skip
    yield DURABLE
    for stream, columns in STREAMS.items():
        own = {**COMMON, **OWN[stream]}
        rows = [(name, TYPES[kind], own[name]) for name, kind in columns.items()]
        yield from _table(f"Stream `{stream}`", WHAT[stream], rows)


def _table(title: str, what: str, rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"{what}\n"
    yield "| column | type | meaning |"
    yield "|---|---|---|"
    yield from (f"| `{name}` | {kind} | {meaning} |" for name, kind, meaning in rows)
    yield ""


def _cli_lines() -> Iterator[str]:
    yield CLI_HEAD
    for words in ("", *COMMANDS):
        yield f"## verifill {words}".rstrip()
        yield "\n```"
        yield _help(words)
        yield "```\n"


def _help(words: str) -> str:
    runner = CliRunner(env={"COLUMNS": str(PAGE_WIDTH)})
    told = runner.invoke(app, [*words.split(), "--help"], prog_name="verifill").stdout
    return "\n".join(line.rstrip() for line in told.splitlines())


PAGES = {"log": log_page, "cli": cli_page, "operations-live": operations_page}


def page_file(name: str) -> Path:
    """Where a page stands in the project."""
    return Path(__file__).parents[2] / "docs" / "reference" / f"{name}.md"


def machines_folder() -> Path:
    """Where the pages of the machines stand in the project."""
    return page_file("machines").with_suffix("")


def main() -> None:
    """Print the page that is named, or write those of the machines to a folder."""
    if sys.argv[1] == "machines":
        folder = Path(sys.argv[2])
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in machine_pages().items():
            (folder / name).write_text(text)
        return
    sys.stdout.write(PAGES[sys.argv[1]]())


if __name__ == "__main__":
    main()
