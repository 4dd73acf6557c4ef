"""What margins a perpetual: the field's words."""

from enum import StrEnum


class MarginMode(StrEnum):
    """What margins a perpetual."""

    CROSS = "CROSS"  # all that the account holds of its margin asset
    ISOLATED = "ISOLATED"  # what was put up for it, and no more can be lost by it
