"""The state of a simulated chain inside one transaction, which is kept whole or not at all."""

from collections.abc import Mapping

from attrs import define, field, frozen


class Reverted(Exception):  # noqa: N818 - what chains call it; it never leaves this package
    """A call that undoes its whole transaction.

    Attributes:
        reason: what the call says of it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@frozen
class Unstaking:
    """One request in an unstaking queue.

    Attributes:
        account: who asked.
        asset: the staking token that was burnt.
        into: what it becomes.
        amount: units burnt.
        due_ns: when it is released.
        payout: units that it pays; None until it is released.
    """

    account: str
    asset: str
    into: str
    amount: int
    due_ns: int
    payout: int | None = None


@define
class State:
    """What a transaction works on: a copy, with the moves that it has made so far.

    Attributes:
        totals: position key -> units.
        queue: requests to unstake, oldest first.
        owed: (lender, asset) -> units of flash loans not yet paid back.
        moves: (step, key, units) in order.
        step: the step that is being executed, -1 outside a bundle.
    """

    totals: dict[str, int]
    queue: list[Unstaking] = field(factory=list[Unstaking])
    owed: dict[tuple[str, str], int] = field(factory=dict[tuple[str, str], int])
    moves: list[tuple[int, str, int]] = field(factory=list[tuple[int, str, int]])
    step: int = -1

    def move(self, key: str, amount: int) -> None:
        """Change a position.

        Raises:
            Reverted: there is no such position, or not enough of it.
        """
        total = self.totals.get(key)
        if total is None:
            reason = f"there is no {key}"
            raise Reverted(reason)
        if total + amount < 0:
            reason = f"insufficient {key}: {total} of {-amount}"
            raise Reverted(reason)
        self.totals[key] = total + amount
        self.moves.append((self.step, key, amount))

    def owing(self) -> Mapping[tuple[str, str], int]:
        """The flash loans that are still to be paid back."""
        return {loan: units for loan, units in self.owed.items() if units}
