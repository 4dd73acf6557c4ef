"""The connection to the accounts of one venue, and what is allowed there."""

from collections.abc import Callable, Mapping

from attrs import field, frozen

from verifill.venues.ccxt.account import Account
from verifill.venues.ccxt.feed import Feed
from verifill.venues.ccxt.funds import Destination


@frozen(kw_only=True)
class Connection:
    """The accounts of one venue.

    Attributes:
        accounts: by name.
        feed: their positions.
        now_ns: our wall time.
        withdrawals: whether a key that may withdraw is taken, and may be used for that.
        destinations: where withdrawals may go, by name; nowhere else.
        fees: asset -> the most that a withdrawal costs, in units.
    """

    accounts: Mapping[str, Account]
    feed: Feed
    now_ns: Callable[[], int]
    withdrawals: bool = False
    destinations: Mapping[str, Destination] = field(factory=dict[str, Destination])
    fees: Mapping[str, int] = field(factory=dict[str, int])
