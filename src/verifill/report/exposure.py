"""Exposure: how much of each asset a run is exposed to, net and gross, at each venue."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import polars as pl
from attrs import frozen

from verifill.links import By
from verifill.report.equity import Account
from verifill.report.exact import amount, decimals
from verifill.report.transit import TRANSIT
from verifill.venues.keys import Kind, account_of, asset_of

_CLAIMS = (By.SAME, By.SHARE, By.RATE)


@frozen(kw_only=True)
class Exposure:
    """What a run is exposed to at one moment.

    Attributes:
        quote: the asset that values are counted in.
        time_ns: the moment.
        positions: `key`, `asset`, `venue`, `amount`, `value` of each position; a
            perpetual's value is its size times its price, and its asset what it is on.
        assets: `asset`, `net`, `gross`, and the net value at each venue.
        net: the sum of all values but free balances of the quote asset itself.
        gross: likewise, without signs: what is lent and what is borrowed both count.
        free: the sum of those free balances, see `is_free`.
        left_out: positions that nothing tells the worth of.
    """

    quote: str
    time_ns: int
    positions: pl.DataFrame
    assets: pl.DataFrame
    net: Decimal
    gross: Decimal
    free: Decimal
    left_out: tuple[str, ...] = ()


def exposure(account: Account, time_ns: int | None = None) -> Exposure:
    """The exposure at a moment, by default at the end of the run."""
    moment = account.end_ns if time_ns is None else time_ns
    times = pl.Series([moment], dtype=pl.Int64)
    worth = account.worth
    header = account.log.header
    rows: list[tuple[str, str, str, Decimal, int]] = []
    for key in account.keys:
        units, _ = account.held(key, times)
        value = worth.exposure(key, units, times)
        size = amount(units[0], header["decimals"].get(asset_of(key), 0))
        rows.append((key, underlying(header, key), venue_of(key), size, int(str(value[0]))))
    columns = ("key", "asset", "venue", "amount", "units")
    kinds = (pl.String, pl.String, pl.String, pl.Decimal(38, _widest(header)), pl.Int128)
    told = pl.DataFrame(rows, schema=dict(zip(columns, kinds, strict=True)), orient="row")
    held = told.filter(pl.col("units") != 0)
    plain = {key for key in held["key"] if is_free(key, worth.quote)}
    free = held.filter(pl.col("key").is_in(plain))["units"].to_list()
    others = held.filter(~pl.col("key").is_in(plain))["units"].to_list()
    return Exposure(
        quote=worth.quote,
        time_ns=moment,
        positions=held.with_columns(decimals(held["units"], worth.decimals).alias("value")).drop(
            "units"
        ),
        assets=_by_asset(held, worth.decimals),
        net=amount(sum(others), worth.decimals),
        gross=amount(sum(map(abs, others)), worth.decimals),
        free=amount(sum(free), worth.decimals),
        left_out=tuple(account.left_out),
    )


def underlying(header: Mapping[str, Any], key: str) -> str:
    """The asset that a position is exposed to.

    Of a perpetual, the longest asset that its symbol begins with; of a claim on another
    asset (wrapped, staked, lent), the one that it is a claim on.
    """
    name = asset_of(key)
    perpetuals = {link["asset"] for link in header["links"] if link["by"] == By.PERPETUAL}
    if key in perpetuals:
        symbols = {asset_of(perpetual) for perpetual in perpetuals}
        name = _longest(name, (a for a in header["decimals"] if a not in symbols))
    return base_of(header, name)


def base_of(header: Mapping[str, Any], asset: str) -> str:
    """The asset that another is a claim on, however far behind."""
    seen = {asset}
    claims = {x["asset"]: x["into"] for x in header["links"] if x["by"] in _CLAIMS}
    while (behind := claims.get(asset)) is not None and behind not in seen:
        seen.add(behind)
        asset = behind
    return asset


def is_free(key: str, quote: str) -> bool:
    """Whether a position is a plain balance of the quote asset: no risk, and no leverage.

    What is lent, owed, staked or wrapped is none, even where it is counted one to one.
    """
    account, kind, asset = key.split(":")
    return asset == quote and (kind == Kind.BASE or account == TRANSIT)


def venue_of(key: str) -> str:
    """The venue of a position: its account up to the first dot."""
    return account_of(key).partition(".")[0]


def _longest(name: str, assets: Iterable[str]) -> str:
    fitting = [asset for asset in assets if name.startswith(asset)]
    return max(fitting, key=len, default=name)


def _widest(header: Mapping[str, Any]) -> int:
    return max(header["decimals"].values(), default=0)


def _by_asset(held: pl.DataFrame, places: int) -> pl.DataFrame:
    venues = sorted(set(held["venue"].to_list()))
    table = (
        held.group_by("asset")
        .agg(
            pl.col("units").sum().alias("net"),
            pl.col("units").abs().sum().alias("gross"),
            *(
                pl.col("units").filter(pl.col("venue") == venue).sum().alias(f"at {venue}")
                for venue in venues
            ),
        )
        .sort("asset")
    )
    return table.with_columns(
        decimals(table[column], places).alias(column) for column in table.columns[1:]
    )
