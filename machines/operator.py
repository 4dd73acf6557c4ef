"""Operators: what a person says to a running engine, and what comes of it.

Commands wait in a mailbox that the engine looks into between its steps. Each is an event of
the log, with its actor and reason, whether it applies or not; one that does not is answered
with what does.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from attrs import frozen

from verifill.engine.command import Command
from verifill.engine.errors import InboxError, VerifillError
from verifill.engine.executor import Executor
from verifill.engine.log.live import LiveLog
from verifill.engine.log.record import OPERATOR


class Mailbox(Protocol):
    """Where commands wait."""

    def pending(self) -> Sequence[Command]:
        """The commands without an answer, the oldest first."""
        ...

    def answer(self, number: int, text: str, at_ns: int, *, taken: bool = True) -> None:
        """Answer one, for good."""
        ...


class ParkedError(VerifillError):
    """The engine stops where it is; the next process life goes on from its log."""


@frozen
class Reply:
    """What a command has come to.

    Attributes:
        text: what was done, or why it was refused.
        event: what it leads to; empty if the state stays.
        taken: whether it was done.
    """

    text: str
    event: str = ""
    taken: bool = True


def refusal(why: str) -> Reply:
    """A command that was not done."""
    return Reply(f"refused: {why}", taken=False)


Handler = Callable[[Command], Reply]


class Operators:
    """Hears commands, writes them down, and answers.

    Args:
        mailbox: where they wait.
        log: what they are written to.
        machine: tells the state.
        now_ns: the wall time.
        done: number and time of every command that the log holds already.

    Attributes:
        always: name -> what a command does in any state.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        log: LiveLog,
        machine: Executor,
        now_ns: Callable[[], int],
        done: Collection[tuple[int, int]] = (),
    ) -> None:
        self._mailbox = mailbox
        self._log = log
        self._machine = machine
        self._now_ns = now_ns
        self._done = set(done)
        self.always: dict[str, Handler] = {}
        self._fault = ""

    def hear(
        self, here: Mapping[str, Handler], *, only: str = "", later: Collection[str] = ()
    ) -> str:
        """Take up every command that waits, up to the first that leads to an event.

        Args:
            here: what commands do in this state, beside those of `always`.
            only: take up the commands of this name; all others go on waiting.
            later: commands of these names go on waiting.

        Returns:
            The event, or empty.
        """
        for command in self._pending():
            if only not in ("", command.name) or command.name in later:
                continue
            if (command.id, command.at_ns) in self._done:
                self._answer(command, refusal("an earlier process life has taken it already"))
                continue
            reply = self._reply(command, {**self.always, **here})
            self._write(command, reply)
            if reply.event:
                return reply.event
        return ""

    def _pending(self) -> Sequence[Command]:
        """What waits; nothing if the mailbox cannot be read, for the engine goes on without it."""
        try:
            return self._mailbox.pending()
        except InboxError as error:
            if str(error) != self._fault:
                self._fault = str(error)
                self._log.tell("inbox", self._fault)
                self._log.note("NOTE", self._machine.state, self._machine.context)
            return ()

    def _reply(self, command: Command, known: Mapping[str, Handler]) -> Reply:
        handler = known.get(command.name)
        if handler is not None:
            return handler(command)
        allowed = ", ".join(sorted(known))
        return refusal(f"{command.name} does not apply in {self._machine.state}; {allowed} do")

    def _write(self, command: Command, reply: Reply) -> None:
        """First into the log, then the answer: whoever has one knows that it is written."""
        said = {
            "id": command.id,
            "at_ns": command.at_ns,
            "name": str(command.name),
            "actor": command.actor,
            "reason": command.reason,
            "arguments": dict(command.arguments),
            "answer": reply.text,
        }
        self._log.tell("command", said)
        self._log.note(OPERATOR, self._machine.state, self._machine.context)
        self._done.add((command.id, command.at_ns))
        self._answer(command, reply)

    def _answer(self, command: Command, reply: Reply) -> None:
        with suppress(InboxError):  # the answer is in the log
            self._mailbox.answer(command.id, reply.text, self._now_ns(), taken=reply.taken)
