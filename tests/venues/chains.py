"""A chain to test with, and how a test sends things to it the way the loop does."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from attrs import evolve, frozen
from msgspec import Struct

from verifill.venues.calls import (
    ChainRules,
    EMode,
    Lender,
    Pool,
    Reserve,
    Staking,
    Wrapper,
)
from verifill.venues.expectation import Assessment, Expectation
from verifill.venues.instructions import Instruction, Late, Operation
from verifill.venues.interfaces import Venue
from verifill.venues.keys import Scales, position_key
from verifill.venues.orders import Bundle, Cause, Move, Order, Outcome, Receipt, Request
from verifill.venues.rules import VenueRules
from verifill.venues.simulated.chain import SimulatedChain
from verifill.venues.simulated.ledger import Accounts
from verifill.venues.simulated.network import Network, Passage
from verifill.venues.simulated.quotes import FixedMarket

ETHER = 10**18
DAY_NS = 86_400 * 10**9
START_NS = 1_700_000_000 * 10**9
LST = ("ETH", "WETH", "eETH", "weETH")
DECIMALS: dict[str, int] = {}
DECIMALS.update(dict.fromkeys((*LST, "aWETH", "aweETH", "vDebtWETH"), 18))
DECIMALS.update(dict.fromkeys(("USDC", "USDT", "aUSDC", "vDebtUSDC"), 6))
SCALES = Scales(DECIMALS)

WEETH = "weETH_rate"
SERIES = {
    WEETH: Decimal("1.08"),
    "eth_price": Decimal(3000),
    "weeth_price": Decimal(3240),
    "gas_price": Decimal("0.000000012"),
    "supply_rate:aave_v3:weETH": Decimal("0.0005"),
    "supply_rate:aave_v3:WETH": Decimal("0.018"),
    "borrow_rate:aave_v3:WETH": Decimal("0.024"),
    "supply_rate:aave_v3:USDC": Decimal("0.04"),
    "borrow_rate:aave_v3:USDC": Decimal("0.06"),
}

RULES = ChainRules(
    rules=VenueRules(
        name="ethereum",
        accounts=frozenset({"wallet", "dsa", "eoa"}),
        operations=frozenset(Operation)
        - {
            Operation.SPOT_TRADE,
            Operation.PERP_TRADE,
            Operation.SET_LEVERAGE,
            Operation.SET_MARGIN_MODE,
            Operation.CLAIM_REWARD,
            Operation.CANCEL,
        },
    ),
    holdings={"wallet": (*LST, "USDC", "USDT"), "dsa": (*LST, "USDC"), "eoa": ("ETH",)},
    gas_payers={"dsa": "eoa"},
    wrappers=(Wrapper(asset="ETH", into="WETH"), Wrapper(asset="eETH", into="weETH", rate=WEETH)),
    stakings=(Staking(asset="ETH", into="eETH", queue_s=7 * 86_400, rebase=WEETH),),
    reserves=(
        Reserve(
            market="aave_v3",
            asset="weETH",
            a_token="aweETH",
            ltv=90_000_000,
            threshold=95_000_000,
            price="weeth_price",
        ),
        Reserve(
            market="aave_v3",
            asset="WETH",
            a_token="aWETH",
            debt_token="vDebtWETH",
            ltv=80_000_000,
            threshold=82_000_000,
            price="eth_price",
        ),
        Reserve(
            market="aave_v3",
            asset="USDC",
            a_token="aUSDC",
            debt_token="vDebtUSDC",
            ltv=75_000_000,
            threshold=78_000_000,
        ),
    ),
    pools=(
        Pool(name="curve", base="weETH", quote="WETH", rate=WEETH, fee=100_000),
        Pool(name="uniswap", base="WETH", quote="USDC", rate="eth_price", fee=50_000),
    ),
    lenders=(
        Lender(name="morpho", assets=("WETH",)),
        Lender(name="aave_flash", assets=("WETH", "USDC"), premium=50_000),
    ),
    approvals={"wallet": ("aave_v3",)},
    deposits_s={"binance.spot": 600},
)

MODE = EMode(
    market="aave_v3", category=1, assets=("WETH", "weETH"), ltv=95_000_000, threshold=97_000_000
)
MODED = evolve(RULES, emodes=(MODE,))
"""The same chain, with an efficiency mode."""


class Ledger(Struct):
    """Books that a test keeps."""

    totals: dict[str, int]
    bases: Mapping[str, int] = {}


@frozen(kw_only=True)
class World:
    """A chain with its market and its network."""

    chain: SimulatedChain
    market: FixedMarket
    network: Network
    exchange: Accounts

    def total(self, key: str) -> int:
        """What the chain's own ledger has at a key."""
        return self.chain.accounts.totals[key]

    def books(self) -> Ledger:
        """Books that agree with the chain."""
        return Ledger(dict(self.chain.accounts.totals) | dict(self.exchange.totals))

    def wait(self, duration_ns: int) -> None:
        """Let time pass, for all in the world."""
        self.market.time_ns += duration_ns
        self.exchange.now_ns = self.market.time_ns
        self.network.advance(self.market.time_ns)
        self.chain.advance(self.market.time_ns)

    def resolve(self, instruction: Instruction, late: int | None = None) -> Order:
        """The exact order, numbered 1."""
        return self.chain.resolve(instruction, 1, late)

    def send(self, request: Instruction | Request, late: int | None = None) -> "Sent":
        """Check, expect, send, assess; all that the loop would do."""
        if isinstance(request, Instruction):
            request = self.resolve(request, late)
        return send(self.chain, request, self.books())


class Sent(Struct):
    """What became of a request."""

    request: Request
    expectation: Expectation
    receipt: Receipt
    assessment: Assessment

    def moved(self) -> dict[str, int]:
        """Position key -> units that moved, without those that did not."""
        return {key: amount for key, amount in self.assessment.effects.items() if amount}


def send(venue: Venue, request: Request, books: Ledger) -> Sent:
    """Check, expect, send, assess, and see that accounts and expectation agree."""
    assert "" == venue.deny(request)
    expectation = venue.expect(request, books)
    receipt = venue.submit(request)
    assessment = venue.assess(request, receipt, books)
    reading = venue.read()
    assert {move.ref for move in receipt.moves} <= {row.ref for row in reading.rows} | {
        move.ref for move in receipt.moves if move.key.startswith("in_transit")
    }
    assert assessment.flaw == ""
    for key, total in reading.totals.items():
        bound = expectation.bounds.get(key)
        change = total - books.totals[key]
        assert assessment.effects.get(key, 0) == change, key
        if bound is None:
            assert 0 == change, key
        elif assessment.executed:
            assert bound.low <= change <= bound.high, key
    return Sent(request, expectation, receipt, assessment)


def world(
    opening: Mapping[str, str],
    rules: ChainRules = RULES,
    *,
    indices: Mapping[str, int] | None = None,
    series: Mapping[str, Decimal] | None = None,
    make: type[SimulatedChain] = SimulatedChain,
) -> World:
    """A world with these opening positions, its rates read once."""
    market = FixedMarket(START_NS)
    for name, value in {**SERIES, **(series or {})}.items():
        market.set_series(name, value)
    network = Network([("binance.spot", "USDT"), ("binance.spot", "ETH"), ("wallet", "ETH")])
    exchange = Accounts({"binance.spot:BaseToken:USDT": 0, "binance.spot:BaseToken:ETH": 0})
    exchange.now_ns = START_NS

    def credit(passage: Passage) -> Move:
        key = position_key(passage.to, "BaseToken", passage.asset)
        exchange.post(passage.ref, key, passage.amount, Cause.TRANSFER)
        return Move(passage.ref, key, passage.amount, Cause.TRANSFER)

    network.connect("binance.spot", credit)
    chain = make(
        chain=rules,
        scales=SCALES,
        market=market,
        network=network,
        opening={key: SCALES.units(key, Decimal(amount)) for key, amount in opening.items()},
        indices=indices,
    )
    network.advance(START_NS)
    chain.advance(START_NS)
    return World(chain=chain, market=market, network=network, exchange=exchange)


def rehearse(venue: World, steps: Sequence[Instruction]) -> tuple[Order, ...]:
    """Every step through a dry run, late-bound amounts bound to what it showed."""
    fork = venue.chain.fork()
    outputs: dict[str, dict[str, int]] = {}
    orders: list[Order] = []
    for number, step in enumerate(steps, start=1):
        size = step.size
        late = abs(outputs[size.step][size.key]) if isinstance(size, Late) else None
        order = fork.resolve(step, number, late)
        sent = send(fork, order, Ledger(fork.read().totals))
        assert Outcome.EXECUTED is sent.receipt.outcome, sent.receipt.reason
        outputs[step.name] = sent.assessment.effects
        orders.append(order)
    return tuple(orders)


def bundle(venue: World, steps: Sequence[Instruction], account: str) -> Bundle:
    """The steps as one transaction, rehearsed first."""
    return Bundle(99, account, rehearse(venue, steps))


def units(amount: str, asset: str = "ETH") -> int:
    """An amount in units of its asset."""
    return SCALES.units(asset, Decimal(amount))


def changed(venue: World, before: Mapping[str, int]) -> dict[str, int]:
    """What has moved since."""
    now = venue.chain.accounts.totals
    return {key: now[key] - before[key] for key in now if now[key] != before[key]}


def with_reserve(asset: str, **changes: Any) -> ChainRules:  # noqa: ANN401 - fields of any type
    """The rules with one reserve changed."""
    reserves = tuple(evolve(r, **changes) if r.asset == asset else r for r in RULES.reserves)
    return evolve(RULES, reserves=reserves)
