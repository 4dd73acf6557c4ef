"""An exchange of the settings as its static rules and its market model."""

from decimal import Decimal

from attrs import frozen

from verifill.assembly.amounts import Amounts, nanoseconds, rate_of
from verifill.assembly.setting_keys import settings_of
from verifill.config import InstrumentConfig
from verifill.venues.data import History, SeriesPoints
from verifill.venues.keys import Kind, position_key
from verifill.venues.rules import Fees, Instrument, VenueRules
from verifill.venues.simulated.liquidity import Chance, Participation
from verifill.venues.simulated.model import ExchangeModel, Liquidity, unlimited
from verifill.venues.simulated.timeline import Timeline

FUNDING = "funding:"


def exchange_positions(amounts: Amounts, name: str) -> dict[str, int]:
    """Every position that an exchange keeps, as it is before an opening says otherwise."""
    exchange = amounts.config.exchanges[name]
    held = {(account, asset) for account, assets in exchange.accounts.items() for asset in assets}
    held |= {(i.account, asset) for i in exchange.instruments for asset in i.assets}
    totals = {position_key(account, Kind.BASE, asset): 0 for account, asset in sorted(held)}
    for instrument in exchange.instruments:
        if instrument.perpetual:
            account, symbol = instrument.account, instrument.symbol
            totals[position_key(account, Kind.PERP, symbol)] = 0
    return totals | settings_of(exchange)


@frozen
class ExchangeBuilder:
    """Makes the rules and the model of one exchange.

    Attributes:
        amounts: of the configuration.
        name: of the exchange.
        history: the data that it runs on.
    """

    amounts: Amounts
    name: str
    history: History

    def rules(self) -> VenueRules:
        """Its static data.

        Raises:
            ConfigError: an instrument's settings do not fit its assets or its prices.
        """
        exchange = self.amounts.config.exchanges[self.name]
        return VenueRules(
            name=self.name,
            accounts=frozenset(exchange.accounts),
            operations=frozenset(exchange.operations),
            instruments={
                (i.account, i.symbol): self._instrument(f"{self._key}.instruments[{index}]", i)
                for index, i in enumerate(exchange.instruments)
            },
            windows_s=exchange.windows_s,
            soft_windows_s=exchange.soft_windows_s,
            poll_s=exchange.poll_s,
        )

    def model(self, timeline: Timeline | None) -> ExchangeModel:
        """Its market model.

        Args:
            timeline: the bars; None where there are prices only, but no volumes.

        Raises:
            ConfigError: a fee has more decimals than its asset, or there are no volumes to fill by.
        """
        market = self.amounts.config.exchanges[self.name].market
        return ExchangeModel(
            spread=rate_of(market.spread),
            slippage=rate_of(market.slippage),
            liquidity=self._liquidity(timeline),
            lag_ns=nanoseconds(market.lag_s),
            withdrawal_ns=nanoseconds(market.withdrawal_s),
            withdrawal_fees=self.withdrawal_fees(),
        )

    def withdrawal_fees(self) -> dict[str, int]:
        """Asset -> what a withdrawal costs, in units.

        Raises:
            ConfigError: a fee has more decimals than its asset.
        """
        key = f"{self._key}.market.withdrawal_fees"
        fees = self.amounts.config.exchanges[self.name].market.withdrawal_fees
        return {
            asset: self.amounts.units(f"{key}.{asset}", fee, asset) for asset, fee in fees.items()
        }

    def funding(self) -> dict[str, SeriesPoints]:
        """Bars of a perpetual -> its funding from the start of the data on.

        What was due before is over: a position that is open at the start does not pay it.
        """
        rates: dict[str, SeriesPoints] = {}
        for instrument in self.amounts.config.exchanges[self.name].instruments:
            name = f"{FUNDING}{instrument.account}:{instrument.symbol}"
            if name in self.history.series_names:
                points = self.history.series(name)
                at = sum(time_ns < self.history.start_ns for time_ns in points.times)
                times, values = points.times[at:], points.values[at:]
                rates[instrument.data] = SeriesPoints(times, values, points.decimals)
        return rates

    @property
    def _key(self) -> str:
        return f"exchanges.{self.name}"

    def _liquidity(self, timeline: Timeline | None) -> Liquidity:
        config = self.amounts.config
        market = config.exchanges[self.name].market
        if market.liquidity == "volume":
            if timeline is None:
                problem = (
                    f'{self._key}.market.liquidity is "volume", and a server has no volumes; '
                    'allowed there are "unlimited", "random"'
                )
                raise config.error(problem)
            rate = rate_of(market.participation)
            return Participation(timeline, self.history.volume_decimals, rate)
        if market.liquidity == "random":
            return Chance(f"{config.seed}:{self.name}", rate_of(market.partial))
        return unlimited

    def _instrument(self, key: str, instrument: InstrumentConfig) -> Instrument:
        of = self.amounts.scales.of
        price_decimals = self.history.price_decimals[instrument.data]
        exponent = of(instrument.traded) + price_decimals - of(instrument.quote)
        if exponent < 0:
            base, quote = instrument.traded, instrument.quote
            raise self._raise(key, base, of(base) - exponent, instrument.data, quote)
        lot, tick = instrument.lot, instrument.tick
        notional = instrument.min_notional
        return Instrument(
            account=instrument.account,
            symbol=instrument.symbol,
            base=instrument.traded,
            quote=instrument.quote,
            fees=self._fees(key, instrument),
            quantity_decimals=of(instrument.traded),
            price_decimals=price_decimals,
            exponent=exponent,
            perpetual=instrument.perpetual,
            data=instrument.data,
            lot=self.amounts.units(f"{key}.lot", lot, instrument.traded) if lot else 1,
            tick=self._tick(f"{key}.tick", tick, instrument.data) if tick else 1,
            min_notional=self.amounts.units(f"{key}.min_notional", notional, instrument.quote),
            collar=rate_of(instrument.collar),
            maintenance=rate_of(instrument.maintenance),
        )

    def _tick(self, key: str, tick: Decimal, data: str) -> int:
        decimals = self.history.price_decimals[data]
        setting = f"those of the prices of {data}; set price_decimals higher there"
        return self.amounts.exact(key, tick, decimals, setting)

    def _fees(self, key: str, instrument: InstrumentConfig) -> Fees:
        asset, rate = instrument.third_asset, rate_of(instrument.fee)
        if not asset:
            return Fees(rate=rate, paid_in=instrument.fee_asset)
        of = self.amounts.scales.of
        exponent = of(asset) + self.history.price_decimals[instrument.fee_price]
        exponent -= of(instrument.quote)
        if exponent < 0:
            decimals = of(asset) - exponent
            raise self._raise(key, asset, decimals, instrument.fee_price, instrument.quote)
        return Fees(rate=rate, paid_in=asset, price=instrument.fee_price, exponent=exponent)

    def _raise(self, key: str, asset: str, decimals: int, data: str, quote: str) -> Exception:
        problem = (
            f"{key}: the decimals of {asset} and of the prices of {data} together are fewer than "
            f"those of {quote}; set {asset} to {decimals} or more in [assets]"
        )
        return self.amounts.config.error(problem)
