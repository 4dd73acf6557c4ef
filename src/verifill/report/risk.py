"""Risk: how far equity fell, how much was borrowed against it, and what margin is in use."""

from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal

import polars as pl
from attrs import frozen

from verifill.report.equity import Account, equity, grid, total
from verifill.report.exact import amount
from verifill.report.exposure import exposure, is_free
from verifill.venues.keys import Kind, position_key
from verifill.venues.transfers import leverage_key

_RATIO = Decimal("0.00000001")


@frozen(kw_only=True)
class Drawdown:
    """The greatest fall of equity from a peak.

    Attributes:
        amount: how much it fell, in the quote asset.
        ratio: part of the peak that was lost, 8 decimals; None where no peak is positive.
        peak_ns: when the peak was.
        trough_ns: when it had fallen furthest.
    """

    amount: Decimal
    ratio: Decimal | None
    peak_ns: int
    trough_ns: int


@frozen(kw_only=True)
class Margin:
    """The margin of one account's perpetuals at the end of a run.

    Attributes:
        account: the account.
        asset: the margin asset; all amounts are in it.
        wallet: wallet balance.
        unrealised: profit that is not paid out.
        used: size times price over the leverage that is set; None where none is known.
    """

    account: str
    asset: str
    wallet: Decimal
    unrealised: Decimal
    used: Decimal | None

    @property
    def usage(self) -> Decimal | None:
        """Used margin as part of wallet and unrealised profit, 8 decimals."""
        return None if self.used is None else ratio(self.used, self.wallet + self.unrealised)


@frozen(kw_only=True)
class Risk:
    """What a run risked.

    Attributes:
        quote: the asset that it is counted in.
        drawdown: the greatest one.
        gross: gross exposure at the end, see `Exposure.gross`: the values of all positions
            without their signs (a perpetual's is size times price; what is lent and what is
            borrowed both count), but for free balances of the quote asset.
        leverage: `gross` over equity at the end; None where equity is not positive.
        leverage_max: the greatest it was, at any bar.
        largest: position with the greatest part in `gross`, and its value.
        margins: for each account with open perpetuals.
        left_out: positions that nothing tells the worth of.
    """

    quote: str
    drawdown: Drawdown
    gross: Decimal
    leverage: Decimal | None
    leverage_max: Decimal | None
    largest: tuple[str, Decimal] | None
    margins: tuple[Margin, ...]
    left_out: tuple[str, ...] = ()


def risk(account: Account) -> Risk:
    """The risk of a run, over all bars and at its end."""
    curve = equity(account)
    leverages = _leverages(account, curve["equity_units"][1:])
    held = exposure(account)
    ranked = held.positions.sort(pl.col("value").abs(), descending=True).select("key", "value")
    largest = (row for row in ranked.iter_rows() if not is_free(row[0], account.worth.quote))
    known = [leverage for leverage in leverages.to_list() if leverage is not None]
    last = leverages[-1] if len(leverages) else None
    return Risk(
        quote=account.worth.quote,
        drawdown=_drawdown(curve, account.worth.decimals),
        gross=held.gross,
        leverage=None if last is None else amount(last, 8),
        leverage_max=amount(max(known), 8) if known else None,
        largest=next(largest, None),
        margins=tuple(_margins(account)),
        left_out=tuple(account.left_out),
    )


def ratio(part: Decimal, whole: Decimal) -> Decimal | None:
    """A part of a whole, 8 decimals; None where the whole is not positive."""
    if whole <= 0:
        return None
    return (part / whole).quantize(_RATIO, rounding=ROUND_HALF_EVEN)


def _drawdown(curve: pl.DataFrame, places: int) -> Drawdown:
    units = curve["equity_units"]
    peaks = units.cum_max()
    fall = peaks - units
    trough = fall.arg_max() or 0
    peak = units[: trough + 1].arg_max() or 0
    lost, top = amount(fall[trough], places), amount(units[peak], places)
    return Drawdown(
        amount=lost,
        ratio=ratio(lost, top),
        peak_ns=curve["time_ns"][peak],
        trough_ns=curve["time_ns"][trough],
    )


def _leverages(account: Account, units: pl.Series) -> pl.Series:
    """Gross exposure over equity at each bar, in 1e-8; null where equity is not positive."""
    times = grid(account)
    worth = account.worth
    parts = [
        worth.exposure(key, account.held(key, times)[0], times).abs()
        for key in account.keys
        if not is_free(key, worth.quote)
    ]
    table = pl.DataFrame({"gross": total(parts, len(times)), "equity": units})
    leverage = pl.col("gross").cast(pl.Int128) * 10**8 // pl.col("equity")
    return table.select(pl.when(pl.col("equity") > 0).then(leverage)).to_series()


def _margins(account: Account) -> Iterator[Margin]:
    """One for each account and margin asset with open perpetuals."""
    worth, header = account.worth, account.log.header
    now = pl.Series([account.end_ns], dtype=pl.Int64)
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, told in header["instruments"].items():
        where, symbol = name.split(":", 1)
        key = position_key(where, Kind.PERP, told["base"])
        if key in account.keys and account.held(key, now)[0][0]:
            groups.setdefault((where, told["quote"]), []).append((key, symbol))
    for (where, asset), open_ones in groups.items():
        wallet = _balance(account, position_key(where, Kind.BASE, asset), now)
        places = header["decimals"][asset]
        used: int | None = 0
        unrealised = 0
        for key, symbol in open_ones:
            units, bases = account.held(key, now)
            profit, notional = worth.in_margin(key, units, now, bases)
            unrealised += profit
            leverage = _balance(account, leverage_key(where, symbol), now)
            used = used + abs(notional) // leverage if used is not None and leverage else None
        yield Margin(
            account=where,
            asset=asset,
            wallet=amount(wallet or 0, places),
            unrealised=amount(unrealised, places),
            used=None if used is None else amount(used, places),
        )


def _balance(account: Account, key: str, now: pl.Series) -> int | None:
    """Units of any position, None where it is not tracked."""
    if account.of(key).is_empty():
        return None
    return int(str(account.held(key, now)[0][0]))
