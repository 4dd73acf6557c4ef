"""Spot and perpetual trades: the exact order, and our own check before it is sent."""

from decimal import Decimal

from verifill.engine.amounts import to_units
from verifill.engine.errors import AmountError, EngineDefect, InstructionError
from verifill.venues.expectation import Assessment, Expectation
from verifill.venues.instructions import Instruction, PerpTrade, Side, SpotTrade
from verifill.venues.lanes import Lane, is_plain
from verifill.venues.market import Books, Market
from verifill.venues.orders import Order, Receipt
from verifill.venues.perpetuals import assess_perpetual, expect_perpetual
from verifill.venues.rules import Instrument, VenueRules
from verifill.venues.spot import assess_spot, expect_spot
from verifill.venues.tickets import Ticket, TradeOrder, price_range, ticket
from verifill.venues.time_in_force import TimeInForce

BUY = Side.BUY
IOC = TimeInForce.IOC


class TradeTerms:
    """The terms of SPOT_TRADE and PERP_TRADE at one venue.

    Args:
        rules: static data with the instruments.
        market: prices known now.
    """

    def __init__(self, rules: VenueRules, market: Market) -> None:
        self._rules = rules
        self._market = market
        self._tickets: dict[tuple[str, str, Side], Ticket] = {}

    def resolve(self, instruction: Instruction, number: int, late: int | None) -> TradeOrder:
        """Quantity in units of the base asset, limit in ticks, the prices it may have."""
        if not isinstance(instruction, TRADES):
            raise _no_trade(instruction)
        trade = instruction
        found = self._tickets.get((trade.account, trade.symbol, trade.side))
        if found is None:
            found = self._ticket(trade)
        instrument = found.instrument
        if late is not None:
            quantity = late - late % instrument.lot
        elif type(trade.quantity) is Decimal:
            quantity = to_units(trade.quantity, instrument.quantity_decimals)
        else:
            raise _no_quantity(trade)
        limit = 0 if trade.limit is None else limit_ticks(trade.limit, instrument)
        if trade.timeout_s or trade.time_in_force is not IOC:
            check_resting(trade, found)
        last = self._market.price(instrument.data)
        low, high = price_range(last, limit, instrument, buy=found.buy)
        return TradeOrder(
            number,
            trade,
            quantity,
            limit,
            ticket=found,
            last=last,
            low=low,
            high=high,
            fee_price=self._market.price(found.fee_price) if found.fee_price else 1,
        )

    def _ticket(self, trade: SpotTrade | PerpTrade) -> Ticket:
        instrument = self._rules.instrument(trade.account, trade.symbol)
        if instrument.perpetual is not isinstance(trade, PerpTrade):
            kind = "a perpetual" if instrument.perpetual else "a spot pair"
            msg = f"{trade.op}: {trade.symbol} of {trade.account} is {kind}"
            raise InstructionError(msg)
        buy = trade.side is BUY
        if instrument.perpetual:
            made = ticket(instrument, buy=buy, expect=expect_perpetual, assess=assess_perpetual)
        else:
            made = ticket(instrument, buy=buy, expect=expect_spot, assess=assess_spot)
        self._tickets[trade.account, trade.symbol, trade.side] = made
        return made

    def lane(self, trade: SpotTrade) -> Lane | None:
        """The lane of such trades; None where they move more than two positions."""
        found = self._ticket(trade)
        return Lane(found, self._market.price) if is_plain(found) else None

    def deny(self, order: Order) -> str:
        """Lot, least notional, collar."""
        exact = exact_trade(order)
        return exact.ticket.deny(exact)

    def expect(self, order: Order, books: Books) -> Expectation:
        """Each position between the worst and the best price, the fee up to its cap."""
        exact = exact_trade(order)
        return exact.ticket.expect(exact, books)

    def assess(self, order: Order, receipt: Receipt, books: Books) -> Assessment:
        """What the fills amount to, and the first of them that breaks a rule.

        A fill must be within the prices it may have, charge exactly the scheduled fee in
        the scheduled asset, and realise exactly the profit of the average-cost rule.
        """
        exact = exact_trade(order)
        return exact.ticket.assess(exact, receipt, books)


def _no_quantity(trade: SpotTrade | PerpTrade) -> InstructionError:
    quantity = trade.quantity
    kind = type(quantity).__name__
    msg = f"{trade.op}: give a quantity as a Decimal; {quantity!r} is a {kind}"
    return InstructionError(msg)


def limit_ticks(limit: Decimal, instrument: Instrument) -> int:
    """A limit price in ticks.

    Raises:
        InstructionError: it is not positive, or not a multiple of the tick.
    """
    try:
        ticks = to_units(limit, instrument.price_decimals)
    except AmountError:
        ticks = 0
    if ticks <= 0 or ticks % instrument.tick:
        step = Decimal(instrument.tick).scaleb(-instrument.price_decimals)
        msg = (
            f"{instrument.account} {instrument.symbol}: limit {limit} is not a positive "
            f"multiple of the tick {step}; round it before you send it"
        )
        raise InstructionError(msg)
    return ticks


def check_resting(trade: SpotTrade | PerpTrade, found: Ticket) -> None:
    """Whether an order may rest as it says.

    Raises:
        InstructionError: it lacks a limit or a time-out, has one that it cannot have, or its fee
            is not known before.
    """
    force, seconds = trade.time_in_force, trade.timeout_s
    if force is IOC:
        problem = f"has a timeout_s of {seconds}, but an IOC order never rests; leave it out"
    elif trade.limit is None:
        problem = f"is {force} and has no limit, at which it would rest; give one"
    elif seconds <= 0:
        problem = f"is {force} with a timeout_s of {seconds}; say for how many seconds it may rest"
    elif found.fee_price:
        problem = (
            f"is {force}, and its fee in {found.fee_asset} depends on a price to come; "
            "send it as IOC, or let the fee be taken in what is traded"
        )
    else:
        return
    msg = f"{trade.op}: the order of {trade.symbol} at {trade.account} {problem}"
    raise InstructionError(msg)


TRADES = (SpotTrade, PerpTrade)  # a tuple: `A | B` would be built anew at each call


def _no_trade(instruction: Instruction) -> EngineDefect:
    msg = f"{instruction.op} is not a trade"
    return EngineDefect(msg)


def exact_trade(order: Order) -> TradeOrder:
    """The order of a trade.

    Raises:
        EngineDefect: it was made by other terms.
    """
    if isinstance(order, TradeOrder):
        return order
    msg = f"order {order.number} was not made by these terms"
    raise EngineDefect(msg)
