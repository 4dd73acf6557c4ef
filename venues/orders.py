"""What is sent to a venue and what comes back: order, fill, move, receipt, reading.

All amounts here are integers in units of their asset (see `engine.amounts`), all times
integer nanoseconds since the epoch in UTC. A receipt is what the venue says of an
order; a reading is what it says of the accounts. The two are never mixed.

None of these is changed once it is made, and none can be part of a cycle, so the garbage
collector need not know of them. A run makes eight at each tick: so `__init__` is written
out, with which the compiled kernel makes one and reads its fields without asking Python
(docs/decisions/0017-compiled-kernel.md).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, final

from mypy_extensions import mypyc_attr

from verifill.venues.instructions import Instruction


class Outcome(StrEnum):
    """What is known of an order (DOMAIN: outcome classes). Unknown is not failed."""

    DENIED_LOCAL = "DENIED_LOCAL"  # it never left
    REJECTED_DEFINITIVE = "REJECTED_DEFINITIVE"  # the venue will never execute it
    ACCEPTED = "ACCEPTED"  # the venue has it; an acknowledgement is not a fill
    EXECUTED = "EXECUTED"  # final, whole
    EXECUTED_PARTIAL = "EXECUTED_PARTIAL"  # final, the rest will never execute
    EXPIRED = "EXPIRED"  # final, nothing executed
    ABSENT = "ABSENT"  # proof that the venue never had it and cannot get it
    UNKNOWN = "UNKNOWN"  # neither is known


FINAL = frozenset(
    {
        Outcome.DENIED_LOCAL,
        Outcome.REJECTED_DEFINITIVE,
        Outcome.EXECUTED,
        Outcome.EXECUTED_PARTIAL,
        Outcome.EXPIRED,
        Outcome.ABSENT,
    }
)


HAD = frozenset({Outcome.ACCEPTED, Outcome.EXECUTED, Outcome.EXECUTED_PARTIAL, Outcome.EXPIRED})
"""Outcomes that say that the venue has, or had, an order."""

DEAD = frozenset({Outcome.DENIED_LOCAL, Outcome.REJECTED_DEFINITIVE, Outcome.ABSENT})
"""Outcomes after which nothing of an order can have been executed."""


class Trouble(StrEnum):
    """What an answer says of the way to the venue, whatever it says of the order."""

    NONE = ""
    BUSY = "BUSY"  # too many requests
    BARRED = "BARRED"  # 401, 403, 418


class Cause(StrEnum):
    """Why a balance moved, as the venue's own ledger says."""

    TRADE = "TRADE"
    FEE = "FEE"
    REALISED = "REALISED"
    TRANSFER = "TRANSFER"
    GAS = "GAS"
    CALL = "CALL"  # an effect of a contract call
    FUNDING = "FUNDING"
    INTEREST = "INTEREST"
    LIQUIDATION = "LIQUIDATION"
    SETTING = "SETTING"
    TOLERANCE = "TOLERANCE"  # in no venue's ledger: it was accepted, as it was declared


UNASKED = frozenset({Cause.FUNDING, Cause.INTEREST, Cause.LIQUIDATION})
"""Causes of rows that no instruction has, and that explain a difference all the same."""


@mypyc_attr(acyclic=True, allow_interpreted_subclasses=True)
@dataclass(init=False)
class Order:
    """An instruction made exact: what is sent, once.

    Attributes:
        number: number of the intent, unique in a run; a new try has a new one.
        instruction: what the strategy asked for.
        quantity: amount in units of the asset traded or moved; MAX_UNITS for `MAX`.
        limit: worst price in ticks of the instrument, or least output in units; 0: none.
        key: the intent's key, 32 characters of [a-z0-9], under which a venue knows it; empty
            in a backtest.
        deadline_ns: venue time after which the venue refuses it; 0 where it has no end.
        sealed: where the venue takes signed bytes: those that may be executed, in hex, of which
            at most one ever is; the newest last.
    """

    number: int
    instruction: Instruction
    quantity: int
    limit: int = 0
    key: str = ""
    deadline_ns: int = 0
    sealed: tuple[str, ...] = ()

    def __init__(
        self,
        number: int,
        instruction: Instruction,
        quantity: int,
        limit: int = 0,
        key: str = "",
        deadline_ns: int = 0,
        sealed: tuple[str, ...] = (),
    ) -> None:
        self.number = number
        self.instruction = instruction
        self.quantity = quantity
        self.limit = limit
        self.key = key
        self.deadline_ns = deadline_ns
        self.sealed = sealed


MAX_UNITS = -1


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False)
class Bundle:
    """The orders of a ONE_TX chain, sent as one transaction.

    Attributes:
        number: number of the one intent.
        account: the account that sends and pays the gas.
        orders: its steps, exact.
        key: the intent's key, as of an `Order`.
        deadline_ns: as of an `Order`.
        sealed: as of an `Order`.
    """

    number: int
    account: str
    orders: tuple[Order, ...]
    key: str = ""
    deadline_ns: int = 0
    sealed: tuple[str, ...] = ()

    def __init__(
        self,
        number: int,
        account: str,
        orders: tuple[Order, ...],
        key: str = "",
        deadline_ns: int = 0,
        sealed: tuple[str, ...] = (),
    ) -> None:
        self.number = number
        self.account = account
        self.orders = orders
        self.key = key
        self.deadline_ns = deadline_ns
        self.sealed = sealed


Request = Order | Bundle


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False)
class Fill:
    """One trade of an order.

    Attributes:
        ref: the venue's trade id, unique in its account.
        quantity: units of the base asset, positive.
        price: ticks of the instrument.
        fee: units of the fee's asset; negative is a rebate.
        fee_asset: the asset that the fee was taken in.
        realised: units of the margin asset that a perpetual paid out (or in) by it.
    """

    ref: str
    quantity: int
    price: int
    fee: int
    fee_asset: str
    realised: int = 0

    def __init__(
        self,
        ref: str,
        quantity: int,
        price: int,
        fee: int,
        fee_asset: str,
        realised: int = 0,
    ) -> None:
        self.ref = ref
        self.quantity = quantity
        self.price = price
        self.fee = fee
        self.fee_asset = fee_asset
        self.realised = realised


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False)
class Move:
    """One transfer that an order caused, such as an event of a transaction.

    Attributes:
        ref: transaction and index of the event, or the transfer's id.
        key: position key.
        amount: units, with its sign.
        cause: CALL, GAS, TRANSFER, SETTING.
        step: index of the step of a bundle, -1 for the transaction itself.
    """

    ref: str
    key: str
    amount: int
    cause: Cause
    step: int = -1

    def __init__(self, ref: str, key: str, amount: int, cause: Cause, step: int = -1) -> None:
        self.ref = ref
        self.key = key
        self.amount = amount
        self.cause = cause
        self.step = step


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False)
class Receipt:
    """What a venue says of one order.

    Attributes:
        outcome: see `Outcome`.
        fills: its trades so far.
        moves: its transfers so far, gas included.
        effect_ns: time of its last effect; a reading counts only from then on (R8).
        reason: the venue's words, for people.
        retryable: whether the same instruction may be sent again (with a new key), once
            it is verified that nothing happened.
        trouble: see `Trouble`.
        wait_s: how long to stay away, in seconds; 0 if the venue did not say.
        not_found: of UNKNOWN: whether the venue has answered that it does not find it, which
            proves nothing by itself.
    """

    outcome: Outcome
    fills: tuple[Fill, ...] = ()
    moves: tuple[Move, ...] = ()
    effect_ns: int = 0
    reason: str = ""
    retryable: bool = False
    trouble: Trouble = Trouble.NONE
    wait_s: int = 0
    not_found: bool = False

    def __init__(  # noqa: PLR0913 - it has as many fields
        self,
        outcome: Outcome,
        fills: tuple[Fill, ...] = (),
        moves: tuple[Move, ...] = (),
        effect_ns: int = 0,
        reason: str = "",
        *,
        retryable: bool = False,
        trouble: Trouble = Trouble.NONE,
        wait_s: int = 0,
        not_found: bool = False,
    ) -> None:
        self.outcome = outcome
        self.fills = fills
        self.moves = moves
        self.effect_ns = effect_ns
        self.reason = reason
        self.retryable = retryable
        self.trouble = trouble
        self.wait_s = wait_s
        self.not_found = not_found


# Of a class that is compiled no more is left of an annotation than `tuple`, and msgspec would
# leave the parts of a receipt as they came over the wire.
vars(Receipt)["__annotations__"].update(fills=tuple[Fill, ...], moves=tuple[Move, ...])


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False)
class LedgerRow:
    """One row of a venue's own account ledger.

    Attributes:
        ref: what caused it: trade id, event, funding period.
        key: position key.
        amount: units, with its sign.
        cause: why.
        time_ns: when.
    """

    ref: str
    key: str
    amount: int
    cause: Cause
    time_ns: int

    def __init__(self, ref: str, key: str, amount: int, cause: Cause, time_ns: int) -> None:
        self.ref = ref
        self.key = key
        self.amount = amount
        self.cause = cause
        self.time_ns = time_ns


NOT_BEHIND: Final[dict[str, int]] = {}


@final
@mypyc_attr(acyclic=True)
@dataclass(init=False)
class Reading:
    """What a venue says of the accounts it keeps, or what several say taken together.

    Attributes:
        as_of_ns: the moment it describes; of several, the newest.
        totals: position key -> units, every tracked key; a missing key is not zero.
        rows: ledger rows since the reading before, oldest first.
        behind: position key -> its moment, where a venue's view is older than the newest.
    """

    as_of_ns: int
    totals: dict[str, int]
    rows: tuple[LedgerRow, ...] = ()
    behind: dict[str, int] = field(default_factory=dict[str, int])

    def __init__(
        self,
        as_of_ns: int,
        totals: dict[str, int],
        rows: tuple[LedgerRow, ...] = (),
        behind: dict[str, int] = NOT_BEHIND,
    ) -> None:
        self.as_of_ns = as_of_ns
        self.totals = totals
        self.rows = rows
        self.behind = behind

    def shows(self, keys: Iterable[str], time_ns: int) -> bool:
        """Whether the view of all these positions was taken at this time or later."""
        if not self.behind:
            return self.as_of_ns >= time_ns
        return all(self.behind.get(key, self.as_of_ns) >= time_ns for key in keys)
