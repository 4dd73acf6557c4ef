"""Settings of a chain as it is: addresses, keys, fees, finality; a backtest does not read them."""

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from verifill.config.environments import VARIABLE
from verifill.config.exchanges import nothing
from verifill.config.rules import RATE, Above, All, Each, Name, OneOf, Rule, Some, Within, refusal
from verifill.engine.errors import ConfigError
from verifill.venues.instructions import Operation

ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
SHARED: Final = ("aave_v3", "lido", "etherfi")
LEVELS: Final = ("INCLUDED", "SAFE", "FINAL")
SPEAKS: Final = (
    "aave_v3",
    "uniswap_v2",
    "uniswap_v3",
    "weth",
    "wsteth",
    "lido",
    "etherfi",
    "weeth",
)


class Address(Rule):
    """An address on the chain; empty where there is none."""

    def check(self, name: str, value: Any) -> None:  # noqa: ANN401 - a string
        """See `Rule.check`."""
        if value and not ADDRESS.fullmatch(value):
            raise refusal(name, value, self)

    def __str__(self) -> str:
        return "`0x` and 40 hexadecimal digits"


class FromVariable(Rule):
    """The variable of the process that holds a secret; what is refused is not shown."""

    def check(self, name: str, value: Any) -> None:  # noqa: ANN401 - a string
        """See `Rule.check`."""
        if value and not VARIABLE.fullmatch(value):
            msg = f"{name} is no name of a variable; allowed is {self}, never the secret itself"
            raise ConfigError(msg)

    def __str__(self) -> str:
        return "`env:VARIABLE`"


@frozen(kw_only=True)
class EvmAccountConfig:
    """An account of a chain; without a key it is looked at only.

    Attributes:
        address: Its address.
        key: The variable that holds its private key.
        keystore: Its encrypted key file, instead of `key`.
        unlock: The variable that holds what opens the file.
        owner: The account that owns it and sends for it: its address is that of a Safe, or of an
            executor of its own, a contract of venues/evm/contracts that was made with this owner.
        multisend: Of a Safe that the owner owns alone: the address of its `MultiSendCallOnly`.
        steps: Of a Safe: the address of the contract `Steps` of venues/evm/contracts.
    """

    address: str = field(validator=All(Some(), Address()))
    key: str = field(default="", validator=FromVariable())
    keystore: Path | None = None
    unlock: str = field(default="", validator=FromVariable())
    owner: str = ""
    multisend: str = field(default="", validator=Address())
    steps: str = field(default="", validator=Address())


@frozen(kw_only=True)
class EvmContractConfig:
    """A protocol where it is.

    Attributes:
        speaks: What it understands: `aave_v3` (a lending market, and its flash loans), `uniswap_v2`
            and `uniswap_v3` (routers), `weth`, `wsteth` and `weeth` (wrappers with a rate), `lido`
            and `etherfi` (staking, with a queue).
        address: Its address.
        quoter: Of Uniswap V3: the address of the quoter.
        fee: Of Uniswap V3: the pool, by its fee in millionths.
        queue: Of Lido and ether.fi: the address of the requests to withdraw.
    """

    speaks: str = field(validator=OneOf(SPEAKS))
    address: str = field(validator=All(Some(), Address()))
    quoter: str = field(default="", validator=Address())
    fee: int = field(default=3_000, validator=Within(1, 1_000_000))
    queue: str = field(default="", validator=Address())


@frozen(kw_only=True)
class EvmConfig:
    """A chain as it is, for live mode; needs the extra `verifill[evm]`.

    Attributes:
        chain_id: Which chain; a node of another one is refused.
        accounts: By account: address and key.
        owner: The account that the positions of lending markets belong to; the first one that
            has a key if left out.
        tokens: By asset: the address of its token. The native asset has none.
        contracts: By name of a market, pool or lender, and by the wrapped or staked asset.
        executor: The contract whose code an account runs a chain of steps with (EIP-7702); without
            it there are single transactions only.
        finality: By operation: how deep its transaction must be before the next one.
        finality_usual: How deep for all others: `INCLUDED`, `SAFE` or `FINAL`.
        confirmations: How many blocks there are from that of a transaction on, its own among
            them, before it is INCLUDED.
        fee_cap: Most that is ever offered for a unit of gas, in the native asset.
        tip: What of it goes to whoever makes the block.
        bump_percent: How much more a replacement offers; nodes ask for 10.
        drift: How far an index, a rate or a quote may move until a transaction is in a block.
        health_min: Least health factor that a chain of steps may leave; 0 for none.
        deadline_s: Seconds of the chain's time within which a swap or a chain of steps takes
            effect, or never.
        stale_s: A newest block that is as many seconds old says that the node has fallen behind;
            0 for never.
        by_way_of_zero: Tokens whose allowance is changed by way of zero only, such as USDT.
    """

    chain_id: int = field(validator=Within(1))
    accounts: Mapping[str, EvmAccountConfig] = field(validator=All(Some(), Each(key=Name())))
    owner: str = ""
    tokens: Mapping[str, str] = field(factory=nothing, validator=Each(Address(), key=Name()))
    contracts: Mapping[str, EvmContractConfig] = field(factory=nothing, validator=Each(key=Name()))
    executor: str = field(default="", validator=Address())
    finality: Mapping[Operation, str] = field(factory=nothing, validator=Each(OneOf(LEVELS)))
    finality_usual: str = field(default="INCLUDED", validator=OneOf(LEVELS))
    confirmations: int = field(default=1, validator=Within(1, 1_000))
    fee_cap: Decimal = field(default=Decimal("0.0000002"), validator=Above(0))
    tip: Decimal = field(default=Decimal("0.000000001"), validator=Within(0, decimals=18))
    bump_percent: int = field(default=15, validator=Within(10, 1_000))
    drift: Decimal = field(default=Decimal("0.00001"), validator=RATE)
    health_min: Decimal = field(default=Decimal(1), validator=Within(0, 1_000, decimals=18))
    deadline_s: int = field(default=600, validator=Within(1, 86_400))
    stale_s: int = field(default=300, validator=Within(0, 86_400))
    by_way_of_zero: tuple[str, ...] = field(default=(), validator=Each(Name()))

    @property
    def shared(self) -> frozenset[str]:
        """The staking tokens and lending markets whose shares the chain tells the worth of."""
        return frozenset(n for n, its in self.contracts.items() if its.speaks in SHARED)
