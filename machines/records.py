"""What the loops write beside the transitions: decisions, receipts, readings, notes."""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from verifill.engine.log.writer import Writer
from verifill.machines.leg import Leg
from verifill.machines.reconcile import Verdict
from verifill.venues.expectation import Bound
from verifill.venues.instructions import SpotTrade
from verifill.venues.orders import LedgerRow, Order

NOT_MOVED = Bound(0, 0)
ONE_TX = "ONE_TX"


class Records:
    """The records of one run.

    Args:
        log: where they go.
        seq: tells the number of the last transition.
    """

    def __init__(self, log: Writer, seq: Callable[[], int]) -> None:
        self._seq = seq
        self._code = log.code
        streams = log.streams
        self._instruction = streams["instructions"].append
        self._receipt = streams["receipts"].append
        self._fill = streams["fills"].append
        self._move = streams["moves"].append
        self._position = streams["positions"].append
        self._ledger = streams["ledger"].append
        self._note = streams["notes"].append

    def decision(self, leg: Leg) -> None:
        """What an instruction asks for, made exact as far as that was possible."""
        code = self._code
        request, wanted = leg.request, leg.wanted
        if isinstance(wanted, tuple):
            op, account = ONE_TX, wanted[0].instruction.account
            subject, side = "", ""
        else:
            op, account = wanted.op, wanted.account
            subject = str(getattr(wanted, "symbol", "") or getattr(wanted, "asset", ""))
            side = str(getattr(wanted, "side", ""))
        quantity, limit = 0, 0
        if isinstance(request, Order):
            quantity, limit = request.quantity, request.limit
        plain = quantity and type(wanted) is SpotTrade  # the columns hold all of it
        self._instruction(
            (
                self._seq(),
                leg.number,
                leg.parent,
                code(leg.role),
                code(leg.name),
                code(op),
                code(account),
                code(subject),
                code(side),
                quantity,
                limit,
                "" if plain else _json(wanted),
            )
        )

    def receipt(self, leg: Leg) -> None:
        """What the venue said: its last word on the order, every fill and every move."""
        code = self._code
        seq, number, receipt = self._seq(), leg.number, leg.receipt
        for fill in receipt.fills:
            self._fill(
                (
                    seq,
                    number,
                    fill.ref,
                    fill.quantity,
                    fill.price,
                    fill.fee,
                    code(fill.fee_asset),
                    fill.realised,
                )
            )
        for move in receipt.moves:
            self._move(
                (seq, number, move.ref, code(move.key), move.amount, code(move.cause), move.step)
            )
        self._receipt((seq, number, code(receipt.outcome), receipt.effect_ns, receipt.reason))

    def verdict(self, leg: Leg) -> None:
        """What was found: the positions concerned, other ledger rows, and the reason."""
        seq, number, verdict = self._seq(), leg.number, leg.verdict
        code, position = self._code, self._position
        bounds, opening = leg.expectation.bounds, leg.monitor.totals
        totals, as_of_ns = leg.observation.totals, leg.observation.as_of_ns
        for key in _concerned(bounds, verdict):
            before = opening.get(key, 0)
            bound = bounds.get(key, NOT_MOVED)
            low, high = before + bound.low, before + bound.high
            position((seq, number, as_of_ns, code(key), totals.get(key, 0), low, high))
        for row in verdict.others:
            self._external(seq, number, row, totals, as_of_ns)
        if verdict.reason:
            self.note(
                number,
                verdict.kind,
                {"reason": verdict.reason, "residuals": verdict.residuals},
            )

    def external(self, rows: list[LedgerRow], totals: Mapping[str, int], as_of_ns: int) -> None:
        """Ledger rows seen between instructions."""
        seq = self._seq()
        for row in rows:
            self._external(seq, 0, row, totals, as_of_ns)

    def _external(
        self, seq: int, number: int, row: LedgerRow, totals: Mapping[str, int], as_of_ns: int
    ) -> None:
        code = self._code
        self._ledger((seq, row.ref, code(row.key), row.amount, code(row.cause), row.time_ns))
        total = totals.get(row.key, 0)
        self._position((seq, number, as_of_ns, code(row.key), total, total, total))

    def opening(self, totals: Mapping[str, int], as_of_ns: int) -> None:
        """Every tracked position, at the start."""
        seq = self._seq()
        for key, total in totals.items():
            self._position((seq, 0, as_of_ns, self._code(key), total, total, total))

    def note(self, number: int, kind: str, text: object) -> None:
        """What no column holds."""
        self._note((self._seq(), number, self._code(kind), _json(text)))


def _concerned(bounds: Mapping[str, Bound], verdict: Verdict) -> Iterable[str]:
    """The positions that were expected to move, or did."""
    if bounds.keys() >= verdict.own.keys() and not verdict.residuals:
        return bounds
    return sorted(bounds.keys() | verdict.own.keys() | verdict.residuals.keys())


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
