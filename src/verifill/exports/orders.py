"""A log as a table of order records: what was asked of venues, and what came of it.

A row is written once and never changed. What is known better later is a row of its own, which
names the row that it corrects: an outcome, a part that was filled, the same request once more
under its own key, a second send under a new key, the remainder or the compensation of another
instruction. Rehearsals reach no venue and have no rows. The names of columns are ours; they are
of no regulation.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

import polars as pl
from attrs import define, field
from polars.io.plugins import register_io_source

from verifill.engine.amounts import to_decimal
from verifill.engine.log.expand import Nesting
from verifill.engine.log.reader import Log
from verifill.exports.entries import entries
from verifill.machines.leg import REHEARSAL
from verifill.machines.tight_loop import Tight, TightEvent
from verifill.observing.decisions import Decisions
from verifill.observing.following import Entry
from verifill.observing.places import INSTRUCTION_ENDS, TIGHT_LOOP, Places
from verifill.venues.keys import asset_of
from verifill.venues.orders import Outcome

COLUMNS: Final[Mapping[str, Any]] = {
    "row": pl.Int64,
    "corrects": pl.Int64,
    "record": pl.String,
    "seq": pl.Int64,
    "time_ns": pl.Int64,
    "time": pl.Datetime("ns", "UTC"),
    "instruction": pl.Int64,
    "parent": pl.Int64,
    "attempt": pl.Int64,
    "intent": pl.String,
    "role": pl.String,
    "operation": pl.String,
    "venue": pl.String,
    "account": pl.String,
    "subject": pl.String,
    "side": pl.String,
    "name": pl.String,
    "asset": pl.String,
    "quantity": pl.String,
    "limit": pl.String,
    "outcome": pl.String,
    "verdict": pl.String,
    "state": pl.String,
    "filled": pl.String,
    "fills": pl.Int64,
    "fees": pl.String,
    "moved": pl.String,
    "refs": pl.String,
    "reason": pl.String,
}
SENT, REPEATED, SENT_AGAIN, JUDGED, ENDED = "SENT", "REPEATED", "SENT_AGAIN", "JUDGED", "ENDED"
BATCH: Final = 10_000

Row = dict[str, Any]


def orders(log: Log) -> pl.LazyFrame:
    """The order records of a log, made when they are asked for, a batch at a time.

    Amounts are exact decimal texts, because assets differ in their decimals.

    Raises:
        LogError: the log cannot be read; when the frame is collected.
    """

    def batches(
        columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        made = islice(rows(log.header, entries(log)), n_rows)
        while some := list(islice(made, BATCH)):
            frame = pl.DataFrame(some, schema=COLUMNS)
            frame = frame if predicate is None else frame.filter(predicate)
            yield frame if columns is None else frame.select(columns)

    return register_io_source(batches, schema=COLUMNS)


@define
class _Order:
    """An instruction, as far as it has come.

    Attributes:
        asked: what its rows have in common.
        last: number of its last row, which the next one corrects; None before there is one.
        wanted: the row of a send whose key is not known yet.
        receipt: outcome and reason that the venue last told of this send, where it told any.
        fills: reference -> a fill of this send.
        moves: reference -> a transfer of this send.
    """

    asked: Row
    last: int | None = None
    wanted: Row | None = None
    receipt: tuple[str, str] | None = None
    fills: dict[str, tuple[Any, ...]] = field(factory=dict[str, tuple[Any, ...]])
    moves: dict[str, tuple[Any, ...]] = field(factory=dict[str, tuple[Any, ...]])


def rows(header: Mapping[str, Any], records: Iterable[Entry]) -> Iterator[Row]:
    """The rows of the table, in the columns of COLUMNS; those left out are null."""
    table = _Table(header)
    for entry in records:
        yield from table.add(entry)


class _Table:
    """Puts records into rows."""

    def __init__(self, header: Mapping[str, Any]) -> None:
        self._decimals: Mapping[str, int] = header["decimals"]
        self._prices: Mapping[str, int] = header["price_decimals"]
        self._instruments: Mapping[str, Mapping[str, str]] = header["instruments"]
        self._places = Places(Nesting(**header["nesting"]))
        self._decisions = Decisions(header)
        self._orders: dict[int, _Order] = {}
        self._count = 0

    def add(self, entry: Entry) -> Iterator[Row]:
        """The rows that a record makes."""
        if entry.event == "tick" and entry.kind == "TRANSITION":
            self._orders.clear()  # an instruction is over with its tick
        self._decisions.hear(entry)
        self._hear(entry)
        if entry.machine != TIGHT_LOOP or (order := self._orders.get(entry.instance)) is None:
            return
        if order.wanted:
            yield self._row(order, order.wanted | _key(entry))
            order.wanted = None
        if self._places.has_moved(entry):
            before, after = self._places.of(entry.source), self._places.of(entry.target)
            if entry.event == TightEvent.REPEAT:
                yield self._row(order, _at(entry) | {"record": REPEATED})
            elif before.tight == Tight.RECONCILE:
                yield self._row(order, self._judged(entry, order, after.tight))
            elif after.tight in INSTRUCTION_ENDS:
                yield self._row(order, _at(entry) | {"record": ENDED, "state": after.tight})

    # What is told.

    def _hear(self, entry: Entry) -> None:
        streams = entry.payload.streams
        for row in streams.instructions:
            self._decided(entry, row)
        for number, outcome, _effect_ns, reason in streams.receipts:
            if order := self._orders.get(number):
                order.receipt = outcome, reason
        for number, ref, *rest in streams.fills:
            if order := self._orders.get(number):
                order.fills[ref] = tuple(rest)
        for number, ref, *rest in streams.moves:
            if order := self._orders.get(number):
                order.moves[ref] = tuple(rest)

    def _decided(self, entry: Entry, row: tuple[Any, ...]) -> None:
        number, parent, role, operation, account, subject, side, name, quantity, *_ = row
        if role == REHEARSAL:
            return
        instrument = self._instruments.get(f"{account}:{subject}", {})
        asset = instrument.get("base", subject)
        asked: Row = {
            "instruction": number,
            "parent": parent or None,
            "role": role,
            "operation": operation,
            "venue": self._decisions.of(number).venue,
            "account": account,
            "subject": subject,
            "side": side or None,
            "name": name or None,
            "asset": asset or None,
            "quantity": self._amount(asset, quantity) if quantity > 0 else None,
            "limit": self._limit(instrument, *row[-2:]),
        }
        before, around = self._orders.get(number), self._orders.get(parent)
        known = before or around
        order = _Order(asked, last=known.last if known else None)
        order.wanted = _at(entry) | {"record": SENT_AGAIN if before else SENT}
        self._orders[number] = order

    def _judged(self, entry: Entry, order: _Order, state: str) -> Row:
        """What a reading and a receipt came to; without a receipt of its own it was EXECUTED."""
        outcome, reason = order.receipt or (Outcome.EXECUTED.value, "")
        asset = str(order.asked["asset"])
        fees: dict[str, int] = {}
        for _quantity, _price, fee, fee_asset, _realised in order.fills.values():
            fees[fee_asset] = fees.get(fee_asset, 0) + fee
        filled = sum(int(one[0]) for one in order.fills.values())
        moved = (
            f"{key} {self._amount(asset_of(key), amount)} {cause}"
            for key, amount, cause, *_ in order.moves.values()
        )
        return _at(entry) | {
            "record": JUDGED,
            "outcome": outcome,
            "verdict": entry.event,
            "state": state,
            "filled": self._amount(asset, filled) if order.fills else None,
            "fills": len(order.fills),
            "fees": _list(f"{self._amount(name, fee)} {name}" for name, fee in fees.items()),
            "moved": _list(moved),
            "refs": _list((*order.fills, *order.moves)),
            "reason": reason or None,
        }

    # Rows.

    def _row(self, order: _Order, told: Row) -> Row:
        self._count += 1
        row = order.asked | {"row": self._count, "corrects": order.last} | told
        for name in ("attempt", "intent"):
            order.asked[name] = row[name]
        order.last = self._count
        return row

    def _amount(self, asset: str, units: int) -> str:
        return f"{to_decimal(units, self._decimals.get(asset, 0)):f}"

    def _limit(self, instrument: Mapping[str, str], limit: int, detail: str) -> str | None:
        """The worst price of a trade, or the least that is to come out; None if there is none."""
        if not limit:
            return None
        if instrument:
            return f"{to_decimal(limit, self._prices[instrument['data']]):f}"
        return self._amount(str(json.loads(detail or "{}").get("into", "")), limit)


def _at(entry: Entry) -> Row:
    return {"seq": entry.seq, "time_ns": entry.wall_ns, "time": entry.wall_ns}


def _key(entry: Entry) -> Row:
    return {"attempt": entry.attempt, "intent": entry.intent_id}


def _list(texts: Iterable[str]) -> str | None:
    return "; ".join(texts) or None
