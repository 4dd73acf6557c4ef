"""`verifill report`: exposure, risk, and profit and loss, as tables."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import polars as pl
from rich.console import RenderableType
from rich.text import Text

from verifill.cli.screen import ending, moment, number, pairs, percent, screen, short, table
from verifill.report import Exposure, ProfitAndLoss, Risk, exposure, profit_and_loss, risk
from verifill.result import RunResult


def report(folder: Path, quote: str, market: Path | None) -> None:
    """Print the reports of a run.

    Raises:
        LogError: there is no log.
        DataError: the market data is not there, or not that of the run.
    """
    result = RunResult(folder, market=market)
    account = result.account(quote, missing="leave out")
    out = screen()
    outcome = result.outcome
    head = [("run", result.run), ("ending", ending(outcome.ending)), ("log", folder)]
    if outcome.reason:
        head.append(("reason", outcome.reason))
    if account.left_out:
        missing = f"{', '.join(account.left_out)}: nothing tells its worth in {account.worth.quote}"
        head.append(("without", missing))
    out.print(pairs("", head))
    out.print()
    for part in (
        *_profit(profit_and_loss(account)),
        *_exposure(exposure(account)),
        *_risk(risk(account)),
    ):
        out.print(part)


def _profit(made: ProfitAndLoss) -> Iterator[RenderableType]:
    rows = [(cause, amount) for cause, amount in made.by_cause.items() if amount]
    rows += [("change", made.change), ("equity at start", made.start), ("equity at end", made.end)]
    yield table("Profit and loss", ("cause", f"in {made.quote}"), rows)


def _exposure(held: Exposure) -> Iterator[RenderableType]:
    title = f"Exposure at {moment(held.time_ns)} UTC"
    columns = ("asset", "at", f"net in {held.quote}", f"gross in {held.quote}")
    yield table(title, columns, _by_venue(held))
    positions = (
        (key, amount, _short(value))
        for key, amount, value in held.positions.select("key", "amount", "value").iter_rows()
    )
    yield table("Positions", ("position", "amount", f"in {held.quote}"), positions)


def _by_venue(held: Exposure) -> Iterator[tuple[object, ...]]:
    """A row for each venue that an asset is at, and one for their sum: it fits any width."""
    value = pl.col("value")
    sums = (value.sum().alias("net"), value.abs().sum().alias("gross"))
    at = held.positions.group_by("asset", "venue").agg(*sums).sort("asset", "venue")
    for asset, net, gross in held.assets.select("asset", "net", "gross").iter_rows():
        venues = at.filter(asset=asset).select("venue", "net", "gross").rows()
        for venue, *values in venues:
            yield asset, venue, *map(_short, values)
        if len(venues) > 1:
            yield asset, "all venues", _short(net), _short(gross)


def _risk(taken: Risk) -> Iterator[RenderableType]:
    fall = taken.drawdown
    rows: list[tuple[str, object]] = [
        ("greatest drawdown", f"{number(fall.amount)} {taken.quote} ({percent(fall.ratio)})"),
        ("from its peak at", f"{moment(fall.peak_ns)} UTC"),
        ("to", f"{moment(fall.trough_ns)} UTC"),
        ("gross exposure at end", f"{number(taken.gross)} {taken.quote}"),
        ("leverage at end", _times(taken.leverage)),
        ("greatest leverage", _times(taken.leverage_max)),
    ]
    if taken.largest:
        key, value = taken.largest
        rows.append(("largest position", f"{key} {number(value)} {taken.quote}"))
    for margin in taken.margins:
        used = "unknown" if margin.used is None else number(margin.used)
        what = f"{used} of {number(margin.wallet + margin.unrealised)} {margin.asset}"
        rows.append((f"margin used at {margin.account}", f"{what} ({percent(margin.usage)})"))
    yield pairs("Risk", rows)
    yield Text(
        "Leverage is gross exposure over equity. Gross exposure is the value of every position, "
        "lent and borrowed ones alike, perpetuals by size times price, but for plain "
        f"balances of {taken.quote}."
    )


def _short(value: Decimal) -> Text:
    return Text(short(value), justify="right")


def _times(leverage: Decimal | None) -> str:
    return "-" if leverage is None else f"{leverage:,.2f} times equity"
