"""What the tests know of each exchange: its accounts, what is traded, what it opens with."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from attrs import evolve, field, frozen

from fixtures.exchange.opening import OWNER, OWNER_KEY
from verifill.venues.ccxt.dialects import DIALECTS
from verifill.venues.instructions import (
    Instruction,
    InternalTransfer,
    PerpTrade,
    SetLeverage,
    SetMarginMode,
    Side,
    SpotTrade,
    Transfer,
)
from verifill.venues.margin_mode import MarginMode


@frozen(kw_only=True)
class Traded:
    """An instrument, declared as the loopback exchange has it.

    Attributes:
        least: a quantity that can be traded, small and of several lots.
    """

    account: str
    symbol: str
    lot: str
    tick: str
    price: str
    fee: str
    least: str
    min_notional: str = "0"
    fee_asset: str = "quote"
    perpetual: bool = False
    base: str = "BTC"

    @property
    def market(self) -> str:
        """As the loopback exchange calls it, but for the asset that pays."""
        return f"{self.base}/QUOTE:QUOTE" if self.perpetual else f"{self.base}/QUOTE"

    @property
    def toml(self) -> str:
        return f"""
[[exchanges.VENUE.instruments]]
account = "{self.account}"
symbol = "{self.symbol}"
perpetual = {str(self.perpetual).lower()}
base = "{self.base}"
quote = "QUOTE"
lot = "{self.lot}"
tick = "{self.tick}"
min_notional = "{self.min_notional}"
fee = "{self.fee}"
fee_asset = "{self.fee_asset}"
data = "{self.account}:{self.symbol}"
"""


@frozen(kw_only=True)
class Place:
    """One exchange.

    Attributes:
        venue: what the configuration calls it.
        accounts: account -> the dialect of its exchange.
        opening: position key -> what it opens with.
        create: what a request to create an order looks like, for faults.
        query: what a question about an order looks like.
        cancel: what a request to cancel one looks like.
        leaves: the account that can be withdrawn from, and the network of the asset that pays.
        withdrawals: whether its key may withdraw, and is taken all the same.
        wallet: the asset that margins and pays.
    """

    venue: str
    accounts: Mapping[str, str]
    traded: tuple[Traded, ...]
    opening: Mapping[str, str]
    create: str
    query: str
    cancel: str
    variables: Mapping[str, str]
    wallet: str = "USDT"
    withdrawals: bool = False
    leaves: tuple[str, str] = ("", "")
    addresses: Mapping[str, str] = field(factory=dict[str, str])

    @property
    def spot(self) -> Traded | None:
        return next((one for one in self.traded if not one.perpetual), None)

    @property
    def perpetual(self) -> Traded | None:
        return next((one for one in self.traded if one.perpetual), None)

    @property
    def modal(self) -> bool:
        """Whether margin modes are set there."""
        return any(DIALECTS[name].margin_modes for name in self.accounts.values())

    @property
    def any(self) -> Traded:
        return self.spot or self.traded[0]

    def trade(self, traded: Traded, side: Side = Side.BUY, **more: object) -> Instruction:
        asked = {
            "account": traded.account,
            "symbol": traded.symbol,
            "side": side,
            "quantity": Decimal(traded.least),
        } | more
        kind = PerpTrade if traded.perpetual else SpotTrade
        return kind(**asked)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # either

    def leverage(self, leverage: int) -> SetLeverage:
        perpetual = self.perpetual
        assert perpetual
        return SetLeverage(account=perpetual.account, symbol=perpetual.symbol, leverage=leverage)

    def mode(self, mode: MarginMode) -> SetMarginMode:
        perpetual = self.perpetual
        assert perpetual
        return SetMarginMode(account=perpetual.account, symbol=perpetual.symbol, mode=mode)

    @property
    def transfers(self) -> tuple[InternalTransfer, ...]:
        """There and back between its accounts."""
        if len(self.accounts) == 1:
            return ()
        one, other = self.accounts
        there = InternalTransfer(account=one, to=other, asset=self.wallet, amount=Decimal(100))
        back = InternalTransfer(account=other, to=one, asset=self.wallet, amount=Decimal(100))
        return there, back

    def withdrawal(self, amount: int, to: str = "treasury") -> Transfer:
        return Transfer(account=self.leaves[0], to=to, asset=self.wallet, amount=Decimal(amount))

    @property
    def withdrawing(self) -> "Place":
        """The same, from where may be withdrawn."""
        return evolve(self, withdrawals=True, addresses={"treasury": TREASURY})

    def exchange_toml(self) -> str:
        assets = {account: self._bases(account) for account in self.accounts}
        held = ", ".join(
            f'"{account}" = {[*more, self.wallet]!r}'.replace("'", '"')
            for account, more in assets.items()
        )
        through = ", ".join(f'"{a}" = "{dialect}"' for a, dialect in self.accounts.items())
        names = ["SPOT_TRADE"] if self.spot else []
        names += ["PERP_TRADE", "SET_LEVERAGE"] if self.perpetual else []
        names += ["SET_MARGIN_MODE"] if self.modal else []
        names += ["INTERNAL_TRANSFER"] if self.transfers else []
        names += ["TRANSFER"] if self.addresses else []
        operations = ", ".join(f'"{name}"' for name in names)
        instruments = "".join(one.toml for one in self.traded)
        fees = "".join(
            f'[exchanges.VENUE.market]\nwithdrawal_fees = {{ "{self.wallet}" = 1 }}\n'
            for _ in self.addresses
        )
        allowed = "".join(
            f'[ccxt.VENUE.addresses.{name}]\naddress = "{address}"\nnetwork = "{self.leaves[1]}"\n'
            for name, address in self.addresses.items()
        )
        return (
            (
                f"[exchanges.{self.venue}]\naccounts = {{ {held} }}\n"
                f"operations = [{operations}]\n"
                f"{instruments}\n{fees}[ccxt.{self.venue}]\naccounts = {{ {through} }}\n"
                f"withdrawals = {str(self.withdrawals).lower()}\n{allowed}"
            )
            .replace("VENUE", self.venue)
            .replace("QUOTE", self.wallet)
        )

    def market(self, traded: Traded) -> str:
        """As the loopback exchange calls it."""
        return traded.market.replace("QUOTE", self.wallet)

    def _bases(self, account: str) -> list[str]:
        return [one.base for one in self.traded if one.account == account and not one.perpetual]


KEYS: Final = ("API_KEY", "SECRET")
TREASURY: Final = "0x" + "ab" * 20

BINANCE: Final = Place(
    venue="binance",
    accounts={"binance.spot": "binance", "binance.usdm": "binanceusdm"},
    traded=(
        Traded(
            account="binance.spot",
            symbol="BTC/USDT",
            lot="0.00001",
            tick="0.01",
            price="60000.00",
            fee="0.001",
            fee_asset="received",
            min_notional="5",
            least="0.00123",
        ),
        Traded(
            account="binance.usdm",
            symbol="BTCUSDT",
            lot="0.001",
            tick="0.1",
            price="60000.00",
            fee="0.0005",
            min_notional="100",
            least="0.012",
            perpetual=True,
        ),
    ),
    opening={
        "binance.spot:BaseToken:USDT": "1000000",
        "binance.spot:BaseToken:BTC": "10",
        "binance.usdm:BaseToken:USDT": "200000",
        "binance.usdm:Setting:BTCUSDT.leverage": "20",
    },
    create="POST *binance.com/*/order",
    query="GET *binance.com/*/order",
    cancel="DELETE *binance.com/*/order",
    variables={"BINANCE_DEV_API_KEY": "loopback-key", "BINANCE_DEV_SECRET": "loopback-secret"},
    leaves=("binance.spot", "ETH"),
)

BYBIT: Final = Place(
    venue="bybit",
    accounts={"bybit.uta": "bybit", "bybit.funding": "bybitfunding"},
    traded=(
        Traded(
            account="bybit.uta",
            symbol="BTC/USDT",
            lot="0.000001",
            tick="0.1",
            price="60000.00",
            fee="0.001",
            fee_asset="received",
            min_notional="5",
            least="0.001234",
        ),
        Traded(
            account="bybit.uta",
            symbol="BTCUSDT",
            lot="0.001",
            tick="0.1",
            price="60000.00",
            fee="0.00055",
            min_notional="5",
            least="0.012",
            perpetual=True,
        ),
    ),
    opening={
        "bybit.uta:BaseToken:USDT": "200000",
        "bybit.uta:BaseToken:BTC": "2",
        "bybit.funding:BaseToken:USDT": "50000",
        "bybit.uta:Setting:BTCUSDT.leverage": "10",
    },
    create="POST *bybit.com/v5/order/create",
    query="GET *bybit.com/v5/order/realtime",
    cancel="POST *bybit.com/v5/order/cancel",
    variables={"BYBIT_DEV_API_KEY": "loopback-key", "BYBIT_DEV_SECRET": "loopback-secret"},
    leaves=("bybit.funding", "ETH"),
)

OKX: Final = Place(
    venue="okx",
    accounts={"okx.trading": "okx", "okx.funding": "okxfunding"},
    traded=(
        Traded(
            account="okx.trading",
            symbol="BTC/USDT",
            lot="0.00000001",
            tick="0.1",
            price="60000.00",
            fee="0.001",
            fee_asset="received",
            least="0.00123456",
        ),
        Traded(
            account="okx.trading",
            symbol="BTCUSDT",
            lot="0.0001",
            tick="0.1",
            price="60000.00",
            fee="0.0005",
            least="0.0123",
            perpetual=True,
        ),
    ),
    opening={
        "okx.trading:BaseToken:USDT": "200000",
        "okx.trading:BaseToken:BTC": "2",
        "okx.funding:BaseToken:USDT": "50000",
        "okx.trading:Setting:BTCUSDT.leverage": "10",
    },
    create="POST *okx.com/api/v5/trade/order",
    query="GET *okx.com/api/v5/trade/order",
    cancel="POST *okx.com/api/v5/trade/cancel-*",
    variables={
        "OKX_DEV_API_KEY": "loopback-key",
        "OKX_DEV_SECRET": "loopback-secret",
        "OKX_DEV_PASSWORD": "loopback-passphrase",
    },
    leaves=("okx.funding", "ERC20"),
)

HYPERLIQUID: Final = Place(
    venue="hyperliquid",
    accounts={"hyperliquid.perp": "hyperliquid", "hyperliquid.spot": "hyperliquidspot"},
    wallet="USDC",
    traded=(
        Traded(
            account="hyperliquid.perp",
            symbol="BTCUSDC",
            lot="0.00001",
            tick="1",
            price="60000.00",
            fee="0.00045",
            min_notional="10",
            least="0.01234",
            perpetual=True,
        ),
        Traded(
            account="hyperliquid.spot",
            symbol="UBTC/USDC",
            base="UBTC",
            lot="0.00001",
            tick="1",
            price="60000.00",
            fee="0.0007",
            fee_asset="received",
            min_notional="10",
            least="0.00123",
        ),
    ),
    withdrawals=True,  # only an owner moves funds between accounts, and may withdraw too
    opening={
        "hyperliquid.perp:BaseToken:USDC": "200000",
        "hyperliquid.spot:BaseToken:USDC": "200000",
        "hyperliquid.spot:BaseToken:UBTC": "2",
        "hyperliquid.perp:Setting:BTCUSDC.leverage": "10",
    },
    create="POST *hyperliquid.xyz/exchange",
    query="POST *hyperliquid.xyz/info",
    cancel="POST *hyperliquid.xyz/exchange#cancel*",
    variables={"HYPERLIQUID_DEV_API_KEY": OWNER, "HYPERLIQUID_DEV_SECRET": OWNER_KEY},
    leaves=("hyperliquid.perp", ""),
)

PLACES: Final = {place.venue: place for place in (BINANCE, BYBIT, OKX, HYPERLIQUID)}
