"""A call to a venue that raised: what is known after it."""

from verifill.engine.errors import EngineDefect, EnvironmentDefect
from verifill.venues.orders import Outcome, Receipt


def unanswered(error: BaseException) -> Receipt:
    """What is known after a call that raised: nothing.

    Raises:
        BaseException: the error itself, where it is not one that a venue can be the cause of.
    """
    if isinstance(error, EngineDefect | EnvironmentDefect) or not isinstance(error, Exception):
        raise error
    return Receipt(Outcome.UNKNOWN, reason=repr(error))
