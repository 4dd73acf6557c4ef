"""The network between the simulated venues, with transfers that are held up or taken back."""

from collections.abc import Callable, Iterable

from attrs import evolve

from verifill.venues.loopback.faults import HONEST
from verifill.venues.loopback.market import SECOND_NS
from verifill.venues.orders import Move
from verifill.venues.simulated.network import Network, Passage


class Transit(Network):
    """A network that does to the next transfer what the handling of its order says.

    Args:
        routes: (destination account, asset) pairs that transfers may take.
        take_back: called with a transfer whose credit is to be taken back, and when.

    Attributes:
        handling: of the order that is being carried out.
    """

    def __init__(
        self, routes: Iterable[tuple[str, str]], take_back: Callable[[Passage, int], None]
    ) -> None:
        super().__init__(routes)
        self._take_back = take_back
        self.handling = HONEST

    def send(self, passage: Passage) -> Move:
        """See `Network.send`."""
        handling = self.handling
        due_ns = passage.due_ns + handling.review_s * SECOND_NS
        held = evolve(passage, due_ns=due_ns)
        if handling.rollback_s is not None:
            self._take_back(held, due_ns + handling.rollback_s * SECOND_NS)
        return super().send(held)
