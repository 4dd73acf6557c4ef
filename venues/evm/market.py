"""Public data of a chain: what its newest block says of rates, beside whatever else is quoted."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from verifill.engine.amounts import to_decimal
from verifill.engine.errors import NotObserved
from verifill.venues.calls.protocols import Accrual
from verifill.venues.calls.rules import ChainRules
from verifill.venues.evm.abi import call_of, word
from verifill.venues.evm.node import Node
from verifill.venues.evm.positions import read_at
from verifill.venues.evm.rules import EvmRules, Speaks
from verifill.venues.market import LiveMarket
from verifill.venues.simulated.quotes import SERIES_DECIMALS, FixedMarket

RESERVE: Final = "getReserveData(address)"
SUPPLY_RATE: Final = 2  # words of what it answers
BORROW_RATE: Final = 4
RAY_PER_RATE: Final = 10**9  # 27 decimals against 18


class ChainMarket(FixedMarket):
    """Rates as of the last `refresh`; implements `LiveMarket`.

    Args:
        node: where they are asked for.
        chain: the protocols.
        rules: where they are.
        series: what stays as it is: every series of the configuration at its first value.
        now_ns: our wall time, for a node that has fallen behind.
        inner: other prices, as of their own last refresh; none if the chain is all there is.
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
        asked: dict[str, tuple[str, bytes, int, int]] = {}
        for wrapper in chain.wrappers:
            its = rules.contract(wrapper.into)
            if wrapper.rate and its.speaks is Speaks.WSTETH:
                asked[wrapper.rate] = its.address, call_of("stEthPerToken()"), 0, 1
        for reserve in chain.reserves:
            if reserve.accrual is Accrual.RATE:
                pool = rules.contract(reserve.market).address
                data = call_of(RESERVE, rules.token(reserve.asset))
                asked[reserve.supply_series] = pool, data, SUPPLY_RATE, RAY_PER_RATE
                asked[reserve.borrow_series] = pool, data, BORROW_RATE, RAY_PER_RATE
        self._asked = asked

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
        told = read_at(self._node, [(to, data) for to, data, _, _ in self._asked.values()], block)
        found = {
            name: word(answer, place) // per
            for (name, (_, _, place, per)), answer in zip(self._asked.items(), told, strict=True)
            if len(answer) > place
        }
        if inner is not None:
            self.prices, self.marks = dict(inner.prices), dict(inner.marks)
            self.series |= inner.series
            self.clock_ns = inner.clock_ns
        self.series |= found | {self._gas_price: self._rules.fees.cap}
        self.time_ns = max(block.time_ns, inner.time_ns if inner else 0)

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
