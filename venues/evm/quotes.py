"""What contracts would give now, and what they have set free: asked of them, at a block."""

from typing import Any, Protocol

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from verifill.engine.errors import InstructionError
from verifill.venues.evm.abi import call_of, word
from verifill.venues.evm.node import LATEST, Node, RefusedError
from verifill.venues.evm.questions import CODE
from verifill.venues.evm.queues import fi_claiming, lido_claiming
from verifill.venues.evm.rules import EvmRules, Speaks
from verifill.venues.evm.staked import STAKINGS, WRAPPINGS
from verifill.venues.instructions import Stake, Swap, Unstake, Unwrap, Wrap

Quoted = Swap | Wrap | Unwrap | Stake | Unstake


class Quoting(Protocol):
    """Tells what something would give now."""

    def amount_of(self, asset: str, shares: int) -> int:
        """The least amount of a rebasing token that is as many shares."""
        ...

    def __call__(self, asked: Quoted, units: int) -> int:
        """Units that would come out.

        Raises:
            InstructionError: nothing would, and why.
        """
        ...


class Quotes:
    """What a pool or a wrapper would give at the newest block; implements `Quoting`.

    Args:
        node: where it is asked for.
        rules: where the contracts are.

    Attributes:
        named: the block it is asked for at.
    """

    def __init__(self, node: Node, rules: EvmRules) -> None:
        self._node = node
        self._rules = rules
        self.named: str | int = LATEST

    def amount_of(self, asset: str, shares: int) -> int:
        """The least amount of a rebasing token that is as many shares, where one is worth one.

        Raises:
            InstructionError: nothing tells it.
        """
        its = self._rules.contract(asset)
        asked = call_of(STAKINGS[its.speaks].amount, shares)
        try:
            return word(self._node.view(its.address, asked, self.named)) + 1
        except (RefusedError, ValueError) as error:
            msg = f"no amount is told for shares of {asset}: {error}"
            raise InstructionError(msg) from None

    def claiming(self, asset: str, account: str) -> bytes:
        """The call that collects what its queue has released to an account.

        Raises:
            InstructionError: nothing is released.
        """
        its, owner = self._rules.contract(asset), self._rules.accounts[account]
        claiming = lido_claiming if its.speaks is Speaks.LIDO else fi_claiming
        try:
            data = claiming(self._asked, its.queue, owner)
        except (RefusedError, DecodingError) as error:
            msg = f"the queue of {asset} does not tell what it has released: {error}"
            raise InstructionError(msg) from None
        if data:
            return data
        msg = f"the queue of {asset} has released nothing to {account}"
        raise InstructionError(msg)

    def _asked(self, to: str, signature: str, answer: str, *given: object) -> Any:  # noqa: ANN401 - of any type
        """What a contract answers: one value of a type."""
        told = self._node.view(to, call_of(signature, *given), self.named, code=CODE)
        return decode([answer], told)[0]

    def __call__(self, asked: Quoted, units: int) -> int:
        """See `Quoting`."""
        to, data, place = self._question(asked, units)
        try:
            return word(self._node.view(to, data, self.named), place)
        except (RefusedError, ValueError) as error:
            msg = f"no quote for {asked.op} {asked.asset} into {asked.into}: {error}"
            raise InstructionError(msg) from None

    def _question(self, asked: Quoted, units: int) -> tuple[str, bytes, int]:
        """Whom to ask, with what, and which word of the answer it is."""
        rules = self._rules
        if not isinstance(asked, Swap):
            its = rules.contract(asked.into if isinstance(asked, Stake | Wrap) else asked.asset)
            return its.address, call_of(_asking(asked, its.speaks), units), 0
        router = rules.contract(asked.pool)
        path = rules.token(asked.asset), rules.token(asked.into)
        if router.speaks is Speaks.UNISWAP_V2:
            asking = call_of("getAmountsOut(uint256,address[])", units, list(path))
            return router.address, asking, 3  # an array of two, the second
        of = "(address,address,uint256,uint24,uint160)"
        asking = call_of(f"quoteExactInputSingle({of})", (*path, units, router.fee, 0))
        return router.quoter, asking, 0


def _asking(asked: Wrap | Unwrap | Stake | Unstake, speaks: Speaks) -> str:
    """The question what something would give, as its contract understands it."""
    if isinstance(asked, Stake | Unstake):
        staking = STAKINGS[speaks]
        return staking.shares if isinstance(asked, Stake) else staking.amount
    wrapping = WRAPPINGS[speaks]
    return wrapping.wrapped if isinstance(asked, Wrap) else wrapping.plain
