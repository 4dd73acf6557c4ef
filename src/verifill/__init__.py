"""Every instruction of a strategy, verified against what its venue really did.

    from verifill import run_backtest

    result = run_backtest("cash_and_carry.toml")
    print(result.outcome.ending, result.outcome.closing)
    print(result.equity(missing="leave out"), "without", result.left_out())

* Run: `run_backtest` takes a configuration and gives a `RunResult`, which reads a log as
  polars frames. `run` takes `Parts`, put together by whoever embeds the engine.
* Decide: a `Strategy` has `decide(market, positions, last)` and returns instructions
  (`SpotTrade`, `Supply` ...) and chains of them (`Chain`).
* Machines: `render(FULL_LOOP, "mermaid")` draws one; one of your own is a `Table` of
  `Row`s, run by an executor.
* Errors: whose fault it is, is the type: `UserDefect`, `VenueDefect`, `EngineDefect`,
  `EnvironmentDefect`; all are a `VerifillError`.

A venue of your own implements `verifill.venues.interfaces.Venue`. Names are imported when
they are first used, so `import verifill` itself costs little.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verifill.backtest import Outcome as Outcome
    from verifill.backtest import Parts as Parts
    from verifill.backtest import run as run
    from verifill.config import Config as Config
    from verifill.config import load_config as load_config
    from verifill.ending import Ending as Ending
    from verifill.engine.compile import Compiled as Compiled
    from verifill.engine.compile import compile_table as compile_table
    from verifill.engine.errors import EngineDefect as EngineDefect
    from verifill.engine.errors import EnvironmentDefect as EnvironmentDefect
    from verifill.engine.errors import UserDefect as UserDefect
    from verifill.engine.errors import VenueDefect as VenueDefect
    from verifill.engine.errors import VerifillError as VerifillError
    from verifill.engine.executor import CompiledExecutor as CompiledExecutor
    from verifill.engine.executor import TransitionsExecutor as TransitionsExecutor
    from verifill.engine.log.reader import Log as Log
    from verifill.engine.log.writer import Writer as Writer
    from verifill.engine.render import render as render
    from verifill.engine.retry import RetryPolicy as RetryPolicy
    from verifill.engine.table import Row as Row
    from verifill.engine.table import Table as Table
    from verifill.engine.table import inside as inside
    from verifill.machines.atomic import ATOMIC as ATOMIC
    from verifill.machines.breaker import BREAKER as BREAKER
    from verifill.machines.feed import FEED as FEED
    from verifill.machines.full_loop import FULL_LOOP as FULL_LOOP
    from verifill.machines.loop import LoopPolicy as LoopPolicy
    from verifill.machines.strategy import Entry as Entry
    from verifill.machines.strategy import Fate as Fate
    from verifill.machines.strategy import Plan as Plan
    from verifill.machines.strategy import PlanReport as PlanReport
    from verifill.machines.strategy import Positions as Positions
    from verifill.machines.strategy import Strategy as Strategy
    from verifill.machines.tight_loop import TIGHT_LOOP as TIGHT_LOOP
    from verifill.machines.trading_state import TRADING_STATE as TRADING_STATE
    from verifill.result import RunResult as RunResult
    from verifill.running import Progress as Progress
    from verifill.running import run_backtest as run_backtest
    from verifill.venues.chains import Atomicity as Atomicity
    from verifill.venues.chains import Chain as Chain
    from verifill.venues.chains import Invariant as Invariant
    from verifill.venues.chains import Step as Step
    from verifill.venues.chains import Undo as Undo
    from verifill.venues.instructions import MAX as MAX
    from verifill.venues.instructions import Approve as Approve
    from verifill.venues.instructions import Borrow as Borrow
    from verifill.venues.instructions import Cancel as Cancel
    from verifill.venues.instructions import Claim as Claim
    from verifill.venues.instructions import ClaimReward as ClaimReward
    from verifill.venues.instructions import FlashBorrow as FlashBorrow
    from verifill.venues.instructions import FlashRepay as FlashRepay
    from verifill.venues.instructions import Instruction as Instruction
    from verifill.venues.instructions import InternalTransfer as InternalTransfer
    from verifill.venues.instructions import Late as Late
    from verifill.venues.instructions import Operation as Operation
    from verifill.venues.instructions import PerpTrade as PerpTrade
    from verifill.venues.instructions import Repay as Repay
    from verifill.venues.instructions import SetEMode as SetEMode
    from verifill.venues.instructions import SetLeverage as SetLeverage
    from verifill.venues.instructions import SetMarginMode as SetMarginMode
    from verifill.venues.instructions import Side as Side
    from verifill.venues.instructions import SpotTrade as SpotTrade
    from verifill.venues.instructions import Stake as Stake
    from verifill.venues.instructions import Supply as Supply
    from verifill.venues.instructions import Swap as Swap
    from verifill.venues.instructions import Transfer as Transfer
    from verifill.venues.instructions import Unstake as Unstake
    from verifill.venues.instructions import Unwrap as Unwrap
    from verifill.venues.instructions import Withdraw as Withdraw
    from verifill.venues.instructions import Wrap as Wrap
    from verifill.venues.keys import Kind as Kind
    from verifill.venues.keys import Scales as Scales
    from verifill.venues.keys import position_key as position_key
    from verifill.venues.margin_mode import MarginMode as MarginMode
    from verifill.venues.market import MarketView as MarketView
    from verifill.venues.time_in_force import TimeInForce as TimeInForce

_MODULES = {
    "backtest": "Outcome Parts run",
    "config": "Config load_config",
    "ending": "Ending",
    "engine.compile": "Compiled compile_table",
    "engine.errors": "EngineDefect EnvironmentDefect UserDefect VenueDefect VerifillError",
    "engine.executor": "CompiledExecutor TransitionsExecutor",
    "engine.log.reader": "Log",
    "engine.log.writer": "Writer",
    "engine.render": "render",
    "engine.retry": "RetryPolicy",
    "engine.table": "Row Table inside",
    "machines.atomic": "ATOMIC",
    "machines.breaker": "BREAKER",
    "machines.feed": "FEED",
    "machines.full_loop": "FULL_LOOP",
    "machines.loop": "LoopPolicy",
    "machines.strategy": "Entry Fate Plan PlanReport Positions Strategy",
    "machines.tight_loop": "TIGHT_LOOP",
    "machines.trading_state": "TRADING_STATE",
    "result": "RunResult",
    "running": "Progress run_backtest",
    "venues.chains": "Atomicity Chain Invariant Step Undo",
    "venues.instructions": (
        "MAX Approve Borrow Cancel Claim ClaimReward FlashBorrow FlashRepay Instruction "
        "InternalTransfer Late Operation PerpTrade Repay SetEMode SetLeverage SetMarginMode "
        "Side SpotTrade Stake Supply Swap Transfer Unstake Unwrap Withdraw Wrap"
    ),
    "venues.keys": "Kind Scales position_key",
    "venues.margin_mode": "MarginMode",
    "venues.market": "MarketView",
    "venues.time_in_force": "TimeInForce",
}
_HOME = {name: module for module, names in _MODULES.items() for name in names.split()}

__all__ = [
    "ATOMIC",
    "BREAKER",
    "FEED",
    "FULL_LOOP",
    "MAX",
    "TIGHT_LOOP",
    "TRADING_STATE",
    "Approve",
    "Atomicity",
    "Borrow",
    "Cancel",
    "Chain",
    "Claim",
    "ClaimReward",
    "Compiled",
    "CompiledExecutor",
    "Config",
    "Ending",
    "EngineDefect",
    "Entry",
    "EnvironmentDefect",
    "Fate",
    "FlashBorrow",
    "FlashRepay",
    "Instruction",
    "InternalTransfer",
    "Invariant",
    "Kind",
    "Late",
    "Log",
    "LoopPolicy",
    "MarginMode",
    "MarketView",
    "Operation",
    "Outcome",
    "Parts",
    "PerpTrade",
    "Plan",
    "PlanReport",
    "Positions",
    "Progress",
    "Repay",
    "RetryPolicy",
    "Row",
    "RunResult",
    "Scales",
    "SetEMode",
    "SetLeverage",
    "SetMarginMode",
    "Side",
    "SpotTrade",
    "Stake",
    "Step",
    "Strategy",
    "Supply",
    "Swap",
    "Table",
    "TimeInForce",
    "Transfer",
    "TransitionsExecutor",
    "Undo",
    "Unstake",
    "Unwrap",
    "UserDefect",
    "VenueDefect",
    "VerifillError",
    "Withdraw",
    "Wrap",
    "Writer",
    "compile_table",
    "inside",
    "load_config",
    "position_key",
    "render",
    "run",
    "run_backtest",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Import a public name when it is first used."""
    if name == "__version__":
        return import_module("importlib.metadata").version("verifill")
    if name not in _HOME:
        msg = f"module 'verifill' has no attribute {name!r}; see verifill.__all__"
        raise AttributeError(msg)
    value = getattr(import_module(f"verifill.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return list(__all__)
