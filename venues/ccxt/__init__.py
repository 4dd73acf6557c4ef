"""Exchanges for real, through the client of ccxt: one adapter, and a dialect for each exchange.

What an exchange does its own way is said in its dialect (`binance`, `bybit`, `okx`,
`hyperliquid`); everything else is here once. ccxt signs, knows the exchanges' errors and
keeps their rate limits; whether something is sent again is never its business.
docs/reference/ccxt.md says how to add another exchange.
"""
