"""Chains as they are: an order is a signed transaction, a position is what a block says.

It needs the extra `verifill[evm]` (web3.py). docs/reference/evm.md, docs/decisions/0025-evm.md.
"""
