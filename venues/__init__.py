"""The venues: the language in which a market is spoken to, and its adapters.

It holds instructions, chains, expectations, receipts, positions and readings, the
three interfaces every adapter offers, and the adapters themselves. It builds on the
engine and knows no trading loop.
"""
