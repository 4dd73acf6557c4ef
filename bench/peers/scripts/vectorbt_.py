"""vectorbt: all orders as one array, at the close; no event, no decision in between."""

import numpy as np
import vectorbt as vbt
from told import AWAY, CASH, FEE, QUANTITY, bars, tell

close = bars()["close"]
size = np.where(np.arange(len(close)) % 2 == 0, QUANTITY, -QUANTITY)
run = vbt.Portfolio.from_orders(close, size=size, fees=FEE, slippage=AWAY, init_cash=CASH)
tell(run.orders.count(), run.assets().iloc[-1], run.final_value())
