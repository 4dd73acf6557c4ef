"""The tree of errors, by whose fault it is.

    VerifillError
    |-- UserDefect              yours: correct the input, then run again
    |   |-- AmountError         an amount that is not exact
    |   |-- CommandError        an operator's command that cannot be posted
    |   |-- ConfigError         a configuration that cannot be used
    |   |-- DataError           a row of history that cannot be used
    |   |-- InstructionError    an instruction that may not be sent
    |   |-- LogExists           a log is in the way and is never overwritten unasked
    |   |-- StrategyError       a strategy that raised, or returned something else
    |   `-- TableError          a table that is no sound machine
    |-- VenueDefect             the venue's: it broke its own contract, or says nothing
    |   |-- VenueError          an answer that cannot be right
    |   `-- NotObserved         no answer, or none that can be read: nothing is known
    |-- EngineDefect            ours: please file a bug
    |   `-- IllegalEvent        an event for which the machine has no row
    `-- EnvironmentDefect       the machine's: disk, permission, memory
        |-- InboxError          the operators' inbox cannot be written or read
        |-- LogError            the log cannot be written or read
        |   `-- NoLog           there is none; that is a UserDefect, too
        `-- StateError          a state that was handed over cannot be taken back

An error is a value: what happened is in its fields, and the message is made of them.
A message says what happened, where, what is allowed and what to do. Every error can be
pickled, so a run in another process fails with the same words.
"""


class VerifillError(Exception):
    """Anything that Verifill raises on purpose.

    Attributes:
        message: What happened, where, what is allowed and what to do, in one sentence or two.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by fields, because a subclass may be built from other arguments."""
        return _revive, (type(self), self.args), self.__dict__


class UserDefect(VerifillError):  # noqa: N818 - a branch, never raised itself
    """What the user gave cannot be used: configuration, data, strategy, table."""


class VenueDefect(VerifillError):  # noqa: N818 - a branch, never raised itself
    """The venue broke its own contract."""


class EngineDefect(VerifillError):  # noqa: N818 - a branch, never raised itself
    """This should never happen. If you see it, please file a bug."""


class EnvironmentDefect(VerifillError):  # noqa: N818 - a branch, never raised itself
    """The machine that Verifill runs on refused: disk, permission, memory."""


class AmountError(UserDefect):
    """An amount that is not finite, not exact, or not of its asset's decimals."""


class CommandError(UserDefect):
    """An operator's command that cannot be posted; nothing was."""


class ConfigError(UserDefect):
    """A configuration that cannot be used; the message names file, key and allowed values."""


class DataError(UserDefect):
    """A row of history that cannot be used.

    Attributes:
        path: The file; empty if the data came from memory.
        row: The row, counted from 1 without the header; None if it is not about one row.
        column: The column's name; None if it is not about one column.
    """

    def __init__(
        self, message: str, *, path: str = "", row: int | None = None, column: str | None = None
    ) -> None:
        super().__init__(message)
        self.path = path
        self.row = row
        self.column = column

    def __str__(self) -> str:
        row = None if self.row is None else f"row {self.row}"
        column = None if self.column is None else f"column {self.column}"
        where = ", ".join(part for part in (self.path, row, column) if part)
        return f"{where}: {self.message}" if where else self.message


class InstructionError(UserDefect):
    """An instruction that may not be sent; nothing has left."""


class LogExists(UserDefect):
    """A log is in the way; it is never overwritten without being told."""


class StrategyError(UserDefect):
    """A strategy that raised, or returned something other than a plan."""


class TableError(UserDefect):
    """A table that is no sound machine; the message names the fix."""


class VenueError(VenueDefect):
    """An answer of a venue that cannot be right."""


class NotObserved(VenueDefect):
    """A venue was asked and nothing was learned: no answer, or none that can be read.

    Missing is not zero: whoever asked knows what he knew before, and may ask again.
    """


class IllegalEvent(EngineDefect):
    """An event arrived for which the machine has no row; the state is unchanged.

    Attributes:
        machine: The machine's name.
        state: The leaf state it was in, and still is.
        event: The event that was refused.
        legal: The events that are legal in that state, the ignored ones included.
    """

    def __init__(self, *, machine: str, state: str, event: str, legal: tuple[str, ...]) -> None:
        allowed = ", ".join(legal) if legal else "none: the state is final"
        super().__init__(
            f"{machine} has no row for event {event!r} in state {state}. "
            f"Legal there: {allowed}. The state is unchanged; "
            "this is a defect of whatever raised the event, please report it with the log."
        )
        self.machine = machine
        self.state = state
        self.event = event
        self.legal = legal


class InboxError(EnvironmentDefect):
    """The operators' inbox cannot be written or read; the engine goes on without it."""


class LogError(EnvironmentDefect):
    """The log cannot be written or read; nothing more is sent."""


class NoLog(LogError, UserDefect):  # noqa: N818 - as LogExists
    """There is no log where one is said to be.

    Attributes:
        folder: Where it is not.
    """

    def __init__(self, message: str, *, folder: str = "") -> None:
        super().__init__(message)
        self.folder = folder


class StateError(EnvironmentDefect):
    """A state that an earlier life handed over cannot be taken back; it is never reset unasked."""


def _revive(kind: type[VerifillError], args: tuple[object, ...]) -> VerifillError:
    """An error as it was, without building it anew; pickle then sets its fields."""
    error = kind.__new__(kind)
    error.args = args
    return error
