"""Operators: what a person says to a running engine, and what comes of it.

Commands wait in a mailbox that the engine looks into between its steps. Each is an event of
the log, with its actor and reason, whether it applies or not; one that does not is answered
with what does.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from verifill.engine.errors import VerifillError
from verifill.engine.executor import Executor
from verifill.engine.log.live import LiveLog


class Command(Protocol):
    """What a person said."""

    @property
    def id(self) -> int:
        """Its number."""
        ...

    @property
    def name(self) -> str:
        """What is to be done."""
        ...

    @property
    def actor(self) -> str:
        """Who says so."""
        ...

    @property
    def reason(self) -> str:
        """Why."""
        ...

    @property
    def arguments(self) -> Mapping[str, str]:
        """What it is about."""
        ...


class Mailbox(Protocol):
    """Where commands wait."""

    def pending(self) -> Sequence[Command]:
        """The commands without an answer, the oldest first."""
        ...

    def answer(self, number: int, text: str, at_ns: int) -> None:
        """Answer one, for good."""
        ...


class ParkedError(VerifillError):
    """The engine stops where it is; the next process life goes on from its log."""


Handler = Callable[[Command], tuple[str, str]]
"""Command -> the event that it leads to, empty if none, and the answer."""


class Operators:
    """Hears commands, writes them down, and answers.

    Args:
        mailbox: where they wait.
        log: what they are written to.
        machine: tells the state.
        now_ns: the wall time.

    Attributes:
        always: name -> what a command does in any state.
    """

    def __init__(
        self, mailbox: Mailbox, log: LiveLog, machine: Executor, now_ns: Callable[[], int]
    ) -> None:
        self._mailbox = mailbox
        self._log = log
        self._machine = machine
        self._now_ns = now_ns
        self.always: dict[str, Handler] = {}

    def hear(self, here: Mapping[str, Handler]) -> str:
        """Take up every command that waits, up to the first that leads to an event.

        Args:
            here: what commands do in this state, beside those of `always`.

        Returns:
            The event, or empty.
        """
        for command in self._mailbox.pending():
            known = {**self.always, **here}
            handler = known.get(command.name)
            if handler is None:
                allowed = ", ".join(sorted(known)) or "none"
                event, text = "", f"refused in {self._machine.state}; allowed here: {allowed}"
            else:
                event, text = handler(command)
            self._write(command, text)
            if event:
                return event
        return ""

    def _write(self, command: Command, text: str) -> None:
        """First into the log, then the answer: whoever has one knows that it is written."""
        said = {
            "id": command.id,
            "name": command.name,
            "actor": command.actor,
            "reason": command.reason,
            "arguments": dict(command.arguments),
            "answer": text,
        }
        self._log.tell("command", said)
        self._log.note("OPERATOR", self._machine.state, self._machine.context)
        self._mailbox.answer(command.id, text, self._now_ns())
