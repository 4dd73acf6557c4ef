"""How often and how long: retries and time-outs by mode, strategy, venue and operation."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final

from attrs import asdict, evolve, field, frozen

from verifill.config.exchanges import nothing
from verifill.config.rules import Above, All, Within
from verifill.engine.retry import RetryPolicy
from verifill.machines.policies import Place, Policies, Timeouts
from verifill.modes import BACKTEST
from verifill.venues.instructions import Operation

ATTEMPTS_BACKTEST = 1
ATTEMPTS_LIVE = 3
QUESTIONS_LIVE = 100  # the tight loop's time ends them: after 0, 5, 15, 35, 75 and 120 s
ATTEMPTS = "attempts"
TIMEOUT: Final = All(Above(0), Within(0, 86_400))


@frozen(kw_only=True)
class RetryConfig:
    """One retry: a number of attempts, and the waits between them.

    What is left out is taken from a less specific place, at last from the defaults given here.

    Attributes:
        attempts: How many in all, the first included; 1 in a backtest, otherwise 3, and of
            `queries` as many as `tight_loop_s` has time for, 100 at most.
        wait_s: Seconds before the second attempt; 5.
        factor: By which each further wait is longer; 2.
        wait_max_s: No wait is longer, in seconds; 60.
    """

    attempts: int | None = field(default=None, validator=Within(1, 100))
    wait_s: Decimal | None = field(default=None, validator=Within(0, 86_400))
    factor: Decimal | None = field(default=None, validator=Within(1, 10))
    wait_max_s: Decimal | None = field(default=None, validator=Within(0, 86_400))

    @property
    def said(self) -> dict[str, int | Decimal]:
        """The settings that are not left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@frozen(kw_only=True)
class TimeoutsConfig:
    """How long to be patient, in seconds of a clock that nobody sets.

    Attributes:
        execution_s: For the answer to a request that may have an effect; 30. After that the
            outcome is unknown, and the venue is asked.
        reading_s: For the answer to a question or a reading; 10.
        tight_loop_s: For the outcome of one send, if its settlement window, or the deadline and
            lag of its venue, are not longer; 120. After that an instruction is HELD.
    """

    execution_s: Decimal | None = field(default=None, validator=TIMEOUT)
    reading_s: Decimal | None = field(default=None, validator=TIMEOUT)
    tight_loop_s: Decimal | None = field(default=None, validator=TIMEOUT)

    @property
    def said(self) -> dict[str, float]:
        """The settings that are not left out."""
        return {name: float(value) for name, value in asdict(self).items() if value is not None}


@frozen(kw_only=True)
class OperationRetriesConfig:
    """The retries and time-outs of one operation at one venue.

    Attributes:
        sends: As of all venues.
        readings: As of all venues.
        queries: As of all venues.
        timeouts: As of all venues.
    """

    sends: RetryConfig = RetryConfig()
    readings: RetryConfig = RetryConfig()
    queries: RetryConfig = RetryConfig()
    timeouts: TimeoutsConfig = TimeoutsConfig()


@frozen(kw_only=True)
class VenueRetriesConfig:
    """The retries and time-outs of one venue.

    Attributes:
        sends: As of all venues.
        readings: As of all venues.
        queries: As of all venues.
        timeouts: As of all venues.
        operations: Where those of an operation differ, by operation.
    """

    sends: RetryConfig = RetryConfig()
    readings: RetryConfig = RetryConfig()
    queries: RetryConfig = RetryConfig()
    timeouts: TimeoutsConfig = TimeoutsConfig()
    operations: Mapping[Operation, OperationRetriesConfig] = field(factory=nothing)


@frozen(kw_only=True)
class RetriesConfig:
    """The three retries of an instruction, which are never merged, and its time-outs.

    Each setting is taken from the most specific place that has it: an operation of a venue, then
    the venue, then what is said of all venues; in each of these from the strategy, then from the
    mode; and at last from the defaults.

    Attributes:
        sends: Sends of one instruction; each after proof that the one before was not executed.
        readings: Looks at the positions after a mismatch.
        queries: Questions about an order of unknown outcome.
        timeouts: How long to be patient.
        venues: Where those of a venue differ, by its name.
    """

    sends: RetryConfig = RetryConfig()
    readings: RetryConfig = RetryConfig()
    queries: RetryConfig = RetryConfig()
    timeouts: TimeoutsConfig = TimeoutsConfig()
    venues: Mapping[str, VenueRetriesConfig] = field(factory=nothing)

    def over(self, other: "RetriesConfig", mode: str) -> Policies:
        """The policies of these settings over others, in a mode."""
        general = (self, other)
        named = {name for one in general for name in one.venues}
        return evolve(
            _policies(general, mode),
            places={
                place: _policies((*layers, *general), mode)
                for name in sorted(named)
                for place, layers in _layers(name, general)
            },
        )


Layer = OperationRetriesConfig | VenueRetriesConfig | RetriesConfig


def _layers(
    name: str, general: tuple[RetriesConfig, ...]
) -> Iterator[tuple[Place, tuple[Layer, ...]]]:
    """What is said of a venue and of each of its operations, the most specific first."""
    venue = tuple(one.venues[name] for one in general if name in one.venues)
    yield (name, ""), venue
    for operation in sorted({operation for one in venue for operation in one.operations}):
        own = (one.operations[operation] for one in venue if operation in one.operations)
        yield (name, operation), (*own, *venue)


def _policies(layers: tuple[Layer, ...], mode: str) -> Policies:
    """The policies of settings, the most specific first, in a mode."""
    attempts, questions = ATTEMPTS_LIVE, QUESTIONS_LIVE
    if mode == BACKTEST:
        attempts = questions = ATTEMPTS_BACKTEST
    timeouts = {k: v for layer in reversed(layers) for k, v in layer.timeouts.said.items()}
    return Policies(
        sends=_policy([layer.sends for layer in layers], attempts),
        readings=_policy([layer.readings for layer in layers], attempts),
        queries=_policy([layer.queries for layer in layers], questions),
        timeouts=Timeouts(**timeouts),
    )


def _policy(retries: Iterable[RetryConfig], attempts: int) -> RetryPolicy:
    """The policy of settings, the most specific first."""
    said: dict[str, int | Decimal] = {}
    for retry in retries:
        said = retry.said | said
    waits = {name: float(value) for name, value in said.items() if name != ATTEMPTS}
    return RetryPolicy(attempts=int(said.get(ATTEMPTS, attempts)), **waits)


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
