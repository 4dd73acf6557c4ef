"""Orders as calls of contracts: one for a single order, all that it takes within a chain."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from attrs import frozen

from verifill.engine.amounts import divide_up
from verifill.engine.errors import InstructionError
from verifill.venues.calls.rules import ChainRules
from verifill.venues.evm.abi import call_of
from verifill.venues.evm.rules import MAX_WORD, STAKED, Contract, EvmRules, Speaks
from verifill.venues.evm.staked import WRAPPINGS, requests_of
from verifill.venues.instructions import (
    Approve,
    Borrow,
    Claim,
    FlashBorrow,
    FlashRepay,
    Instruction,
    InternalTransfer,
    Repay,
    SetEMode,
    Stake,
    Supply,
    Swap,
    Unstake,
    Unwrap,
    Withdraw,
    Wrap,
)
from verifill.venues.orders import MAX_UNITS, Order
from verifill.venues.rules import RATE_UNIT

VARIABLE = 2  # the kind of debt, as Aave counts them
CALLS = "(uint256,address,uint256,bytes)[]"
EXECUTE = f"execute({CALLS},(address,bytes,uint256,uint256,uint256)[],uint256)"
APPROVE = "approve(address,uint256)"


class Staked(Protocol):
    """Tells what the amounts of staked ether are now."""

    def amount_of(self, asset: str, shares: int) -> int:
        """The least amount of a rebasing token that is as many shares."""
        ...

    def claiming(self, asset: str, account: str) -> bytes:
        """The call that collects what its queue has released to an account."""
        ...


@frozen
class Call:
    """One call of a contract.

    Attributes:
        target: whom it calls.
        value: wei that go with it.
        data: with what.
        step: which step of a chain it belongs to.
    """

    target: str
    value: int
    data: bytes
    step: int = 0

    @property
    def plain(self) -> tuple[int, str, int, bytes]:
        """As the executor takes it."""
        return self.step, self.target, self.value, self.data


class Encoder:
    """Turns orders into calls.

    Args:
        chain: the protocols.
        rules: where they are.
        staked: tells what shares are worth now, and what queues have released.
    """

    def __init__(self, chain: ChainRules, rules: EvmRules, staked: Staked) -> None:
        self._chain = chain
        self._rules = rules
        self._staked = staked
        # each is given instructions of its own type only: hence Any
        self._encoders: Mapping[type[Instruction], Callable[[Any, Order, int], Call]] = {
            InternalTransfer: self._transfer,
            Approve: self._approve,
            Wrap: self._wrap,
            Unwrap: self._unwrap,
            Supply: self._supply,
            Withdraw: self._withdraw,
            Borrow: self._borrow,
            Repay: self._repay,
            SetEMode: self._emode,
            Stake: self._stake,
            Unstake: self._unstake,
            Claim: self._claim,
            Swap: self._swap,
        }

    def encodes(self, asked: Instruction) -> bool:
        """Whether there are calls for an instruction, at least within a chain."""
        return type(asked) in self._encoders or isinstance(asked, FlashBorrow | FlashRepay)

    def single(self, order: Order, until_s: int) -> Call:
        """The one call of a single order.

        Args:
            order: exact.
            until_s: block time after which it must not take effect.

        Raises:
            InstructionError: no contract can be asked for it, or an address is not declared.
        """
        asked = order.instruction
        if type(asked) not in self._encoders:
            msg = f"{asked.op} cannot be sent to {self._chain.rules.name} by itself"
            raise InstructionError(msg)
        return self._encoders[type(asked)](asked, order, until_s)

    def chain(
        self, orders: Sequence[Order], until_s: int, last: Sequence[Call] = (), first: int = 0
    ) -> list[Call]:
        """The calls of a chain of steps, those within a flash loan inside of its call.

        Args:
            orders: the steps; a flash loan that is not paid back in them ends with `last`.
            until_s: block time after which no step must take effect.
            last: calls at the end, wherever that is.
            first: number of the first step.

        Raises:
            InstructionError: a step cannot be encoded, or a loan is paid back that is not open.
        """
        calls: list[Call] = []
        place = 0
        while place < len(orders):
            order, step = orders[place], first + place
            asked = order.instruction
            if isinstance(asked, FlashBorrow):
                end = _paid_back(orders, place)
                open_ended = end == len(orders)
                ending = last if open_ended else (self._pay_back(orders[end], first + end),)
                inner = self.chain(orders[place + 1 : end], until_s, ending, step + 1)
                calls.append(self._flash(asked, order, inner, step))
                if open_ended:
                    return calls
                place = end + 1
                continue
            if isinstance(asked, FlashRepay):
                msg = f"step {step}: no flash loan of {asked.asset} from {asked.lender} is open"
                raise InstructionError(msg)
            calls += self._step(order, until_s, step)
            place += 1
        return [*calls, *last]

    def _step(self, order: Order, until_s: int, step: int) -> list[Call]:
        """What a step takes: its spender is let take as much, then it is called.

        Raises:
            InstructionError: its allowance is a position. No log tells how much of it each step
                of a transaction has used.
        """
        one = self.single(order, until_s)
        call = Call(one.target, one.value, one.data, step)
        name, asset = self._spends(order.instruction)
        if not name:
            return [call]
        account = order.instruction.account
        if self._chain.allowance_key(account, asset, name):
            msg = (
                f"{order.instruction.op} in a chain of steps: approvals of {account} name {name}, "
                "whose allowance would be verified and cannot be by step; leave it out of them"
            )
            raise InstructionError(msg)
        spender = self._rules.contract(name).spender
        token, units = self._rules.token(asset), self._amount(asset, _word(order))
        approve = Call(token, 0, call_of(APPROVE, spender, units), step)
        if order.quantity != MAX_UNITS:
            return [approve, call]
        # of all that there is only the market knows how much: nothing of the allowance stays
        return [approve, call, Call(token, 0, call_of(APPROVE, spender, 0), step)]

    def _spends(self, asked: Instruction) -> tuple[str, str]:
        """The name of who takes which asset; empty for what is taken without asking."""
        match asked:
            case Supply() | Repay():
                return asked.market, asked.asset
            case Swap():
                return asked.pool, asked.asset
            case Unstake():
                return asked.asset, asked.asset
            case Wrap() if asked.asset != self._chain.native:
                return asked.into, asked.asset
            case _:
                return "", ""

    def _flash(self, asked: FlashBorrow, order: Order, inner: list[Call], step: int) -> Call:
        if asked.account in self._rules.safes:
            msg = "a flash loan has no way back into a Safe; use an executor of its own"
            raise InstructionError(msg)
        lender = self._contract(asked.lender, Speaks.AAVE_V3)
        data = call_of(
            "flashLoanSimple(address,address,uint256,bytes,uint16)",
            self._rules.accounts[asked.account],
            self._rules.token(asked.asset),
            order.quantity,
            call_of(f"calls({CALLS})", [one.plain for one in inner])[4:],
            0,
        )
        return Call(lender.address, 0, data, step)

    def _pay_back(self, order: Order, step: int) -> Call:
        asked: Any = order.instruction
        lender = self._chain.lender(asked.lender, asked.asset)
        due = order.quantity + divide_up(order.quantity * lender.premium, RATE_UNIT)
        spender = self._contract(asked.lender, Speaks.AAVE_V3).address
        return Call(self._rules.token(asked.asset), 0, call_of(APPROVE, spender, due), step)

    def _contract(self, name: str, *speaks: Speaks) -> Contract:
        found = self._rules.contract(name)
        if found.speaks not in speaks:
            msg = f"{name} is {found.speaks}; for this it has to be {' or '.join(speaks)}"
            raise InstructionError(msg)
        return found

    def _amount(self, asset: str, units: int) -> int:
        """What a contract is told of an asset: of a rebasing token no shares but an amount."""
        return self._staked.amount_of(asset, units) if asset in self._rules.rebasing else units

    # One method for each operation.

    def _transfer(self, asked: InternalTransfer, order: Order, until_s: int) -> Call:  # noqa: ARG002 - one protocol
        to = self._rules.accounts[asked.to]
        if asked.asset == self._chain.native:
            return Call(to, order.quantity, b"")
        amount = self._amount(asked.asset, order.quantity)
        data = call_of("transfer(address,uint256)", to, amount)
        return Call(self._rules.token(asked.asset), 0, data)

    def _approve(self, asked: Approve, order: Order, until_s: int) -> Call:  # noqa: ARG002 - one protocol
        spender = self._rules.contract(asked.spender).spender
        return Call(self._rules.token(asked.asset), 0, call_of(APPROVE, spender, order.quantity))

    def _wrap(self, asked: Wrap, order: Order, until_s: int) -> Call:  # noqa: ARG002 - one protocol
        into = self._contract(asked.into, Speaks.WETH, *WRAPPINGS)
        if into.speaks is Speaks.WETH:
            return Call(into.address, order.quantity, call_of("deposit()"))
        amount = self._amount(asked.asset, order.quantity)
        return Call(into.address, 0, call_of("wrap(uint256)", amount))

    def _unwrap(self, asked: Unwrap, order: Order, until_s: int) -> Call:  # noqa: ARG002 - one protocol
        of = self._contract(asked.asset, Speaks.WETH, *WRAPPINGS)
        name = "withdraw(uint256)" if of.speaks is Speaks.WETH else "unwrap(uint256)"
        return Call(of.address, 0, call_of(name, order.quantity))

    def _supply(self, asked: Supply, order: Order, until_s: int) -> Call:  # noqa: ARG002 - one protocol
        return self._lending(
            asked.market,
            "supply(address,uint256,address,uint16)",
            self._rules.token(asked.asset), order.quantity, self._owner, 0,
        )  # fmt: skip

    def _withdraw(self, asked: Withdraw, order: Order, until_s: int) -> Call:  # noqa: ARG002 - one protocol
        return self._lending(
            asked.market,
            "withdraw(address,uint256,address)",
            self._rules.token(asked.asset), _word(order), self._rules.accounts[asked.account],
        )  # fmt: skip

    def _borrow(self, asked: Borrow, order: Order, until_s: int) -> Call:  # noqa: ARG002 - one protocol
        return self._lending(
            asked.market,
            "borrow(address,uint256,uint256,uint16,address)",
            self._rules.token(asked.asset), order.quantity, VARIABLE, 0, self._owner,
        )  # fmt: skip

    def _repay(self, asked: Repay, order: Order, until_s: int) -> Call:  # noqa: ARG002 - one protocol
        return self._lending(
            asked.market,
            "repay(address,uint256,uint256,address)",
            self._rules.token(asked.asset), _word(order), VARIABLE, self._owner,
        )  # fmt: skip

    def _emode(self, asked: SetEMode, order: Order, until_s: int) -> Call:  # noqa: ARG002 - one protocol
        return self._lending(asked.market, "setUserEMode(uint8)", order.quantity)

    @property
    def _owner(self) -> str:
        return self._rules.accounts[self._rules.owner]

    def _lending(self, market: str, signature: str, *given: object) -> Call:
        pool = self._contract(market, Speaks.AAVE_V3)
        return Call(pool.address, 0, call_of(signature, *given))

    def _stake(self, asked: Stake, order: Order, until_s: int) -> Call:  # noqa: ARG002 - one protocol
        staked = self._contract(asked.into, *STAKED)
        data = call_of("deposit()")
        if staked.speaks is Speaks.LIDO:
            data = call_of("submit(address)", self._rules.accounts[asked.account])
        return Call(staked.address, order.quantity, data)

    def _unstake(self, asked: Unstake, order: Order, until_s: int) -> Call:  # noqa: ARG002 - one protocol
        staked = self._contract(asked.asset, *STAKED)
        amount = self._amount(asked.asset, order.quantity)
        to = self._rules.accounts[asked.account]
        if staked.speaks is Speaks.LIDO:
            amounts = requests_of(amount)
            data = call_of("requestWithdrawals(uint256[],address)", amounts, to)
            return Call(staked.queue, 0, data)
        return Call(staked.address, 0, call_of("requestWithdraw(address,uint256)", to, amount))

    def _claim(self, asked: Claim, order: Order, until_s: int) -> Call:  # noqa: ARG002 - one protocol
        staked = self._contract(asked.asset, *STAKED)
        return Call(staked.queue, 0, self._staked.claiming(asked.asset, asked.account))

    def _swap(self, asked: Swap, order: Order, until_s: int) -> Call:
        router = self._contract(asked.pool, Speaks.UNISWAP_V2, Speaks.UNISWAP_V3)
        give, take = self._rules.token(asked.asset), self._rules.token(asked.into)
        to, amount, least = self._rules.accounts[asked.account], order.quantity, order.limit
        if router.speaks is Speaks.UNISWAP_V2:
            name = "swapExactTokensForTokens(uint256,uint256,address[],address,uint256)"
            data = call_of(name, amount, least, [give, take], to, until_s)
        else:
            of = "(address,address,uint24,address,uint256,uint256,uint256,uint160)"
            told = (give, take, router.fee, to, until_s, amount, least, 0)
            data = call_of(f"exactInputSingle({of})", told)
        return Call(router.address, 0, data)


def _word(order: Order) -> int:
    return MAX_WORD if order.quantity == MAX_UNITS else order.quantity


def _paid_back(orders: Sequence[Order], place: int) -> int:
    """Where a flash loan is paid back; the end of the steps if it is not."""
    lent: Any = orders[place].instruction
    for end in range(place + 1, len(orders)):
        paid = orders[end].instruction
        if isinstance(paid, FlashRepay) and (paid.lender, paid.asset) == (lent.lender, lent.asset):
            return end
    return len(orders)
