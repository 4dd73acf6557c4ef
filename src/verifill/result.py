"""The result of a run, read from its log: every record as a polars frame.

Amounts come twice: as `NAME`, an exact `Decimal(38, s)` where s is the greatest number of
decimals of any asset of the run, and as `NAME_units`, the 128-bit integer that the log holds,
in units of its own asset. An amount that does not fit the Decimal is an error when the frame
is collected, never a rounded number. Prices likewise, in `price` and `price_ticks`. Times come
as `time_ns` and as `time`, a UTC datetime of nanoseconds.

Rehearsals of transactions moved nothing: their fills, moves and readings are left out here,
and are in `log.stream(...)`.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
from attrs import frozen

from verifill.ending import Ending
from verifill.engine.amounts import to_decimal
from verifill.engine.errors import ConfigError, DataError
from verifill.engine.log.durable_reader import open_log
from verifill.header import is_recorded
from verifill.machines.tight_loop import TightEvent
from verifill.report.book import fills, ledger, moves, rehearsals
from verifill.report.equity import Account, Ends, ends, equity
from verifill.report.exposure import Exposure, exposure
from verifill.report.market import MarketData, PreparedMarket
from verifill.report.pnl import ProfitAndLoss, profit_and_loss
from verifill.report.recorded import RecordedMarket
from verifill.report.risk import Risk, risk
from verifill.report.worth import Missing, Worth
from verifill.venues.keys import asset_of
from verifill.venues.orders import Cause, Outcome

MARKET = Path("market") / "history"

_WHOLE = pl.Decimal(38, 0)


@frozen(kw_only=True)
class Ended:
    """How a run ended.

    Attributes:
        ending: how; None if it was killed, so that its log has no last line.
        reason: why it ended early; empty if it did not.
        state: leaf state that its machine rests in.
        ticks: how many there were.
        closing: position key -> verified amount.
    """

    ending: Ending | None
    reason: str
    state: str
    ticks: int
    closing: Mapping[str, Decimal]


class RunResult:
    """What a run did, read from its log.

    Args:
        folder: the log.
        market: the prepared market data of a backtest, by default `market/history` in the log;
            a live log holds its own prices.

    Raises:
        LogError: the folder holds no log.
        ConfigError: market data is given for a live log.

    Attributes:
        log: the log itself, with every stream as it was written.
        header: what ran.
        market: where the market data is looked for.
    """

    def __init__(self, folder: Path | str, *, market: Path | str | None = None) -> None:
        self.log = open_log(folder)
        self.header: Mapping[str, Any] = self.log.header
        self.market = Path(folder) / MARKET if market is None else Path(market)
        if market is not None and is_recorded(self.header):
            msg = f"{folder} is a {self.header['mode']} log, which holds its own prices; no other "
            msg += "market data is needed"
            raise ConfigError(msg)

    @property
    def run(self) -> str:
        """The name of the run; equal runs have equal names."""
        return str(self.header["run"])

    @cached_property
    def outcome(self) -> Ended:
        """How the run ended, and with which positions.

        Of a run that was killed, what its log has up to its last chunk.
        """
        end = self.log.end
        if end is None:
            return self._cut_off()
        closing = {key: self._amount(key, int(units)) for key, units in end["closing"].items()}
        return Ended(
            ending=Ending(end["ending"]),
            reason=end["reason"],
            state=end["state"],
            ticks=end["ticks"],
            closing=closing,
        )

    @property
    def counts(self) -> Mapping[str, int]:
        """How many ticks, transitions and instructions there were, and rows of every stream."""
        return {
            **self.log.rows,
            "ticks": self.outcome.ticks,
            "transitions": self.log.last_seq,
        }

    @property
    def span_ns(self) -> tuple[int, int]:
        """Times of the first and the last transition; zeros if there is none."""
        time = pl.col("time_ns")
        span = self.log.stream("paths").select(time.min(), last=time.max()).collect().row(0)
        return span[0] or 0, span[1] or 0

    @property
    def fees(self) -> Mapping[str, Decimal]:
        """Asset -> what was paid in fees and gas."""
        paid = fills(self.log).group_by("fee_asset").agg(pl.col("fee").sum()).collect()
        gas = moves(self.log).filter(cause=Cause.GAS.value)
        spent = gas.select(pl.col("key").cast(pl.String), "amount").collect()
        units: dict[str, int] = dict(paid.filter(pl.col("fee") != 0).iter_rows())
        for key, amount in spent.iter_rows():
            units[asset_of(key)] = units.get(asset_of(key), 0) - amount
        return {asset: self._amount(asset, units[asset]) for asset in sorted(units)}

    # The records.

    @property
    def transitions(self) -> pl.LazyFrame:
        """Every transition: the columns of docs/reference/log.md, and `time`.

        Quantities and prices stand in units and ticks of what the instruction is about.
        """
        return self.log.records().with_columns(_time("wall_ns"))

    def last_transitions(
        self, count: int, *, kinds: Sequence[str] = (), instruction: int | None = None
    ) -> pl.LazyFrame:
        """The last transitions, in order.

        Args:
            count: how many.
            kinds: of these kinds only; all if there is none.
            instruction: of this instruction only.
        """
        paths = self.log.stream("paths")
        if instruction is not None:
            paths = paths.filter(instruction=instruction)
        if not kinds:
            paths = paths.tail(count)  # every path has at least one transition
        rows = self.log.records(paths).with_columns(_time("wall_ns"))
        return (rows.filter(pl.col("kind").is_in(kinds)) if kinds else rows).tail(count)

    @property
    def instructions(self) -> pl.LazyFrame:
        """What was asked for. `asset` is what `quantity` counts; MAX has no quantity."""
        frame = self._when(self.log.stream("instructions")).with_columns(
            asset=_named("account", "subject", self._bases, pl.col("subject").cast(pl.String)),
            quantity_units=pl.col("quantity"),
            limit_ticks=pl.col("limit"),
        )
        amount = self._amounts("quantity_units", "asset")
        return frame.with_columns(
            quantity=pl.when(pl.col("quantity_units") >= 0).then(amount)
        ).drop("limit")

    @property
    def fills(self) -> pl.LazyFrame:
        """Every trade, with the side and the instrument that were asked for."""
        frame = self._when(fills(self.log)).with_columns(
            pl.col("quantity").alias("quantity_units"),
            pl.col("price").alias("price_ticks"),
            pl.col("fee").alias("fee_units"),
            pl.col("realised").alias("realised_units"),
        )
        return frame.with_columns(
            quantity=self._amounts("quantity_units", "base"),
            price=self._prices("price_ticks", "data"),
            fee=self._amounts("fee_units", "fee_asset"),
            realised=self._amounts("realised_units", "quote"),
        ).drop("data")

    @property
    def moves(self) -> pl.LazyFrame:
        """Every transfer that an instruction caused, gas included."""
        return self._keyed(self._when(moves(self.log)), "amount")

    @property
    def positions(self) -> pl.LazyFrame:
        """Every position that changed in a reading, with the least and greatest expected."""
        frame = self._real(self.log.stream("positions")).rename({"as_of_ns": "time_ns"})
        return self._keyed(frame.with_columns(_time("time_ns")), "total", "low", "high")

    @property
    def ledger(self) -> pl.LazyFrame:
        """Ledger rows of the venues that no instruction caused: funding, liquidation."""
        return self._keyed(ledger(self.log).with_columns(_time("time_ns")), "amount")

    @property
    def receipts(self) -> pl.LazyFrame:
        """What the venues said of every order that was looked at.

        The log leaves out those that were EXECUTED at once; here they are. A receipt stands with
        the look that it was judged by, or, in a live log, with the verdict after it.
        """
        texts = pl.col("outcome").cast(pl.String)
        told = self.log.stream("receipts").select(
            "instruction", texts, "effect_ns", "reason", said=pl.col("seq")
        )
        seen = (
            self.log.records()
            .filter(pl.col("event") == TightEvent.OBSERVED)
            .select("seq", pl.col("instance").alias("instruction"), time_ns="wall_ns")
            .with_columns(again=pl.col("seq").shift(-1).over("instruction"))
        )
        its_own = pl.col("again").is_null() | (pl.col("said") < pl.col("again"))
        names = ("outcome", "effect_ns", "reason")
        return (
            self._real(seen)
            .sort("seq")
            .join_asof(
                told.sort("said"),
                left_on="seq",
                right_on="said",
                by="instruction",
                strategy="forward",
                check_sortedness=False,
            )
            .with_columns(pl.when(its_own).then(pl.col(name)).alias(name) for name in names)
            .drop("again", "said")
            .with_columns(
                pl.col("outcome").fill_null(Outcome.EXECUTED.value),
                pl.col("effect_ns").fill_null(pl.col("time_ns")),
                pl.col("reason").fill_null(""),
                _time("time_ns"),
            )
        )

    @property
    def notes(self) -> pl.LazyFrame:
        """What people need to know: refusals, failures, other verdicts than a plain match."""
        return self._when(self.log.stream("notes"))

    # The reports.

    def account(self, quote: str = "", *, missing: Missing = "error") -> Account:
        """The positions of the run and what they are worth; the reports are made of it.

        Args:
            quote: the asset to count in; by default the one that the log names.
            missing: whether a position that nothing tells the worth of is an error, or
                left out and named in the report.

        Raises:
            DataError: the market data is not there, not that of the run, or lacks a price.
            ConfigError: the run knows no such quote asset.
            LogError: the run was killed before anything of it was on disk.
        """
        return Account(self.log, Worth(self.header, self._market_data(), quote), missing)

    def ends(self, quote: str = "", *, missing: Missing = "error") -> Ends:
        """Equity at the start and at the end, without the way between; see `account`."""
        return ends(self.log, Worth(self.header, self._market_data(), quote), missing)

    def equity(self, quote: str = "", *, missing: Missing = "error") -> pl.DataFrame:
        """Equity at the opening, at every bar and at the end; see `account`."""
        return equity(self.account(quote, missing=missing))

    def left_out(self, quote: str = "") -> Sequence[str]:
        """The positions that `missing="leave out"` leaves out: nothing tells their worth."""
        return tuple(self.account(quote, missing="leave out").left_out)

    def exposure(self, quote: str = "", *, missing: Missing = "error") -> Exposure:
        """What the run is exposed to at its end; see `account`."""
        return exposure(self.account(quote, missing=missing))

    def risk(self, quote: str = "", *, missing: Missing = "error") -> Risk:
        """What the run risked; see `account`."""
        return risk(self.account(quote, missing=missing))

    def profit_and_loss(self, quote: str = "", *, missing: Missing = "error") -> ProfitAndLoss:
        """The change of equity by cause and by position; see `account`."""
        return profit_and_loss(self.account(quote, missing=missing))

    # What the frames are made of.

    def _market_data(self) -> MarketData:
        if is_recorded(self.header):
            return RecordedMarket(self.log)
        if self.market == self.log.folder / MARKET and not self.market.exists():
            msg = (
                f"the run kept no market data beside its log (in {self.market}), so its "
                "positions cannot be valued; its transitions, fills and positions can still be "
                "read, with `verifill log show` and `verifill log export`, and --market names "
                "its market data if that is elsewhere"
            )
            raise DataError(msg)
        return PreparedMarket(self.market, self.header["data_digest"])

    @property
    def _decimals(self) -> Mapping[str, int]:
        decimals: Mapping[str, int] = self.header["decimals"]
        return decimals

    @property
    def _bases(self) -> Mapping[str, str]:
        return {name: told["base"] for name, told in self.header["instruments"].items()}

    def _amount(self, key: str, units: int) -> Decimal:
        return to_decimal(units, self._decimals.get(asset_of(key), 0))

    def _cut_off(self) -> Ended:
        last = self.log.stream("paths").select(pl.col("tick").max()).collect().item()
        positions = self._real(self.log.stream("positions")).group_by("key").last().collect()
        rows = positions.select(pl.col("key").cast(pl.String), "total").sort("key").iter_rows()
        state, reason = "", "the log has no last line: the run was killed, or is still running"
        if is_recorded(self.header):
            state = self._rests
            where = state or "no state"
            reason = f"a live run has none: it stands in {where}, and can be gone on with"
        return Ended(
            ending=None,
            reason=reason,
            state=state,
            ticks=last or 0,
            closing={key: self._amount(key, units) for key, units in rows},
        )

    @property
    def _rests(self) -> str:
        """The leaf state of the last transition."""
        tables = list(self.header["nesting"]["instances"])
        moved = self.log.records().filter(pl.col("machine").is_in(tables)).select("to")
        last = moved.drop_nulls().tail(1).collect()
        return str(last.item()) if last.height else ""

    def _real(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame.join(rehearsals(self.log), on="instruction", how="anti", maintain_order="left")

    def _when(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """With the time and the tick of the transition that each row belongs to."""
        moments = self.log.stream("paths").select("seq", "time_ns", "tick")
        return frame.join_asof(moments, on="seq").with_columns(_time("time_ns"))

    def _keyed(self, frame: pl.LazyFrame, *columns: str) -> pl.LazyFrame:
        """Amounts of positions as decimals, each by the asset of its key."""
        keys = [code for code in self.log.codes if ":" in code]
        places = {key: self._decimals.get(asset_of(key), 0) for key in keys}
        return frame.with_columns(
            pl.col("key").cast(pl.String),
            *(pl.col(column).alias(f"{column}_units") for column in columns),
        ).with_columns(
            _scaled(f"{column}_units", "key", places, self._widest).alias(column)
            for column in columns
        )

    @property
    def _widest(self) -> int:
        return max(self._decimals.values(), default=0)

    def _amounts(self, units: str, asset: str) -> pl.Expr:
        return _scaled(units, asset, self._decimals, self._widest)

    def _prices(self, ticks: str, data: str) -> pl.Expr:
        places: Mapping[str, int] = self.header["price_decimals"]
        return _scaled(ticks, data, places, max(places.values(), default=0))


def _time(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Datetime("ns", "UTC")).alias("time")


def _named(account: str, subject: str, names: Mapping[str, str], otherwise: pl.Expr) -> pl.Expr:
    instrument = pl.concat_str(account, pl.lit(":"), subject)
    old, new = list(names), list(names.values())
    return pl.coalesce(
        instrument.replace_strict(old, new, default=None, return_dtype=pl.String), otherwise
    )


def _scaled(units: str, name: str, places: Mapping[str, int], widest: int) -> pl.Expr:
    """Units as a Decimal, each by the decimals of what it counts; checked, never wrapped."""
    factors = [Decimal(10 ** (widest - decimals)) for decimals in places.values()]
    factor = pl.col(name).replace_strict(
        list(places), factors, default=Decimal(10**widest), return_dtype=_WHOLE
    )
    whole = pl.col(units).cast(_WHOLE) * factor
    return whole.reinterpret(dtype=pl.Int128).reinterpret(dtype=pl.Decimal(38, widest))
