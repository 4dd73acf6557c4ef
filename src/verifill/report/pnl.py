"""Profit and loss: the change of equity, taken apart by cause and by position.

Each change of a position is valued at the prices of its moment; between two changes the
price alone does its work. Both are differences of one valuation, so the parts add up to
the change of equity to the unit, whatever was rounded.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import polars as pl
from attrs import frozen

from verifill.report.book import OPENING
from verifill.report.equity import Account
from verifill.report.exact import amount, decimals

PRICE = "PRICE"
UNREALISED = "UNREALISED"


@frozen(kw_only=True)
class ProfitAndLoss:
    """What a run made.

    Attributes:
        quote: the asset that it is counted in.
        start: equity before the first transition.
        end: equity after the last one.
        by_cause: cause -> amount; they add up to the change of equity exactly.
        by_position: `key`, `cause`, `amount` (exact Decimal), `amount_units`.
        left_out: positions that nothing tells the worth of.
    """

    quote: str
    start: Decimal
    end: Decimal
    by_cause: Mapping[str, Decimal]
    by_position: pl.DataFrame
    left_out: tuple[str, ...] = ()

    @property
    def change(self) -> Decimal:
        """What was made, or lost."""
        return self.end - self.start


def profit_and_loss(account: Account) -> ProfitAndLoss:
    """The change of equity by cause and by position.

    Causes are those of ledger rows (FEE, FUNDING, GAS, INTEREST, TRANSFER, CALL ...), and
    PRICE: what was held got dearer or cheaper; TRADE: bought or sold at other than the
    last price; REALISED and UNREALISED: profits of perpetuals, paid out and not.
    """
    schema = {"key": pl.String, "cause": pl.String, "amount_units": pl.Int128}
    parts = pl.concat([pl.DataFrame(schema=schema), *_parts(account)])
    places = account.worth.decimals
    by_position = (
        parts.group_by("key", "cause", maintain_order=True)
        .agg(pl.col("amount_units").sum())
        .filter(pl.col("amount_units") != 0)
        .sort("key", "cause")
    )
    causes = by_position.group_by("cause").agg(pl.col("amount_units").sum()).sort("cause")
    return ProfitAndLoss(
        quote=account.worth.quote,
        start=amount(account.opening(), places),
        end=amount(account.closing(), places),
        by_cause={cause: amount(units, places) for cause, units in causes.iter_rows()},
        by_position=by_position.with_columns(
            decimals(by_position["amount_units"], places).alias("amount")
        ).select("key", "cause", "amount", "amount_units"),
        left_out=tuple(account.left_out),
    )


def _parts(account: Account) -> Iterator[pl.DataFrame]:
    """For each position what its changes were worth, and what prices did in between."""
    for key in account.keys:
        changes = account.of(key)
        before, after = _valued(account, key, changes)
        moved = pl.DataFrame({"cause": changes["cause"], "amount_units": after - before})
        yield _of(account, key, moved.filter(pl.col("cause") != OPENING))
        last = changes.tail(1).with_columns(
            pl.lit(account.end_ns, dtype=pl.Int64).alias("time_ns"),
            before="after",
            basis_before="basis_after",
        )
        closing, _ = _valued(account, key, last)
        drift = pl.concat([before[1:], closing]) - after
        yield _of(
            account,
            key,
            pl.DataFrame({"amount_units": drift}).select(
                pl.lit(PRICE).alias("cause"), "amount_units"
            ),
        )


def _valued(account: Account, key: str, rows: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    worth, times = account.worth, rows["time_ns"]
    before = worth.value(key, rows["before"], times, rows["basis_before"])
    after = worth.value(key, rows["after"], times, rows["basis_after"])
    return before, after


def _of(account: Account, key: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of one position; all that a perpetual's own value did is unrealised profit."""
    perpetual = key in account.worth.perpetuals
    own = pl.lit(UNREALISED) if perpetual else pl.col("cause")
    return rows.select(pl.lit(key).alias("key"), own.alias("cause"), "amount_units")
