"""Positions: one call at one block, and the ledger rows of the blocks since the reading before.

The totals are asked of the contracts. The rows are read from the receipts of every transaction
that our accounts have sent or that has a log about them, so the two come from different places.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import define, field, frozen
from eth_abi.abi import decode

from verifill.engine.errors import NotObserved
from verifill.venues.calls.rules import ChainRules
from verifill.venues.evm.abi import WORD, call_of, word
from verifill.venues.evm.contracts import READER_CODE
from verifill.venues.evm.decode import APPROVAL, TRANSFER, Decoder, Mined
from verifill.venues.evm.node import READER, Block, Node, RefusedError
from verifill.venues.evm.rules import EvmRules
from verifill.venues.keys import Kind, asset_of
from verifill.venues.orders import Cause, LedgerRow, Move, Reading

READ: Final = "read((address,bytes)[])"
REVEAL: Final = "reveal((address,bytes)[])"
REVEALED: Final = "Revealed(bytes[])"
SHOWN: Final = 64  # bits of a block's hash in a cursor
SPAN: Final = 1_000  # blocks that are asked for logs at once
DEEP: Final = 64  # blocks that a reorganisation may replace while a run goes on
CODE: Final[Mapping[str, str]] = {READER: READER_CODE}
Told = dict[str, tuple[int, list[LedgerRow]]]
"""Transaction -> the cursor of its block, and its rows."""


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


def cursor_of(block: Block) -> int:
    """A block as one number: its height, and enough of its hash to know it again."""
    return block.number << SHOWN | int(block.hash[2 : 2 + SHOWN // 4], 16)


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
        address = rules.accounts[account]
        if kind == Kind.ALLOWANCE:
            spender = rules.contract(what.partition("@")[2]).address
            data = call_of("allowance(address,address)", address, spender)
            return Question(rules.token(asset), data)
        if kind == Kind.CLAIM:
            return Question(rules.token(asset), call_of("waiting(address)", address))
        if asset == self._chain.native:
            return Question(address)
        counted = "sharesOf(address)" if asset in rules.rebasing else "balanceOf(address)"
        return Question(rules.token(asset), call_of(counted, address))


def read_at(node: Node, questions: Iterable[tuple[str, bytes]], at: Block) -> Sequence[bytes]:
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


@define
class Feed:
    """The positions of one chain; implements `PositionFeed`.

    Attributes:
        cursor: the block that was read last; None before the first.
    """

    _node: Node
    _rules: EvmRules
    _questions: Questions
    _decoder: Decoder
    cursor: int | None = None
    _read: dict[tuple[str, str], tuple[Move, ...]] = field(
        factory=dict[tuple[str, str], tuple[Move, ...]]
    )
    _seen: list[int] = field(init=False)
    _told: Told = field(factory=dict[str, tuple[int, list[LedgerRow]]])

    @_seen.default
    def _begun(self) -> list[int]:
        return [] if self.cursor is None else [self.cursor]

    def read(self) -> Reading:
        """The accounts at the newest block, with the rows since the reading before.

        Raises:
            NotObserved: nothing can be known of them now.
        """
        head = self._node.block()
        totals = self._questions.totals(read_at(self._node, self._questions.plain, head))
        told, rows = self._told, tuple[LedgerRow, ...]()
        if self.cursor is not None and self.cursor != cursor_of(head):
            told, rows = self._since(self.cursor, head)
        # Nothing stays of a reading that came to nothing: its rows would never be told.
        self.cursor, self._told = cursor_of(head), told
        self._seen = [*self._seen[-DEEP:], self.cursor]
        return Reading(head.time_ns, totals, rows)

    def _since(self, since: int, head: Block) -> tuple[Told, tuple[LedgerRow, ...]]:
        """What has been told once this reading is, and what of that is new.

        Raises:
            NotObserved: the chain has changed meanwhile, or there is no answer.
        """
        oldest = (since >> SHOWN) - DEEP
        told = {one: its for one, its in self._told.items() if its[0] >> SHOWN >= oldest}
        standing = next((one for one in reversed(self._seen) if self._stands(one)), None)
        if standing is None:  # what was before this life is not known one by one
            return told, ()
        gone = (
            [] if standing == since else [n for n, its in told.items() if not self._stands(its[0])]
        )
        undone = [_undone(row) for one in gone for row in told.pop(one)[1]]
        rows: list[LedgerRow] = []
        for mined in self._mined((standing >> SHOWN) + 1, head.number):
            if mined.hash in told:
                continue
            block = self._node.block(int(mined.receipt["blockNumber"], 16))
            made = rows_of(self.moves(mined), block.time_ns)
            told[mined.hash] = cursor_of(block), made
            rows += made
        if self._node.block(head.number).hash != head.hash:
            msg = f"block {head.number} was replaced while it was read"
            raise NotObserved(msg)
        return told, tuple(_netted(undone, rows))

    def _stands(self, cursor: int) -> bool:
        """Whether the block of a cursor is still that of its height."""
        try:
            return cursor_of(self._node.block(cursor >> SHOWN)) == cursor
        except NotObserved:
            return False  # the chain is shorter now

    def moves(self, mined: Mined) -> tuple[Move, ...]:
        """What a transaction did to our positions, its allowances among them.

        Raises:
            NotObserved: the allowances around it cannot be read.
        """
        place = mined.hash, str(mined.receipt["blockHash"])
        if place not in self._read:  # a receipt and a reading are both about it
            self._read = {place: (*self._decoder.moves(mined), *self._allowances(mined))}
        return self._read[place]

    def _allowances(self, mined: Mined) -> Iterable[Move]:
        """Allowances before and after its block: tokens tell when they are set, not when used."""
        touched = {
            log["address"].lower()
            for log in mined.receipt["logs"]
            if log["topics"] and log["topics"][0] in (APPROVAL, TRANSFER)
        }
        asked = {
            key: question.plain
            for key, question in self._questions.asked.items()
            if f":{Kind.ALLOWANCE}:" in key and question.target.lower() in touched
        }
        if not asked:
            return
        number = int(mined.receipt["blockNumber"], 16)
        before, after = (
            [word(one) for one in read_at(self._node, asked.values(), self._node.block(at))]
            for at in (number - 1, number)
        )
        for key, was, now in zip(asked, before, after, strict=True):
            if was != now:
                yield Move(f"{mined.hash}:{key}", key, now - was, Cause.CALL)

    def _mined(self, first: int, last: int) -> list[Mined]:
        """Every transaction in these blocks that is ours or about us, in order."""
        if first > last:
            return []
        found = {
            one: 0 for span in range(first, last + 1, SPAN) for one in self._logged(span, last)
        }
        addresses = list(self._rules.accounts.values())
        counts = self._node.asks(
            *(
                ("eth_getTransactionCount", [address, hex(at)])
                for address in addresses
                for at in (first - 1, last)
            )
        )
        for place, address in enumerate(addresses):
            begin, end = (int(count, 16) for count in counts[2 * place : 2 * place + 2])
            found |= dict.fromkeys(self._sent(address, (begin, end), first, last), 0)
        mined = [self.mined(one) for one in found]
        return sorted(mined, key=_place)

    def mined(self, transaction: str) -> Mined:
        """A transaction that is in a block.

        Raises:
            NotObserved: it is in none.
        """
        receipt, told = self._node.asks(
            ("eth_getTransactionReceipt", [transaction]),
            ("eth_getTransactionByHash", [transaction]),
        )
        if receipt is None or told is None:
            msg = f"{transaction} is in no block any more"
            raise NotObserved(msg)
        return Mined(receipt, told)

    def _logged(self, first: int, last: int) -> Iterable[str]:
        """Transactions with a log that names one of our addresses."""
        ours = self._decoder.topics
        span = {"fromBlock": hex(first), "toBlock": hex(min(first + SPAN - 1, last))}
        questions = [span | {"topics": [*[None] * at, ours]} for at in range(1, 4)]
        for logs in self._node.asks(*(("eth_getLogs", [one]) for one in questions)):
            yield from (log["transactionHash"] for log in logs)

    def _sent(self, address: str, nonces: tuple[int, int], first: int, last: int) -> Iterable[str]:
        """Transactions that an account has sent, in the blocks in which its nonce has grown.

        A nonce may be used by no transaction: the account's consent to a delegate takes one.
        """
        low, (nonce, end) = first - 1, nonces
        while nonce < end:
            low = self.block_of_nonce(address, nonce, low, last)
            sent = self.sent_in(address, low)
            yield from sent
            nonce += len(sent)
            if nonce != end:  # more has come later, or a consent has taken one
                nonce = self._node.nonce(address, low)

    def block_of_nonce(self, address: str, nonce: int, low: int, high: int) -> int:
        """The block that a nonce was used in, after one in which it was not."""
        while high - low > 1:
            middle = (low + high) // 2
            if self._node.nonce(address, middle) > nonce:
                high = middle
            else:
                low = middle
        return high

    def sent_in(self, address: str, number: int) -> Mapping[str, int]:
        """The transactions of an account in a block: hash -> nonce.

        Raises:
            NotObserved: no answer.
        """
        told = self._node.ask("eth_getBlockByNumber", hex(number), True)  # noqa: FBT003 - JSON
        return {
            str(one["hash"]): int(one["nonce"], 16)
            for one in told["transactions"]
            if one["from"].lower() == address.lower()
        }


def rows_of(moves: Iterable[Move], time_ns: int) -> list[LedgerRow]:
    """The ledger rows of a transaction's moves."""
    return [LedgerRow(move.ref, move.key, move.amount, move.cause, time_ns) for move in moves]


def _place(mined: Mined) -> tuple[int, int]:
    receipt = mined.receipt
    return int(receipt["blockNumber"], 16), int(receipt["transactionIndex"], 16)


def _undone(row: LedgerRow) -> LedgerRow:
    """What a row of a block that is no more had said, taken back."""
    return LedgerRow(row.ref, row.key, -row.amount, row.cause, row.time_ns)


def _netted(undone: list[LedgerRow], rows: list[LedgerRow]) -> Iterable[LedgerRow]:
    """What was taken back and came again in another block is no change at all."""
    again = {(row.ref, row.key): row.amount for row in rows}
    back = {(row.ref, row.key) for row in undone if again.get((row.ref, row.key)) == -row.amount}
    for row in (*undone, *rows):
        if (row.ref, row.key) not in back:
            yield row
