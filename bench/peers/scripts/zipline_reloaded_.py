"""zipline-reloaded: minute bars of a calendar that never closes; filled at the next bar's close.

Whole shares, as zipline counts: the price is taken at a hundredth. Its bundle is written to a
folder of its own, and that is a part of the run, as reading the file is for the others.
"""

import os
import tempfile

os.environ["ZIPLINE_ROOT"] = tempfile.mkdtemp(dir=os.environ.get("TMPDIR"))

import pandas as pd
from told import CASH, FEE, QUANTITY, bars, tell
from zipline import run_algorithm
from zipline.api import order, set_commission, set_slippage, symbol
from zipline.data.bundles import ingest, register
from zipline.finance.commission import PerDollar
from zipline.finance.slippage import FixedSlippage

DAY = 1_440  # bars

data = bars()
for column in ("open", "high", "low", "close"):
    data[column] *= QUANTITY
data["volume"] = 1e6
data.index = data.index.tz_convert("UTC")
data = data.iloc[: len(data) // DAY * DAY]
first, last = data.index[0].normalize(), data.index[-1].normalize()


def written(environ, asset_db, minutes, days, adjustments, calendar, start, end, cache, show, out):
    """The bundle: one asset."""
    asset_db.write(equities=pd.DataFrame({
        "symbol": ["BTC"], "asset_name": ["BTC"], "exchange": ["X"],
        "start_date": [first.tz_localize(None)], "end_date": [last.tz_localize(None)],
    }), exchanges=pd.DataFrame({
        "exchange": ["X"], "canonical_name": ["X"], "country_code": ["US"],
    }))
    minutes.write([(0, data)], show_progress=False)
    daily = data.resample("1D").agg(
        {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    )
    days.write([(0, daily.tz_localize(None))], show_progress=False)
    adjustments.write()


register("bars", written, calendar_name="24/7", start_session=first.tz_localize(None),
         end_session=last.tz_localize(None), minutes_per_day=1440)
ingest("bars", show_progress=False)


def initialize(context):
    context.asset, context.side = symbol("BTC"), False
    set_commission(PerDollar(cost=FEE))
    set_slippage(FixedSlippage(spread=0.0))


def handle_data(context, data):
    context.side = not context.side
    order(context.asset, 1 if context.side else -1)


from zipline.utils.calendar_utils import get_calendar

run = run_algorithm(
    start=first.tz_localize(None), end=last.tz_localize(None), initialize=initialize,
    handle_data=handle_data, capital_base=CASH, data_frequency="minute", bundle="bars",
    trading_calendar=get_calendar("24/7"), benchmark_returns=pd.Series(
        0.0, index=pd.date_range(first, last, freq="D")
    ),
)
orders = sum(len(day) for day in run["transactions"])
tell(orders, 0, run["portfolio_value"].iloc[-1])
