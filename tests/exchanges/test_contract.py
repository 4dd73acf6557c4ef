"""The contract of adapters, and what it leaves open, for each exchange."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exchanges.places import PLACES, Place
from tests.exchanges.worlds import Running
from verifill.venues.contract import Contract, Subject
from verifill.venues.instructions import Instruction, Side
from verifill.venues.margin_mode import MarginMode

CHECKS = sorted(name for name in dir(Contract) if name.startswith("check_"))


def trials(place: Place) -> list[Instruction]:
    """All that is declared, opening and closing what it opens."""
    told: list[Instruction] = []
    if place.spot:
        told += [place.trade(place.spot), place.trade(place.spot, Side.SELL)]
    if place.perpetual:
        told += [
            place.leverage(7),
            place.trade(place.perpetual, Side.SELL),
            place.trade(place.perpetual, Side.BUY, reduce_only=True),
        ]
    if place.modal:  # while nothing depends on it
        told = [place.mode(MarginMode.ISOLATED), place.mode(MarginMode.CROSS), *told]
    return [*told, *place.transfers]


@pytest.fixture
def contract(place: Place, running: Running, tmp_path: Path) -> Iterator[Contract]:
    connected = running.connected(tmp_path, place)

    def subject() -> Subject:
        connected.refresh()
        venue = connected.venues[place.venue]
        assert () == venue.start_up_failures()
        return Subject(venue=venue, trials=trials(place), wait=lambda: running.sleep(30))

    yield Contract(subject)
    connected.close()


@pytest.mark.parametrize("check", CHECKS)
def test_it_keeps_the_contract_of_adapters(contract: Contract, check: str) -> None:
    contract.checks()[check]()


def test_every_exchange_is_tried() -> None:
    assert PLACES
