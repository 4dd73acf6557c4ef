"""Settings of a simulated chain: accounts, gas, protocols."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from attrs import field, frozen

from verifill.config.evm import EvmConfig
from verifill.config.exchanges import YEAR_S, nothing
from verifill.config.rules import RATE, Above, All, Each, Name, OneOf, Some, Within
from verifill.venues.calls import GAS, Accrual
from verifill.venues.instructions import Operation

CHAIN_OPERATIONS: Final = tuple(GAS)


@frozen(kw_only=True)
class WrapperConfig:
    """An asset and its wrapped form.

    Attributes:
        asset: What is wrapped, such as `eETH`.
        into: The wrapped form, such as `weETH`.
        rate: The series of what one of the wrapped form is worth in the asset; one to one if
            left out.
    """

    asset: str = field(validator=Name())
    into: str = field(validator=Name())
    rate: str = ""


@frozen(kw_only=True)
class StakingConfig:
    """An asset and its liquid staking token.

    Attributes:
        asset: What is staked, such as `ETH`.
        into: The token, such as `eETH`.
        queue_s: Seconds from a request to unstake until it can be claimed.
        payout: The series of what a claim pays for one; one if left out.
        least_payout: Least part that a claim may pay.
        rebase: The series whose growth the balance of the token follows; fixed if left out.
    """

    asset: str = field(validator=Name())
    into: str = field(validator=Name())
    queue_s: int = field(default=7 * 86_400, validator=Within(0, YEAR_S))
    payout: str = ""
    least_payout: Decimal = field(default=Decimal(1), validator=RATE)
    rebase: str = ""


@frozen(kw_only=True)
class ReserveConfig:
    """One asset in one lending market; its positions are kept in shares.

    Attributes:
        market: The market, such as `aave_v3`.
        asset: The asset.
        a_token: The token of what is supplied; it cannot be supplied if left out.
        debt_token: The token of what is owed; it cannot be borrowed if left out.
        accrual: Where interest comes from: `rate` (a series of yearly rates), `index` (a series
            of indices), `none`.
        supply_series: Rate or index of what is supplied; `supply_rate:MARKET:ASSET` or
            `supply_index:MARKET:ASSET` if left out.
        borrow_series: Rate or index of what is owed; likewise with `borrow`.
        ltv: Part of the supplied value that may be borrowed.
        threshold: Part of the supplied value that the debt must stay within.
        supply_cap: Most that may be supplied; no cap if left out.
        borrow_cap: Most that may be owed; no cap if left out.
        price: The series of its price in the market's currency; it is the currency if left out.
    """

    market: str = field(validator=Name())
    asset: str = field(validator=Name())
    a_token: str = ""
    debt_token: str = ""
    accrual: Accrual = Accrual.RATE
    supply_series: str = ""
    borrow_series: str = ""
    ltv: Decimal = field(default=Decimal(0), validator=RATE)
    threshold: Decimal = field(default=Decimal(0), validator=RATE)
    supply_cap: Decimal | None = field(default=None, validator=Within(0))
    borrow_cap: Decimal | None = field(default=None, validator=Within(0))
    price: str = ""


@frozen(kw_only=True)
class EModeConfig:
    """An efficiency mode of a lending market.

    Attributes:
        market: The market.
        category: Its number there.
        assets: Those that it is for; in it no other can be borrowed.
        ltv: Part of their supplied value that may be borrowed.
        threshold: Part of it that the debt must stay within.
    """

    market: str = field(validator=Name())
    category: int = field(validator=Within(1, 255))
    assets: tuple[str, ...] = field(validator=All(Some(), Each(Name())))
    ltv: Decimal = field(default=Decimal(0), validator=RATE)
    threshold: Decimal = field(default=Decimal(0), validator=RATE)


@frozen(kw_only=True)
class PoolConfig:
    """A pool that exchanges two assets both ways.

    Attributes:
        name: The pool.
        base: One asset.
        quote: The other.
        rate: The series of what one of the base is worth in the quote.
        fee: Part of what comes out.
    """

    name: str = field(validator=Name())
    base: str = field(validator=Name())
    quote: str = field(validator=Name())
    rate: str = field(validator=Some())
    fee: Decimal = field(default=Decimal(0), validator=RATE)


@frozen(kw_only=True)
class LenderConfig:
    """A lender for the length of one transaction.

    Attributes:
        name: The lender.
        assets: What it lends.
        premium: Part of the amount, rounded up to a unit.
    """

    name: str = field(validator=Name())
    assets: tuple[str, ...] = field(validator=All(Some(), Each(Name())))
    premium: Decimal = field(default=Decimal(0), validator=RATE)


@frozen(kw_only=True)
class ChainConfig:
    """One chain, simulated in a backtest; with `evm` it is reached as it is in live mode.

    Attributes:
        accounts: Its accounts, each with the assets that it can hold.
        native: The asset that gas is paid in, of 18 decimals.
        gas_payers: By account: the account that pays its gas; every other pays its own.
        gas: By operation: gas units beside the base transaction, where they are not as usual.
        gas_base: Gas units of a transaction.
        gas_price: The series of the price of one gas unit, in the native asset.
        wrappers: Assets that can be wrapped.
        stakings: Assets that can be staked.
        reserves: What can be lent and borrowed.
        emodes: Efficiency modes of the markets.
        pools: What can be swapped.
        lenders: Flash loans.
        approvals: By account: the spenders that take its tokens only within an allowance.
        indices: Index of a lending market at the start, such as `supply:aave_v3:WETH`; 1 if left
            out.
        operations: What is supported; everything a chain can do if left out.
        windows_s: By operation: seconds until an effect is overdue; 60 if left out.
        soft_windows_s: By operation: seconds until something pending is told to be slow; never if
            left out.
        poll_s: Seconds between two looks at something pending, doubled each time.
        evm: Where everything is on the chain as it is.
    """

    accounts: Mapping[str, tuple[str, ...]] = field(
        validator=All(Some(), Each(Each(Name()), key=Name()))
    )
    native: str = field(default="ETH", validator=Name())
    gas_payers: Mapping[str, str] = field(factory=nothing)
    gas: Mapping[Operation, int] = field(factory=nothing, validator=Each(Within(0)))
    gas_base: int = field(default=21_000, validator=Within(0))
    gas_price: str = field(default="gas_price", validator=Some())
    wrappers: tuple[WrapperConfig, ...] = ()
    stakings: tuple[StakingConfig, ...] = ()
    reserves: tuple[ReserveConfig, ...] = ()
    emodes: tuple[EModeConfig, ...] = ()
    pools: tuple[PoolConfig, ...] = ()
    lenders: tuple[LenderConfig, ...] = ()
    approvals: Mapping[str, tuple[str, ...]] = field(factory=nothing)
    indices: Mapping[str, Decimal] = field(factory=nothing, validator=Each(Above(0)))
    operations: tuple[Operation, ...] = field(
        default=CHAIN_OPERATIONS, validator=Each(OneOf(CHAIN_OPERATIONS))
    )
    windows_s: Mapping[Operation, int] = field(factory=nothing, validator=Each(Within(1, YEAR_S)))
    soft_windows_s: Mapping[Operation, int] = field(
        factory=nothing, validator=Each(Within(1, YEAR_S))
    )
    poll_s: int = field(default=1, validator=Within(1, 86_400))
    evm: EvmConfig | None = None
