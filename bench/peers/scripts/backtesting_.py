"""backtesting.py: a market order a bar, filled at its close; whole units, so a hundredth is one."""

from backtesting import Backtest, Strategy
from told import AWAY, CASH, FEE, QUANTITY, bars, tell


class Alternate(Strategy):
    """Buys at one bar and sells at the next."""

    def init(self):
        self.side = False

    def next(self):
        self.side = not self.side
        (self.buy if self.side else self.sell)(size=1)


data = bars().rename(columns=str.capitalize)
for column in ("Open", "High", "Low", "Close"):
    data[column] *= QUANTITY
run = Backtest(data, Alternate, cash=CASH, commission=FEE, spread=AWAY, trade_on_close=True)
stats = run.run()
# a trade is opened by one order and closed by the next
orders = 2 * stats["# Trades"]
tell(orders, 0.0, stats["Equity Final [$]"])
