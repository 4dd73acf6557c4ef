"""The modes of a run, apart from all that is configured for them, which takes time to load."""

BACKTEST = "backtest"
PAPER = "paper"
LIVE = "live"
MODES = (BACKTEST, PAPER, LIVE)
WHAT_IF = "what-if"  # of a log: a fork of a live or paper run; none is configured so
