"""Settings of the venues that are connected through ccxt."""

from collections.abc import Mapping

from attrs import field, frozen

from verifill.config.exchanges import nothing
from verifill.config.rules import All, Each, Name, Some


@frozen(kw_only=True)
class DestinationConfig:
    """Where withdrawals from an exchange may go.

    Attributes:
        address: On its network; withdrawals go to no address that does not stand here.
        network: As the exchange calls it, such as `ETH` or, on OKX, `ERC20`.
        tag: Memo or tag, where the network wants one.
    """

    address: str = field(validator=Some())
    network: str = ""
    tag: str = ""


@frozen(kw_only=True)
class CcxtConfig:
    """One exchange of [exchanges], for real: live mode connects to it through ccxt.

    Its keys stand in the environment of the process, by venue and environment:
    `BINANCE_PROD_API_KEY`, `BINANCE_PROD_SECRET` and, where an exchange wants one,
    `OKX_PROD_PASSWORD`. See docs/reference/ccxt.md.

    Attributes:
        accounts: Which exchange of docs/reference/ccxt.md each of its accounts is at, by account:
            `{ "binance.spot" = "binance", "binance.usdm" = "binanceusdm" }`.
        withdrawals: Whether a key is taken that may withdraw, and used for that.
        addresses: Where TRANSFER may go from here, by the name that it gives as `to`; none is the
            name of an account of the run.
    """

    accounts: Mapping[str, str] = field(validator=All(Some(), Each(Name(), key=Name())))
    withdrawals: bool = False
    addresses: Mapping[str, DestinationConfig] = field(factory=nothing, validator=Each(key=Name()))
