"""How the contracts of staked ether are called: one thing, a name by each protocol."""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from verifill.venues.evm.rules import Speaks


@frozen(kw_only=True)
class Staking:
    """A pool, and the token whose balances follow it: shares inside, amounts outside.

    Attributes:
        held: asks the token for the shares of an account.
        shares: asks the pool what an amount is in shares.
        amount: asks the pool what shares are worth.
        waiting: asks the reader what waits for an account in a queue.
    """

    held: str
    shares: str
    amount: str
    waiting: str


@frozen(kw_only=True)
class Wrapping:
    """The wrapped form of it, whose balances stand still.

    Attributes:
        wrapped: asks what an amount of the plain token gives.
        plain: asks what it gives of the plain token.
        rate: asks what one of it is worth.
    """

    wrapped: str
    plain: str
    rate: str


MOST_ASKED: Final = 1_000 * 10**18
"""Of one request in Lido's queue (`MAX_STETH_WITHDRAWAL_AMOUNT`)."""
STAKINGS: Final[Mapping[Speaks, Staking]] = {
    Speaks.LIDO: Staking(
        held="sharesOf(address)",
        shares="getSharesByPooledEth(uint256)",
        amount="getPooledEthByShares(uint256)",
        waiting="lidoWaiting(address,address)",
    ),
    Speaks.ETHERFI: Staking(
        held="shares(address)",
        shares="sharesForAmount(uint256)",
        amount="amountForShare(uint256)",
        waiting="fiWaiting(address,address)",
    ),
}
WRAPPINGS: Final[Mapping[Speaks, Wrapping]] = {
    Speaks.WSTETH: Wrapping(
        wrapped="getWstETHByStETH(uint256)",
        plain="getStETHByWstETH(uint256)",
        rate="stEthPerToken()",
    ),
    Speaks.WEETH: Wrapping(
        wrapped="getWeETHByeETH(uint256)",
        plain="getEETHByWeETH(uint256)",
        rate="getRate()",
    ),
}


def requests_of(amount: int) -> list[int]:
    """An amount as requests that Lido's queue takes: the last one is what is left."""
    whole, rest = divmod(amount, MOST_ASKED)
    return [MOST_ASKED] * whole + ([rest] if rest else [])
