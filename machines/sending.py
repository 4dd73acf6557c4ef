"""What is about to be sent, as far as breakers and trading states need to know it."""

from enum import StrEnum

from attrs import frozen


class Purpose(StrEnum):
    """What an order does to the risk that there is."""

    OPEN = "OPEN"
    REDUCE = "REDUCE"
    CANCEL = "CANCEL"


@frozen(kw_only=True)
class Sending:
    """One send.

    Attributes:
        venue: The venue.
        operation: The operation; each has a breaker of its own.
        account: The account that acts.
        strategy: The strategy that decided it.
        purpose: What it does to the risk that there is.
        least: Whether it is of the least size that the venue takes.
    """

    venue: str
    operation: str
    account: str
    strategy: str
    purpose: Purpose = Purpose.OPEN
    least: bool = False

    @property
    def gentle(self) -> bool:
        """Whether it may be the one order that tries a venue."""
        return self.least or self.purpose is not Purpose.OPEN
