"""The machines: the trading loops as tables of rows, and what drives them.

It holds the tight loop, the atomic transaction and the full loop, and the execution
and reconciliation behind them. It builds on the engine and on the venue language,
and never imports an adapter.
"""
