"""What a transaction did, where its logs do not tell all of it: from the blocks around it.

Tokens tell when an allowance is set and not when it is used, a market what a setting has become,
a queue what it has paid and not what it was asked for.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import define, field

from verifill.venues.evm.abi import word
from verifill.venues.evm.decode import APPROVAL, TRANSFER, Decoder, Mined
from verifill.venues.evm.node import Node
from verifill.venues.evm.questions import Questions, read_at
from verifill.venues.keys import Kind
from verifill.venues.orders import Cause, Move

ALLOWANCE: Final = f":{Kind.ALLOWANCE}:"
SETTING: Final = f":{Kind.SETTING}:"
CLAIM: Final = f":{Kind.CLAIM}:"


@define
class Effects:
    """Reads what transactions did to our positions.

    Args:
        node: who is asked.
        questions: about every position.
        decoder: reads logs.
    """

    _node: Node
    _questions: Questions
    _decoder: Decoder
    _known: dict[tuple[str, str], tuple[Move, ...]] = field(
        factory=dict[tuple[str, str], tuple[Move, ...]], init=False
    )

    def moves(self, mined: Mined) -> tuple[Move, ...]:
        """What a transaction did to our positions.

        Raises:
            NotObserved: what was before it, or after, cannot be read.
        """
        place = mined.hash, str(mined.receipt["blockHash"])
        if place not in self._known:  # a receipt and a reading are both about it
            self._known = {place: self._moves(mined)}
        return self._known[place]

    def _moves(self, mined: Mined) -> tuple[Move, ...]:
        moves = self._decoder.moves(mined)
        keys = sorted({m.key for m in moves if SETTING in m.key or CLAIM in m.key})
        keys += [key for key in self._touched(mined) if key not in keys]
        if not keys:
            return moves
        before, after = self._around(mined, keys)
        for key, was, now in zip(keys, before, after, strict=True):
            if SETTING in key:
                moves = _by_difference(moves, key, was)
            elif CLAIM in key:
                moves = _filled_up(moves, key, now - was)
            elif was != now:
                moves = (*moves, Move(f"{mined.hash}:{key}", key, now - was, Cause.CALL))
        return moves

    def _touched(self, mined: Mined) -> Iterable[str]:
        """The allowances that it may have used."""
        tokens = {
            log["address"].lower()
            for log in mined.receipt["logs"]
            if log["topics"] and log["topics"][0] in (APPROVAL, TRANSFER)
        }
        for key, question in self._questions.asked.items():
            if ALLOWANCE in key and question.target.lower() in tokens:
                yield key

    def _around(self, mined: Mined, keys: Sequence[str]) -> list[list[int]]:
        """What there was at the block before its own, and at its own."""
        asked = [self._questions.asked[key].plain for key in keys]
        number = int(mined.receipt["blockNumber"], 16)
        return [
            [word(one) for one in read_at(self._node, asked, self._node.block(at))]
            for at in (number - 1, number)
        ]


def _by_difference(moves: Sequence[Move], key: str, was: int) -> tuple[Move, ...]:
    """Moves of a setting that say what it became, as changes."""
    changed: list[Move] = []
    for move in moves:
        if move.key == key:
            changed.append(_of_amount(move, move.amount - was))
            was = move.amount
        else:
            changed.append(move)
    return tuple(changed)


def _filled_up(moves: Sequence[Move], key: str, change: int) -> tuple[Move, ...]:
    """The last move of a claim as much greater as its queue has forgiven."""
    missing = change - sum(move.amount for move in moves if move.key == key)
    if not missing:
        return tuple(moves)
    last = max(place for place, move in enumerate(moves) if move.key == key)
    return tuple(
        _of_amount(move, move.amount + missing) if place == last else move
        for place, move in enumerate(moves)
    )


def _of_amount(move: Move, amount: int) -> Move:
    """The same move of another amount."""
    return Move(move.ref, move.key, amount, move.cause, move.step)
