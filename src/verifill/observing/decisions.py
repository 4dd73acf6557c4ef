"""What an instruction is about, remembered from its decision until the next tick."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from verifill.observing.following import Entry

NOBODY = "unknown"


@frozen
class Decision:
    """An instruction, as its row in the stream `instructions` says it.

    Attributes:
        role: why it is there.
        operation: what it does.
        account: the account that acts.
        subject: symbol or asset.
        side: BUY or SELL; may be empty.
        name: how the plan refers to it; may be empty.
        venue: where the account is.
    """

    role: str = ""
    operation: str = NOBODY
    account: str = ""
    subject: str = ""
    side: str = ""
    name: str = ""
    venue: str = NOBODY


UNDECIDED = Decision()


class Decisions:
    """The decisions of the tick under way, by number of their instruction.

    A restart does not end a tick: what was in flight is resolved under its number.

    Args:
        header: of the log; its configuration says which venue an account belongs to.
    """

    def __init__(self, header: Mapping[str, Any]) -> None:
        self._venues = dict(_venues(header.get("config", {})))
        self._known: dict[int, Decision] = {}

    @property
    def venues(self) -> list[str]:
        """The venues that are configured."""
        return sorted(set(self._venues.values()))

    def hear(self, entry: Entry) -> None:
        """Take up what a record says."""
        if entry.event == "tick" and entry.kind == "TRANSITION":
            self._known.clear()
        for number, _parent, *told in entry.payload.streams.instructions:
            role, operation, account, subject, side, name, *_ = told
            venue = self._venues.get(account, NOBODY)
            self._known[number] = Decision(role, operation, account, subject, side, name, venue)

    def of(self, instruction: int) -> Decision:
        """The decision of an instruction; UNDECIDED before there is one."""
        return self._known.get(instruction, UNDECIDED)


def _venues(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Account, and the venue that it belongs to."""
    venues: dict[str, Any] = {**config.get("exchanges", {}), **config.get("chains", {})}
    return [
        (account, name)
        for name, one in venues.items()
        for account in (*one["accounts"], *(i["account"] for i in one.get("instruments", ())))
    ]
