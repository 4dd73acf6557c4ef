"""Position keys: `account:kind:asset`, finer than the venue.

`binance.spot:BaseToken:BTC` is bitcoin in Binance's spot account,
`in_transit:bybit.uta:USDT` is on its way to Bybit, `flash:debt:WETH` is owed inside one
transaction. A key is a plain string, so that books and readings are plain dictionaries.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from verifill.engine.amounts import to_decimal, to_units
from verifill.engine.errors import ConfigError


class Kind(StrEnum):
    """What a position is, the middle part of its key."""

    BASE = "BaseToken"
    A_TOKEN = "aToken"
    DEBT = "debtToken"
    PERP = "Perp"
    ALLOWANCE = "Allowance"  # a zero-delta operation reconciles its own state (R13)
    SETTING = "Setting"
    CLAIM = "Claim"  # a request in an unstaking queue


def position_key(account: str, kind: str, asset: str) -> str:
    """The key of one position."""
    return f"{account}:{kind}:{asset}"


def in_transit(destination: str, asset: str) -> str:
    """The key of what left one account and has not reached the other."""
    return f"in_transit:{destination}:{asset}"


def flash_debt(asset: str) -> str:
    """The key of what a flash loan is owed before its transaction ends."""
    return f"flash:debt:{asset}"


def allowance(account: str, asset: str, spender: str) -> str:
    """The key of what a spender may take of an account's asset: `wallet:Allowance:WETH@pool`."""
    return position_key(account, Kind.ALLOWANCE, f"{asset}@{spender}")


def emode_key(market: str) -> str:
    """The key under which a lending market's efficiency mode is reconciled (R13)."""
    return position_key(market, Kind.SETTING, "emode")


def asset_of(key: str) -> str:
    """The asset of a position key; of an allowance, the asset that may be taken."""
    return key.rpartition(":")[2].partition("@")[0]


def account_of(key: str) -> str:
    """The account of a position key."""
    return key.partition(":")[0]


class Scales:
    """How many decimals each asset has; the one place where units get their meaning.

    Args:
        decimals: asset (or perpetual's symbol) -> number of decimals, 0 to 36.
    """

    def __init__(self, decimals: Mapping[str, int]) -> None:
        """Keep a copy of the decimals."""
        self._decimals = dict(decimals)

    def of(self, asset: str) -> int:
        """The decimals of an asset.

        Raises:
            ConfigError: the asset is not declared.
        """
        try:
            return self._decimals[asset]
        except KeyError:
            known = ", ".join(sorted(self._decimals))
            msg = (
                f"asset {asset!r} is not declared; known are {known}. "
                "Add it with its decimals to [assets]"
            )
            raise ConfigError(msg) from None

    def units(self, key: str, amount: Decimal) -> int:
        """A position's amount in units."""
        return to_units(amount, self.of(asset_of(key)))

    def amount(self, key: str, units: int) -> Decimal:
        """A position's units as a `Decimal` amount."""
        return to_decimal(units, self.of(asset_of(key)))

    def as_dict(self) -> dict[str, int]:
        """Asset -> decimals, sorted by asset, for a log's header."""
        return dict(sorted(self._decimals.items()))
