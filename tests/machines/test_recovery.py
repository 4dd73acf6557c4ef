"""What a new process life makes of what an earlier one left: chains, remainders, refusals."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from tests.machines.lives import Client, Kept, Mailbox, Moments, Scheduled, World
from tests.machines.support import BTC, SECOND_NS, Act, Ask, buy, move, sell
from tests.machines.test_lives import LIVE, check, honest, lies, lost, refused, silent, world
from tests.machines.test_one_tx import one_tx, stage_of, too_much_wanted
from tests.machines.test_saga import saga
from tests.venues.test_chain_bundles import ENTRY
from verifill.engine.errors import NotObserved
from verifill.machines.strategy import Fate
from verifill.venues.chains import Step, Undo
from verifill.venues.interfaces import Venue
from verifill.venues.orders import LedgerRow, Outcome, Reading, Receipt, Request
from verifill.venues.simulated.chain import SimulatedChain


class Forking(Client):
    """A connection to a chain, which can be rehearsed on."""

    def fork(self) -> Venue:
        chain: Any = self._venue
        fork: Venue = chain.fork()
        return fork


class Sending(SimulatedChain):
    """A chain that remembers what was sent to it."""

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - as it is made
        super().__init__(**given)
        self.sent: list[Request] = []
        self.acts: list[Act] = []

    def submit(self, request: Request) -> Receipt:
        self.sent.append(request)
        act = self.acts.pop(0) if self.acts else honest
        return act(request, super().submit)

    @property
    def numbers(self) -> list[int]:
        return [request.number for request in self.sent]


def chained(folder: Path, steps: Sequence[Any] = ENTRY, acts: Sequence[Act] = ()) -> World:
    """A plan with a chain that goes out as one transaction."""
    folder.mkdir()
    stage, chain = stage_of(Sending)
    venue: Any = chain
    venue.acts += acts
    return World(folder, stage, venue, [[one_tx(steps)]], LIVE, client=Forking)


def books_agree(made: World) -> bool:
    """Whether the books are what the chain shows."""
    venue: Any = made.venue
    totals: dict[str, int] = venue.accounts.totals
    return made.loop.monitor.totals == totals


@pytest.mark.parametrize(
    ("steps", "acts"),
    [(ENTRY, []), (ENTRY, [silent]), (ENTRY, [lost]), (too_much_wanted(), [])],
    ids=["honest", "silent", "lost", "abandoned"],
)
def test_one_transaction_is_sent_once_however_it_is_cut_off(
    tmp_path: Path, steps: Sequence[Any], acts: list[Act], every: int
) -> None:
    whole = chained(tmp_path / "whole", steps, acts)
    moments = Moments()
    assert "STOPPED" == whole.live(2, moments)
    everywhere = [
        (place, number, after)
        for place in ("commit", "send")
        for number in range(1, moments.seen.get(place, 0) + 1)
        for after in (False, True)
    ]
    for place, number, after in everywhere[len(acts) % every :: every]:
        made = chained(tmp_path / f"{place} {number} {after}", steps, acts)
        assert "KILLED" == made.live(2, Moments(place, number, after))
        assert "STOPPED" == made.live(2), (place, number, after, made.story)
        assert len(made.venue.sent) <= 2
        assert len(made.venue.numbers) == len(set(made.venue.numbers))
        assert books_agree(made)
