"""The book of a run: every change of every position, with its cause.

What moved is what the readings of the log show. Why it moved is what receipts and ledger
rows say: fees, realised profit, funding, gas and so on. The rest of a change is the trade
itself, or, where no trade was made, unexplained.
"""

import json
from collections.abc import Iterator, Mapping

import polars as pl

from verifill.engine.log.reader import Log
from verifill.engine.log.record import OPERATOR
from verifill.header import is_recorded
from verifill.machines.leg import REHEARSAL
from verifill.report.transit import comparisons, with_both_sides
from verifill.report.worth import Worth
from verifill.venues.instructions import Operation
from verifill.venues.keys import Kind, position_key
from verifill.venues.orders import Cause
from verifill.venues.perpetuals import after_fill

UNEXPLAINED = "UNEXPLAINED"
ADOPTED = "ADOPTED"
OPENING = "OPENING"

_TRADES = (Operation.SPOT_TRADE, Operation.PERP_TRADE)
_TRANSFERS = (Operation.TRANSFER, Operation.INTERNAL_TRANSFER)
_AT = ["seq", "key"]


def book(log: Log, worth: Worth, start_ns: int) -> pl.DataFrame:
    """Every change of every position.

    Args:
        log: of the run.
        worth: knows its perpetuals.
        start_ns: when the run began; nothing is older.

    Returns:
        `key`, `seq`, `time_ns`, `cause`, `before`, `after` (units), `basis_before`,
        `basis_after` (entry value of a perpetual, else 0), ordered by key and time.
    """
    seen = _seen(log, start_ns)
    known = _known(log)
    here = known.join(seen.select(_AT), on=_AT, how="inner")
    adopted = pl.col("seq").is_in(list(adoptions(log)))
    rest = (
        seen.join(here.group_by(_AT).agg(pl.col("amount").sum()), on=_AT, how="left")
        .with_columns(amount=pl.col("moved") - pl.col("amount").fill_null(0))
        .filter((pl.col("amount") != 0) | pl.col("opening"))
        .select(*_AT, _rest_of(adopted).alias("cause"), "amount")
    )
    changes = (
        pl.concat([here, rest])
        .join(seen.select(*_AT, "time_ns"), on=_AT, how="left")
        .sort("key", "seq", pl.col("cause") != OPENING, "cause")
        .with_columns(after=pl.col("amount").cum_sum().over("key"))
        .with_columns(before=pl.col("after") - pl.col("amount"))
    )
    return _with_bases(changes, _bases(log, worth))


def adoptions(log: Log) -> Mapping[int, Mapping[str, int]]:
    """Where an operator has taken the venues' positions as they were -> entry values then."""
    if not is_recorded(log.header):
        return {}
    holding = pl.col("payload").str.contains('"adopted":', literal=True)
    told = log.records().filter(holding).filter(kind=OPERATOR).select("seq", "payload")
    return {
        seq: json.loads(payload)["memory"]["books"]["bases"]
        for seq, payload in told.collect().iter_rows()
    }


def rehearsals(log: Log) -> pl.LazyFrame:
    """The instructions that were only rehearsed: nothing of them is real."""
    return log.stream("instructions").filter(role=REHEARSAL).select("instruction")


def _seen(log: Log, start_ns: int) -> pl.DataFrame:
    """The last total of every position in every reading, and by how much it moved."""
    seen = (
        log.stream("positions")
        .join(rehearsals(log), on="instruction", how="anti", maintain_order="left")
        .join(_ops(log), on="instruction", how="left", maintain_order="left")
        .with_columns(
            pl.col("key").cast(pl.String),
            time_ns=pl.col("as_of_ns").cum_max().clip(lower_bound=start_ns),
            opening=pl.col("seq") == pl.col("seq").min(),
        )
        .group_by(_AT, maintain_order=True)
        .agg(pl.col("instruction", "total", "time_ns", "opening", "op").last())
        .with_columns(
            moved=pl.col("total") - pl.col("total").shift(1).over("key").fill_null(0),
        )
        .collect()
    )
    return with_both_sides(seen, comparisons(log))


def _rest_of(adopted: pl.Expr) -> pl.Expr:
    """What a change is that no receipt and no ledger row tells of."""
    return (
        pl.when("opening")
        .then(pl.lit(OPENING))
        .when(adopted)
        .then(pl.lit(ADOPTED))
        .when(pl.col("op").is_in(_TRADES))
        .then(pl.lit(Cause.TRADE.value))
        .otherwise(pl.lit(UNEXPLAINED))
    )


def _known(log: Log) -> pl.DataFrame:
    """Causes that are told apart from the trade itself: seq, key, cause, amount."""
    return (
        pl.concat([*_of_fills(log), _of_moves(log), _of_ledger(log)])
        .group_by(*_AT, "cause", maintain_order=True)
        .agg(pl.col("amount").sum())
        .filter(pl.col("amount") != 0)
        .collect()
    )


def fills(log: Log) -> pl.LazyFrame:
    """Every fill once, with what its instruction asked for; no rehearsals."""
    texts = ("role", "account", "subject", "side")
    wanted = _decided(log).select("instruction", pl.col(texts).cast(pl.String))
    return (
        log.stream("fills")
        .join(wanted, on="instruction", how="left", maintain_order="left")
        .filter(pl.col("role") != REHEARSAL)
        .filter(_first())
        .join(_instruments(log), on=["account", "subject"], how="left", maintain_order="left")
        .with_columns(pl.col("fee_asset").cast(pl.String))
    )


def moves(log: Log) -> pl.LazyFrame:
    """Every transfer of an instruction once; no rehearsals."""
    return (
        log.stream("moves")
        .join(rehearsals(log), on="instruction", how="anti", maintain_order="left")
        .filter(_first())
    )


def _first() -> pl.Expr:
    """A receipt is whole when it is first compared; who looks again writes it again."""
    return pl.col("seq") == pl.col("seq").min().over("instruction")


def _instruments(log: Log) -> pl.LazyFrame:
    rows = [
        (*name.split(":", 1), told["base"], told["quote"], told["data"])
        for name, told in log.header["instruments"].items()
    ]
    columns = ("account", "subject", "base", "quote", "data")
    return pl.LazyFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def _of_fills(log: Log) -> Iterator[pl.LazyFrame]:
    parts = (("fee_asset", 0 - pl.col("fee"), Cause.FEE), ("quote", "realised", Cause.REALISED))
    for asset, amount, cause in parts:
        key = pl.concat_str("account", pl.lit(Kind.BASE.value), asset, separator=":")
        yield fills(log).select("seq", key.alias("key"), *_told(amount, cause))


def _told(amount: pl.Expr | str, cause: str) -> tuple[pl.Expr, pl.Expr]:
    column = pl.col(amount) if isinstance(amount, str) else amount
    return pl.lit(cause).cast(pl.String).alias("cause"), column.alias("amount")


def _of_moves(log: Log) -> pl.LazyFrame:
    return (
        moves(log)
        .join(_ops(log), on="instruction", how="left", maintain_order="left")
        .select(
            "seq",
            pl.col("key").cast(pl.String),
            # a token transfer is a call too, and its other side is the arrival elsewhere
            pl.when((pl.col("cause") == Cause.CALL.value) & pl.col("op").is_in(_TRANSFERS))
            .then(pl.lit(Cause.TRANSFER.value))
            .otherwise(pl.col("cause").cast(pl.String))
            .alias("cause"),
            "amount",
        )
    )


def _ops(log: Log) -> pl.LazyFrame:
    return _decided(log).select("instruction", pl.col("op").cast(pl.String))


def _decided(log: Log) -> pl.LazyFrame:
    """Every instruction once; one that is sent again is written again."""
    return log.stream("instructions").unique("instruction", keep="last", maintain_order=True)


def ledger(log: Log) -> pl.LazyFrame:
    """Every ledger row once; until the books are settled, each look writes it again."""
    same = ["ref", "key", "cause", "time_ns"]
    return log.stream("ledger").unique(same, keep="first", maintain_order=True)


def _of_ledger(log: Log) -> pl.LazyFrame:
    return ledger(log).select("seq", pl.col("key", "cause").cast(pl.String), "amount")


def _bases(log: Log, worth: Worth) -> pl.DataFrame:
    """Entry values of perpetuals after each of their fills, by the average-cost rule."""
    traded = fills(log).select("seq", "account", "base", "side", "quantity", "price").collect()
    closed = log.stream("ledger").filter(cause=Cause.LIQUIDATION.value).collect()
    adopted = adoptions(log)
    taken = log.stream("positions").filter(pl.col("seq").is_in(list(adopted))).collect()
    events: list[tuple[int, str, int | None, int]] = [
        (seq, position_key(account, Kind.PERP, base), quantity if side == "BUY" else -quantity, p)
        for seq, account, base, side, quantity, p in traded.iter_rows()
    ]
    events += [(seq, key, None, 0) for seq, key in closed.select("seq", "key").iter_rows()]
    events += [(seq, key, None, n) for seq, key, n in taken.select(*_AT, "total").iter_rows()]
    sizes = opening_totals(log)
    bases = {key: int(units) for key, units in log.header["bases"].items() if sizes.get(key)}
    rows: list[tuple[int, str, int]] = [(0, key, basis) for key, basis in bases.items()]
    for seq, key, change, number in sorted(events, key=lambda event: event[0]):
        if key not in worth.perpetuals:
            continue
        size, basis = sizes.get(key, 0), bases.get(key, 0)
        if change is None:  # no fill of ours: the size is what it was found to be
            sizes[key], bases[key] = number, adopted[seq].get(key, 0) if seq in adopted else 0
        else:
            bases[key], _ = after_fill(size, basis, change, number)
            sizes[key] = size + change
        rows.append((seq, key, bases[key]))
    schema = {"seq": pl.Int64, "key": pl.String, "basis_after": pl.Int128}
    return pl.DataFrame(rows, schema=schema, orient="row")


def opening_totals(log: Log) -> dict[str, int]:
    """Position key -> units at the start."""
    first = log.stream("positions").filter(pl.col("seq") == pl.col("seq").min())
    return dict(first.select(pl.col("key").cast(pl.String), "total").collect().iter_rows())


def _with_bases(changes: pl.DataFrame, bases: pl.DataFrame) -> pl.DataFrame:
    last = bases.group_by(_AT, maintain_order=True).last().sort("seq")
    return (
        changes.sort("seq", maintain_order=True)
        .join_asof(last, on="seq", by="key", strategy="backward", check_sortedness=False)
        .sort("key", "seq", maintain_order=True)
        .with_columns(pl.col("basis_after").fill_null(0))
        .with_columns(
            basis_before=pl.col("basis_after").shift(1).over("key").fill_null(0),
        )
        .select("key", "seq", "time_ns", "cause", "before", "after", "basis_before", "basis_after")
    )
