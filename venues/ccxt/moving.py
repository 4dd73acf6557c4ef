"""Transfers between the accounts of one exchange: sent once, and looked up.

By our name of it where the exchange takes one. Where it does not, what became of a transfer is
looked up by what it was: in the time in which it can have been executed there is exactly one
such transfer, none, or nobody can say which is ours. Not found is a proof only where the
exchange refuses what comes late; elsewhere a person looks.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from http import HTTPStatus

from verifill.engine.clock import NANOSECONDS
from verifill.engine.errors import NotObserved
from verifill.venues.ccxt.absence import Absence
from verifill.venues.ccxt.account import MS, Account
from verifill.venues.ccxt.client import Failed, plain
from verifill.venues.ccxt.funds import Moved, State
from verifill.venues.ccxt.outcomes import refused, unknown
from verifill.venues.instructions import InternalTransfer
from verifill.venues.keys import Kind, Scales, position_key
from verifill.venues.orders import Cause, Move, Order, Outcome, Receipt
from verifill.venues.rules import VenueRules


class Transfers:
    """Transfers between the accounts of one venue.

    Args:
        rules: static data of the venue.
        accounts: by name.
        scales: decimals of the assets.
    """

    def __init__(self, rules: VenueRules, accounts: Mapping[str, Account], scales: Scales) -> None:
        self._rules = rules
        self._accounts = accounts
        self._scales = scales
        self._absence = Absence(rules)
        self._deadlines: dict[str, int] = {}  # of orders that have none of their own

    def no_way(self, asked: InternalTransfer) -> str:
        """Why it cannot be done, or empty."""
        target = self._accounts.get(asked.to)
        if target is None:
            there = ", ".join(self._accounts)
            return f"{asked.to!r} is no account of {self._rules.name}; it has {there}"
        source = self._accounts[asked.account]
        if target.dialect.name not in source.dialect.reaches:
            return f"nothing is transferred from {asked.account} to {asked.to} here"
        return source.dialect.immovable(source.orders.exchange, asked.asset)

    def submit(self, order: Order) -> Receipt:
        """Send it, once."""
        asked, source, target = self._place(order)
        dialect = source.dialect
        amount = plain(self._amount(asked, order))
        self._absence.forget(order)
        sent = source.send(
            order,
            dialect.transfer,
            asked.asset,
            amount,
            target.dialect.name,
            dialect.transfer_id(order.key),
        )
        if isinstance(sent, Receipt):
            return sent
        self._deadlines[order.key] = source.deadline_ns(source.time.now_ns() or 0)
        if isinstance(sent, Failed):
            return refused(sent, dialect) or unknown(sent.reason)
        if sent.value in {"", "None"}:
            return unknown("an answer without the id of a transfer")
        return Receipt(Outcome.ACCEPTED, reason=f"transfer {sent.value}")

    def query(self, order: Order) -> Receipt:
        """What became of it, by its name or by what it was."""
        asked, source, target = self._place(order)
        try:
            time_ns = source.ask_time_ns()
            told = self._told(order, source, time_ns)
        except NotObserved as error:
            return unknown(str(error))
        what = (asked.asset, self._amount(asked, order), source.dialect.name, target.dialect.name)
        alike = [one for one in told if (one.asset, one.amount, one.source, one.target) == what]
        if len(alike) > 1:
            return unknown(f"{len(alike)} transfers are like it; nobody can say which it is")
        if not alike:
            return self._absence.judged(order, time_ns, source.dialect.lingers_s)
        return self._done(asked, order, alike[0])

    def _told(self, order: Order, source: Account, time_ns: int) -> Sequence[Moved]:
        """The transfers that it may be among; of a name, that one or none.

        Raises:
            NotObserved: the exchange does not tell.
        """
        rules, dialect = self._rules, source.dialect
        client_id = dialect.transfer_id(order.key) if dialect.named_transfers else ""
        deadline_ns = order.deadline_ns or self._deadlines.get(order.key, time_ns)
        end_ns = deadline_ns + (rules.query_lag_s + (dialect.lingers_s or 0)) * NANOSECONDS
        begin_ns = deadline_ns - 2 * rules.recv_window_s * NANOSECONDS
        source.stamp(source.orders)
        attempt = source.orders.attempt(
            source.patience.reading_s,
            dialect.transferred,
            client_id,
            begin_ns // MS,
            end_ns // MS,
        )
        if isinstance(attempt, Failed):
            status = attempt.evidence.status
            if 0 < status < HTTPStatus.INTERNAL_SERVER_ERROR and attempt.says(*dialect.no_transfer):
                return ()
            raise NotObserved(attempt.reason)
        told: Sequence[Moved] = attempt.value
        return [one for one in told if one.client_id == client_id] if client_id else told

    def _done(self, asked: InternalTransfer, order: Order, moved: Moved) -> Receipt:
        self._absence.forget(order)
        if moved.state is State.FAILED:
            return Receipt(Outcome.REJECTED_DEFINITIVE, reason=f"{moved.ref} failed")
        if moved.state is State.PENDING:
            return Receipt(Outcome.ACCEPTED, reason=f"{moved.ref} is under way")
        moves = tuple(
            Move(
                moved.ref,
                position_key(account, Kind.BASE, asked.asset),
                sign * order.quantity,
                Cause.TRANSFER,
            )
            for account, sign in ((asked.account, -1), (asked.to, 1))
        )
        return Receipt(Outcome.EXECUTED, moves=moves, effect_ns=moved.time_ms * MS)

    def _amount(self, asked: InternalTransfer, order: Order) -> Decimal:
        return self._scales.amount(
            position_key(asked.account, Kind.BASE, asked.asset), order.quantity
        )

    def _place(self, order: Order) -> tuple[InternalTransfer, Account, Account]:
        asked = order.instruction
        if not isinstance(asked, InternalTransfer):
            msg = f"{asked.op} is not INTERNAL_TRANSFER"
            raise TypeError(msg)
        return asked, self._accounts[asked.account], self._accounts[asked.to]
