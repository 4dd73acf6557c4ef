"""Public data of a chain: what its newest block says of rates, beside whatever else is quoted."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from attrs import frozen

from verifill.engine.amounts import to_decimal
from verifill.engine.errors import NotObserved
from verifill.venues.calls.protocols import Accrual
from verifill.venues.calls.rules import ChainRules
from verifill.venues.evm.abi import WORD, call_of, word
from verifill.venues.evm.node import Block, Node
from verifill.venues.evm.questions import read_at
from verifill.venues.evm.rules import MAX_WORD, EvmRules
from verifill.venues.evm.staked import STAKINGS, WRAPPINGS
from verifill.venues.evm.terms import INCOME, OWED
from verifill.venues.market import LiveMarket
from verifill.venues.simulated.quotes import SERIES_DECIMALS, FixedMarket

ACCOUNT_DATA: Final = "getUserAccountData(address)"
HEALTH: Final = 5  # the word of it that is the health factor
RESERVE: Final = "getReserveData(address)"
SUPPLY_RATE: Final = 2  # words of what it answers
BORROW_RATE: Final = 4
RAY_PER_RATE: Final = 10**9  # 27 decimals against 18
ONE_SHARE: Final = 10**18


class Rates:
    """What the contracts tell of rates, and of what shares are worth, as of one block.

    Args:
        chain: the protocols.
        rules: where they are.

    Attributes:
        series: by name, with 18 decimals.
        health: market -> health factor, with 18 decimals, where something is owed.
        untold: markets of which none is known.
        block: the block that they are of; None before the first look.
    """

    def __init__(self, chain: ChainRules, rules: EvmRules) -> None:
        self._asked = dict(_questions(chain, rules))
        markets = sorted({reserve.market for reserve in chain.reserves})
        self._health = {market: _health(market, rules) for market in markets}
        self.series: dict[str, int] = {}
        self.health: dict[str, int] = {}
        self.untold = markets
        self.block: Block | None = None

    @property
    def plain(self) -> list[tuple[str, bytes]]:
        """What is asked, as the reader takes it."""
        every = (*self._asked.values(), *self._health.values())
        return [(asked.to, asked.data) for asked in every]

    def take(self, answers: Sequence[bytes], block: Block) -> None:
        """The answers at a block, in the order of the questions."""
        self.block = block
        rates = len(self._asked)
        self.series |= _told(self._asked, answers[:rates])
        health = _told(self._health, answers[rates:])
        self.untold = [market for market in self._health if market not in health]
        self.health = {market: its for market, its in health.items() if its != MAX_WORD}


@frozen
class _Asked:
    """A question about a rate.

    Attributes:
        to: whom.
        data: with what.
        place: the word of the answer.
        per: what it is divided by to have 18 decimals.
    """

    to: str
    data: bytes
    place: int = 0
    per: int = 1


def _told(asked: Mapping[str, _Asked], answers: Sequence[bytes]) -> dict[str, int]:
    return {
        name: word(answer, one.place) // one.per
        for (name, one), answer in zip(asked.items(), answers, strict=True)
        if len(answer) >= (one.place + 1) * WORD
    }


def _health(market: str, rules: EvmRules) -> _Asked:
    owner = call_of(ACCOUNT_DATA, rules.accounts[rules.owner])
    return _Asked(rules.contract(market).address, owner, HEALTH)


def _questions(chain: ChainRules, rules: EvmRules) -> Iterator[tuple[str, _Asked]]:
    for wrapper in chain.wrappers:
        its = rules.contract(wrapper.into)
        if wrapper.rate and its.speaks in WRAPPINGS:
            yield wrapper.rate, _Asked(its.address, call_of(WRAPPINGS[its.speaks].rate))
    for staking in chain.stakings:
        if staking.into in rules.rebasing:
            its = rules.contract(staking.into)
            worth = call_of(STAKINGS[its.speaks].amount, ONE_SHARE)
            yield staking.share_series, _Asked(its.address, worth)
    for reserve in chain.reserves:
        pool, token = rules.contract(reserve.market).address, rules.token(reserve.asset)
        if reserve.accrual is Accrual.RATE:
            data = call_of(RESERVE, token)
            yield reserve.supply_series, _Asked(pool, data, SUPPLY_RATE, RAY_PER_RATE)
            yield reserve.borrow_series, _Asked(pool, data, BORROW_RATE, RAY_PER_RATE)
        for name, asking in ((reserve.supplied(), INCOME), (reserve.borrowed(), OWED)):
            yield name, _Asked(pool, call_of(asking, token), per=RAY_PER_RATE)


class ChainMarket(FixedMarket):
    """Rates as of the last `refresh`; implements `LiveMarket`.

    Args:
        node: where they are asked for.
        chain: the protocols.
        rules: where they are.
        series: what stays as it is: every series of the configuration at its first value.
        now_ns: our wall time, for a node that has fallen behind.
        inner: other prices, as of their own last refresh; none if the chain is all there is.

    Attributes:
        rates: what the chain tells; every reading of positions looks at them anew, at its block.
    """

    def __init__(
        self,
        node: Node,
        chain: ChainRules,
        rules: EvmRules,
        *,
        series: Mapping[str, int],
        now_ns: Callable[[], int],
        inner: LiveMarket | None = None,
    ) -> None:
        super().__init__(series=series)
        self._node = node
        self._rules = rules
        self._now_ns = now_ns
        self._inner = inner
        self._gas_price = chain.gas_price
        self.clock_ns = 0
        self.rates = Rates(chain, rules)

    def refresh(self) -> None:
        """See `LiveMarket.refresh`.

        Raises:
            NotObserved: no answer, or the newest block is too old.
        """
        inner = self._inner
        block = self._node.block()
        old_s = self._now_ns() // 10**9 - block.time_s
        if self._rules.stale_s and old_s > self._rules.stale_s:
            msg = f"the newest block {block.number} is {old_s} s old; the node has fallen behind"
            raise NotObserved(msg)
        self.rates.take(read_at(self._node, self.rates.plain, block), block)
        if inner is not None:
            self.prices, self.marks = dict(inner.prices), dict(inner.marks)
            self.series |= inner.series
            self.clock_ns = inner.clock_ns
        self.series |= self.rates.series | {self._gas_price: self._rules.fees.cap}
        self.time_ns = max(block.time_ns, inner.time_ns if inner else 0)

    def value(self, series: str) -> int:
        """See `Market.value`; of the chain's rates as of the last look at them."""
        told = self.rates.series.get(series)
        return super().value(series) if told is None else told

    def close(self, instrument: str) -> Decimal:
        """See `MarketView.close`."""
        return self._quoting.close(instrument)

    def closes(self, instrument: str, count: int) -> list[int]:
        """See `MarketView.closes`."""
        return self._quoting.closes(instrument, count)

    def rate(self, series: str) -> Decimal:
        """See `MarketView.rate`."""
        return to_decimal(self.value(series), SERIES_DECIMALS)

    @property
    def _quoting(self) -> LiveMarket:
        if self._inner is not None:
            return self._inner
        msg = "a chain quotes no instrument; declare an exchange that does"
        raise NotObserved(msg)
