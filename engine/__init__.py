"""The engine: explicit state machines that know no market.

It holds tables of rows and their compilation, the log, the clock, the retry policy
and the tree of errors. Nothing here imports a venue or a trading loop, so time,
randomness and identity always come in as arguments.
"""
