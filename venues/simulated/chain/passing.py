"""What time does to a simulated chain by itself: rebases of held tokens, releases of claims.

A rebase has no transfer event: the balance of a held token follows a public series, rounded
down at each change of it, and shows as a ledger row of cause INTEREST. A request that is
due is released with what it pays then, rounded down; from then on it can be claimed.
"""

from collections.abc import Iterable, Iterator, Mapping

from attrs import evolve

from verifill.venues.calls.protocols import Staking
from verifill.venues.calls.rules import ChainRules
from verifill.venues.keys import Kind, position_key
from verifill.venues.market import Market
from verifill.venues.simulated.chain.state import Unstaking

PAYS_ALL = 10**18
SECOND_NS = 10**9


class Passing:
    """The staking tokens of a chain as time passes.

    Args:
        chain: its law.
        market: public series.
    """

    def __init__(self, chain: ChainRules, market: Market) -> None:
        self._chain = chain
        self._market = market
        self._stakings = {(s.asset, s.into): s for s in chain.stakings}
        self._worth: dict[str, int] = {}

    def rebases(self, totals: Mapping[str, int]) -> Iterator[tuple[str, int]]:
        """What held tokens gain or lose since the last look: position key, units."""
        for staking in self._chain.stakings:
            if staking.rebase:
                now = self._market.value(staking.rebase)
                before = self._worth.get(staking.into, now)
                self._worth[staking.into] = now
                if now != before:
                    yield from self._grown(staking, totals, now, before)

    def _grown(
        self, staking: Staking, totals: Mapping[str, int], now: int, before: int
    ) -> Iterator[tuple[str, int]]:
        for account in self._chain.holdings:
            key = position_key(account, Kind.BASE, staking.into)
            held = totals.get(key, 0)
            if held:
                yield key, held * now // before - held

    def release(self, queue: Iterable[Unstaking], now_ns: int) -> list[Unstaking]:
        """The queue with everything that is due released."""
        return [
            evolve(request, payout=self._payout(request))
            if request.payout is None and request.due_ns <= now_ns
            else request
            for request in queue
        ]

    def _payout(self, request: Unstaking) -> int:
        series = self._stakings[request.into, request.asset].payout
        part = self._market.value(series) if series else PAYS_ALL
        return request.amount * part // PAYS_ALL
