"""The face of a guard, as a backtest sees it: asked before each send, and it denies nothing.

The loops ask and tell in every mode; `Guard` is what answers in live mode.
"""

from typing import Final

from verifill.machines.leg import Leg
from verifill.venues.orders import Receipt


class Open:
    """No guard: a backtest asks nobody."""

    def deny(self, leg: Leg, state: str) -> str:  # noqa: ARG002 - one face
        """Nothing is denied."""
        return ""

    def answered(self, leg: Leg, receipt: Receipt) -> None:
        """Nothing follows."""

    def queried(self, leg: Leg, receipt: Receipt) -> None:
        """Nothing follows."""

    def deny_cancel(self, venue: str) -> str:  # noqa: ARG002 - one face
        """Nothing is denied."""
        return ""

    def cancelled(self, venue: str, receipt: Receipt) -> None:
        """Nothing follows."""

    def settled(self, leg: Leg) -> None:
        """Nothing follows."""

    def mismatched(self, leg: Leg) -> None:
        """Nothing follows."""

    def contradicted(self, leg: Leg) -> None:
        """Nothing follows."""


OPEN: Final = Open()
