"""An exchange to test with, and how a test sends things to it the way the loop does."""

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypedDict

from attrs import frozen
from msgspec import Struct

from verifill.engine.amounts import to_units
from verifill.venues.data.history import SeriesPoints
from verifill.venues.expectation import Assessment, Expectation
from verifill.venues.instructions import (
    Instruction,
    InternalTransfer,
    Operation,
    PerpTrade,
    SetLeverage,
    SetMarginMode,
    Side,
    SpotTrade,
    Transfer,
)
from verifill.venues.keys import Kind, Scales, position_key
from verifill.venues.margin_mode import MarginMode
from verifill.venues.market import Books
from verifill.venues.orders import Cause, LedgerRow, Move, Order, Outcome, Reading, Receipt
from verifill.venues.rules import QUOTE, RATE_UNIT, RECEIVED, Fees, Instrument, VenueRules
from verifill.venues.simulated.exchange import SimulatedExchange
from verifill.venues.simulated.ledger import Accounts
from verifill.venues.simulated.model import ExchangeModel
from verifill.venues.simulated.network import Network, Passage
from verifill.venues.simulated.quotes import FixedMarket

HOUR_NS = 3_600 * 10**9
START_NS = 1_700_000_000 * 10**9
CENTS = 2
SETTINGS = ("leverage", "margin_mode")
SCALES = Scales(
    {"BTC": 8, "ETH": 18, "USDT": 8, "BNB": 8, "BTCUSDT": 8, "ETHUSDT": 18}
    | {f"{symbol}.{what}": 0 for symbol in ("BTCUSDT", "ETHUSDT") for what in SETTINGS}
)
OPERATIONS = frozenset(
    {
        Operation.SPOT_TRADE,
        Operation.PERP_TRADE,
        Operation.SET_LEVERAGE,
        Operation.SET_MARGIN_MODE,
        Operation.INTERNAL_TRANSFER,
        Operation.TRANSFER,
    }
)
REFERENCE = Path(__file__).parent.parent.parent / "fixtures" / "strategies.json"

BTC = "binance.spot:BaseToken:BTC"
USDT = "binance.spot:BaseToken:USDT"
BNB = "binance.spot:BaseToken:BNB"
PERP = "binance.usdm:Perp:BTCUSDT"
MARGIN = "binance.usdm:BaseToken:USDT"
LEVERAGE = "binance.usdm:Setting:BTCUSDT.leverage"
BTC_DATA, PERP_DATA = "binance.spot:BTC/USDT", "binance.usdm:BTCUSDT"
BNB_FEES = Fees(rate=75_000, paid_in="BNB", price="binance.spot:BNB/USDT", exponent=8 + CENTS - 8)
IDEAL = ExchangeModel()  # no spread, no slippage, no delay
PRICES = {BTC_DATA: 64_010_00, PERP_DATA: 64_030_00, BNB_FEES.price: 600_00}


def spot(symbol: str = "BTC/USDT", account: str = "binance.spot") -> Instrument:
    """A spot pair; a tenth of a percent is taken from what a trade brings in."""
    base, _, quote = symbol.partition("/")
    return Instrument(
        account=account,
        symbol=symbol,
        base=base,
        quote=quote,
        fees=Fees(rate=100_000, paid_in=RECEIVED),
        **_decimals(base, quote),
    )


def perpetual(symbol: str = "BTCUSDT", account: str = "binance.usdm") -> Instrument:
    """A perpetual of half a tenth of a percent."""
    return Instrument(
        account=account,
        symbol=symbol,
        base=symbol,
        quote="USDT",
        perpetual=True,
        fees=Fees(rate=50_000, paid_in=QUOTE),
        **_decimals(symbol, "USDT"),
    )


class _Decimals(TypedDict):
    quantity_decimals: int
    price_decimals: int
    exponent: int


def _decimals(base: str, quote: str) -> _Decimals:
    return {
        "quantity_decimals": SCALES.of(base),
        "price_decimals": CENTS,
        "exponent": SCALES.of(base) + CENTS - SCALES.of(quote),
    }


def rules(instruments: Iterable[Instrument], name: str = "binance") -> VenueRules:
    """A venue that lists these instruments, and has their accounts."""
    listed = {(i.account, i.symbol): i for i in instruments}
    return VenueRules(
        name=name,
        accounts=frozenset(account for account, _ in listed),
        operations=OPERATIONS,
        instruments=listed,
    )


class Ledger(Struct):
    """Books that a test keeps, by what a venue's answers amount to."""

    totals: dict[str, int]
    bases: dict[str, int]


class Sent(Struct):
    """What became of an instruction."""

    order: Order
    expectation: Expectation
    receipt: Receipt
    assessment: Assessment
    rows: Sequence[LedgerRow]

    @property
    def moved(self) -> dict[str, str]:
        """Position key -> what its receipt says was moved, as an amount."""
        return amounts(self.assessment.effects)


@frozen(kw_only=True)
class World:
    """An exchange with its market and its network, and the books that somebody keeps."""

    exchange: SimulatedExchange
    market: FixedMarket
    network: Network
    wallet: Accounts
    books: Ledger

    def wait(self, duration_ns: int) -> None:
        """Let time pass, for all in the world."""
        now_ns = self.market.time_ns = self.market.time_ns + duration_ns
        self.wallet.now_ns = now_ns
        self.network.advance(now_ns)
        self.exchange.advance(now_ns)

    def total(self, key: str) -> str:
        """What the exchange's own ledger has at a key, as an amount."""
        return amount(key, self.exchange.accounts.totals[key])

    def resolve(self, instruction: Instruction, late: int | None = None) -> Order:
        """The exact order, numbered 1."""
        return self.exchange.resolve(instruction, 1, late)

    def denial(self, instruction: Instruction, late: int | None = None) -> str:
        """Why an instruction must not be sent, or empty."""
        return self.exchange.deny(self.resolve(instruction, late))

    def expect(self, instruction: Instruction) -> dict[str, tuple[str, str]]:
        """Position key -> least and greatest change, as amounts."""
        bounds = self.exchange.expect(self.resolve(instruction), self.books).bounds
        return {key: (amount(key, b.low), amount(key, b.high)) for key, b in bounds.items()}

    def submit(self, instruction: Instruction) -> Receipt:
        """Send, without our own check and without a look at the accounts."""
        return self.exchange.submit(self.resolve(instruction))

    def send(self, instruction: Instruction, late: int | None = None) -> Sent:
        """Check, expect, send, assess, and see that everybody says the same of it."""
        order = self.resolve(instruction, late)
        assert "" == self.exchange.deny(order)
        sent = send(self.exchange, order, self.books)
        settle(self.books, sent.rows, sent.assessment)
        return sent


def send(exchange: SimulatedExchange, order: Order, books: Books) -> Sent:
    """Expect, send, assess; the ledger's rows are what the receipt amounts to."""
    opening = books.totals
    expectation = exchange.expect(order, books)
    receipt = exchange.submit(order)
    assessment = exchange.assess(order, receipt, books)
    reading = exchange.read()
    assert "" == assessment.flaw
    assert changes(opening, reading) == summed(reading.rows)
    refs = {fill.ref for fill in receipt.fills} | {move.ref for move in receipt.moves}
    own = summed(row for row in reading.rows if row.ref in refs)
    assert own == {k: v for k, v in assessment.effects.items() if v and k in opening}
    if assessment.executed == order.quantity:
        for key, moved in own.items():
            bound = expectation.bounds[key]
            assert bound.low <= moved <= bound.high
    return Sent(order, expectation, receipt, assessment, reading.rows)


def changes(opening: Mapping[str, int], reading: Reading) -> dict[str, int]:
    """What a reading's totals have moved, without those that have not."""
    moved = {key: total - opening[key] for key, total in reading.totals.items()}
    return {key: units for key, units in moved.items() if units}


def summed(rows: Iterable[LedgerRow]) -> dict[str, int]:
    """What rows add up to, without what adds up to nothing."""
    moved: dict[str, int] = {}
    for row in rows:
        moved[row.key] = moved.get(row.key, 0) + row.amount
    return {key: units for key, units in moved.items() if units}


def settle(books: Ledger, rows: Iterable[LedgerRow], assessment: Assessment) -> None:
    """Keep the books as the monitor does: rows to totals, entry values by our own rule."""
    for key, moved in summed(rows).items():
        books.totals[key] += moved
    books.bases.update(assessment.bases)


def world(
    opening: Mapping[str, str],
    *,
    instruments: Sequence[Instrument] = (spot(), perpetual()),
    prices: Mapping[str, int] = PRICES,
    bases: Mapping[str, int] | None = None,
    funding: Mapping[str, SeriesPoints] | None = None,
    name: str = "binance",
    model: ExchangeModel = IDEAL,
) -> World:
    """A world with these opening positions; the exchange tracks no others."""
    market = FixedMarket(START_NS, prices=prices)
    network = Network([("wallet", "ETH"), ("wallet", "USDT"), ("binance.spot", "USDT")])
    wallet = Accounts({"wallet:BaseToken:ETH": 0, "wallet:BaseToken:USDT": 0})

    def credit(passage: Passage) -> Move:
        key = position_key(passage.to, Kind.BASE, passage.asset)
        wallet.post(passage.ref, key, passage.amount, Cause.TRANSFER)
        return Move(passage.ref, key, passage.amount, Cause.TRANSFER)

    network.connect("wallet", credit)
    exchange = SimulatedExchange(
        rules=rules(instruments, name),
        scales=SCALES,
        market=market,
        network=network,
        model=model,
        opening={key: SCALES.units(key, Decimal(text)) for key, text in opening.items()},
        bases=bases or {},
        funding=funding or {},
    )
    made = World(
        exchange=exchange,
        market=market,
        network=network,
        wallet=wallet,
        books=Ledger(dict(exchange.accounts.totals), dict(bases or {})),
    )
    made.wait(0)
    return made


def rich(
    *instruments: Instrument,
    model: ExchangeModel = IDEAL,
    funding: Mapping[str, SeriesPoints] | None = None,
) -> World:
    """A world in which no account is short of anything."""
    opening = {BTC: "100", USDT: "1e7", BNB: "100", PERP: "0", MARGIN: "1e7"}
    listed = instruments or (spot(), perpetual())
    return world(opening, instruments=listed, model=model, funding=funding)


def rates(
    *values: str, first_ns: int = START_NS + HOUR_NS, step_ns: int = 8 * HOUR_NS
) -> SeriesPoints:
    """Funding rates that are paid every eight hours, the first after an hour."""
    times = [first_ns + index * step_ns for index in range(len(values))]
    return SeriesPoints(times, [to_units(Decimal(value), 18) for value in values], 18)


def buy(quantity: str = "1", limit: str | None = None, symbol: str = "BTC/USDT") -> SpotTrade:
    """A purchase, at market unless there is a limit."""
    return _spot(Side.BUY, quantity, limit, symbol)


def sell(quantity: str = "1", limit: str | None = None, symbol: str = "BTC/USDT") -> SpotTrade:
    """A sale, at market unless there is a limit."""
    return _spot(Side.SELL, quantity, limit, symbol)


def _spot(side: Side, quantity: str, limit: str | None, symbol: str) -> SpotTrade:
    return SpotTrade(
        account="binance.spot",
        symbol=symbol,
        side=side,
        quantity=Decimal(quantity),
        limit=None if limit is None else Decimal(limit),
    )


def go(
    quantity: str,
    symbol: str = "BTCUSDT",
    account: str = "binance.usdm",
    *,
    limit: str | None = None,
    reduce_only: bool = False,
) -> PerpTrade:
    """A perpetual bought at market, or sold where the quantity is negative."""
    change = Decimal(quantity)
    return PerpTrade(
        account=account,
        symbol=symbol,
        side=Side.BUY if change > 0 else Side.SELL,
        quantity=abs(change),
        limit=None if limit is None else Decimal(limit),
        reduce_only=reduce_only,
    )


def internal(
    amount: str = "1",
    asset: str = "USDT",
    to: str = "binance.usdm",
    account: str = "binance.spot",
) -> InternalTransfer:
    """Between two accounts of the venue."""
    return InternalTransfer(account=account, to=to, asset=asset, amount=Decimal(amount))


def withdraw(
    amount: str = "1", asset: str = "USDT", to: str = "wallet", account: str = "binance.spot"
) -> Transfer:
    """From the exchange to another venue."""
    return Transfer(account=account, to=to, asset=asset, amount=Decimal(amount))


def set_leverage(leverage: int, symbol: str = "BTCUSDT") -> SetLeverage:
    """Of a perpetual."""
    return SetLeverage(account="binance.usdm", symbol=symbol, leverage=leverage)


def set_margin_mode(mode: MarginMode, symbol: str = "BTCUSDT") -> SetMarginMode:
    """Of a perpetual."""
    return SetMarginMode(account="binance.usdm", symbol=symbol, mode=mode)


def amount(key: str, units: int) -> str:
    """Units as an amount, without needless zeros, as strategies.json writes it."""
    text = f"{SCALES.amount(key, units):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def amounts(moved: Mapping[str, int]) -> dict[str, str]:
    """Position key -> amount, without what did not move."""
    return {key: amount(key, units) for key, units in moved.items() if units}


def reference(strategy: str) -> dict[str, Any]:
    """A reference strategy of `fixtures/strategies.json`."""
    named: dict[str, dict[str, Any]] = {s["name"]: s for s in json.loads(REFERENCE.read_text())}
    return named[strategy]


def deltas(strategy: str, step: str) -> dict[str, str]:
    """What a step of a reference strategy does to positions."""
    found: dict[str, str] = next(
        s["deltas"] for s in reference(strategy)["steps"] if s["id"] == step
    )
    return found


EXECUTED = Outcome.EXECUTED
PERCENT = RATE_UNIT // 100
