"""What the loops write beside the transitions: decisions, receipts, readings, notes."""

from collections.abc import Iterable, Mapping

import msgspec

from verifill.engine.executor import Executor
from verifill.engine.log.writer import Writer
from verifill.machines.leg import Leg
from verifill.machines.reconcile import Verdict
from verifill.venues.expectation import Bound
from verifill.venues.instructions import SpotTrade
from verifill.venues.orders import Bundle, LedgerRow, Outcome

EXECUTED = Outcome.EXECUTED
NOT_MOVED = Bound(0, 0)
ONE_TX = "ONE_TX"

Subject = tuple[int, int, int, int, int]


class Records:
    """The records of one run.

    Args:
        log: where they go.
        machine: tells the number of the last transition.
    """

    def __init__(self, log: Writer, machine: Executor) -> None:
        self._machine = machine
        self._codes = log.codes
        self._subjects: dict[tuple[str, ...], Subject] = {}
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
        request, wanted = leg.request, leg.wanted
        quantity, limit, detail = 0, 0, ""
        if not isinstance(request, Bundle):  # which has none, and stands for what was denied
            quantity, limit = request.quantity, request.limit
        spelt: tuple[str, ...]
        if type(wanted) is SpotTrade:
            spelt = (wanted.op, wanted.account, wanted.symbol, wanted.side, leg.name)
            detail = "" if quantity else _json(wanted)  # the columns hold all of it
        elif isinstance(wanted, tuple):
            spelt = (ONE_TX, wanted[0].instruction.account, "", "", "")
            detail = _json(wanted)
        else:
            subject = str(getattr(wanted, "symbol", "") or getattr(wanted, "asset", ""))
            side = str(getattr(wanted, "side", ""))
            spelt = (wanted.op, wanted.account, subject, side, leg.name)
            detail = _json(wanted)
        self._instruction(
            (
                self._machine.base + self._machine.node.depth,
                leg.number,
                leg.parent,
                self._codes[leg.role],
                *(self._subjects.get(spelt) or self._spell(spelt)),
                quantity,
                limit,
                detail,
            )
        )

    def _spell(self, spelt: tuple[str, ...]) -> Subject:
        """The codes of operation, account, subject, side and name."""
        op, account, subject, side, name = (self._codes[text] for text in spelt)
        codes = self._subjects[spelt] = (op, account, subject, side, name)
        return codes

    def receipt(self, leg: Leg) -> None:
        """What the venue said: every fill and move, and the outcome where it is no plain one.

        An order without a row in `receipts` was EXECUTED as its fills and moves say.
        """
        seq = self._machine.base + self._machine.node.depth
        number, receipt, codes = leg.number, leg.receipt, self._codes
        for fill in receipt.fills:
            self._fill(
                (
                    seq,
                    number,
                    fill.ref,
                    fill.quantity,
                    fill.price,
                    fill.fee,
                    codes[fill.fee_asset],
                    fill.realised,
                )
            )
        for move in receipt.moves:
            cause = codes[move.cause]
            self._move((seq, number, move.ref, codes[move.key], move.amount, cause, move.step))
        if receipt.outcome is not EXECUTED or receipt.reason or receipt.effect_ns != self.time_ns:
            outcome = codes[receipt.outcome]
            self._receipt((seq, number, outcome, receipt.effect_ns, receipt.reason))

    @property
    def time_ns(self) -> int:
        """The time of the transitions that are being recorded."""
        return self._machine.context.time_ns

    def verdict(self, leg: Leg) -> None:
        """What was found: the positions concerned, other ledger rows, and the reason."""
        seq = self._machine.base + self._machine.node.depth
        number, verdict = leg.number, leg.verdict
        codes, position = self._codes, self._position
        bounds, opening = leg.expectation.bounds, leg.monitor.totals
        totals, as_of_ns = leg.observation.totals, leg.observation.as_of_ns
        for key in bounds if _expected(bounds, verdict) else _concerned(bounds, verdict):
            before = opening.get(key, 0)
            bound = bounds.get(key, NOT_MOVED)
            low, high = before + bound.low, before + bound.high
            position((seq, number, as_of_ns, codes[key], totals.get(key, 0), low, high))
        for row in verdict.others:
            self._external(seq, number, row, totals, as_of_ns)
        if verdict.reason:
            text = {"reason": verdict.reason, "residuals": verdict.residuals}
            self.note(number, verdict.kind, text)

    def pending(self, leg: Leg) -> None:
        """What has moved since the last look, while the rest is under way."""
        seq, observation, bounds = self._machine.seq, leg.observation, leg.expectation.bounds
        for key in dict.fromkeys(row.key for row in observation.rows[leg.rows :]):
            before, bound = leg.monitor.totals.get(key, 0), bounds.get(key, NOT_MOVED)
            total, as_of_ns = observation.totals.get(key, 0), observation.as_of_ns
            low, high = before + bound.low, before + bound.high
            self._position((seq, leg.number, as_of_ns, self._codes[key], total, low, high))
        leg.rows = len(observation.rows)

    def external(self, rows: list[LedgerRow], totals: Mapping[str, int], as_of_ns: int) -> None:
        """Ledger rows seen between instructions."""
        for row in rows:
            self._external(self._machine.seq, 0, row, totals, as_of_ns)

    def _external(
        self, seq: int, number: int, row: LedgerRow, totals: Mapping[str, int], as_of_ns: int
    ) -> None:
        key = self._codes[row.key]
        self._ledger((seq, row.ref, key, row.amount, self._codes[row.cause], row.time_ns))
        total = totals.get(row.key, 0)
        self._position((seq, number, as_of_ns, key, total, total, total))

    def opening(self, totals: Mapping[str, int], as_of_ns: int) -> None:
        """Every tracked position, at the start."""
        seq = self._machine.seq
        for key, total in totals.items():
            self._position((seq, 0, as_of_ns, self._codes[key], total, total, total))

    def note(self, number: int, kind: str, text: object) -> None:
        """What no column holds."""
        self._note((self._machine.seq, number, self._codes[kind], _json(text)))


def _expected(bounds: Mapping[str, Bound], verdict: Verdict) -> bool:
    """Whether nothing moved but what was expected to."""
    return bounds.keys() >= verdict.own.keys() and not verdict.residuals


def _concerned(bounds: Mapping[str, Bound], verdict: Verdict) -> Iterable[str]:
    return sorted(bounds.keys() | verdict.own.keys() | verdict.residuals.keys())


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
