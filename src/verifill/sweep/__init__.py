"""Many backtests of one configuration: grids, random search, Monte Carlo, walk-forward windows."""
