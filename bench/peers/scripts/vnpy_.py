"""vnpy: its CTA backtester; a marketable limit order a bar, filled at the next open."""

from datetime import datetime

from told import AWAY, CASH, FEE, QUANTITY, bars, tell
from vnpy.trader.constant import Exchange, Interval
from vnpy.trader.object import BarData
from vnpy_ctastrategy import CtaTemplate
from vnpy_ctastrategy.backtesting import BacktestingEngine


class Alternate(CtaTemplate):
    """Buys at one bar and sells at the next."""

    side = False

    def on_init(self):
        pass

    def on_bar(self, bar):
        self.side = not self.side
        if self.side:
            self.buy(bar.close_price * 1.1, QUANTITY)
        else:
            self.sell(bar.close_price * 0.9, QUANTITY)


data = bars()
engine = BacktestingEngine()
engine.output = lambda msg: None
engine.set_parameters(
    vt_symbol="BTCUSDT.GLOBAL", interval=Interval.MINUTE, start=datetime(2000, 1, 1),
    end=datetime(2100, 1, 1), rate=FEE, slippage=0, size=1, pricetick=0.01, capital=int(CASH),
)
engine.add_strategy(Alternate, {})
engine.history_data = [
    BarData(
        gateway_name="BACKTESTING", symbol="BTCUSDT", exchange=Exchange.GLOBAL, datetime=time,
        interval=Interval.MINUTE, volume=volume, open_price=opening, high_price=high,
        low_price=low, close_price=close,
    )
    for time, opening, high, low, close, volume in zip(
        data.index.to_pydatetime(), *(data[name].tolist() for name in data), strict=True
    )
]
engine.run_backtesting()
engine.calculate_result()
stats = engine.calculate_statistics(output=False)
tell(engine.trade_count, engine.strategy.pos, stats.get("end_balance", 0))
