"""What the loops write beside the transitions: decisions, receipts, readings, notes."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from verifill.engine.executor import Executor
from verifill.engine.log.usual import Kind
from verifill.machines.leg import Leg
from verifill.machines.meaning import SETTLED
from verifill.machines.reconcile import Verdict
from verifill.machines.strategy import Plan
from verifill.venues.expectation import Bound
from verifill.venues.instructions import SpotTrade
from verifill.venues.orders import Bundle, Cause, LedgerRow, Outcome, Reading
from verifill.venues.tickets import Ticket

EXECUTED = Outcome.EXECUTED
NOT_MOVED = Bound(0, 0)
ONE_TX = "ONE_TX"

Spelt = tuple[str, str, str, str, str, str]
"""Role, operation, account, subject, side and name of an instruction."""

Subject = tuple[Any, Any, Any, Any, Any, Any]
"""Their codes: numbers, or in a live log the texts themselves."""

SUBJECTS_MAX = 256  # of which the codes are kept


class Rows(Protocol):
    """One stream."""

    @property
    def append(self) -> Callable[[tuple[object, ...]], None]:
        """Adds a row."""
        ...


class UsualRows(Protocol):
    """Where instructions that went the usual way are one row; see `engine.log.usual`."""

    kinds: dict[Kind, int]


class Sink(Protocol):
    """A log, as far as the loops write to it."""

    @property
    def codes(self) -> Mapping[str, Any]:
        """Text -> what stands for it."""
        ...

    @property
    def streams(self) -> Mapping[str, Rows]:
        """Name -> stream."""
        ...

    @property
    def usual(self) -> UsualRows:
        """For what went the usual way."""
        ...


class Records:
    """The records of one run.

    Args:
        log: where they go.
        machine: tells the number of the last transition.
    """

    def __init__(self, log: Sink, machine: Executor) -> None:
        self._machine = machine
        self._codes = log.codes
        self._subjects: dict[Spelt, Subject] = {}
        self._kinds = log.usual.kinds
        streams = log.streams
        self._instruction = streams["instructions"].append
        self._receipt = streams["receipts"].append
        self._fill = streams["fills"].append
        self._move = streams["moves"].append
        self._position = streams["positions"].append
        self._ledger = streams["ledger"].append
        self._note = streams["notes"].append

    def plan(self, plan: Plan) -> None:
        """What the strategy wants; a backtest has it in the decisions."""

    def intent(self, leg: Leg) -> None:
        """What is about to be sent; in live mode it is on the disk when this returns."""

    def remember(self) -> None:
        """Something is not to be forgotten; in live mode the next record holds it."""

    def decision(self, leg: Leg) -> None:
        """What an instruction asks for, made exact as far as that was possible."""
        machine, wanted, request = self._machine, leg.wanted, leg.request
        quantity, limit, detail = 0, 0, ""
        if type(request) is not Bundle:  # which has none, and stands for what was denied
            quantity, limit = request.quantity, request.limit
        spelt: Spelt
        if type(wanted) is SpotTrade:
            name = leg.name if leg.child else wanted.name
            spelt = (leg.role, wanted.op, wanted.account, wanted.symbol, wanted.side, name)
            if not quantity or wanted.timeout_s:  # else the columns hold all of it
                detail = _json(wanted)
        else:
            spelt, detail = _spelt(leg), _json(wanted)
        self._instruction(
            (
                machine.base + machine.node.depth,
                leg.number,
                leg.parent,
                *(self._subjects.get(spelt) or self._code(spelt)),
                quantity,
                limit,
                detail,
            )
        )

    def _code(self, spelt: Spelt) -> Subject:
        """The codes of role, operation, account, subject, side and name."""
        if len(self._subjects) >= SUBJECTS_MAX:
            self._subjects.clear()  # a strategy may name every instruction anew, for years
        role, op, account, subject, side, name = (self._codes[text] for text in spelt)
        codes = self._subjects[spelt] = (role, op, account, subject, side, name)
        return codes

    def kind_of(self, trade: SpotTrade, ticket: Ticket) -> int:
        """The number of what the rows of `usual` for such trades have in common."""
        texts = ("PLAN", trade.op, trade.account, trade.symbol, trade.side, "",
                 ticket.base_key, ticket.quote_key, ticket.fee_asset)  # fmt: skip
        role, op, account, subject, side, name, base, quote, fee = (self._codes[t] for t in texts)
        kind = (role, op, account, subject, side, name, base, quote, fee)
        return self._kinds.setdefault(kind, len(self._kinds))

    def receipt(self, leg: Leg) -> None:
        """What the venue said: every fill and move, and the outcome where it is no plain one.

        An order without a row in `receipts` was EXECUTED as its fills and moves say.
        """
        machine, number, receipt, codes = self._machine, leg.number, leg.receipt, self._codes
        seq = machine.base + machine.node.depth
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
        plain = receipt.outcome is EXECUTED and not receipt.reason
        if not plain or receipt.effect_ns != machine.context.time_ns:
            outcome = codes[receipt.outcome]
            self._receipt((seq, number, outcome, receipt.effect_ns, receipt.reason))

    def verdict(self, leg: Leg) -> None:
        """What was found: the positions concerned, other ledger rows, and the reason."""
        number, verdict, bounds = leg.number, leg.verdict, leg.expectation.bounds
        if verdict.residuals or not bounds.keys() >= verdict.own.keys():
            bounds = _concerned(bounds, verdict)
        self.positions(leg, bounds)
        seq, observation = self._machine.seq, leg.observation
        for row in verdict.others:
            self._external(seq, number, row, observation.totals, observation.as_of_ns)
        if verdict.accepted and verdict.kind in SETTLED:
            self.tolerated(number, verdict.accepted, observation)
        if verdict.reason:
            text = {"reason": verdict.reason, "residuals": verdict.residuals}
            self.note(number, verdict.kind, text)

    def positions(self, leg: Leg, bounds: Mapping[str, Bound]) -> None:
        """What was observed of some positions, beside what was expected of them."""
        machine, number, observation = self._machine, leg.number, leg.observation
        seq = machine.base + machine.node.depth
        codes, position, opening = self._codes, self._position, leg.monitor.totals
        totals, as_of_ns = observation.totals, observation.as_of_ns
        for key, bound in bounds.items():
            before = opening.get(key, 0)
            low, high = before + bound.low, before + bound.high
            position((seq, number, as_of_ns, codes[key], totals.get(key, 0), low, high))

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

    def tolerated(self, number: int, accepted: Mapping[str, int], observation: Reading) -> None:
        """Differences that were accepted on a tolerance, as rows of a cause of their own."""
        seq, as_of_ns = self._machine.seq, observation.as_of_ns
        for key, amount in accepted.items():
            row = LedgerRow(f"tolerance:{seq}", key, amount, Cause.TOLERANCE, as_of_ns)
            self._external(seq, number, row, observation.totals, as_of_ns)

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


def _spelt(leg: Leg) -> Spelt:
    wanted = leg.wanted
    if isinstance(wanted, tuple):
        return leg.role, ONE_TX, wanted[0].instruction.account, "", "", ""
    subject = str(getattr(wanted, "symbol", "") or getattr(wanted, "asset", ""))
    side = str(getattr(wanted, "side", ""))
    return leg.role, wanted.op, wanted.account, subject, side, leg.name


def _concerned(bounds: Mapping[str, Bound], verdict: Verdict) -> dict[str, Bound]:
    """Every position that was expected to move, or did."""
    keys = bounds.keys() | verdict.own.keys() | verdict.residuals.keys()
    return {key: bounds.get(key, NOT_MOVED) for key in sorted(keys)}


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
