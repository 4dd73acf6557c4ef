"""What a live run's assets and positions are worth now, for the limits of money.

The ways are those by which reports value a log; the prices are those of the last look at the
market. Every step is rounded down to a unit, as a report does.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from verifill.assembly.hedges import Underlying
from verifill.engine.amounts import to_decimal
from verifill.engine.errors import DataError, NotObserved
from verifill.links import By, Hop, Link, from_header, is_owed, is_valued, way
from verifill.venues.keys import asset_of
from verifill.venues.market import Books, Market
from verifill.venues.simulated.quotes import SERIES_DECIMALS

KNOWN: Final = frozenset({By.SAME, By.DATA, By.SHARE})
"""How an asset may be valued now; the index of a lending market is not among the prices."""


class LiveWorth:
    """Values assets and positions; implements `machines.figures.Worth`.

    Args:
        header: of the log: its links, decimals and the asset to count in.
        market: prices as of the last look.
        hedged: what an unhedged amount is counted of.

    Attributes:
        quote: the asset to count in.
        hedged: what an unhedged amount is counted of.
    """

    def __init__(
        self,
        header: Mapping[str, Any],
        market: Market,
        hedged: Sequence[Underlying] = (),
    ) -> None:
        self.quote: str = header["quote"]
        self._market = market
        self._decimals: Mapping[str, int] = header["decimals"]
        self._ticks: Mapping[str, int] = header["price_decimals"]
        links = from_header(header["links"])
        self._links = [link for link in links if link.by in KNOWN]
        self._perpetuals = {link.asset: link for link in links if link.by is By.PERPETUAL}
        self.hedged = hedged
        prices = [price for one in hedged for price in one.prices]
        self._hedging = [*self._links, *prices]  # the prices of perpetuals are looked at last

    def unpriced(self, assets: Iterable[str]) -> list[str]:
        """The assets whose worth nothing tells."""
        return [asset for asset in assets if way(self._links, asset, self.quote) is None]

    def unhedged(self) -> list[str]:
        """The assets whose worth nothing tells, not even a perpetual, of those that are hedged."""
        assets = {asset for one in self.hedged for asset in (one.asset, *one.others)}
        return [asset for asset in sorted(assets) if way(self._hedging, asset, self.quote) is None]

    def asset(self, key: str) -> str:
        """The asset that a position is worth some of; of a perpetual, its margin."""
        link = self._perpetuals.get(key)
        return asset_of(key) if link is None else link.into

    def value(self, asset: str, units: int) -> Decimal:
        """See `Worth.value`."""
        return to_decimal(self._convert(asset, units), self._decimals[self.quote])

    def equity(self, books: Books) -> Decimal:
        """See `Worth.equity`."""
        held = [key for key, units in books.totals.items() if units and is_valued(key)]
        worth = sum(self._worth(key, books) for key in held)
        return to_decimal(worth, self._decimals[self.quote])

    def deltas(self, books: Books) -> Mapping[str, Decimal]:
        """See `Worth.deltas`."""
        places = self._decimals[self.quote]
        return {one.asset: to_decimal(self._delta(one, books), places) for one in self.hedged}

    def _delta(self, one: Underlying, books: Books) -> int:
        """What is held of an asset, short or long, less what is owed of it."""
        amount = worth = 0
        for key in filter(is_valued, books.totals):
            asset, units = asset_of(key), books.totals[key]
            held = -units if is_owed(key) else units
            if key in self._perpetuals:
                amount += self._size(key, held, one.asset) if key in one.perpetuals else 0
            elif asset == one.asset:
                amount += held
            elif asset in one.others:
                worth += self._convert(asset, held, self._hedging)
        return worth + self._convert(one.asset, amount, self._hedging)

    def _size(self, key: str, units: int, asset: str) -> int:
        """The size of a perpetual as so much of its underlying."""
        shift = self._decimals[asset] - self._decimals[asset_of(key)]
        return units * int(10 ** max(shift, 0)) // int(10 ** max(-shift, 0))

    def _worth(self, key: str, books: Books) -> int:
        units = books.totals[key]
        link = self._perpetuals.get(key)
        if link is None:
            return self._convert(asset_of(key), -units if is_owed(key) else units)
        profit = units * self._mark(link) - books.bases.get(key, 0)
        return self._convert(link.into, profit // 10**link.exponent)

    def _convert(self, asset: str, units: int, links: Sequence[Link] | None = None) -> int:
        hops = way(self._links if links is None else links, asset, self.quote)
        if hops is None:
            msg = f"nothing tells what {asset} is worth in {self.quote}"
            raise NotObserved(msg)
        for hop in hops:
            units = self._hop(hop, units)
        return units

    def _hop(self, hop: Hop, units: int) -> int:
        link = hop.link
        price, places = (1, 0) if link.by is By.SAME else self._price(link.data)
        shift = places + self._decimals.get(link.asset, 0) - self._decimals.get(link.into, 0)
        up, down = int(10 ** max(-shift, 0)), int(10 ** max(shift, 0))
        return units * down // (price * up) if hop.back else units * price * up // down

    def _price(self, data: str) -> tuple[int, int]:
        """Of an instrument in ticks, or of a series; and its decimals."""
        try:
            if data in self._ticks:
                return self._market.price(data), self._ticks[data]
            return self._market.value(data), SERIES_DECIMALS
        except DataError as error:
            raise NotObserved(str(error)) from error

    def _mark(self, link: Link) -> int:
        try:
            return self._market.mark(link.data)
        except DataError as error:
            raise NotObserved(str(error)) from error
