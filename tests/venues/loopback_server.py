"""A server for tests, as a process of its own.

`python -m tests.venues.loopback_server FOLDER WORLD CLASS`: the folder holds its journal and
where it is, the world is one of `WORLDS`.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

from attrs import evolve, field, frozen

from tests.venues import chains, exchanges
from tests.venues.exchanges import HOUR_NS, IDEAL, PRICES, START_NS, perpetual, spot
from verifill.engine.amounts import to_units
from verifill.venues.calls import ChainRules
from verifill.venues.instructions import Operation
from verifill.venues.keys import Scales
from verifill.venues.loopback.book import Simulated
from verifill.venues.loopback.journal import Journal
from verifill.venues.loopback.market import MovingMarket
from verifill.venues.loopback.server import Server, die
from verifill.venues.loopback.service import Service
from verifill.venues.rules import Idempotency, Instrument, VenueRules
from verifill.venues.simulated.chain import SimulatedChain
from verifill.venues.simulated.exchange import SimulatedExchange
from verifill.venues.simulated.model import ExchangeModel
from verifill.venues.simulated.network import Network

JOURNAL, READY = "journal.jsonl", "ready.json"
SERIES = {name: to_units(value, 18) for name, value in chains.SERIES.items()}
ETH_PAIR = "binance.spot:ETH/USDT"

WALLET = ChainRules(
    rules=VenueRules(
        name="ethereum",
        accounts=frozenset({"wallet"}),
        operations=frozenset({Operation.TRANSFER}),
    ),
    holdings={"wallet": ("ETH", "USDT")},
    deposits_s={"binance.spot": 600},
)
"""A wallet that takes what an exchange sends."""


@frozen(kw_only=True)
class TestWorld:
    """What a server of the tests simulates: an exchange and a chain at prices that stand.

    Attributes:
        opening: venue -> position key -> amount.
        instruments: of the exchange.
        chain: rules of the chain.
        scales: decimals of the assets.
        model: of the exchange.
        routes: between them.
    """

    __test__ = False

    opening: Mapping[str, Mapping[str, str]]
    instruments: tuple[Instrument, ...] = (spot(), perpetual())
    chain: ChainRules = WALLET
    scales: Scales = exchanges.SCALES
    model: ExchangeModel = IDEAL
    routes: tuple[tuple[str, str], ...] = (("wallet", "ETH"), ("wallet", "USDT"))
    prices: Mapping[str, int] = field(factory=lambda: dict(PRICES))

    def units(self, venue: str) -> dict[str, int]:
        said = self.opening[venue].items()
        return {key: self.scales.units(key, Decimal(amount)) for key, amount in said}

    def venues(self, market: MovingMarket, network: Network) -> Iterable[Simulated]:
        yield SimulatedExchange(
            rules=exchanges.rules(self.instruments),
            scales=self.scales,
            market=market,
            network=network,
            model=self.model,
            opening=self.units("binance"),
            bases={},
            funding={},
        )
        yield SimulatedChain(
            chain=self.chain,
            scales=self.scales,
            market=market,
            network=network,
            opening=self.units("ethereum"),
        )


MONEY = {exchanges.BTC: "2", exchanges.USDT: "1e6", exchanges.PERP: "0", exchanges.MARGIN: "1e5"}
GAS = {"wallet:BaseToken:ETH": "1", "wallet:BaseToken:USDT": "1000"}
EXCHANGE = TestWorld(
    opening={"binance": MONEY, "ethereum": GAS},
    routes=(("wallet", "ETH"), ("wallet", "USDT"), ("binance.spot", "USDT")),
)
CHAIN = TestWorld(
    opening={
        "binance": {"binance.spot:BaseToken:ETH": "0", "binance.spot:BaseToken:USDT": "0"},
        "ethereum": {"eoa:BaseToken:ETH": "1"}
        | {f"wallet:BaseToken:{asset}": "100" for asset in ("ETH", "WETH")}
        | {f"wallet:BaseToken:{asset}": "10" for asset in ("eETH", "weETH")},
    },
    instruments=(evolve(spot("ETH/USDT"), exponent=18 + 2 - 6),),
    chain=chains.MODED,
    scales=chains.SCALES,
    routes=(("binance.spot", "ETH"),),
    prices={ETH_PAIR: 3_200_00},
)
WORLDS: Mapping[str, TestWorld] = {
    "exchange": EXCHANGE,
    "behind": evolve(EXCHANGE, model=ExchangeModel(lag_ns=HOUR_NS // 2)),
    "slow": evolve(
        EXCHANGE,
        model=ExchangeModel(withdrawal_ns=HOUR_NS // 2, withdrawal_fees={"USDT": 10**8}),
    ),
    "chain": CHAIN,
}


@frozen
class Parts:
    """A world, and what its venues make of keys; implements `world.Parts`."""

    name: str
    klass: Idempotency

    @property
    def digest(self) -> str:
        return f"{self.name} {self.klass}"

    def market(self, start_ns: int) -> MovingMarket:
        return MovingMarket(start_ns, WORLDS[self.name].prices, series=SERIES)

    def routes(self) -> Iterable[tuple[str, str]]:
        return WORLDS[self.name].routes

    def venues(self, market: MovingMarket, network: Network) -> Iterable[Simulated]:
        return WORLDS[self.name].venues(market, network)

    def idempotency(self, _venue: str) -> Idempotency:
        return self.klass


def service(journal: Journal, world: str, klass: str) -> Service:
    """The service of a world, at a virtual time."""
    parts = Parts(world, Idempotency(klass))
    return Service(parts, journal, clock=None, start_ns=START_NS, die=die)


def main(folder: str, world: str, klass: str) -> None:
    journal = Journal(Path(folder) / JOURNAL)
    parent = os.getppid()  # so that nothing is left running, whatever becomes of the tests
    Server(service(journal, world, klass), ready=Path(folder) / READY, parent=parent).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
