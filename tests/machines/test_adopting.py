"""Positions that an operator takes over from the venues, with what they were entered at."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.machines.lives import Client, World
from tests.machines.support import BTC, PRICE, SIZE, go
from tests.machines.test_lives import check, world

HEDGED = 3 * 10**8
PRICE_41 = 41_000_00


class Telling(Client):
    """A venue that tells what its positions were entered at."""

    def entry_values(self) -> Mapping[str, int]:
        return self._kept.venue.exchange.entry_values()


def closed_by_hand(folder: Path, *commands: str, size: int = HEDGED) -> World:
    """A short position of 3, opened at 40,000, of which somebody has changed the size."""
    made = world(folder, [go("-3")], [go("1", reduce_only=True)])
    made.live(1)
    exchange = made.venue.exchange
    exchange.accounts.totals[SIZE] = -size
    exchange.margin.bases[SIZE] = -size * PRICE_41
    made.mailbox.replies["HALTED"] = list(commands)
    return made


def answers(made: World) -> list[str]:
    return [text for name, text in made.mailbox.answers if name == "adopt-external"]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", (f"{SIZE} is -5.00000000, and its venue does not tell what it was entered at; give "
             f"its average entry price: --base {SIZE}=PRICE, with commas between several")),
        (f"{BTC}=1", f"base {BTC!r} is no perpetual of this run; there are {SIZE}"),
        (f"{SIZE}", f"base {SIZE}=: give an average entry price above zero, such as 42000.5"),
        (f"{SIZE}=-1", f"base {SIZE}=-1: give an average entry price above zero, such as 42000.5"),
        (f"{SIZE}=NaN", "base"),
        (f"{SIZE}=0.00000000001",
         f"base {SIZE}=0.00000000001 has more decimals than an entry value can hold; round it"),
    ],
)  # fmt: skip
def test_a_perpetual_of_another_size_needs_what_it_was_entered_at(
    tmp_path: Path, given: str, why: str
) -> None:
    made = closed_by_hand(tmp_path, f"adopt-external {given}".strip(), size=5 * 10**8)

    assert "STOPPED" == made.live(1)
    (answer,) = answers(made)
    assert answer.startswith(f"refused: {why}")
    assert -HEDGED * PRICE == made.loop.monitor.bases[SIZE]
    assert -HEDGED == made.loop.monitor.totals[SIZE]


def test_an_operator_says_what_a_perpetual_was_entered_at(tmp_path: Path) -> None:
    """Closing it then realises what the venue says."""
    size = 5 * 10**8
    made = closed_by_hand(tmp_path, f"adopt-external {SIZE}=41000", "resume", size=size)

    assert "STOPPED" == made.live(2)
    (answer,) = answers(made)
    assert answer == (
        f"adopted: {{'{SIZE}': -200000000}}; entry values: {{'{SIZE}': {-size * PRICE_41}}}"
    )
    assert made.story.endswith("tick instruct accepted observed matched complete rest finish")
    assert -size + 10**8 == made.loop.monitor.totals[SIZE]
    check(made)


def test_a_venue_that_tells_it_is_believed(tmp_path: Path) -> None:
    """Also where somebody has closed and opened a position, and its size is the same."""
    made = closed_by_hand(tmp_path, "adopt-external", "resume")
    made.client = Telling
    made.venue.exchange.accounts.totals[BTC] += 1  # what has brought it to a halt

    assert "STOPPED" == made.live(2)
    (answer,) = answers(made)
    assert answer.endswith(f"entry values: {{'{SIZE}': {-HEDGED * PRICE_41}}}")
    assert made.story.endswith("tick instruct accepted observed matched complete rest finish")
    check(made)


def test_a_perpetual_that_is_closed_was_entered_at_nothing(tmp_path: Path) -> None:
    made = closed_by_hand(tmp_path, "adopt-external", size=0)

    assert "STOPPED" == made.live(1)
    (answer,) = answers(made)
    assert answer.endswith(f"entry values: {{'{SIZE}': 0}}")
    assert 0 == made.loop.monitor.bases[SIZE]


def test_entry_values_that_were_adopted_are_known_to_the_next_life(tmp_path: Path) -> None:
    made = closed_by_hand(tmp_path, f"adopt-external {SIZE}=41000", size=5 * 10**8)
    made.live(1)

    assert "STOPPED" == made.live(1)
    assert -5 * 10**8 * PRICE_41 == made.loop.monitor.bases[SIZE]
