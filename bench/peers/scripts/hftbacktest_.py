"""hftbacktest: a market order a bar, against a book whose top is set by the bar; compiled by numba."""

import numpy as np
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    GTC,
    LOCAL_EVENT,
    MARKET,
    SELL_EVENT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    event_dtype,
)
from numba import njit
from told import AWAY, CASH, FEE, QUANTITY, bars, tell

TICK = 0.01
MINUTE_NS = 60_000_000_000


def book(data):
    """Of each bar: the old top is taken away, and a new one of a thousand set at its close."""
    times = data.index.as_unit("ns").asi8
    bid = np.floor(data["close"].to_numpy() * (1 - AWAY) / TICK) * TICK
    ask = np.ceil(data["close"].to_numpy() * (1 + AWAY) / TICK) * TICK
    events = np.zeros(4 * len(data), event_dtype)
    flags = np.uint64(DEPTH_EVENT | EXCH_EVENT | LOCAL_EVENT)
    parts = (
        (BUY_EVENT, np.roll(bid, 1), 0.0),
        (SELL_EVENT, np.roll(ask, 1), 0.0),
        (BUY_EVENT, bid, 1_000.0),
        (SELL_EVENT, ask, 1_000.0),
    )
    for at, (side, price, quantity) in enumerate(parts):
        own = events[at::4]
        own["ev"], own["px"], own["qty"] = flags | np.uint64(side), price, quantity
        own["exch_ts"] = own["local_ts"] = times
    return np.ascontiguousarray(events[2:])


@njit
def alternate(hbt, quantity):
    """Buys after one bar and sells after the next."""
    number = 0
    while hbt.elapse(MINUTE_NS) == 0:
        hbt.clear_inactive_orders(0)
        number += 1
        if number % 2:
            hbt.submit_buy_order(0, number, 0.0, quantity, GTC, MARKET, True)
        else:
            hbt.submit_sell_order(0, number, 0.0, quantity, GTC, MARKET, True)
    return number


data = bars()
events = book(data)  # read where it lies: it must outlast the run
asset = (
    BacktestAsset()
    .data(events)
    .linear_asset(1.0)
    .constant_order_latency(0, 0)
    .risk_adverse_queue_model()
    .no_partial_fill_exchange()
    .trading_value_fee_model(FEE, FEE)
    .tick_size(TICK)
    .lot_size(QUANTITY)
)
hbt = HashMapMarketDepthBacktest([asset])
alternate(hbt, QUANTITY)
state = hbt.state_values(0)
equity = CASH + state.balance - state.fee + state.position * float(data["close"].iloc[-1])
tell(state.num_trades, state.position, equity)
