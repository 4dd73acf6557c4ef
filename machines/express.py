"""The usual way of a spot trade in one go: from the decision to a verified position.

A run goes this way a million times: the order is filled at once, the reading shows it, and
everything agrees. The activities of the tight loop would take seven steps for it, with a
value for the outcome of each. Here they are one, by way of the lane of the trade: the same
checks of the same numbers, the same events fired at the same points, the same log (a test
holds the two side by side). Wherever anything is not as usual, the activities go on from
the state that the machine has come to, with all that is known by then.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from verifill.engine.executor import Executor, UsualRow
from verifill.machines.desk import Desk
from verifill.machines.execution import ExecutionManager
from verifill.machines.full_loop import FullEvent
from verifill.machines.leg import Leg
from verifill.machines.monitor import PositionMonitor
from verifill.machines.records import Records
from verifill.machines.tight_loop import TightEvent
from verifill.machines.unanswered import unanswered
from verifill.venues.instructions import Side, SpotTrade
from verifill.venues.interfaces import Laned, Venue
from verifill.venues.lanes import Lane
from verifill.venues.orders import Outcome, Receipt, Request
from verifill.venues.tickets import TradeOrder

EXECUTED: Final = Outcome.EXECUTED
INSTRUCT: Final = FullEvent.INSTRUCT
NOTHING: Final[Mapping[str, int]] = {}
ROLE: Final = "PLAN"
VERIFIED: Final[tuple[str, ...]] = (TightEvent.ACCEPTED, TightEvent.OBSERVED, TightEvent.MATCHED)
"""What happens to an order that goes the usual way."""
ALL_VERIFIED: Final[tuple[str, ...]] = (*VERIFIED, FullEvent.COMPLETE)
"""Likewise to the last order of a plan."""


@dataclass(frozen=True)
class Way:
    """A lane and the venue that it leads to.

    Attributes:
        lane: the terms.
        venue: where orders go.
        submit: sends one there.
        row: of the trade made last, for the log.
    """

    lane: Lane
    venue: Venue
    submit: Callable[[Request], Receipt]
    row: UsualRow


class Express:
    """Takes plain spot trades the usual way.

    Args:
        machine: the running machine.
        manager: goes on where it is not the usual way.
        desk: knows venues, counts legs.
        records: where it is written down.

    Attributes:
        open: whether any trade is taken; the log does not tell.
    """

    def __init__(
        self, *, machine: Executor, manager: ExecutionManager, desk: Desk, records: Records
    ) -> None:
        self._machine = machine
        self._manager = manager
        self._desk = desk
        self._records = records
        self._monitor: PositionMonitor = desk.monitor
        self._totals = desk.monitor.totals
        self._ways: dict[tuple[str, str, Side], Way] = {}
        self.open = True

    def take(self, trade: SpotTrade, verified: tuple[str, ...] = VERIFIED) -> str | None:
        """Trade, and verify it.

        Args:
            trade: of a plan.
            verified: what happens to an order of it that goes the usual way.

        Returns:
            None where it is verified, and the machine has come to its end; else the event to go on
            with, which is `instruct` where nothing has been done yet.
        """
        side = trade.side
        try:
            way = self._ways[trade.account, trade.symbol, side]
        except (KeyError, TypeError):  # TypeError: whoever checks the plan will say of what
            return INSTRUCT
        lane, manager = way.lane, self._manager
        # a text may equal a side, and is none
        if side is not lane.side or trade.limit is not None or trade.name:
            return INSTRUCT
        number = manager.intents + 1
        order = lane.order(trade, trade.quantity, number, self._totals)
        if order is None:
            return INSTRUCT
        manager.intents = number
        machine = self._machine
        context = machine.context
        if context.instruction or context.chain:
            machine.cut()
            context.chain = 0
        context.instruction = self._desk.legs + 1
        context.attempt = 1
        machine.fire(INSTRUCT)
        return self._send(way, order, verified)

    def _send(self, way: Way, order: TradeOrder, verified: tuple[str, ...]) -> str | None:
        machine, monitor = self._machine, self._monitor
        submit = way.submit
        try:
            receipt = submit(order)
        except BaseException as error:  # noqa: BLE001 - the venue may have it all the same
            return self._manager.answered(self._hand_over(way, order), unanswered(error))
        if receipt.outcome is not EXECUTED:
            return self._manager.answered(self._hand_over(way, order), receipt)
        try:
            reading = monitor.observe()
        except BaseException:
            machine.fire(self._manager.answered(self._hand_over(way, order), receipt))
            raise
        lane = way.lane
        context = machine.context
        now_ns = context.time_ns
        ledger = None
        if receipt.effect_ns == now_ns and reading.as_of_ns == now_ns and not reading.behind:
            ledger = lane.ledger(receipt, reading, monitor.totals)
        if ledger is None:
            machine.fire(self._manager.answered(self._hand_over(way, order), receipt))
            return self._manager.seen(reading)
        row = context.usual = way.row
        row.ref = lane.ref
        row.seq = machine.base + machine.node.depth
        row.quantity, row.price, row.fee = lane.units, lane.price, lane.fee
        row.base_total, row.quote_total = lane.base_total, lane.quote_total
        row.base_low, row.base_high = lane.base_low, lane.base_high
        row.quote_low, row.quote_high = lane.quote_low, lane.quote_high
        monitor.settle(ledger, NOTHING, NOTHING, now_ns)
        self._desk.legs = context.instruction
        machine.fire_all(verified)
        return None

    def _hand_over(self, way: Way, order: TradeOrder) -> Leg:
        """The leg of an order that was sent, for the activities to go on with."""
        leg = self._desk.leg(order.instruction, ROLE)
        leg.request, leg.sends = order, 1
        leg.expectation = way.venue.expect(order, self._monitor)
        self._manager.leg = leg
        self._records.decision(leg)
        return leg

    def learn(self, trade: SpotTrade) -> None:
        """Take such trades from the next one on, if they can be."""
        key = (trade.account, trade.symbol, trade.side)
        venue = self._desk.venue_of(trade.account)
        if key in self._ways or not self.open or not isinstance(venue, Laned):
            return
        lane, tracked = venue.lane(trade), self._monitor.totals
        if lane and lane.base_key in tracked and lane.quote_key in tracked:
            kind = self._records.kind_of(trade, lane.ticket)
            self._ways[key] = Way(lane, venue, venue.submit, UsualRow(kind))
