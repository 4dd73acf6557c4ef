"""Continuity: whatever moves between instructions is explained, or the strategy stops (R17).

The opening of an instruction is the closing of the one before it and the ledger rows since,
each of a known cause. What is not explained, and what is explained by a liquidation, ends
the assumptions that the strategy was made on.
"""

from collections.abc import Callable
from typing import Final

from verifill.engine.errors import NotObserved
from verifill.machines.monitor import PositionMonitor
from verifill.machines.reconcile import sort_rows, strays
from verifill.machines.records import Records
from verifill.venues.expectation import Expectation
from verifill.venues.orders import Cause, LedgerRow, Outcome, Reading, Receipt

NO_RECEIPT: Final = Receipt(Outcome.ABSENT)
NOTHING_EXPECTED: Final = Expectation({})


class Continuity:
    """Watches the books between instructions.

    Args:
        monitor: the books.
        records: what is written of what moved.

    Attributes:
        risk: why nothing more may be sent; empty if all is well.
        strayed: told of each ledger row that no instruction of ours has caused.
    """

    def __init__(self, monitor: PositionMonitor, records: Records) -> None:
        self._monitor = monitor
        self._records = records
        self.risk = ""
        self.strayed: Callable[[LedgerRow], None] = _nothing

    def open(self) -> str:
        """Compare the opening balance of every account with the books (R18).

        Returns:
            What differs, or empty.
        """
        monitor = self._monitor
        observation = monitor.observe()
        monitor.settle(monitor.totals, {}, {}, observation.as_of_ns)
        self._records.opening(monitor.totals, observation.as_of_ns)
        if observation.totals == monitor.totals:
            return ""
        return f"opening balance: {self._differences(observation)}"

    def _differences(self, observation: Reading) -> str:
        ours, theirs = self._monitor.totals, observation.totals
        keys = sorted(ours.keys() | theirs.keys())
        return ", ".join(
            f"{key} is {theirs.get(key)}, booked {ours.get(key)}"
            for key in keys
            if theirs.get(key) != ours.get(key)
        )

    def look(self) -> str:
        """Look at the positions now.

        Returns:
            The risk; or that nothing could be observed, which is no risk that stays.
        """
        try:
            observation = self._monitor.observe()
        except NotObserved as error:
            return str(error)
        if observation.rows or observation.totals != self._monitor.totals:
            self._explain(observation)
        return self.risk

    def _explain(self, observation: Reading) -> None:
        """Explain everything that moved since the last instruction."""
        monitor = self._monitor
        missing = sorted(monitor.totals.keys() - observation.totals.keys())
        if missing:
            self.risk = f"not observed: {', '.join(missing)}; missing is not zero"
            return
        evidence = sort_rows(monitor.totals, observation.rows, NO_RECEIPT)
        residuals, accepted = monitor.suspense.split(
            evidence.ledger,
            observation.totals,
            NOTHING_EXPECTED,
            observation.as_of_ns - monitor.settled_ns,
            observation.as_of_ns,
        )
        stray = strays(evidence)
        self._records.external(evidence.others, observation.totals, observation.as_of_ns)
        if residuals:
            self.risk = f"moved between instructions without a ledger row: {residuals}"
        elif stray:
            self.risk = f"between instructions {stray}"
        else:
            self._records.tolerated(0, accepted, observation)
            monitor.settle(evidence.ledger, accepted, {}, observation.as_of_ns)
        self.watch(evidence.others)

    def watch(self, rows: list[LedgerRow]) -> None:
        """A liquidation is no mismatch, and the end of the strategy's assumptions."""
        for row in rows:
            self.strayed(row)
            if row.cause is Cause.LIQUIDATION:
                self.risk = f"liquidation: {row.ref} moved {row.key} by {row.amount}"


def _nothing(_row: LedgerRow) -> None:
    """What follows if nobody asked for more."""
