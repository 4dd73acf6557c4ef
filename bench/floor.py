"""The floor: the same work as plain loops over integers, with no machine and no check.

What a person would write who needs these trades and nothing else: buy, sell, buy, at the
close of every bar, with the same fill prices, fees, roundings and final positions as the
engine. `trade` keeps no log. `trade_logged` writes as many rows of the same columns as
the engine's log has; where the engine says which totals it expected, the loop, which
expects nothing, repeats the total.

    python -m bench.floor HISTORY [LOG]
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from bench.meter import Meter, tell

INSTRUMENT = "binance.spot:BTC/USDT"
BITCOIN, TETHER = "binance.spot:BaseToken:BTC", "binance.spot:BaseToken:USDT"
OPENING_BITCOIN, OPENING_TETHER = 0, 10**16  # units of 8 decimals

QUANTITY = 1_000_000  # 0.01 BTC
ONE = 10**8
AWAY = 10_000  # half the spread and the slippage: 0.0001 of the price
FEE = 100_000  # 0.001 of the value, paid in USDT
SCALE = 100  # a price in cents times a quantity of 8 decimals, to USDT of 8 decimals

CHUNK = 2**16  # instructions
TRANSITIONS = 7  # of a tick with one instruction
PATHS = ("seq", "path", "time_ns", "tick", "chain", "instruction", "attempt")
INSTRUCTIONS = (
    "seq", "instruction", "parent", "role", "op", "account", "subject", "side", "name",
    "quantity", "limit", "detail",
)  # fmt: skip
FILLS = ("seq", "instruction", "ref", "quantity", "price", "fee", "fee_asset", "realised")
POSITIONS = ("seq", "instruction", "as_of_ns", "key", "total", "low", "high")


def trade(closes: Sequence[int]) -> tuple[int, int]:
    """Bitcoin and tether after one trade a bar."""
    bitcoin, tether = OPENING_BITCOIN, OPENING_TETHER
    buy = True
    for close in closes:
        if buy:
            price = -(-close * (ONE + AWAY) // ONE)
            value = QUANTITY * price
            bitcoin += QUANTITY
            tether -= -(-value // SCALE)
        else:
            price = close * (ONE - AWAY) // ONE
            value = QUANTITY * price
            bitcoin -= QUANTITY
            tether += value // SCALE
        tether -= -(-value * FEE // (ONE * SCALE))
        buy = not buy
    return bitcoin, tether


def trade_logged(times: Sequence[int], closes: Sequence[int], folder: Path) -> tuple[int, int]:
    """Likewise, with a log of the same rows: paths, instructions, fills, positions."""
    bitcoin, tether = OPENING_BITCOIN, OPENING_TETHER
    paths: list[int] = []
    instructions: list[int | str] = []
    fills: list[int | str] = []
    positions = [1, 0, 0, 0, bitcoin, bitcoin, bitcoin, 1, 0, 0, 1, tether, tether, tether]
    columns = (
        (PATHS, "paths", paths),
        (INSTRUCTIONS, "instructions", instructions),
        (FILLS, "fills", fills),
        (POSITIONS, "positions", positions),
    )
    buy, seq, chunk = True, 3, 0
    for number, (time_ns, close) in enumerate(zip(times, closes, strict=True), 1):
        if buy:
            price = -(-close * (ONE + AWAY) // ONE)
            value = QUANTITY * price
            bitcoin += QUANTITY
            tether -= -(-value // SCALE)
        else:
            price = close * (ONE - AWAY) // ONE
            value = QUANTITY * price
            bitcoin -= QUANTITY
            tether += value // SCALE
        fee = -(-value * FEE // (ONE * SCALE))
        tether -= fee
        paths += (seq, 1, time_ns, number, 0, number, 1)
        instructions += (seq, number, 0, 1, 2, 3, 4, 5 if buy else 6, 7, QUANTITY, 0, "")
        fills += (seq, number, f"binance.spot-{number}", QUANTITY, price, fee, 8, 0)
        positions += (seq, number, time_ns, 0, bitcoin, bitcoin, bitcoin)
        positions += (seq, number, time_ns, 1, tether, tether, tether)
        seq += TRANSITIONS
        buy = not buy
        if number % CHUNK == 0 or number == len(times):
            chunk += 1
            for names, stream, values in columns:
                _write(folder / f"{chunk:06d}.{stream}.parquet", names, values)
                values.clear()
    return bitcoin, tether


def _write(path: Path, names: Sequence[str], values: Sequence[int | str]) -> None:
    width = len(names)
    frame = pl.DataFrame([pl.Series(name, values[at::width]) for at, name in enumerate(names)])
    frame.write_parquet(path, compression="zstd", compression_level=1, statistics=False)


def main(history: Path, log: Path | None) -> None:
    """Trade on a prepared history, and tell what it took."""
    meter = Meter()
    with meter:
        market = pl.read_parquet(
            history / "market.parquet", columns=["time_ns", f"{INSTRUMENT}.close"]
        )
        closes = market[f"{INSTRUMENT}.close"].to_list()
        if log is None:
            bitcoin, tether = trade(closes)
        else:
            bitcoin, tether = trade_logged(market["time_ns"].to_list(), closes, log)
    tell(meter, len(closes), {BITCOIN: bitcoin, TETHER: tether}, log)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)  # noqa: PLR2004 - a log is named
