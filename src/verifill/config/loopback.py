"""Settings of the server that simulates the venues in a process of its own."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from attrs import field, frozen

from verifill.config.exchanges import YEAR_S, nothing
from verifill.config.rules import RATE, Within
from verifill.venues.rules import Idempotency


@frozen(kw_only=True)
class LoopbackVenueConfig:
    """What one hosted venue makes of the key of an order, and what its client declares of it.

    Attributes:
        idempotency: `K`: a key is executed at most once, for ever. `D`: a request is refused after
            its deadline, and a key is unique among open orders only. `N`: neither.
        query_lag_s: Seconds for which the venue may not find an order that it has.
        recv_window_s: Seconds for which a request is valid; with `D`.
    """

    idempotency: Idempotency = Idempotency.K
    query_lag_s: int = field(default=0, validator=Within(0, 86_400))
    recv_window_s: int = field(default=10, validator=Within(1, 86_400))


@frozen(kw_only=True)
class LoopbackConfig:
    """The server of `verifill venue serve`; a backtest does not read it.

    Attributes:
        market: `walk`: prices take random steps from where the history begins (see `seed`);
            `tape`: the closes of the history, one after another, from the start of the server on.
            Series stand at their first value.
        step_s: Seconds between two steps of a walk.
        width: The greatest step, as a part of the price.
        funding_s: Seconds between two payments of funding, with the rates of the history.
        time: `wall`: time passes by itself; `virtual`: only when the server is told to.
        venues: What each venue makes of keys, by its name; class K if left out.
    """

    market: Literal["walk", "tape"] = "walk"
    step_s: int = field(default=1, validator=Within(1, 86_400))
    width: Decimal = field(default=Decimal("0.0001"), validator=RATE)
    funding_s: int = field(default=8 * 3_600, validator=Within(60, YEAR_S))
    time: Literal["wall", "virtual"] = "wall"
    venues: Mapping[str, LoopbackVenueConfig] = field(factory=nothing)

    def of(self, venue: str) -> LoopbackVenueConfig:
        """What a venue makes of keys."""
        return self.venues.get(venue, LoopbackVenueConfig())
