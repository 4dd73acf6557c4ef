"""The protocols of a chain as static data: wrappers, stakings, reserves, pools, lenders.

Rates, fees and ratios are integers in 1e-8 (`venues.rules.RATE_UNIT`), series are named as
in the market data, caps are in units of the asset.
"""

from enum import StrEnum

from attrs import frozen

from verifill.venues.keys import Kind, position_key
from verifill.venues.rules import RATE_UNIT


@frozen(kw_only=True)
class Wrapper:
    """An asset and its wrapped form, turned into each other at any time.

    Attributes:
        asset: what is wrapped, such as `eETH`.
        into: the wrapped form, such as `weETH`; also the spender's name for approvals.
        rate: series of what one of the wrapped form is worth in the asset; none: one to one.
    """

    asset: str
    into: str
    rate: str = ""


@frozen(kw_only=True)
class Staking:
    """An asset and its liquid staking token, given one for one and taken back by a queue.

    Attributes:
        asset: what is staked, such as `ETH`.
        into: the token, such as `eETH`.
        queue_s: seconds from a request to unstake until it can be claimed.
        payout: series of what a claim pays for one, read when it is released; none: one.
        least_payout: least part that a claim may pay, in 1e-8; a loss is a discount (1.1).
        rebase: series whose growth the balance of a held token follows; none: it is fixed.
    """

    asset: str
    into: str
    queue_s: int = 7 * 86_400
    payout: str = ""
    least_payout: int = RATE_UNIT
    rebase: str = ""

    @property
    def share_series(self) -> str:
        """The series of what a share of the token is worth, such as `share:eETH`, if it is kept."""
        return f"share:{self.into}"


class Accrual(StrEnum):
    """Where the indices of a reserve come from."""

    RATE = "rate"  # a series of yearly rates: linear between changes, compounding at each
    INDEX = "index"  # a series of indices, taken as it is
    NONE = "none"  # no interest


@frozen(kw_only=True)
class Reserve:
    """One asset in one lending market; positions are tracked in shares (scaled units).

    A market holds one position for all accounts of the chain; two accounts that must not
    share collateral and debt name two markets.

    Attributes:
        market: the market, such as `aave_v3`; the account of the positions, and the spender.
        asset: the underlying.
        a_token: the token of what is supplied; none: it cannot be supplied.
        debt_token: the token of what is owed; none: it cannot be borrowed.
        accrual: where its indices come from.
        supply: series of the rate or index of what is supplied; none: by `supply_series`.
        borrow: series of the rate or index of what is owed; none: by `borrow_series`.
        ltv: how much may be borrowed on the supplied value, in 1e-8.
        threshold: share of the supplied value that the debt must stay within, in 1e-8.
        supply_cap: most that may be supplied, in units; None: no cap.
        borrow_cap: most that may be owed, in units; None: no cap.
        price: series of its price in the market's common currency; none: it is the currency.
    """

    market: str
    asset: str
    a_token: str = ""
    debt_token: str = ""
    accrual: Accrual = Accrual.RATE
    supply: str = ""
    borrow: str = ""
    ltv: int = 0
    threshold: int = 0
    supply_cap: int | None = None
    borrow_cap: int | None = None
    price: str = ""

    @property
    def supply_series(self) -> str:
        """The series of what is supplied, such as `supply_rate:aave_v3:weETH`."""
        return self.supply or f"supply_{self.accrual}:{self.market}:{self.asset}"

    @property
    def borrow_series(self) -> str:
        """The series of what is owed, such as `borrow_rate:aave_v3:WETH`."""
        return self.borrow or f"borrow_{self.accrual}:{self.market}:{self.asset}"

    @property
    def a_key(self) -> str:
        """The position of what is supplied, in shares."""
        return position_key(self.market, Kind.A_TOKEN, self.a_token)

    @property
    def debt_key(self) -> str:
        """The position of what is owed, in shares."""
        return position_key(self.market, Kind.DEBT, self.debt_token)

    def supplied(self) -> str:
        """The name of its supply index, such as `supply:aave_v3:WETH`."""
        return f"supply:{self.market}:{self.asset}"

    def borrowed(self) -> str:
        """The name of its borrow index, such as `borrow:aave_v3:WETH`."""
        return f"borrow:{self.market}:{self.asset}"


@frozen(kw_only=True)
class EMode:
    """An efficiency mode of a lending market: other ratios for assets that move alike.

    Who is in it borrows its assets only.

    Attributes:
        market: the market.
        category: its number there; 0 is none.
        assets: those that it is for.
        ltv: how much may be borrowed on their supplied value, in 1e-8.
        threshold: share of it that the debt must stay within, in 1e-8.
    """

    market: str
    category: int
    assets: tuple[str, ...] = ()
    ltv: int = 0
    threshold: int = 0


@frozen(kw_only=True)
class Pool:
    """A pool that exchanges two assets both ways at a public rate, less a fee.

    Attributes:
        name: the pool; also the spender's name for approvals.
        base: one asset.
        quote: the other.
        rate: series of what one of the base is worth in the quote.
        fee: part of what comes out, in 1e-8.
    """

    name: str
    base: str
    quote: str
    rate: str
    fee: int = 0


@frozen(kw_only=True)
class Lender:
    """A lender for the length of one transaction.

    Attributes:
        name: the lender; also the spender's name for approvals.
        assets: what it lends.
        premium: part of the amount, in 1e-8, rounded up to a unit.
    """

    name: str
    assets: tuple[str, ...]
    premium: int = 0
