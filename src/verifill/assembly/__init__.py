"""The pieces that `verifill.build` makes the parts of a backtest of."""
