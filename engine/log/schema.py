"""The streams of a log: which records there are, and their columns.

Every record carries `seq`, the number of the transition it belongs to: a decision comes
with the transition that starts its instruction, a receipt and a reading with the last
transition before them. Amounts are integers in units of their asset; the header's
`decimals` gives them their meaning. Times are nanoseconds since the epoch, UTC.
"""

from collections.abc import Mapping
from typing import Any, Final

from verifill.engine.log.streams import AMOUNT, CODE, INT, TEXT

SCHEMA_VERSION: Final = 1
"""Version of the layout of a backtest's log."""

LIVE_SCHEMA_VERSION: Final = 2
"""Version of the layout of a live log; in the first each column was stored by itself."""

STORE: Final = "store"  # key of the header that marks a live log
SQLITE: Final = "sqlite"


def version_of(header: Mapping[str, Any]) -> int:
    """The version of the layout that this library reads, of a log with such a header."""
    return LIVE_SCHEMA_VERSION if STORE in header else SCHEMA_VERSION


PATHS: Mapping[str, str] = {
    "seq": INT,  # of the first transition of the path
    "path": INT,
    "time_ns": INT,
    "tick": INT,
    "chain": INT,
    "instruction": INT,
    "attempt": INT,
}

# Decisions: what was asked for, made exact.
INSTRUCTIONS: Mapping[str, str] = {
    "seq": INT,
    "instruction": INT,
    "parent": INT,  # the instruction whose remainder or compensation it is, else 0
    "role": CODE,
    "op": CODE,
    "account": CODE,
    "subject": CODE,  # symbol or asset
    "side": CODE,
    "name": CODE,
    "quantity": AMOUNT,
    "limit": AMOUNT,
    "detail": TEXT,  # JSON of the whole instruction where the columns do not hold it all
}

# Receipts: what the venue said of an order, its trades and its transfers. An order that
# was observed and has no row here was EXECUTED, at the time of its transition.
RECEIPTS: Mapping[str, str] = {
    "seq": INT,
    "instruction": INT,
    "outcome": CODE,
    "effect_ns": INT,
    "reason": TEXT,
}
FILLS: Mapping[str, str] = {
    "seq": INT,
    "instruction": INT,
    "ref": TEXT,
    "quantity": AMOUNT,
    "price": INT,
    "fee": AMOUNT,
    "fee_asset": CODE,
    "realised": AMOUNT,
}
MOVES: Mapping[str, str] = {
    "seq": INT,
    "instruction": INT,
    "ref": TEXT,
    "key": CODE,
    "amount": AMOUNT,
    "cause": CODE,
    "step": INT,
}

# Readings: every position that changed since the reading before, with what was expected.
POSITIONS: Mapping[str, str] = {
    "seq": INT,
    "instruction": INT,  # 0 for a reading between instructions
    "as_of_ns": INT,
    "key": CODE,
    "total": AMOUNT,
    "low": AMOUNT,  # least and greatest total that was expected
    "high": AMOUNT,
}
# Ledger rows of the venues that no instruction caused: funding, liquidation, transfers.
LEDGER: Mapping[str, str] = {
    "seq": INT,
    "ref": TEXT,
    "key": CODE,
    "amount": AMOUNT,
    "cause": CODE,
    "time_ns": INT,
}
# What people need to know and no column holds: verdicts other than a plain match, errors.
NOTES: Mapping[str, str] = {
    "seq": INT,
    "instruction": INT,
    "kind": CODE,
    "payload": TEXT,
}

STREAMS: Mapping[str, Mapping[str, str]] = {
    "paths": PATHS,
    "instructions": INSTRUCTIONS,
    "receipts": RECEIPTS,
    "fills": FILLS,
    "moves": MOVES,
    "positions": POSITIONS,
    "ledger": LEDGER,
    "notes": NOTES,
}
