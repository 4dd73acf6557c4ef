"""What each exchange can do by way of the adapter: each cell of the table in the docs is a test."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest
from attrs import frozen

from fixtures.exchange.orders import Side as BookSide
from tests.exchanges.places import PLACES, Place, Traded
from tests.exchanges.worlds import Running
from verifill.assembly.ccxt import Exchanges
from verifill.venues.ccxt.dialects import DIALECTS
from verifill.venues.ccxt.market import TOP
from verifill.venues.ccxt.venue import Exchange
from verifill.venues.instructions import Instruction, PerpTrade, Side
from verifill.venues.margin_mode import MarginMode
from verifill.venues.orders import Order, Outcome, Receipt
from verifill.venues.time_in_force import TimeInForce
from verifill.venues.transfers import MODES, leverage_key, margin_mode_key

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "ccxt.md"
BEGIN, END = "<!-- cells: begin -->\n", "<!-- cells: end -->\n"
YES, NO = "yes", "no"


@frozen
class Cell:
    """One exchange, opened, and the account of one dialect of it."""

    running: Running
    place: Place
    exchange: Exchange
    connected: Exchanges
    account: str

    def traded(self, *, perpetual: bool) -> Traded:
        return next(
            one
            for one in self.place.traded
            if one.account == self.account and one.perpetual is perpetual
        )

    @property
    def leverage_key(self) -> str:
        return leverage_key(self.account, self.traded(perpetual=True).symbol)

    @property
    def mode_key(self) -> str:
        return margin_mode_key(self.account, self.traded(perpetual=True).symbol)

    def exact(self, wanted: Instruction, number: int) -> Order:
        order = self.exchange.resolve(wanted, number, None)
        order = replace(order, key=f"{number:b>32}", deadline_ns=self.exchange.deadline_ns())
        assert "" == self.exchange.deny(order)
        return order

    def send(self, wanted: Instruction, number: int = 1) -> Receipt:
        """Send, let it settle, ask."""
        order = self.exact(wanted, number)
        sent = self.exchange.submit(order)
        assert sent.outcome in {Outcome.ACCEPTED, Outcome.EXECUTED}, sent
        receipt = self.exchange.query(order)
        assert receipt == self.exchange.query(order)
        return receipt


def market(*, perpetual: bool) -> "Check":
    def check(cell: Cell) -> None:
        traded = cell.traded(perpetual=perpetual)
        assert Outcome.EXECUTED is cell.send(cell.place.trade(traded)).outcome

    return check


def limited(*, perpetual: bool) -> "Check":
    def check(cell: Cell) -> None:
        traded = cell.traded(perpetual=perpetual)
        near = cell.place.trade(traded, Side.BUY, limit=Decimal(62000))
        far = cell.place.trade(traded, Side.BUY, limit=Decimal(58000))
        assert Outcome.EXECUTED is cell.send(near).outcome
        order = replace(cell.exchange.resolve(far, 2, None), key=f"{2:b>32}")
        sent = cell.exchange.submit(order)
        if sent.outcome is Outcome.ACCEPTED:
            sent = cell.exchange.query(order)
        assert sent.outcome in {Outcome.EXPIRED, Outcome.REJECTED_DEFINITIVE}, sent

    return check


def rests(*, perpetual: bool) -> "Check":
    """A part is filled at once, the rest of it rests, until it is taken back."""

    def check(cell: Cell) -> None:
        traded = cell.traded(perpetual=perpetual)
        part = Decimal(traded.least) // Decimal(traded.lot) // 2 * Decimal(traded.lot)
        cell.running.control.thin(cell.place.venue, cell.place.market(traded), part)
        far = {"limit": Decimal(60010), "time_in_force": TimeInForce.GTC, "timeout_s": 60}
        order = cell.exact(cell.place.trade(traded, Side.BUY, **far), 1)
        assert Outcome.ACCEPTED is cell.exchange.submit(order).outcome
        resting = cell.exchange.query(order)
        assert Outcome.ACCEPTED is resting.outcome
        assert resting.fills
        assert (order.key,) == cell.exchange.open_orders()
        ended = cell.exchange.recall(order)
        assert (Outcome.EXECUTED_PARTIAL, resting.fills) == (ended.outcome, ended.fills)
        assert ended == cell.exchange.recall(order) == cell.exchange.query(order)
        assert () == cell.exchange.open_orders()

    return check


def posted(*, perpetual: bool) -> "Check":
    """Nothing is filled of a post-only order that would take; another rests, and is met."""

    def check(cell: Cell) -> None:
        traded = cell.traded(perpetual=perpetual)
        rests = {"time_in_force": TimeInForce.POST_ONLY, "timeout_s": 60}
        near = cell.exact(cell.place.trade(traded, Side.BUY, limit=Decimal(62000), **rests), 1)
        sent = cell.exchange.submit(near)
        if sent.outcome is Outcome.ACCEPTED:
            sent = cell.exchange.query(near)
        assert sent.outcome in {Outcome.REJECTED_DEFINITIVE, Outcome.EXPIRED}, sent
        assert (False, ()) == (sent.retryable, sent.fills)
        far = cell.exact(cell.place.trade(traded, Side.BUY, limit=Decimal(59000), **rests), 2)
        assert Outcome.ACCEPTED is cell.exchange.submit(far).outcome
        assert Outcome.ACCEPTED is cell.exchange.query(far).outcome
        cell.running.control.move(cell.place.venue, cell.place.market(traded), Decimal(58000))
        assert Outcome.EXECUTED is cell.exchange.query(far).outcome

    return check


def reducing(cell: Cell) -> None:
    traded = cell.traded(perpetual=True)
    cell.send(cell.place.trade(traded, Side.SELL), 1)
    more = cell.place.trade(traded, Side.BUY, reduce_only=True)
    assert isinstance(more, PerpTrade)
    assert Outcome.EXECUTED is cell.send(more, 2).outcome
    order = replace(cell.exchange.resolve(more, 3, None), key=f"{3:b>32}")
    cell.exchange.submit(order)
    assert not cell.exchange.query(order).fills


def levered(cell: Cell) -> None:
    cell.exchange.read()
    assert Outcome.EXECUTED is cell.send(cell.place.leverage(6)).outcome


def moded(cell: Cell) -> None:
    """There and back; what is so already is not changed, and the leverage stays."""
    cell.exchange.read()
    leverage = cell.exchange.feed.setting(cell.leverage_key)
    for number, mode in enumerate((MarginMode.ISOLATED, MarginMode.ISOLATED, MarginMode.CROSS), 1):
        receipt = cell.send(cell.place.mode(mode), number)
        assert Outcome.EXECUTED is receipt.outcome
        reading = cell.exchange.read()
        assert reading.totals[cell.mode_key] == MODES[mode]
        assert reading.totals[cell.leverage_key] == leverage
        told = {(row.ref, row.key, row.amount) for row in reading.rows}
        assert told == {(move.ref, move.key, move.amount) for move in receipt.moves}
        assert len(told) == (number != 2)


def transferred(cell: Cell) -> None:
    there = next(one for one in cell.place.transfers if one.account == cell.account)
    receipt = cell.send(there)
    assert Outcome.EXECUTED is receipt.outcome
    assert {-1, 1} == {move.amount // abs(move.amount) for move in receipt.moves}


def withdrawn(cell: Cell) -> None:
    if cell.place.venue != "hyperliquid":
        cell.running.control.permit(cell.place.venue, "withdraw", on=True)
    assert Outcome.EXECUTED is cell.send(cell.place.withdrawal(50)).outcome


def addressed(cell: Cell) -> None:
    assert cell.exchange.deposit_address(cell.account, cell.place.wallet).address


def margined(cell: Cell) -> None:
    cell.send(cell.place.trade(cell.traded(perpetual=True), Side.SELL))
    assert cell.exchange.margins()[cell.account] > 1


def quoted(cell: Cell) -> None:
    assert not any(public.client.exchange.apiKey for public in cell.connected.publics)
    priced(cell)


def priced(cell: Cell) -> None:
    mine = [traded for traded in cell.place.traded if traded.account == cell.account]
    assert mine
    for traded in mine:
        assert cell.connected.market.price(f"{traded.account}:{traded.symbol}") > 0


def rates(cell: Cell) -> None:
    traded = cell.traded(perpetual=True)
    name = f"funding:{traded.account}:{traded.symbol}"
    prices = cell.connected.market
    prices.set_series(name, Decimal(-1))
    prices.refresh()
    assert Decimal(-1) != prices.rate(name)


def topped(cell: Cell) -> None:
    """As the exchange's own book has it, where whoever asks first wants to know it."""
    prices = cell.connected.market
    for traded in (one for one in cell.place.traded if one.account == cell.account):
        of = f"{traded.account}:{traded.symbol}"
        market = cell.place.market(traded)
        assert f"bid:{of}" not in prices.series
        for what in TOP:
            prices.set_series(f"{what}:{of}", Decimal(1))
        cell.running.control.move(cell.place.venue, market, Decimal(10_000))  # as text, before 9999
        prices.refresh()
        book = cell.running.server.host.dialects[cell.place.venue].hall.exchange.books[market]
        bids, asks = book.levels(BookSide.BUY, 1), book.levels(BookSide.SELL, 1)
        assert prices.rate(f"bid:{of}") == bids[0][0] < prices.rate(f"ask:{of}") == asks[0][0]
        assert prices.rate(f"bid_size:{of}") == bids[0][1] > 0
        assert prices.rate(f"ask_size:{of}") == asks[0][1] > 0


def history(cell: Cell) -> None:
    for traded in cell.place.traded:
        name = f"{traded.account}:{traded.symbol}"
        assert 5 == len(cell.connected.market.closes(name, 5))


def positions(cell: Cell) -> None:
    reading = cell.exchange.read()
    assert set(cell.place.opening) <= set(reading.totals)


def funded(cell: Cell) -> None:
    traded = cell.traded(perpetual=True)
    cell.exchange.read()
    cell.send(cell.place.trade(traded, Side.SELL))
    name = cell.place.market(traded)
    cell.running.control.fund(cell.place.venue, name, Decimal("0.0001"))
    assert "FUNDING" in {row.cause for row in cell.exchange.read().rows}


def permitted(cell: Cell) -> None:
    assert () == cell.exchange.start_up_failures()


Check = Callable[[Cell], None]
OPERATIONS: Mapping[str, Check] = {
    "prices, clock, marks": priced,
    "`verifill paper` at its prices, without a key": quoted,
    "funding rates": rates,
    "the top of the book": topped,
    "candles, `verifill data fetch`": history,
    "start-up tests, permissions of the key": permitted,
    "balances, sizes, settings, as of a moment": positions,
    "SPOT_TRADE at market": market(perpetual=False),
    "SPOT_TRADE with a limit (IOC)": limited(perpetual=False),
    "SPOT_TRADE with a limit that rests (GTC), and its cancel": rests(perpetual=False),
    "SPOT_TRADE post-only": posted(perpetual=False),
    "PERP_TRADE at market": market(perpetual=True),
    "PERP_TRADE with a limit (IOC)": limited(perpetual=True),
    "PERP_TRADE with a limit that rests (GTC), and its cancel": rests(perpetual=True),
    "PERP_TRADE post-only": posted(perpetual=True),
    "PERP_TRADE that only reduces": reducing,
    "SET_LEVERAGE": levered,
    "SET_MARGIN_MODE": moded,
    "INTERNAL_TRANSFER": transferred,
    "TRANSFER out of the exchange (a withdrawal)": withdrawn,
    "the address of deposits": addressed,
    "margin against a liquidation": margined,
    "funding as a row of its own": funded,
}


def told(operation: str, name: str) -> str:
    """What the table says: whether the dialect has it."""
    dialect = DIALECTS[name]
    trades = dialect.spot or dialect.perpetual
    has = {
        "INTERNAL_TRANSFER": bool(dialect.reaches),
        "TRANSFER": dialect.withdraws,
        "the address": dialect.takes_deposits,
        "the top": trades,
        "SPOT_TRADE": dialect.spot,
        "PERP_TRADE": dialect.perpetual,
        "SET_LEVERAGE": dialect.perpetual,
        "SET_MARGIN_MODE": dialect.margin_modes,
        "margin": dialect.perpetual,
        "funding": dialect.perpetual,
        "prices,": trades,
        "`verifill": trades,
        "candles,": trades,
    }
    said = next((has[of] for of in has if operation.startswith(of)), True)
    return YES if said else NO


CELLS = [(o, n) for o in OPERATIONS for n in DIALECTS if told(o, n) == YES]


@pytest.fixture
def cell(name: str, tmp_path: Path, running: Running) -> Iterator[Cell]:
    place, account = next(
        (place, account)
        for place in PLACES.values()
        for account, dialect in place.accounts.items()
        if dialect == name
    )
    connected = running.connected(tmp_path, place.withdrawing)
    connected.refresh()
    yield Cell(running, place, connected.venues[place.venue], connected, account)
    connected.close()


@pytest.mark.parametrize(("operation", "name"), CELLS, ids=[f"{n}-{o}" for o, n in CELLS])
def test_the_operation_is_carried_out(cell: Cell, operation: str, name: str) -> None:
    assert name in cell.place.accounts.values()
    OPERATIONS[operation](cell)


def test_the_docs_have_this_table(request: pytest.FixtureRequest) -> None:
    head = f"| | {' | '.join(f'`{name}`' for name in DIALECTS)} |"
    rows = [head, f"|---{'|---' * len(DIALECTS)}|"]
    rows += [
        f"| {operation} | {' | '.join(told(operation, name) for name in DIALECTS)} |"
        for operation in OPERATIONS
    ]
    table = "\n".join(rows) + "\n"
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    stands, _, after = rest.partition(END)
    if request.config.getoption("--rewrite"):
        PAGE.write_text(before + BEGIN + table + END + after)
    else:
        assert table == stands
