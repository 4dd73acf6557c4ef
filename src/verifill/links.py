"""Links: what one asset is worth in another, by which market data.

A log carries its links in the header, so that whoever has the log and the market data can
value its positions in any asset that they lead to. Nothing in execution reads them, but for
the limits of money that a live engine is held to.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from attrs import asdict, frozen

from verifill.venues.calls.indices import RAY
from verifill.venues.calls.protocols import Accrual, Reserve
from verifill.venues.calls.rules import ChainRules
from verifill.venues.keys import Kind, account_of
from verifill.venues.rules import VenueRules

_UNVALUED = frozenset({Kind.ALLOWANCE, Kind.SETTING})


class By(StrEnum):
    """How the worth of one asset in another is found."""

    SAME = "same"  # one is worth one
    DATA = "data"  # a price or a series of the market data
    SHARE = "share"  # likewise; it is a claim on the other: wrapped, staked or lent
    RATE = "rate"  # an index that grows by a series of yearly rates
    PERPETUAL = "perpetual"  # size times price less entry value


@frozen(kw_only=True)
class Link:
    """What one asset is worth in another.

    Attributes:
        asset: what is valued; of a perpetual, its position key.
        into: the asset that it is valued in.
        by: how.
        data: name of an instrument or a series of the market data, where `by` reads one.
        opening: the index at the start in 1e-27, where `by` is RATE.
        exponent: of a perpetual: decimals of its size + of its price - of `into`.
    """

    asset: str
    into: str
    by: By
    data: str = ""
    opening: int = RAY
    exponent: int = 0


@frozen
class Hop:
    """One step on the way from an asset to another.

    Attributes:
        link: what tells the worth.
        back: whether it is walked against its direction.
    """

    link: Link
    back: bool

    @property
    def target(self) -> str:
        """The asset that it leads to."""
        return self.link.asset if self.back else self.link.into


def way(links: Iterable[Link], asset: str, into: str) -> Sequence[Hop] | None:
    """The shortest way from an asset to another; None if there is none."""
    priced = [link for link in links if link.by is not By.PERPETUAL]
    ways: dict[str, list[Hop]] = {asset: []}
    waiting = [asset]
    for here in waiting:
        if here == into:
            return ways[here]
        there = [Hop(link, back=False) for link in priced if link.asset == here]
        back = [Hop(link, back=True) for link in priced if link.into == here]
        for hop in there + back:
            if hop.target not in ways:
                ways[hop.target] = [*ways[here], hop]
                waiting.append(hop.target)
    return None


def is_valued(key: str) -> bool:
    """Whether a position is worth anything: an allowance or a setting is not."""
    return key.split(":")[1] not in _UNVALUED


def is_owed(key: str) -> bool:
    """Whether a position is a debt."""
    return account_of(key) == "flash" or key.split(":")[1] == Kind.DEBT


def links_of_venue(rules: VenueRules) -> Iterator[Link]:
    """What the instruments of a venue are worth."""
    for instrument in rules.instruments.values():
        if instrument.perpetual:
            yield Link(
                asset=instrument.base_key,
                into=instrument.quote,
                by=By.PERPETUAL,
                data=instrument.data,
                exponent=instrument.exponent,
            )
        else:
            yield Link(
                asset=instrument.base, into=instrument.quote, by=By.DATA, data=instrument.data
            )


def links_of_chain(
    chain: ChainRules,
    indices: Mapping[str, int] | None = None,
    shared: Collection[str] = (),
) -> Iterator[Link]:
    """What the tokens of a chain are worth.

    Args:
        chain: its static data.
        indices: name of an index -> ray at the start; one ray where it is not given.
        shared: staking tokens and lending markets whose shares the market data tell the worth of.
    """
    for wrapper in chain.wrappers:
        yield _share(wrapper.into, wrapper.asset, wrapper.rate)
    for staking in chain.stakings:
        data = staking.share_series if staking.into in shared else staking.payout
        yield _share(staking.into, staking.asset, data)
    for pool in chain.pools:
        yield Link(asset=pool.base, into=pool.quote, by=By.DATA, data=pool.rate)
    for reserve in chain.reserves:
        if reserve.market in shared:
            yield from _links_of_shares(reserve)
        else:
            yield from _links_of_reserve(reserve, indices or {})


def to_header(links: Iterable[Link]) -> list[dict[str, Any]]:
    """The links as plain values, each once."""
    return list({link: _told(link) for link in links}.values())


def from_header(told: Iterable[Mapping[str, Any]]) -> list[Link]:
    """The links that a log's header tells of."""
    return [
        Link(
            asset=link["asset"],
            into=link["into"],
            by=By(link["by"]),
            data=link["data"],
            opening=int(link["opening"]),
            exponent=link["exponent"],
        )
        for link in told
    ]


def _told(link: Link) -> dict[str, Any]:
    return asdict(link) | {"opening": str(link.opening)}


def _share(asset: str, into: str, data: str) -> Link:
    return Link(asset=asset, into=into, by=By.SHARE if data else By.SAME, data=data)


def _links_of_shares(reserve: Reserve) -> Iterator[Link]:
    for token, index in (
        (reserve.a_token, reserve.supplied()),
        (reserve.debt_token, reserve.borrowed()),
    ):
        if token:
            yield _share(token, reserve.asset, index)


def _links_of_reserve(reserve: Reserve, indices: Mapping[str, int]) -> Iterator[Link]:
    sides = (
        (reserve.a_token, reserve.supply_series, reserve.supplied()),
        (reserve.debt_token, reserve.borrow_series, reserve.borrowed()),
    )
    how = {Accrual.RATE: By.RATE, Accrual.INDEX: By.SHARE, Accrual.NONE: By.SAME}
    for token, series, index in sides:
        if token:
            by = how[reserve.accrual]
            yield Link(
                asset=token,
                into=reserve.asset,
                by=by,
                data="" if by is By.SAME else series,
                opening=indices.get(index, RAY),
            )
