"""Settings of the venues that are connected through ccxt."""

from collections.abc import Mapping

from attrs import field, frozen

from verifill.config.rules import All, Each, Name, Some


@frozen(kw_only=True)
class CcxtConfig:
    """One exchange of [exchanges], for real: live mode connects to it through ccxt.

    Its keys stand in the environment of the process, by venue and environment:
    `BINANCE_PROD_API_KEY`, `BINANCE_PROD_SECRET` and, where an exchange wants one,
    `OKX_PROD_PASSWORD`. See docs/reference/ccxt.md.

    Attributes:
        accounts: Which exchange of docs/reference/ccxt.md each of its accounts is at, by account:
            `{ "binance.spot" = "binance", "binance.usdm" = "binanceusdm" }`.
        withdrawals: Whether a key is taken that may withdraw.
    """

    accounts: Mapping[str, str] = field(validator=All(Some(), Each(Name(), key=Name())))
    withdrawals: bool = False
