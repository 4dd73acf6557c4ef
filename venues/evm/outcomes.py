"""What became of a signed transaction: resolved by its nonce, not by its hash alone.

| state | outcome |
|---|---|
| in a block, not as deep as is asked for | ACCEPTED |
| in a block, deep enough, and it did not revert | EXECUTED |
| in a block, deep enough, reverted | REJECTED_DEFINITIVE, with its gas |
| in the pool | ACCEPTED |
| its nonce was used by another, deep enough | EXPIRED: it never can be executed |
| in no pool and no block, its nonce unused: dropped, lost or reorganised | UNKNOWN |
"""

from collections.abc import Callable, Collection, Sequence

from verifill.engine.errors import NotObserved
from verifill.venues.evm.decode import Mined
from verifill.venues.evm.effects import Effects
from verifill.venues.evm.node import LATEST, LostError, Node, NotSentError, RefusedError
from verifill.venues.evm.positions import Feed
from verifill.venues.evm.rules import Level
from verifill.venues.evm.sealing import Sealed, opened
from verifill.venues.orders import Outcome, Receipt, Trouble

LOOKS = 2  # what is mined while it is asked for need not wait until it is asked for again
KEPT = 127  # blocks behind the newest of which nodes still have the state
STEP = 32
KNOWN = ("already known", "already imported", "known transaction")
TAKEN = ("nonce too low",)
UNDERPRICED = ("underpriced", "max fee per gas less than block base fee")
BUSY = ("rate limit", "too many requests")


def unknown(reason: str) -> Receipt:
    """Neither is known."""
    return Receipt(Outcome.UNKNOWN, reason=reason)


def sent(node: Node, raw: str) -> Receipt:
    """Send signed bytes, once; what the answer says of them."""
    try:
        node.call("eth_sendRawTransaction", raw)
    except NotSentError as error:
        return Receipt(Outcome.DENIED_LOCAL, reason=f"not reached: {error}", retryable=True)
    except LostError as error:
        return unknown(f"no answer to the send: {error}")
    except RefusedError as error:
        return _said(str(error))
    return Receipt(Outcome.ACCEPTED, reason="taken by the node")


def _said(text: str) -> Receipt:
    """What a node's refusal says; the bytes may have been taken by it or another one before."""
    low = text.lower()
    if any(words in low for words in KNOWN):
        return Receipt(Outcome.ACCEPTED, reason=text)
    if any(words in low for words in (*TAKEN, *UNDERPRICED)):
        return unknown(text)
    if any(words in low for words in BUSY):
        return Receipt(Outcome.UNKNOWN, reason=text, trouble=Trouble.BUSY)
    # Not taken now, yet it is signed: nothing but its nonce proves that it never will be.
    return unknown(f"not taken: {text}")


class Outcomes:
    """Finds out what became of signed transactions.

    Args:
        node: who is asked.
        feed: finds transactions by their nonce.
        effects: reads what they did.
        reason: why a transaction reverted.
        confirmations: blocks from that of a transaction on, its own among them, for INCLUDED.
    """

    def __init__(
        self,
        node: Node,
        feed: Feed,
        effects: Effects,
        reason: Callable[[Mined], str],
        *,
        confirmations: int,
    ) -> None:
        self._node = node
        self._effects = effects
        self._feed = feed
        self._reason = reason
        self._confirmations = confirmations

    def of(self, sealed: Sequence[str], level: Level) -> Receipt:
        """What is known now of bytes that have one place in a sequence.

        Raises:
            NotObserved: the node does not answer; then nothing is known.
        """
        candidates = [opened(raw) for raw in sealed]
        one, pooled = candidates[-1], ""
        for _ in range(LOOKS):
            pooled = ""
            for each in reversed(candidates):
                receipt, told = self._feed.found(each.hash)
                if receipt is not None and told is not None:
                    return self._mined(Mined(receipt, told), level)
                pooled = pooled or (each.hash if told is not None else "")
            if self._node.nonce(one.sender) > one.nonce:
                return self._taken(one, {each.hash for each in candidates}, level)
            if not pooled:
                reason = f"{one.hash} is in no block and no pool, and nonce {one.nonce} is unused"
                return unknown(reason)
        return Receipt(Outcome.ACCEPTED, reason=f"{pooled} waits in the pool")

    def _mined(self, mined: Mined, level: Level) -> Receipt:
        """Of a transaction in a block: whether the block stands, and is deep enough."""
        number = int(mined.receipt["blockNumber"], 16)
        deep = self._deep(number, level)
        block = self._node.block(number)  # after that: it is the one that is as deep
        if block.hash != mined.receipt["blockHash"]:
            return unknown(f"block {number} was replaced; it is looked for anew")
        if not deep:
            reason = f"{mined.hash} is in block {number}, which is not {level} yet"
            return Receipt(Outcome.ACCEPTED, reason=reason)
        moves = self._effects.moves(mined)
        if mined.succeeded:
            return Receipt(Outcome.EXECUTED, (), moves, block.time_ns)
        reason = f"{mined.hash} reverted in block {number}: {self._reason(mined)}"
        return Receipt(Outcome.REJECTED_DEFINITIVE, (), moves, block.time_ns, reason)

    def _deep(self, number: int, level: Level) -> bool:
        above = self._confirmations - 1 if level is Level.INCLUDED else 0
        try:
            return self._node.block(level.tag).number >= number + above
        except NotObserved:
            return False  # a young chain has no such block yet

    def _taken(self, one: Sealed, ours: Collection[str], level: Level) -> Receipt:
        """Its nonce is used: by which transaction, is looked for.

        It may be one of ours: then it has come into a block since its receipt was asked for. If
        none is found, the chain has changed since it was asked, or the answers are of nodes that
        differ: that proves nothing. One that another transaction has beaten may be sent again
        under a new key only when that other one is FINAL: before, either may still be mined.
        """
        head = self._node.block()
        low = self._before(one.sender, one.nonce, head.number)
        number = self._feed.block_of_nonce(one.sender, one.nonce, low, head.number)
        if not self._deep(number, level):
            reason = f"nonce {one.nonce} is used in block {number}, which is not {level} yet"
            return unknown(reason)
        used = self._feed.used_in(one.sender, one.nonce, number)
        if not used:
            return unknown(f"nonce {one.nonce} seems used, yet not in block {number}")
        winners = [self._feed.mined(transaction) for transaction in used]
        for winner in winners:
            if winner.hash in ours:
                return self._mined(winner, level)
        moves = tuple(move for winner in winners for move in self._effects.moves(winner))
        reason = f"nonce {one.nonce} was used in block {number}, by {', '.join(used)}"
        final = self._deep(number, Level.FINAL)
        block = self._node.block(number)  # after that, as in `_mined`
        if any(winner.receipt["blockHash"] != block.hash for winner in winners):
            return unknown(f"block {number} was replaced; it is looked for anew")
        return Receipt(Outcome.EXPIRED, (), moves, block.time_ns, reason, retryable=final)

    def _before(self, sender: str, nonce: int, high: int) -> int:
        """A block in which a nonce was not used yet, not too far back."""
        back = 1
        while (low := max(0, high - back)) and self._node.nonce(sender, low) > nonce:
            back = 2 * back if back >= KEPT else min(2 * back, back + STEP, KEPT)
        return low


__all__ = ["LATEST", "Outcomes", "sent", "unknown"]
