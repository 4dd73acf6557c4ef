"""For how long a limit order stands: the field's words."""

from enum import StrEnum


class TimeInForce(StrEnum):
    """What becomes of the part of a limit order that is not filled at once."""

    IOC = "IOC"  # it is cancelled
    GTC = "GTC"  # it rests until it is filled, or cancelled
    POST_ONLY = "POST_ONLY"  # it rests likewise; refused if any of it would be filled at once
