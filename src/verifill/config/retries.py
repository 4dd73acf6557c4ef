"""How often and how long: the retry settings of each mode, and of one strategy."""

from decimal import Decimal

from attrs import asdict, field, frozen

from verifill.config.rules import Within
from verifill.engine.retry import RetryPolicy
from verifill.machines.execution import Policies
from verifill.modes import BACKTEST, LIVE, PAPER

__all__ = ["BACKTEST", "LIVE", "PAPER", "ModesConfig", "RetriesConfig", "RetryConfig"]

ATTEMPTS_BACKTEST = 1
ATTEMPTS_LIVE = 3
QUESTIONS_LIVE = 6  # with waits of 5, 10, 20, 40 and 60 s: a little over two minutes
ATTEMPTS = "attempts"


@frozen(kw_only=True)
class RetryConfig:
    """One retry: a number of attempts, and the waits between them.

    What is left out is taken from the mode, then from the defaults given here.

    Attributes:
        attempts: How many in all, the first included; 1 in a backtest, otherwise 3, and 6 of
            `queries`.
        wait_s: Seconds before the second attempt; 5.
        factor: By which each further wait is longer; 2.
        wait_max_s: No wait is longer, in seconds; 60.
    """

    attempts: int | None = field(default=None, validator=Within(1, 100))
    wait_s: Decimal | None = field(default=None, validator=Within(0, 86_400))
    factor: Decimal | None = field(default=None, validator=Within(1, 10))
    wait_max_s: Decimal | None = field(default=None, validator=Within(0, 86_400))

    def over(self, other: "RetryConfig", attempts: int) -> RetryPolicy:
        """The policy of these settings, where they are left out of the others.

        Args:
            other: what holds where this says nothing.
            attempts: what holds where neither does.
        """
        said = _said(other) | _said(self)
        waits = {name: float(value) for name, value in said.items() if name != ATTEMPTS}
        return RetryPolicy(attempts=int(said.get(ATTEMPTS, attempts)), **waits)


def _said(retry: RetryConfig) -> dict[str, int | Decimal]:
    """The settings that are not left out."""
    return {name: value for name, value in asdict(retry).items() if value is not None}


@frozen(kw_only=True)
class RetriesConfig:
    """The three retries of an instruction, which are never merged.

    Attributes:
        sends: Sends of one instruction; each after proof that the one before was not executed.
        readings: Looks at the positions after a mismatch.
        queries: Questions about an order of unknown outcome.
    """

    sends: RetryConfig = RetryConfig()
    readings: RetryConfig = RetryConfig()
    queries: RetryConfig = RetryConfig()

    def over(self, other: "RetriesConfig", mode: str) -> Policies:
        """The policies of these settings over others, in a mode."""
        attempts, questions = ATTEMPTS_LIVE, QUESTIONS_LIVE
        if mode == BACKTEST:
            attempts = questions = ATTEMPTS_BACKTEST
        return Policies(
            sends=self.sends.over(other.sends, attempts),
            readings=self.readings.over(other.readings, attempts),
            queries=self.queries.over(other.queries, questions),
        )


@frozen(kw_only=True)
class ModesConfig:
    """The retries of each mode.

    Attributes:
        backtest: In a backtest; one attempt by default.
        paper: In paper trading.
        live: In live trading.
    """

    backtest: RetriesConfig = RetriesConfig()
    paper: RetriesConfig = RetriesConfig()
    live: RetriesConfig = RetriesConfig()

    def of(self, mode: str) -> RetriesConfig:
        """The retries of one mode."""
        retries: RetriesConfig = getattr(self, mode)
        return retries
