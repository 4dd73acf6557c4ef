"""What contracts are asked about our positions: many questions in one call, at one block."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import frozen
from eth_abi.abi import decode

from verifill.engine.errors import NotObserved
from verifill.venues.calls.rules import ChainRules
from verifill.venues.evm.abi import WORD, call_of, word
from verifill.venues.evm.contracts import READER_CODE
from verifill.venues.evm.node import READER, Block, Node, RefusedError
from verifill.venues.evm.rules import EvmRules
from verifill.venues.evm.staked import STAKINGS
from verifill.venues.keys import Kind, asset_of

READ: Final = "read((address,bytes)[])"
REVEAL: Final = "reveal((address,bytes)[])"
REVEALED: Final = "Revealed(bytes[])"
CODE: Final[Mapping[str, str]] = {READER: READER_CODE}


@frozen
class Question:
    """What a contract is asked for.

    Attributes:
        target: whom; of a balance of ether the account.
        data: with what; nothing for a balance of ether.
    """

    target: str
    data: bytes = b""

    @property
    def plain(self) -> tuple[str, bytes]:
        """As the reader takes it."""
        return self.target, self.data


class Questions:
    """What is asked of the contracts about every position that we track.

    Args:
        chain: the protocols.
        rules: where they are.
    """

    def __init__(self, chain: ChainRules, rules: EvmRules) -> None:
        self._chain = chain
        self._rules = rules
        keys = sorted(chain.positions())
        self.still = {key: 0 for key in keys if key.startswith("flash:")}  # between transactions
        self.asked = {key: self._question(key) for key in keys if key not in self.still}

    @property
    def plain(self) -> list[tuple[str, bytes]]:
        """All of them, as the reader takes them."""
        return [question.plain for question in self.asked.values()]

    def totals(self, answers: Sequence[bytes]) -> dict[str, int]:
        """The positions.

        Raises:
            NotObserved: a contract has not answered; missing is not zero.
        """
        found = dict(self.still)
        for key, answer in zip(self.asked, answers, strict=True):
            if len(answer) < WORD:
                msg = f"{self._chain.rules.name}: nothing answers for {key}; missing is not zero"
                raise NotObserved(msg)
            found[key] = word(answer)
        return found

    def _question(self, key: str) -> Question:
        account, kind, what = key.split(":")
        asset, rules = asset_of(key), self._rules
        if kind in (Kind.A_TOKEN, Kind.DEBT):
            owner = rules.accounts[rules.owner]
            return Question(rules.token(asset), call_of("scaledBalanceOf(address)", owner))
        if kind == Kind.SETTING:
            pool = rules.contract(account).address
            return Question(pool, call_of("getUserEMode(address)", rules.accounts[rules.owner]))
        address = rules.accounts[account]
        if kind == Kind.ALLOWANCE:
            spender = rules.contract(what.partition("@")[2]).spender
            data = call_of("allowance(address,address)", address, spender)
            return Question(rules.token(asset), data)
        if kind == Kind.CLAIM:
            its = rules.contract(asset)
            return Question(READER, call_of(STAKINGS[its.speaks].waiting, its.queue, address))
        if asset == self._chain.native:
            return Question(address)
        rebasing = asset in rules.rebasing
        counted = STAKINGS[rules.contract(asset).speaks].held if rebasing else "balanceOf(address)"
        return Question(rules.token(asset), call_of(counted, address))


def read_at(
    node: Node, questions: Iterable[tuple[str, bytes]], at: Block | str | int
) -> Sequence[bytes]:
    """The answers to questions at one block, in one call.

    Raises:
        NotObserved: no answer.
    """
    asked = list(questions)
    try:
        told = node.view(READER, call_of(READ, asked), at, code=CODE)
    except RefusedError as error:
        raise NotObserved(str(error)) from None
    return answers_in(told)


def answers_in(told: bytes) -> Sequence[bytes]:
    """The answers that the reader gives, or reveals."""
    answers: Sequence[bytes] = decode(["bytes[]"], told)[0]
    return answers
