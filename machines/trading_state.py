"""The trading state of an account, a strategy or the whole engine: how far it may act.

    ACTIVE -> REDUCING -> HALTED, and back one step at a time

Law: REDUCING lets through what takes risk away, HALTED only what takes an order back. Both
are left by an operator, by way of REDUCING: whoever resumes from HALTED sees what reducing
does before anything is opened again, and a reason to reduce that came while HALTED is not lost.
"""

from enum import StrEnum

from verifill.engine.table import Row, Table


class TradingState(StrEnum):
    """How far trading may go, from all to nothing."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class TradingEvent(StrEnum):
    """What narrows trading, and what widens it again."""

    REDUCE = "reduce"
    HALT = "halt"
    RESUME = "resume"


# fmt: off
TRADING_STATE: Table[TradingState, TradingEvent] = Table(
    "trading_state", TradingState, TradingEvent,
    initial=TradingState.ACTIVE,
    rows=(
        #   in                     upon                 go to
        Row(TradingState.ACTIVE,   TradingEvent.REDUCE, TradingState.REDUCING, why="a mismatch after the last attempt, a limit of risk, an operator"),
        Row(TradingState.ACTIVE,   TradingEvent.HALT,   TradingState.HALTED,   why="killed by an operator"),

        Row(TradingState.REDUCING, TradingEvent.HALT,   TradingState.HALTED),
        Row(TradingState.REDUCING, TradingEvent.RESUME, TradingState.ACTIVE,   why="an operator"),

        Row(TradingState.HALTED,   TradingEvent.RESUME, TradingState.REDUCING, why="an operator; a second resume makes it ACTIVE"),
    ),
    ignored=(
        (TradingState.REDUCING, TradingEvent.REDUCE),
        (TradingState.HALTED, TradingEvent.REDUCE),
        (TradingState.HALTED, TradingEvent.HALT),
    ),
)
# fmt: on
