"""On-chain operations in the venue language: their static rules and their terms.

`ChainRules` says what a chain has (tokens, markets, pools, lenders, gas), `ChainTerms` what
is known of a request before and after it is sent. Nothing here knows whether the chain is
simulated: an adapter of a real one uses the same terms with its own view of the indices.
Roundings: docs/reference/roundings.md.
"""

from verifill.venues.calls.indices import Indices, PublicIndices, display
from verifill.venues.calls.protocols import Accrual, EMode, Lender, Pool, Reserve, Staking, Wrapper
from verifill.venues.calls.rules import GAS, ChainRules
from verifill.venues.calls.terms import ChainTerms

__all__ = [
    "GAS",
    "Accrual",
    "ChainRules",
    "ChainTerms",
    "EMode",
    "Indices",
    "Lender",
    "Pool",
    "PublicIndices",
    "Reserve",
    "Staking",
    "Wrapper",
    "display",
]
