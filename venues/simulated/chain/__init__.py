"""A simulated chain: accounts in base units, protocols, gas, transactions that revert.

It works every amount out from its own model of each protocol, in `protocols`, `lending`
and `interest`, and never sees an expectation.
"""

from verifill.venues.simulated.chain.chain import SimulatedChain
from verifill.venues.simulated.chain.fork import ChainFork

__all__ = ["ChainFork", "SimulatedChain"]
