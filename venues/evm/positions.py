"""Positions: one call at one block, and the ledger rows of the blocks since the reading before.

The totals are asked of the contracts. The rows are read from the receipts of every transaction
that our accounts have sent or that has a log about them, so the two come from different places.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from attrs import define, field

from verifill.engine.errors import NotObserved
from verifill.venues.evm.abi import padded
from verifill.venues.evm.consents import consents_in
from verifill.venues.evm.decode import Mined
from verifill.venues.evm.effects import Effects
from verifill.venues.evm.market import Rates
from verifill.venues.evm.node import Block, Node
from verifill.venues.evm.questions import Questions, read_at
from verifill.venues.evm.rules import EvmRules
from verifill.venues.orders import LedgerRow, Move, Reading

SHOWN: Final = 64  # bits of a block's hash in a cursor
SPAN: Final = 1_000  # blocks that are asked for logs at once
DEEP: Final = 64  # blocks that a reorganisation may replace while a run goes on
Json = Mapping[str, Any]
Told = dict[str, tuple[int, list[LedgerRow]]]
"""Transaction -> the cursor of its block, and its rows."""


def cursor_of(block: Block) -> int:
    """A block as one number: its height, and enough of its hash to know it again."""
    return block.number << SHOWN | int(block.hash[2 : 2 + SHOWN // 4], 16)


@define
class Feed:
    """The positions of one chain; implements `PositionFeed`.

    Attributes:
        cursor: the block that was read last; None before the first.
    """

    _node: Node
    _rules: EvmRules
    _questions: Questions
    _effects: Effects
    _rates: Rates
    cursor: int | None = None
    _seen: list[int] = field(factory=list[int], init=False)
    _told: Told = field(factory=dict[str, tuple[int, list[LedgerRow]]])

    def read(self) -> Reading:
        """The accounts at the newest block, with the rows since the reading before.

        Raises:
            NotObserved: nothing can be known of them now.
        """
        head = self._node.block()
        asked = self._questions.plain
        answers = read_at(self._node, [*asked, *self._rates.plain], head)
        totals = self._questions.totals(answers[: len(asked)])
        if not self._seen:
            self._begin(cursor_of(head) if self.cursor is None else self.cursor)
        told, rows = self._told, tuple[LedgerRow, ...]()
        if self.cursor is not None and self.cursor != cursor_of(head):
            told, rows = self._since(self.cursor, head)
        self._rates.take(answers[len(asked) :], head)
        # Nothing stays of a reading that came to nothing: its rows would never be told.
        self.cursor, self._told = cursor_of(head), told
        if self._seen[-1] != self.cursor:
            self._seen = [*self._seen[-DEEP:], self.cursor]
        return Reading(head.time_ns, totals, rows)

    def _begin(self, cursor: int) -> None:
        """Learn what the blocks up to a reading have in them, in case they are replaced.

        Where a node has no state of so long ago, or where the block is replaced already, it stays
        unknown: then a reorganisation of them is a difference that no row explains.
        """
        height = cursor >> SHOWN
        base = max(0, height - DEEP)
        self._seen = [cursor]
        if not self._stands(cursor):
            return
        with suppress(NotObserved):
            told, low = self._told_in(base + 1, height), cursor_of(self._node.block(base))
            if self._stands(cursor):
                self._told, self._seen = told, [low, cursor]

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
        new = self._told_in((standing >> SHOWN) + 1, head.number, told, head)
        if self._node.block(head.number).hash != head.hash:
            msg = f"block {head.number} was replaced while it was read"
            raise NotObserved(msg)
        rows = [row for _, made in new.values() for row in made]
        return told | new, tuple(_netted(undone, rows))

    def _told_in(
        self, first: int, last: int, told: Collection[str] = (), head: Block | None = None
    ) -> Told:
        """The rows of blocks, but of transactions that were told; the newest block is known."""
        new: Told = {}
        for mined in self._mined(first, last):
            if mined.hash not in told:
                known = head is not None and mined.receipt["blockHash"] == head.hash
                number = int(mined.receipt["blockNumber"], 16)
                block = head if head is not None and known else self._node.block(number)
                made = rows_of(self._effects.moves(mined), block.time_ns)
                new[mined.hash] = cursor_of(block), made
        return new

    def _stands(self, cursor: int) -> bool:
        """Whether the block of a cursor is still that of its height."""
        try:
            return cursor_of(self._node.block(cursor >> SHOWN)) == cursor
        except NotObserved:
            return False  # the chain is shorter now

    def _mined(self, first: int, last: int) -> list[Mined]:
        """Every transaction in these blocks that is ours or about us, in order."""
        if first > last:
            return []
        addresses = list(self._rules.accounts.values())
        counts = [
            ("eth_getTransactionCount", [address, hex(at)])
            for address in addresses
            for at in (first - 1, last)
        ]
        named: dict[str, int] = {}
        used: list[str] = []
        for begin in range(first, last + 1, SPAN):
            logs = self._logs(begin, last)
            asked = [*logs, *counts] if begin == first else logs
            answers = self._node.asks(*asked)
            named |= {log["transactionHash"]: 0 for told in answers[: len(logs)] for log in told}
            used += answers[len(logs) :]
        found = {one: self.mined(one) for one in named}
        for place, address in enumerate(addresses):
            nonces = int(used[2 * place], 16), int(used[2 * place + 1], 16)
            sent = sum(one.transaction["from"].lower() == address.lower() for one in found.values())
            if sent < nonces[1] - nonces[0]:  # there is more than logs tell of
                others = self._sent(address, nonces, first, last)
                found |= {one: self.mined(one) for one in others if one not in found}
        return sorted(found.values(), key=_place)

    def mined(self, transaction: str) -> Mined:
        """A transaction that is in a block.

        Raises:
            NotObserved: it is in none.
        """
        receipt, told = self.found(transaction)
        if receipt is None or told is None:
            msg = f"{transaction} is in no block any more"
            raise NotObserved(msg)
        return Mined(receipt, told)

    def found(self, transaction: str) -> tuple[Json | None, Json | None]:
        """The receipt and the transaction itself; None where the node has none.

        Raises:
            NotObserved: no answer.
        """
        receipt, told = self._node.asks(
            ("eth_getTransactionReceipt", [transaction]),
            ("eth_getTransactionByHash", [transaction]),
        )
        return receipt, told

    def _logs(self, first: int, last: int) -> list[tuple[str, object]]:
        """The questions for transactions with a log that names one of our addresses."""
        ours = [padded(address) for address in self._rules.accounts.values()]
        span = {"fromBlock": hex(first), "toBlock": hex(min(first + SPAN - 1, last))}
        return [("eth_getLogs", [span | {"topics": [*[None] * at, ours]}]) for at in range(1, 4)]

    def _sent(self, address: str, nonces: tuple[int, int], first: int, last: int) -> Iterable[str]:
        """Transactions that an account has sent, in the blocks in which its nonce has grown.

        A nonce may be used by no transaction: the account's consent to a delegate takes one.
        """
        low, (nonce, end) = first - 1, nonces
        while nonce < end:
            low = self.block_of_nonce(address, nonce, low, last)
            sent = self.sent_in(address, low)
            yield from sent
            begin, nonce = nonce, nonce + len(sent)
            if nonce != end:  # more has come later, or a consent has taken one
                nonce = self._node.nonce(address, low)
            if nonce == begin:
                msg = f"blocks up to {last} were replaced while they were read"
                raise NotObserved(msg)

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
        return {
            str(one["hash"]): int(one["nonce"], 16)
            for one in self._transactions(number)
            if one["from"].lower() == address.lower()
        }

    def used_in(self, address: str, nonce: int, number: int) -> list[str]:
        """The transactions of a block that have used a nonce: sent with it, or with its consent.

        Raises:
            NotObserved: no answer.
        """
        wanted = (address.lower(), nonce)
        return [
            str(one["hash"])
            for one in self._transactions(number)
            if wanted in ((one["from"].lower(), int(one["nonce"], 16)), *consents_in(one))
        ]

    def _transactions(self, number: int) -> Iterable[Json]:
        told = self._node.ask("eth_getBlockByNumber", hex(number), True)  # noqa: FBT003 - JSON
        if told is None:
            msg = f"there is no block {number}"
            raise NotObserved(msg)
        transactions: Iterable[Json] = told["transactions"]
        return transactions


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
