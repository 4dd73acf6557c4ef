"""A host program that embeds the engine: its own strategy, venue, clock and machine."""

from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from tempfile import mkdtemp

import verifill as vf
from verifill import MarketView, Plan, PlanReport, Positions
from verifill.venues.adapter import Adapter, single
from verifill.venues.orders import Cause, Fill, Outcome, Reading, Receipt, Request
from verifill.venues.rules import Fees, Instrument, VenueRules
from verifill.venues.simulated.ledger import Accounts
from verifill.venues.simulated.quotes import Tape
from verifill.venues.trades import TradeTerms


class Gate(StrEnum):
    CLOSED, ASKED, OPEN = "CLOSED", "ASKED", "OPEN"


class Sign(StrEnum):
    ASK, APPROVE, CLOSE = "ask", "approve", "close"


# fmt: off
GATE: vf.Table[Gate, Sign] = vf.Table(
    "gate", Gate, Sign, initial=Gate.CLOSED, final=(Gate.CLOSED,),
    rows=(  # four eyes: a wrong order of these steps has no row, so it cannot happen
        vf.Row(Gate.CLOSED, Sign.ASK,     Gate.ASKED),
        vf.Row(Gate.ASKED,  Sign.APPROVE, Gate.OPEN, why="a second person"),
        vf.Row(Gate.OPEN,   Sign.CLOSE,   Gate.CLOSED),
    ),
)
PAIR = Instrument(account="desk", symbol="BTC/USD", base="BTC", quote="USD", fees=Fees(rate=0),
                  quantity_decimals=8, price_decimals=2, exponent=8)
RULES = VenueRules(
    name="desk", accounts=frozenset({"desk"}), operations=frozenset({vf.Operation.SPOT_TRADE}),
    instruments={("desk", "BTC/USD"): PAIR},
)
# fmt: on


class Desk(Adapter):
    """Sells coins at the market's price and keeps the accounts."""

    def __init__(self, market: Tape, cash: int) -> None:
        super().__init__(RULES, {vf.SpotTrade: TradeTerms(RULES, market)})
        self.market = market
        self.accounts = Accounts({PAIR.base_key: 0, PAIR.quote_key: cash})

    def submit(self, request: Request) -> Receipt:
        """Fill all of it, and book both sides."""
        order = single(request)
        price, ref = self.market.price(PAIR.data), f"deal-{order.number}"
        self.accounts.post(ref, PAIR.base_key, order.quantity, Cause.TRADE)
        self.accounts.post(ref, PAIR.quote_key, -PAIR.value_up(order.quantity, price), Cause.TRADE)
        return Receipt(Outcome.EXECUTED, (Fill(ref, order.quantity, price, 0, "USD"),))

    def query(self, request: Request) -> Receipt:
        """Nothing is ever pending here."""
        return Receipt(Outcome.ABSENT, reason=f"order {request.number} is not open")

    def read(self) -> Reading:
        """The accounts now."""
        return self.accounts.read()


class Saver:
    """Buys a little on every tick while the gate is open."""

    def __init__(self, gate: vf.CompiledExecutor) -> None:
        self.gate = gate

    def decide(self, market: MarketView, positions: Positions, last: PlanReport) -> Plan:
        """One purchase, if trading is allowed, last time's was done, and there is money."""
        size, money = Decimal("0.5"), positions[PAIR.quote_key]
        if self.gate.state != Gate.OPEN or not last.done or money < size * market.close(PAIR.data):
            return []
        return [vf.SpotTrade(account="desk", symbol="BTC/USD", side=vf.Side.BUY, quantity=size)]


def main(folder: Path, prices: list[int]) -> vf.RunResult:
    """Approve trading, run through the prices, and read what happened."""
    gate = vf.CompiledExecutor(vf.compile_table(GATE))
    gate.fire(Sign.ASK)
    gate.fire(Sign.APPROVE)
    tape = Tape({n * 60 * 10**9: {PAIR.data: p} for n, p in enumerate(prices)}, {PAIR.data: 2})
    desk = Desk(tape, cash=100_000_00)
    scales, opening = vf.Scales({"BTC": 8, "USD": 2}), desk.accounts.totals
    parts = vf.Parts(timeline=tape, strategy=Saver(gate), venues=[desk], subscribed={"desk"},
                     scales=scales, opening=opening)  # fmt: skip
    vf.run(parts, folder)
    return vf.RunResult(folder)


if __name__ == "__main__":
    print(main(Path(mkdtemp()) / "run", prices=[64_000_00, 64_100_00, 64_050_00]).outcome)
