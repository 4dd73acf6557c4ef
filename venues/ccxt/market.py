"""Public prices of exchanges, by connections of their own that have no keys."""

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from attrs import frozen

from verifill.engine.amounts import EXACT, to_decimal, to_units
from verifill.engine.errors import NotObserved
from verifill.venues.ccxt.client import Client, number
from verifill.venues.ccxt.dialect import Dialect
from verifill.venues.ccxt.words import Listed, Told, Top
from verifill.venues.simulated.quotes import SERIES_DECIMALS, FixedMarket

MS: Final = 1_000_000
FUNDING: Final = "funding:"
TOP: Final = ("bid", "bid_size", "ask", "ask_size")
"""The top of a book, as series `bid:INSTRUMENT` and so on."""


@frozen(kw_only=True)
class Public:
    """What is public of the exchange of an account.

    Attributes:
        dialect: of the exchange.
        client: without keys.
        listed: what is traded there.
        reading_s: for how long an answer is waited for.
    """

    dialect: Dialect
    client: Client
    listed: Sequence[Listed]
    reading_s: float

    def ask(self, call: Callable[..., Any], *asked: Told) -> Told:
        """The answer to a question.

        Raises:
            NotObserved: there is none, or it cannot be read.
        """
        return self.client.ask(self.reading_s, call, *asked)


class ExchangeMarket(FixedMarket):
    """Prices of several exchanges as of the last `refresh`; implements `LiveMarket`.

    Args:
        publics: of each account.
        price_decimals: instrument -> decimals of its ticks.
        series: what does not change, such as constants; `funding:INSTRUMENT`, `bid:INSTRUMENT`,
            `bid_size:`, `ask:` and `ask_size:` among them are taken from the exchange.
        timeframe: of the candles, for `closes`.

    Attributes:
        clock_ns: the clock of the exchange whose clock is furthest behind.
    """

    def __init__(
        self,
        publics: Sequence[Public],
        price_decimals: Mapping[str, int],
        *,
        series: Mapping[str, int],
        timeframe: str = "1m",
    ) -> None:
        super().__init__(series=series)
        self._publics = publics
        self._timeframe = timeframe
        self.price_decimals = dict(price_decimals)
        self.clock_ns = 0

    def refresh(self) -> None:
        """Fetch the prices now.

        Raises:
            NotObserved: one of the exchanges does not answer; the prices stay what they were.
        """
        prices: dict[str, int] = {}
        marks: dict[str, int] = {}
        series: dict[str, int] = {}
        times: list[int] = []
        for public in self._publics:
            if public.listed:
                times.append(public.ask(public.dialect.time_ms) * MS)
                symbols = [one.symbol for one in public.listed]
                tickers = public.ask(public.dialect.tickers, symbols)
                for one in public.listed:
                    self._take(one, tickers, prices, marks)
                series |= self._funding(public) | self._tops(public)
        if not times:
            msg = "nothing is traded, so there are no prices"
            raise NotObserved(msg)
        self.time_ns = self.clock_ns = min(times)
        self.prices, self.marks = prices, marks
        self.series |= series

    def _funding(self, public: Public) -> dict[str, int]:
        """The rates of funding that somebody may want to know."""
        named = {f"{FUNDING}{one.instrument.data}": one.symbol for one in public.listed}
        wanted = {name: symbol for name, symbol in named.items() if name in self.series}
        if not wanted:
            return {}
        rates = public.ask(public.dialect.funding, list(wanted.values()))
        return {name: in_ticks(rates[symbol], SERIES_DECIMALS) for name, symbol in wanted.items()}

    def _tops(self, public: Public) -> dict[str, int]:
        """The tops of the books that somebody may want to know, as of `time_ns` or later."""
        told: dict[str, int] = {}
        for one in public.listed:
            names = {f"{what}:{one.instrument.data}": what for what in TOP}
            wanted = {name: what for name, what in names.items() if name in self.series}
            if wanted:
                top: Top = public.ask(public.dialect.top, one)
                told |= {
                    name: in_ticks(getattr(top, what), SERIES_DECIMALS)
                    for name, what in wanted.items()
                }
        return told

    def _take(
        self, one: Listed, tickers: Mapping[str, Any], prices: dict[str, int], marks: dict[str, int]
    ) -> None:
        told, instrument = tickers.get(one.symbol), one.instrument
        if not told:
            msg = f"{one.symbol}: there is no price in the answer"
            raise NotObserved(msg)
        decimals = instrument.price_decimals
        last = number(told["last"], f"the last price of {one.symbol}")
        prices[instrument.data] = ticks = in_ticks(last, decimals)
        if ticks <= 0:
            msg = f"{one.symbol}: its last price is {last}"
            raise NotObserved(msg)
        if told.get("markPrice"):
            mark = number(told["markPrice"], f"the mark price of {one.symbol}")
            marks[instrument.data] = in_ticks(mark, decimals)

    def close(self, instrument: str) -> Decimal:
        """Last known price as a number."""
        return to_decimal(self.price(instrument), self.price_decimals[instrument])

    def closes(self, instrument: str, count: int) -> list[int]:
        """The closes of the last candles in ticks, oldest first."""
        for public in self._publics:
            for one in public.listed:
                if one.instrument.data == instrument:
                    return self._closes(public, one, count)
        msg = f"no exchange trades {instrument}"
        raise NotObserved(msg)

    def _closes(self, public: Public, one: Listed, count: int) -> list[int]:
        symbol = one.symbol
        candles = public.ask(public.dialect.candles, symbol, self._timeframe, None, count)
        decimals = one.instrument.price_decimals
        return [in_ticks(number(c[4], f"a close of {symbol}"), decimals) for c in candles[-count:]]

    def rate(self, series: str) -> Decimal:
        """Last known value of a series as a number."""
        return to_decimal(self.value(series), SERIES_DECIMALS)


def in_ticks(price: Decimal, decimals: int) -> int:
    """A public price in ticks; one that is finer is rounded: it is no amount of anybody's."""
    step = Decimal(1).scaleb(-decimals)
    return to_units(price.quantize(step, rounding=ROUND_HALF_EVEN, context=EXACT_ENOUGH), decimals)


EXACT_ENOUGH: Final = EXACT.copy()
EXACT_ENOUGH.clear_traps()
