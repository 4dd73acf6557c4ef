"""What is known of a chain as it is: addresses, what each protocol understands, fees, finality."""

from collections.abc import Mapping
from enum import StrEnum

from attrs import Factory, field, frozen

from verifill.engine.errors import ConfigError, InstructionError
from verifill.venues.calls.rules import ChainRules
from verifill.venues.keys import Kind, asset_of, position_key

MAX_WORD = 2**256 - 1
ANY = ""  # every operation that has no finality of its own


class Speaks(StrEnum):
    """What a contract understands."""

    AAVE_V3 = "aave_v3"  # a lending market, and a flash lender
    UNISWAP_V2 = "uniswap_v2"  # a router of pairs
    UNISWAP_V3 = "uniswap_v3"  # a router of pools, with a quoter
    WETH = "weth"  # deposit and withdraw, one to one
    WSTETH = "wsteth"  # wrap and unwrap, by a rate
    LIDO = "lido"  # submit, and a queue back
    ETHERFI = "etherfi"  # deposit, and requests to withdraw as tokens of their own
    WEETH = "weeth"  # wrap and unwrap, by a rate


STAKED = (Speaks.LIDO, Speaks.ETHERFI)


class Level(StrEnum):
    """How deep a transaction must be before the next instruction may begin (R16)."""

    INCLUDED = "INCLUDED"
    SAFE = "SAFE"
    FINAL = "FINAL"

    @property
    def tag(self) -> str:
        """The newest block of that depth, as nodes call it."""
        return {"INCLUDED": "latest", "SAFE": "safe", "FINAL": "finalized"}[self]


@frozen(kw_only=True)
class Contract:
    """A protocol where it is.

    Attributes:
        speaks: what it understands.
        address: where it is.
        quoter: of Uniswap V3: who tells what a swap gives.
        fee: of Uniswap V3: which pool, by its fee in millionths.
        queue: of Lido and ether.fi: who keeps the requests to withdraw.
    """

    speaks: Speaks
    address: str
    quoter: str = ""
    fee: int = 3_000
    queue: str = ""

    @property
    def spender(self) -> str:
        """Who takes tokens within an allowance; of Lido that is its queue."""
        return self.queue if self.speaks is Speaks.LIDO else self.address


@frozen(kw_only=True)
class Safe:
    """What a Safe runs several calls with.

    Attributes:
        multisend: where its `MultiSendCallOnly` is.
        steps: where the contract `Steps` of venues/evm/contracts is.
    """

    multisend: str
    steps: str


@frozen(kw_only=True)
class Fees:
    """What is offered for a place in a block, in wei for each unit of gas.

    Attributes:
        cap: most that is ever offered; what a transaction may cost is counted with it.
        tip: for whoever makes the block.
        bump: how much more a replacement offers, in percent; nodes ask for 10.
    """

    cap: int
    tip: int
    bump: int = 15

    def first(self, base_fee: int) -> tuple[int, int]:
        """Greatest fee and tip of a new transaction: room for the base fee to double."""
        most = min(self.cap, 2 * base_fee + self.tip)
        return most, min(self.tip, most)

    def more(self, most: int, tip: int, base_fee: int) -> tuple[int, int] | None:
        """Fee and tip of a replacement; None where the cap does not let it be one."""
        raised = -(-most * (100 + self.bump) // 100), -(-tip * (100 + self.bump) // 100)
        wanted = max(raised[0], min(self.cap, 2 * base_fee + raised[1])), max(raised[1], 1)
        return wanted if wanted[0] <= self.cap else None


@frozen(kw_only=True)
class EvmRules:
    """The static data of one chain as it is, beside `ChainRules`.

    Attributes:
        chain_id: which chain; a node of another one is refused.
        accounts: account -> address.
        owner: the account that the positions of lending markets belong to.
        tokens: asset -> address of the token; the native asset has none.
        contracts: name of a market, pool or lender, or the wrapped or staked asset -> where.
        fees: see `Fees`.
        executor: the contract whose code an account runs a chain of steps with (EIP-7702); none:
            it sends single transactions only.
        finality: operation -> level; `ANY` for the others.
        confirmations: blocks from that of a transaction on, its own among them, for INCLUDED.
        drift: how far an index, a rate or a quote may move until a transaction is in a block, in
            1e-8.
        health_min: least health factor that a chain of steps may leave, in 1e-18; 0: none.
        deadline_s: how long after it is made a swap or a chain of steps may take effect.
        stale_s: a newest block that is older says that the node has fallen behind; 0: never.
        owned: account that is an executor of its own -> the account that owns it, and sends for it.
        safes: account that is a Safe -> see `Safe`; it is among the owned ones too.
        by_way_of_zero: tokens whose allowance is changed by way of zero only.
    """

    chain_id: int
    accounts: Mapping[str, str]
    owner: str
    tokens: Mapping[str, str]
    contracts: Mapping[str, Contract]
    fees: Fees
    executor: str = ""
    finality: Mapping[str, Level] = Factory(dict[str, Level])
    confirmations: int = 1
    drift: int = 1_000
    health_min: int = 0
    deadline_s: int = 600
    stale_s: int = 300
    owned: Mapping[str, str] = Factory(dict[str, str])
    safes: Mapping[str, Safe] = Factory(dict[str, Safe])
    by_way_of_zero: frozenset[str] = field(factory=frozenset[str])

    @property
    def rebasing(self) -> frozenset[str]:
        """Assets whose balances follow a rate: they are counted in shares, which stand still."""
        return frozenset(n for n, c in self.contracts.items() if c.speaks in STAKED)

    def sender(self, account: str) -> str:
        """The account that signs and sends what another one does."""
        return self.owned.get(account, account)

    def level(self, operations: tuple[str, ...]) -> Level:
        """The deepest level that any of these operations asks for."""
        depths = list(Level)
        wanted = (self.finality.get(o, self.finality.get(ANY, Level.INCLUDED)) for o in operations)
        return max(wanted, key=depths.index)

    def contract(self, name: str) -> Contract:
        """A protocol by its name.

        Raises:
            InstructionError: its address is not declared.
        """
        if name in self.contracts:
            return self.contracts[name]
        known = ", ".join(self.contracts) or "none"
        msg = f"no contract is declared for {name!r}; there are {known}"
        raise InstructionError(msg)

    def token(self, asset: str) -> str:
        """The address of a token.

        Raises:
            InstructionError: it is not declared.
        """
        if asset in self.tokens:
            return self.tokens[asset]
        known = ", ".join(self.tokens) or "none"
        msg = f"no token is declared for {asset!r}; there are {known}"
        raise InstructionError(msg)


def check_rules(chain: ChainRules, rules: EvmRules) -> None:
    """Refuse rules in which an address is missing.

    Raises:
        ConfigError: with what is missing.
    """
    wanted = {f"account {name}": name in rules.accounts for name in chain.holdings}
    wanted |= {f"account {owner}": owner in rules.accounts for owner in rules.owned.values()}
    wanted[f"owner {rules.owner}"] = rules.owner in rules.accounts
    for key in sorted(chain.positions()):
        kind, asset = key.split(":")[1], asset_of(key)
        if kind not in ("debt", Kind.SETTING) and asset != chain.native:
            wanted[f"token {asset}"] = asset in rules.tokens
    named = [r.market for r in chain.reserves] + [p.name for p in chain.pools]
    named += [x.name for x in chain.lenders] + [w.into for w in chain.wrappers]
    named += [s.into for s in chain.stakings]
    wanted |= {f"contract {name}": name in rules.contracts for name in named}
    for name, contract in rules.contracts.items():
        if contract.speaks in STAKED:
            wanted[f"contracts.{name}.queue"] = bool(contract.queue)
    for account, safe in rules.safes.items():
        wanted[f"accounts.{account}.owner"] = account in rules.owned
        wanted[f"accounts.{account}.steps"] = bool(safe.steps)
    missing = [what for what, there in wanted.items() if not there]
    if missing:
        msg = f"{chain.rules.name}.evm: no address is declared of {', '.join(missing)}"
        raise ConfigError(msg)
    for account, owner in rules.owned.items():
        if chain.payer(account) != owner:
            msg = (
                f"{chain.rules.name}.evm: {owner} owns {account} and sends for it, so it pays its "
                f'gas; set gas_payers = {{ {account} = "{owner}" }}'
            )
            raise ConfigError(msg)


def account_at(rules: EvmRules, address: str) -> str:
    """The account of an address; empty if it is none of ours."""
    for account, its in rules.accounts.items():
        if its.lower() == address.lower():
            return account
    return ""


def base_key(account: str, asset: str) -> str:
    """The position of an asset in an account."""
    return position_key(account, Kind.BASE, asset)
