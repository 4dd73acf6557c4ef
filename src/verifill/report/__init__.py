"""Reports on a run: equity, exposure, risk, profit and loss.

They read the log and the market data of a run, and nothing reads them: no part of the
execution knows that they exist.
"""

from verifill.report.equity import equity
from verifill.report.exposure import Exposure, exposure
from verifill.report.pnl import ProfitAndLoss, profit_and_loss
from verifill.report.risk import Risk, risk
from verifill.report.worth import Missing, Worth

__all__ = [
    "Exposure",
    "Missing",
    "ProfitAndLoss",
    "Risk",
    "Worth",
    "equity",
    "exposure",
    "profit_and_loss",
    "risk",
]
