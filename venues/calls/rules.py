"""What is known of a chain before anything is sent: its protocols, accounts and gas."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from attrs import Factory, field, frozen

from verifill.engine.errors import ConfigError, InstructionError
from verifill.venues.calls.protocols import EMode, Lender, Pool, Reserve, Staking, Wrapper
from verifill.venues.instructions import Operation
from verifill.venues.keys import Kind, allowance, emode_key, flash_debt, position_key
from verifill.venues.rules import RATE_UNIT, VenueRules

Named = TypeVar("Named", bound=tuple[str, ...])
T = TypeVar("T")

# Gas units beside the base transaction, of the size that explorers show for mainnet calls.
# A token transfer is 55,000 in all; a flash loan that stakes, supplies and borrows is
# 1,150,000 in all, each approval 30,000 more.
GAS: Mapping[Operation, int] = {
    Operation.TRANSFER: 34_000,
    Operation.INTERNAL_TRANSFER: 34_000,
    Operation.APPROVE: 30_000,
    Operation.WRAP: 85_000,
    Operation.UNWRAP: 35_000,
    Operation.STAKE: 170_000,
    Operation.UNSTAKE: 200_000,
    Operation.CLAIM: 120_000,
    Operation.SWAP: 150_000,
    Operation.SUPPLY: 249_000,
    Operation.WITHDRAW: 270_000,
    Operation.BORROW: 350_000,
    Operation.REPAY: 220_000,
    Operation.SET_EMODE: 100_000,
    Operation.FLASH_BORROW: 140_000,
    Operation.FLASH_REPAY: 100_000,
}


@frozen(kw_only=True)
class ChainRules:
    """The static data of one chain.

    Attributes:
        rules: what every venue has: name, accounts, operations, settlement windows.
        holdings: account -> the assets it can hold; one entry for each account.
        native: the asset that gas is paid in, of 18 decimals.
        gas_payers: account -> account that pays its gas; every other pays its own.
        gas: operation -> gas units, beside the base transaction.
        gas_base: gas units of a transaction.
        gas_price: series of the price of one gas unit in the native asset; with its 18
            decimals the integer is wei per gas, 10 gwei is 10_000_000_000.
        wrappers: see `Wrapper`; so are the following.
        stakings: see `Staking`.
        reserves: see `Reserve`.
        emodes: see `EMode`.
        pools: see `Pool`.
        lenders: see `Lender`.
        approvals: account -> spenders that take its tokens only within an allowance; a
            smart account that approves within its own calls needs none.
        deposits_s: account elsewhere -> seconds until it credits a transfer.
    """

    rules: VenueRules
    holdings: Mapping[str, tuple[str, ...]]
    native: str = "ETH"
    gas_payers: Mapping[str, str] = field(factory=dict[str, str])
    gas: Mapping[Operation, int] = Factory(lambda: GAS)
    gas_base: int = 21_000
    gas_price: str = "gas_price"
    wrappers: tuple[Wrapper, ...] = ()
    stakings: tuple[Staking, ...] = ()
    reserves: tuple[Reserve, ...] = ()
    emodes: tuple[EMode, ...] = ()
    pools: tuple[Pool, ...] = ()
    lenders: tuple[Lender, ...] = ()
    approvals: Mapping[str, tuple[str, ...]] = field(factory=dict[str, tuple[str, ...]])
    deposits_s: Mapping[str, int] = field(factory=dict[str, int])

    def __attrs_post_init__(self) -> None:
        """Refuse what does not fit together.

        Raises:
            ConfigError: with the field, the value and what is allowed.
        """
        problem = next(problems(self), "")
        if problem:
            msg = f"{self.rules.name}: {problem}"
            raise ConfigError(msg)

    def payer(self, account: str) -> str:
        """The account that pays the gas of this one."""
        return self.gas_payers.get(account, account)

    def gas_key(self, account: str) -> str:
        """The position that pays the gas of this account."""
        return position_key(self.payer(account), Kind.BASE, self.native)

    def wrapper(self, asset: str, into: str) -> Wrapper:
        """The wrapper of an asset.

        Raises:
            InstructionError: there is none; likewise for the protocols below.
        """
        there = {(w.asset, w.into): w for w in self.wrappers}
        return self._pick("wrapper", (asset, into), there)

    def staking(self, asset: str, into: str) -> Staking:
        """The staking of an asset, with the queue back."""
        there = {(s.asset, s.into): s for s in self.stakings}
        return self._pick("staking", (asset, into), there)

    def supplied(self, market: str, asset: str) -> Reserve:
        """An asset that a lending market takes."""
        there = {(r.market, r.asset): r for r in self.reserves if r.a_token}
        return self._pick("market that takes", (market, asset), there)

    def borrowed(self, market: str, asset: str) -> Reserve:
        """An asset that a lending market lends."""
        there = {(r.market, r.asset): r for r in self.reserves if r.debt_token}
        return self._pick("market that lends", (market, asset), there)

    def emode(self, market: str, category: int) -> EMode:
        """An efficiency mode of a lending market; 0 is none, where there is another one."""
        none = {(e.market, "0"): EMode(market=e.market, category=0) for e in self.emodes}
        there = {(e.market, str(e.category)): e for e in self.emodes}
        return self._pick("efficiency mode", (market, str(category)), none | there)

    def pool(self, name: str, asset: str, into: str) -> Pool:
        """The pool of that name, if it exchanges these two assets, either way."""
        there = {(p.name, *sorted((p.base, p.quote))): p for p in self.pools}
        return self._pick("pool", (name, *sorted((asset, into))), there)

    def lender(self, name: str, asset: str) -> Lender:
        """The lender of that name, if it lends the asset."""
        there = {(x.name, lent): x for x in self.lenders for lent in x.assets}
        return self._pick("flash lender", (name, asset), there)

    def _pick(self, what: str, wanted: Named, there: Mapping[Named, T]) -> T:
        if wanted in there:
            return there[wanted]
        known = ", ".join(" ".join(names) for names in there) or "none"
        msg = (
            f"{self.rules.name} has no {what} {' '.join(wanted)}; there are {known}. "
            "Correct the instruction or declare it"
        )
        raise InstructionError(msg)

    def allowance_key(self, account: str, asset: str, spender: str) -> str:
        """The allowance that a spender needs to take an account's asset; empty if none."""
        if spender in self.approvals.get(account, ()):
            return allowance(account, asset, spender)
        return ""

    def positions(self) -> frozenset[str]:
        """Every position that the chain keeps."""
        held = {
            position_key(account, Kind.BASE, asset)
            for account, assets in self.holdings.items()
            for asset in assets
        }
        lent = {r.a_key for r in self.reserves if r.a_token}
        owed = {r.debt_key for r in self.reserves if r.debt_token}
        modes = {emode_key(e.market) for e in self.emodes}
        flash = {flash_debt(asset) for lender in self.lenders for asset in lender.assets}
        queued = {
            position_key(account, Kind.CLAIM, staking.into)
            for staking in self.stakings
            for account, assets in self.holdings.items()
            if staking.into in assets
        }
        return frozenset(held | lent | owed | modes | flash | queued | set(self._allowances()))

    def _allowances(self) -> Iterator[str]:
        taken = self.taken_assets()
        for account, spenders in self.approvals.items():
            for spender in spenders:
                for asset in taken[spender]:
                    if asset in self.holdings[account]:
                        yield allowance(account, asset, spender)

    def taken_assets(self) -> dict[str, set[str]]:
        """Spender -> the assets that it takes from accounts, by allowance where it needs one."""
        taken: dict[str, set[str]] = {}
        for wrapper in self.wrappers:
            if wrapper.asset != self.native:
                taken.setdefault(wrapper.into, set()).add(wrapper.asset)
        for staking in self.stakings:
            taken.setdefault(staking.into, set()).add(staking.into)
        for reserve in self.reserves:
            taken.setdefault(reserve.market, set()).add(reserve.asset)
        for pool in self.pools:
            taken.setdefault(pool.name, set()).update((pool.base, pool.quote))
        for lender in self.lenders:
            taken.setdefault(lender.name, set()).update(lender.assets)
        return taken


def problems(chain: ChainRules) -> Iterator[str]:
    """What in the rules of a chain does not fit together: field, value, what is allowed."""
    yield from _accounts(chain)
    yield from _tokens(chain)
    yield from _numbers(chain)


def _one_of(setting: str, value: str, allowed: Mapping[str, object] | set[str]) -> Iterator[str]:
    if value not in allowed:
        known = ", ".join(sorted(allowed)) or "none"
        yield f"{setting} names {value!r}; allowed are {known}"


def _accounts(chain: ChainRules) -> Iterator[str]:
    holdings = chain.holdings
    for account in sorted(chain.rules.accounts ^ set(holdings)):
        yield from _one_of("holdings or accounts", account, set(holdings) & chain.rules.accounts)
    for account, payer in chain.gas_payers.items():
        yield from _one_of("gas_payers", account, holdings)
        yield from _one_of(f"gas_payers.{account}", payer, holdings)
    for payer in sorted({chain.payer(account) for account in holdings}):
        if chain.native not in holdings[payer]:
            yield f"holdings.{payer} lacks {chain.native!r}, which it pays gas in"
    for account, spenders in chain.approvals.items():
        yield from _one_of("approvals", account, holdings)
        for spender in spenders:
            yield from _one_of(f"approvals.{account}", spender, set(chain.taken_assets()))


def _tokens(chain: ChainRules) -> Iterator[str]:
    held = {asset for assets in chain.holdings.values() for asset in assets}
    named = [("wrappers", a) for w in chain.wrappers for a in (w.asset, w.into)]
    named += [("stakings", a) for s in chain.stakings for a in (s.asset, s.into)]
    named += [("reserves", r.asset) for r in chain.reserves]
    named += [("emodes", a) for e in chain.emodes for a in e.assets]
    named += [("pools", a) for p in chain.pools for a in (p.base, p.quote)]
    named += [("lenders", a) for lender in chain.lenders for a in lender.assets]
    for setting, asset in named:
        yield from _one_of(setting, asset, held)
    for operation in sorted(chain.rules.operations - set(chain.gas)):
        yield f"operations names {operation}, which has no entry in gas"
    seen: set[str] = set()
    for reserve in chain.reserves:
        for token in (reserve.a_key, reserve.debt_key):
            if token in seen and not token.endswith(":"):
                yield f"reserves: {token} is there twice; give each token its own reserve"
            seen.add(token)
        if not reserve.a_token and not reserve.debt_token:
            yield f"reserves: {reserve.market} {reserve.asset} has neither a_token nor debt_token"


def _numbers(chain: ChainRules) -> Iterator[str]:
    shares = [("reserves.ltv", r.ltv, r.threshold) for r in chain.reserves]
    shares += [("reserves.threshold", r.threshold, RATE_UNIT) for r in chain.reserves]
    shares += [("pools.fee", p.fee, RATE_UNIT) for p in chain.pools]
    shares += [("lenders.premium", lender.premium, RATE_UNIT) for lender in chain.lenders]
    shares += [("stakings.least_payout", s.least_payout, RATE_UNIT) for s in chain.stakings]
    shares += [("emodes.ltv", e.ltv, e.threshold) for e in chain.emodes]
    shares += [("emodes.threshold", e.threshold, RATE_UNIT) for e in chain.emodes]
    for setting, value, most in shares:
        if not 0 <= value <= most:
            yield f"{setting} is {value}; allowed is 0 to {most}, in 1e-8"
    counts = [(f"gas.{operation}", units) for operation, units in chain.gas.items()]
    counts += [("gas_base", chain.gas_base)]
    counts += [("stakings.queue_s", staking.queue_s) for staking in chain.stakings]
    counts += [(f"deposits_s.{to}", seconds) for to, seconds in chain.deposits_s.items()]
    for setting, value in counts:
        if value < 0:
            yield f"{setting} is {value}; it cannot be negative"
