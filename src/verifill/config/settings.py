"""The settings of a run: every section of the file and what it may hold."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from attrs import field, frozen

from verifill.config.breakers import BreakersConfig, FeedsConfig
from verifill.config.ccxt import CcxtConfig
from verifill.config.chains import ChainConfig
from verifill.config.environments import EnvironmentConfig
from verifill.config.exchanges import YEAR_S, ExchangeConfig, nothing
from verifill.config.loopback import LoopbackConfig
from verifill.config.retries import ModesConfig, RetriesConfig
from verifill.config.rules import RATE, Above, All, Each, Name, NoSecret, OneOf, Some, Within
from verifill.modes import BACKTEST, LIVE, PAPER

DECIMALS_MAX = 36
BAR_DECIMALS_MAX = 18


@frozen(kw_only=True)
class LoopConfig:
    """The full loop.

    Attributes:
        interval_s: Least time between two ticks, in seconds of the data; on sparser data every
            row is a tick.
        remainders: How many further instructions one that was filled in part may have.
        fail_fast: Whether the first failure ends the run; in a backtest it does unless this
            says otherwise.
    """

    interval_s: int = field(default=60, validator=Within(1, YEAR_S))
    remainders: int = field(default=10, validator=Within(0, 1000))
    fail_fast: bool | None = None


@frozen(kw_only=True)
class StrategyConfig:
    """The strategy, and where it may send instructions.

    Attributes:
        source: `file.py` with one strategy in it, `file.py:Class`, or `module:Class`.
        options: Keyword arguments of the class.
        venues: The venues it subscribes to: an instruction to another is denied; all if left out.
        retry: Where this strategy's retries differ from those of the mode.
    """

    source: str = field(validator=Some())
    options: Mapping[str, Any] = field(factory=nothing, validator=NoSecret())
    venues: tuple[str, ...] | None = field(default=None, validator=Some())
    retry: RetriesConfig = field(factory=RetriesConfig)


@frozen(kw_only=True)
class BarsConfig:
    """One file of bars of one instrument, CSV or Parquet.

    Attributes:
        instrument: What it is called: `account:symbol` of the instrument that trades on it.
        file: The file; with the columns timestamp, open, high, low, close, volume.
        price_decimals: Decimals of its prices; as many as they need if left out.
        volume_decimals: Decimals of its volumes.
        interval_s: Seconds from one bar to the next; as most of the file has if left out.
        stamp: Whether a time stamp is when its bar opened or closed.
        columns: What the file calls a column, by our name: `{ timestamp = "time" }`.
    """

    instrument: str = field(validator=Some())
    file: Path
    price_decimals: int | None = field(default=None, validator=Within(0, BAR_DECIMALS_MAX))
    volume_decimals: int = field(default=8, validator=Within(0, BAR_DECIMALS_MAX))
    interval_s: int | None = field(default=None, validator=Within(1, YEAR_S))
    stamp: Literal["open", "close"] = "open"
    columns: Mapping[str, str] = field(factory=nothing)


@frozen(kw_only=True)
class SeriesConfig:
    """One file of a series that stands until its next value, CSV or Parquet.

    Attributes:
        name: `funding:ACCOUNT:SYMBOL` is paid by that perpetual, `mark:BARS` is what it is paid
            on; others are named by a chain or read by a strategy.
        file: The file.
        time: The column of the time stamps.
        value: The column of the values, of at most 18 decimals.
    """

    name: str = field(validator=Some())
    file: Path
    time: str = "timestamp"
    value: str = "value"


@frozen(kw_only=True)
class DataConfig:
    """The history that a backtest runs on.

    Attributes:
        gaps: What to do where an instrument lacks a bar that another has: `error`, `skip` the
            time, or `carry` the last close forward with no volume.
        bars: The files of bars.
        series: The files of series.
        constants: Series that never change, by name.
    """

    gaps: Literal["error", "skip", "carry"] = "error"
    bars: tuple[BarsConfig, ...] = field(validator=Some())
    series: tuple[SeriesConfig, ...] = ()
    constants: Mapping[str, Decimal] = field(factory=nothing)


@frozen(kw_only=True)
class RouteConfig:
    """What may be transferred to one account from another venue.

    Attributes:
        assets: The assets.
        delay_s: Seconds from a transfer on a chain to its credit. A withdrawal from an exchange
            takes that exchange's `withdrawal_s` instead.
    """

    assets: tuple[str, ...] = field(validator=All(Some(), Each(Name())))
    delay_s: int = field(default=0, validator=Within(0, YEAR_S))


@frozen(kw_only=True)
class ToleranceConfig:
    """Differences between balance and ledger that are accepted at one position.

    Attributes:
        absolute: An amount.
        relative: A part of the expected change, never of the position.
        accrual: Yearly rate by which the position may grow, or shrink if it is negative.
        budget: The amount a day that all of it together may reach; nothing is accepted without.
    """

    absolute: Decimal = field(default=Decimal(0), validator=Within(0))
    relative: Decimal = field(default=Decimal(0), validator=RATE)
    accrual: Decimal = field(default=Decimal(0), validator=Within(-1, 1, decimals=8))
    budget: Decimal = field(default=Decimal(0), validator=Within(0))


@frozen(kw_only=True)
class Settings:
    """What stands in the file, and may be overridden by the environment.

    Attributes:
        mode: What kind of run.
        quote: The asset that reports count in; that of the first instrument if left out.
        seed: Where chance begins, in everything that is random.
        log: The folder of the log; `runs/NAME-OF-THE-FILE` if left out. The digest of the
            configuration leaves it out.
        anchor: The file that keeps the progress of a live log elsewhere, best on another disk; one
            in the user's folder for state if left out. The digest leaves it out, too.
        environment: The environment whose endpoints a live run uses, one of `environments`. The
            digest of the configuration leaves both out.
        loop: How the loop runs.
        retry: How often to try, by mode.
        breakers: When a breaker opens and trading is narrowed; not in a backtest.
        feeds: When market data is stale; not in a backtest.
        strategy: What decides.
        data: The history.
        assets: Decimals by asset.
        exchanges: The exchanges, by name.
        chains: The chains, by name.
        routes: Between venues, by the account of destination.
        opening: Positions at the start, by position key; everything else is zero. Positions in a
            lending market are in shares.
        entry_prices: Of perpetuals that are open at the start, by position key.
        tolerances: Differences that are accepted, by position key; none if left out.
        environments: Where venues are reached, by the name of an environment.
        ccxt: Exchanges that live mode connects to for real, by the name of the venue. The digest
            of the configuration leaves it out.
        loopback: The venues as a server of their own. The digest of the configuration leaves it
            out.
    """

    mode: str = field(default=BACKTEST, validator=OneOf((BACKTEST, PAPER, LIVE)))
    quote: str = ""
    seed: int = field(default=0, validator=Within(0))
    log: Path | None = None
    anchor: Path | None = None
    environment: str = ""
    loop: LoopConfig = LoopConfig()
    retry: ModesConfig = field(factory=ModesConfig)
    breakers: BreakersConfig = field(factory=BreakersConfig)
    feeds: FeedsConfig = field(factory=FeedsConfig)
    strategy: StrategyConfig
    data: DataConfig
    assets: Mapping[str, int] = field(
        validator=All(Some(), Each(Within(0, DECIMALS_MAX), key=Name()))
    )
    exchanges: Mapping[str, ExchangeConfig] = field(factory=nothing, validator=Each(key=Name()))
    chains: Mapping[str, ChainConfig] = field(factory=nothing, validator=Each(key=Name()))
    routes: Mapping[str, RouteConfig] = field(factory=nothing)
    opening: Mapping[str, Decimal] = field(factory=nothing)
    entry_prices: Mapping[str, Decimal] = field(factory=nothing, validator=Each(Above(0)))
    tolerances: Mapping[str, ToleranceConfig] = field(factory=nothing)
    environments: Mapping[str, EnvironmentConfig] = field(
        factory=nothing, validator=Each(key=Name())
    )
    ccxt: Mapping[str, CcxtConfig] = field(factory=nothing, validator=Each(key=Name()))
    loopback: LoopbackConfig = field(factory=LoopbackConfig)
