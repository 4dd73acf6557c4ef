"""backtrader: a market order a bar, filled at the next open."""

import backtrader as bt
from told import AWAY, CASH, FEE, QUANTITY, bars, tell


class Alternate(bt.Strategy):
    """Buys at one bar and sells at the next."""

    def __init__(self):
        self.filled = 0
        self.side = False

    def next(self):
        self.side = not self.side
        (self.buy if self.side else self.sell)(size=QUANTITY)

    def notify_order(self, order):
        self.filled += order.status == order.Completed


cerebro = bt.Cerebro(stdstats=False)
cerebro.adddata(bt.feeds.PandasData(dataname=bars()))
cerebro.addstrategy(Alternate)
cerebro.broker.setcash(CASH)
cerebro.broker.setcommission(commission=FEE)
cerebro.broker.set_slippage_perc(AWAY)
strategy = cerebro.run()[0]
tell(strategy.filled, strategy.position.size, cerebro.broker.getvalue())
