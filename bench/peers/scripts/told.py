"""What a peer's script reads and tells; it needs nothing but what reads Parquet."""

import json
import sys
from pathlib import Path

QUANTITY = 0.01  # bitcoin, of every order
FEE = 0.001  # of the value of an order
AWAY = 0.0001  # of the price: half a spread and slippage, where a peer knows such a thing
CASH = 100_000_000.0  # USDT


def bars():
    """The bars, as a pandas table with a time index and open, high, low, close, volume."""
    import pandas as pd

    return pd.read_parquet(Path(sys.argv[1])).set_index("time")


def tell(orders, position, equity):
    """How many orders were filled, and what was held at the end."""
    print(json.dumps({"orders": int(orders), "position": float(position), "equity": float(equity)}))
