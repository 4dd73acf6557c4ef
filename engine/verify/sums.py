"""Whether what was traded and moved adds up to what was read.

Of an instruction that was verified, its fills and moves, and what the venue's ledger says of
others meanwhile, are the change of each position that they are of. Where an expectation leaves
something open (interest, the rounding of a token), as much is left open here.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import polars as pl

from verifill.engine.log.reader import Log
from verifill.engine.log.usual import SIDES
from verifill.engine.verify.sends import REHEARSAL
from verifill.engine.verify.verdict import Check, Fault, checked

Streams = Callable[[str], pl.LazyFrame]
"""Name of a stream -> its rows."""

KINDS: Final = {"SPOT_TRADE": "BaseToken", "PERP_TRADE": "Perp"}
"""Operation -> the kind of position that the quantities of its fills are of."""

SIGNS: Final = {"BUY": 1, "SELL": -1}
_ASKED: Final = ("op", "account", "subject", "side")
_OTHERS: Final = ("instructions", "fills", "moves", "ledger", "positions")
_PLACE: Final = ("instruction", "key")
_APART: Final = {
    "instruction": pl.Int64(),
    "key": pl.String(),
    "apart": pl.Int128(),
    "slack": pl.Int128(),
    "seq": pl.Int64(),
    "told": pl.Boolean(),
}


def sums(ends: pl.DataFrame, parts: Iterable[Log | Streams], header: Mapping[str, Any]) -> Check:
    """Fills and moves add up to the change of each position that they are of.

    Args:
        ends: instructions that were verified, each in one process life; see `order.ends_of`.
        parts: the streams of a log, or logs of its chunks, in order.
        header: of the log; its `instruments` tell what a symbol is of, else its name does.
    """
    totals: Mapping[str, int] = {}
    apart: list[pl.DataFrame] = []
    for part in parts:
        after = _usual(part, totals) if isinstance(part, Log) else None
        if after is None:
            streams = part.stream if isinstance(part, Log) else part
            read = _read(streams, totals)
            apart.append(_apart(read, streams, header))
            after = dict(read.select("key", "total").iter_rows())  # the last one of each stays
        totals = after
    odd = (
        pl.concat(apart or [pl.DataFrame(schema=_APART)])
        .lazy()
        .group_by(_PLACE)
        .agg(pl.col("apart").sum(), pl.col("slack", "seq").max(), pl.col("told").any())
        .filter("told", pl.col("apart").abs() > pl.col("slack"))
        .join(ends.lazy().select("instruction"), on="instruction", how="semi")
        .sort("seq", "key")
        .collect()
    )
    faults = (
        Fault(f"record {seq}", f"{key} is {by} apart from what instruction {number} has moved")
        for number, key, by, _, seq, _ in odd.iter_rows()
    )
    claim = "fills, moves and ledger rows add up to what was read of each position"
    return checked("sums", claim, ends.height, "instructions", faults, odd.height)


def _usual(log: Log, totals: Mapping[str, int]) -> Mapping[str, int] | None:
    """The totals after a part of a log in which all went the usual way and adds up.

    There each instruction is one row, which is looked at as it is stored: many times faster.

    Returns:
        None if anything else was traded, moved or read, or something does not add up.
    """
    if any(log.apart(name).select(pl.len()).collect().item() for name in _OTHERS):
        return None
    rows, kinds = log.usual()
    usual = rows.select("seq", "kind", "quantity", "fee", "base_total", "quote_total").collect()
    asked = kinds.select(_ASKED).iter_rows()
    meaning = [_meaning(log.header, frozenset(kinds["base_key"]), *told) for told in asked]
    own = kinds["base_key"].to_list() == [key for key, _, _ in meaning]
    if not own or set(kinds["base_key"]) & set(kinds["quote_key"]) or not usual["seq"].is_sorted():
        return None
    signs = [sign for _, sign, _ in meaning]
    fees = [
        int(mine == asset) for (_, _, mine), asset in zip(meaning, kinds["fee_asset"], strict=True)
    ]
    after = dict(totals)
    for (key,), each in kinds.group_by("base_key"):
        trades = usual.filter(pl.col("kind").is_in(each["kind"].to_list()))
        total = pl.col("base_total")
        change = total - total.shift(1).fill_null(totals.get(str(key), 0))
        sign, fee = (
            pl.col("kind").replace_strict(range(len(of)), of, return_dtype=pl.Int64)
            for of in (signs, fees)
        )
        odd = change != pl.col("quantity") * sign - pl.col("fee") * fee
        if trades.select(odd.fill_null(value=True).any()).item():
            return None
    for side in SIDES:
        for (key,), each in kinds.group_by(f"{side}_key"):
            trades = usual.filter(pl.col("kind").is_in(each["kind"].to_list()))
            after |= {str(key): int(trades[f"{side}_total"][-1])} if trades.height else {}
    return after


def _meaning(
    header: Mapping[str, Any], known: frozenset[str], op: str, account: str, subject: str, side: str
) -> tuple[str | None, int, str]:
    """What a trade is of: key of the position, sign of its quantities, asset of a fee in kind."""
    told = header.get("instruments", {}).get(f"{account}:{subject}")
    base = str(told["base"]) if told else subject.partition("/")[0]
    key = f"{account}:{KINDS[op]}:{base}" if op in KINDS else None
    key = key if told or key in known else None  # a name tells what there is, not what is missing
    own = base if op == "SPOT_TRADE" else ""  # else the fee is of another position
    return key, SIGNS.get(side, 0), own


def _apart(read: pl.DataFrame, streams: Streams, header: Mapping[str, Any]) -> pl.DataFrame:
    """Where what was read is not what was told, in one part of a log; in the columns _APART."""
    told = pl.concat([*_traded(streams, header, frozenset(read["key"])), _moved(streams)])
    parts = [
        read.lazy().select("seq", *_PLACE, "slack", apart="amount", told=False),
        told.select("seq", *_PLACE, apart=0 - pl.col("amount"), told=True),
        _of_others(streams, read.lazy()),
    ]
    sums = [
        pl.col("apart").sum(),
        pl.col("slack").last(ignore_nulls=True).fill_null(0),
        pl.col("seq").max().fill_null(0),
        pl.col("told").any(),
    ]
    both = pl.concat(parts, how="diagonal").group_by(_PLACE).agg(sums)
    return both.filter(pl.col("apart") != 0).select(tuple(_APART)).collect()


def _read(streams: Streams, totals: Mapping[str, int]) -> pl.DataFrame:
    """Every position that was read with its change since the reading before; no rehearsals.

    Args:
        streams: of a part of a log.
        totals: positions as they were read last before it, by key.
    """
    read = streams("positions").filter(~pl.col("instruction").is_in(_dry(streams)))
    before = pl.LazyFrame(
        {"key": list(totals), "total": list(totals.values())},
        schema={"key": pl.String, "total": pl.Int128},
    )
    parts = [before, read.with_columns(pl.col("key").cast(pl.String))]
    return (
        pl.concat(parts, how="diagonal")
        .with_columns(
            amount=pl.col("total") - pl.col("total").shift(1).over("key").fill_null(0),
            slack=pl.col("high") - pl.col("low"),
        )
        .collect()
    )


def _dry(streams: Streams) -> list[int]:
    """Rehearsals, which read and move what a fork of a venue holds."""
    rehearsed = pl.col("role").cast(pl.String) == REHEARSAL
    dry = streams("instructions").filter(rehearsed).select("instruction").unique().collect()
    return dry["instruction"].to_list()


def _traded(
    streams: Streams, header: Mapping[str, Any], known: frozenset[str]
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """What fills say of the position that was traded, and what of it went as a fee."""
    asked = streams("instructions").filter(pl.col("role").cast(pl.String) != REHEARSAL)
    few = asked.select(_ASKED).unique().collect()
    rows = [_meaning(header, known, *told) for told in few.iter_rows()]
    of = {"key": pl.String(), "sign": pl.Int64(), "own": pl.String()}
    meaning = few.hstack(pl.DataFrame(rows, schema=of, orient="row")).filter(
        pl.col("key").is_not_null()
    )
    each = asked.select("instruction", *_ASKED).unique("instruction", keep="last")
    fills = (
        streams("fills")
        .select("seq", "instruction", "quantity", "fee", "fee_asset")
        .join(
            each.join(meaning.lazy(), on=_ASKED).select("instruction", "key", "sign", "own"),
            on="instruction",
        )
    )
    paid = fills.filter(pl.col("fee_asset").cast(pl.String) == pl.col("own"))
    return (
        fills.select("seq", *_PLACE, amount=pl.col("quantity") * pl.col("sign")),
        paid.select("seq", *_PLACE, amount=0 - pl.col("fee")),
    )


def _moved(streams: Streams) -> pl.LazyFrame:
    moves = streams("moves").filter(~pl.col("instruction").is_in(_dry(streams)))
    return moves.select("seq", "instruction", pl.col("key").cast(pl.String), "amount")


def _of_others(streams: Streams, read: pl.LazyFrame) -> pl.LazyFrame:
    """What ledger rows say, with the instruction while which they were seen."""
    ledger = streams("ledger").unique(["ref", "key", "cause", "time_ns"], keep="first")
    return (
        ledger.select("seq", pl.col("key").cast(pl.String), "amount")
        .join(read.select("seq", *_PLACE).unique(), on=["seq", "key"])
        .select(*_PLACE, apart=0 - pl.col("amount"), told=False)
    )
