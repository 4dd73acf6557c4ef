"""nautilus_trader: its low-level backtest engine; a market order a bar, filled at its close."""

from decimal import Decimal

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy
from told import CASH, FEE, QUANTITY, bars, tell

VENUE = Venue("BINANCE")
PAIR = CurrencyPair(
    instrument_id=InstrumentId(Symbol("BTCUSDT"), VENUE), raw_symbol=Symbol("BTCUSDT"),
    base_currency=BTC, quote_currency=USDT, price_precision=2, size_precision=6,
    price_increment=Price.from_str("0.01"), size_increment=Quantity.from_str("0.000001"),
    lot_size=None, max_quantity=None, min_quantity=None, max_notional=None, min_notional=None,
    max_price=None, min_price=None, margin_init=Decimal(0), margin_maint=Decimal(0),
    maker_fee=Decimal(str(FEE)), taker_fee=Decimal(str(FEE)), ts_event=0, ts_init=0,
)
BARS = BarType.from_str(f"{PAIR.id}-1-MINUTE-LAST-EXTERNAL")


class Alternate(Strategy):
    """Buys at one bar and sells at the next."""

    def on_start(self):
        self.side = False
        self.filled = 0
        self.quantity = PAIR.make_qty(QUANTITY)
        self.subscribe_bars(BARS)

    def on_bar(self, bar):
        self.side = not self.side
        side = OrderSide.BUY if self.side else OrderSide.SELL
        self.submit_order(self.order_factory.market(PAIR.id, side, self.quantity))

    def on_order_filled(self, event):
        self.filled += 1


config = BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False)
engine = BacktestEngine(config)
engine.add_venue(
    venue=VENUE, oms_type=OmsType.NETTING, account_type=AccountType.CASH, base_currency=None,
    starting_balances=[Money(CASH, USDT), Money(0, BTC)], bar_execution=True,
)
engine.add_instrument(PAIR)
data = bars()
data["volume"] = 1_000.0  # so that no order is filled in parts
engine.add_data(BarDataWrangler(BARS, PAIR).process(data))
strategy = Alternate()
engine.add_strategy(strategy)
engine.run()
account = engine.cache.account_for_venue(VENUE)
bitcoin = float(account.balance_total(BTC))
equity = float(account.balance_total(USDT)) + bitcoin * float(data["close"].iloc[-1])
tell(strategy.filled, bitcoin, equity)
