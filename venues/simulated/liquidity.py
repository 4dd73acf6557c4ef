"""How much of an order a simulated exchange fills: by the volume of the bars, or by chance.

Both are `venues.simulated.model.Liquidity`; the rest of an order is cancelled (IOC).
"""

from collections.abc import Mapping
from random import Random
from typing import Protocol

from verifill.venues.instructions import Side
from verifill.venues.rules import RATE_UNIT, Instrument


class Volumes(Protocol):
    """What is known of the volume that was traded."""

    @property
    def time_ns(self) -> int:
        """The current time."""
        ...

    def volume(self, instrument: str) -> int:
        """The volume of the last bar, in units of its own decimals."""
        ...


class Participation:
    """A part of each bar's volume, both sides together; an order later in it gets the rest.

    Args:
        volumes: of the bars.
        decimals: market data instrument -> decimals of its volumes.
        rate: the part, in 1e-8.
    """

    def __init__(self, volumes: Volumes, decimals: Mapping[str, int], rate: int) -> None:
        self._volumes = volumes
        self._decimals = decimals
        self._rate = rate
        self._taken: dict[str, tuple[int, int]] = {}

    def __call__(self, instrument: Instrument, _side: Side, quantity: int) -> int:
        """How many units of the quantity there are."""
        data, now_ns = instrument.data, self._volumes.time_ns
        whole = self._volumes.volume(data) * int(10**instrument.quantity_decimals)
        most = whole * self._rate // (RATE_UNIT * int(10 ** self._decimals[data]))
        time_ns, taken = self._taken.get(data, (now_ns, 0))
        before = taken if time_ns == now_ns else 0
        filled = min(quantity, max(0, most - before))
        self._taken[data] = (now_ns, before + filled)
        return filled


class Chance:
    """Now and then only a part of an order, a lot or more; seeded, so that a run can be repeated.

    Args:
        seed: where chance begins.
        rate: probability that an order is filled only in part, in 1e-8.
    """

    def __init__(self, seed: str, rate: int) -> None:
        self._random = Random(seed)
        self._rate = rate

    def __call__(self, instrument: Instrument, _side: Side, quantity: int) -> int:
        """How many units of the quantity there are."""
        random = self._random
        lots = quantity // instrument.lot
        if random.randrange(RATE_UNIT) >= self._rate or not lots:
            return quantity
        return random.randint(1, lots) * instrument.lot
