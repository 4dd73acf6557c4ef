"""The accounts of a simulated venue: totals, and a row for every change of them."""

from collections.abc import Mapping
from typing import Final

from verifill.venues.orders import Cause, LedgerRow, Reading

TRADE: Final = Cause.TRADE
FEE: Final = Cause.FEE


class Accounts:
    """Totals per position key and the ledger rows that no reading has delivered yet.

    Args:
        opening: position key -> units; the keys listed here are the ones that exist.
        lag_ns: how far readings are behind; they then show the accounts as they were.
    """

    def __init__(self, opening: Mapping[str, int], lag_ns: int = 0) -> None:
        """Open the accounts."""
        self.totals = dict(opening)
        self.now_ns = 0
        self._lag_ns = lag_ns
        self._rows: list[LedgerRow] = []

    def post(self, ref: str, key: str, amount: int, cause: Cause) -> None:
        """Change a position by an amount, for a cause."""
        self.totals[key] += amount
        self._rows.append(LedgerRow(ref, key, amount, cause, self.now_ns))

    def trade(
        self, ref: str, quote_key: str, quote: int, base_key: str, base: int, fee_key: str, fee: int
    ) -> None:
        """Change both positions of a trade and the one that pays its fee, as posts would."""
        totals, change = self.totals, quote
        if fee_key == quote_key:  # nearly always: one look-up for both
            change -= fee
        elif fee:
            totals[fee_key] -= fee
        totals[quote_key] += change
        totals[base_key] += base
        rows, now_ns = self._rows, self.now_ns
        rows.append(LedgerRow(ref, quote_key, quote, TRADE, now_ns))
        rows.append(LedgerRow(ref, base_key, base, TRADE, now_ns))
        if fee:
            rows.append(LedgerRow(ref, fee_key, -fee, FEE, now_ns))

    def read(self) -> Reading:
        """The accounts as of now less the lag, with the rows not yet delivered."""
        if self._lag_ns:
            return self._read_behind(self.now_ns - self._lag_ns)
        rows = self._rows
        if not rows:
            return Reading(self.now_ns, self.totals.copy())
        self._rows = []
        return Reading(self.now_ns, self.totals.copy(), tuple(rows))

    def _read_behind(self, as_of_ns: int) -> Reading:
        totals = self.totals.copy()
        seen = 0
        for row in self._rows:
            if row.time_ns <= as_of_ns:
                seen += 1
            else:
                totals[row.key] -= row.amount
        rows = tuple(self._rows[:seen])
        del self._rows[:seen]
        return Reading(as_of_ns, totals, rows)

    def fork(self) -> "Accounts":
        """A copy with no undelivered rows and no lag, for a dry run."""
        copy = Accounts(self.totals)
        copy.now_ns = self.now_ns
        return copy
