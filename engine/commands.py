"""What an operator may command of a running engine: the table that all else is made from.

The inbox checks a command against it, the command line makes its sub-commands and options
of it, and docs/reference/operations-live.md is printed from it. What a command does is the
business of whoever takes it out of the inbox. The help of the command line loads this module,
so it imports next to nothing.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from verifill.engine.errors import CommandError

TEXT_CHARACTERS_MAX: Final = 1_000
INSTRUCTION_DIGITS_MAX: Final = 18  # so that it fits 64 bits
GLOBAL: Final = "global"
ALWAYS: Final = "always"


class CommandName(StrEnum):
    """The commands that there are."""

    STATUS = "status"
    ASK = "ask"
    ADOPT = "adopt"
    VOID = "void"
    COMPENSATE = "compensate"
    SETTLE = "settle"
    ADOPT_EXTERNAL = "adopt-external"
    RESUME = "resume"
    RESET_BREAKER = "reset-breaker"
    KILL = "kill"
    ABORT = "abort"


class Argument(NamedTuple):
    """One argument of a command; its value is a text.

    Attributes:
        name: what it is called.
        what: what it says, for people.
        choices: the texts that are allowed; any text if there is none.
        whole: whether the text is a whole number from 1.
        default: what it is where it is not given; None if it must be given.
    """

    name: str
    what: str
    choices: tuple[str, ...] = ()
    whole: bool = False
    default: str | None = None

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        if self.choices:
            return " or ".join(self.choices)
        return "a whole number from 1" if self.whole else "a text"

    def fits(self, value: object) -> bool:
        """Whether a value may be given."""
        if not isinstance(value, str) or _unusable(value):
            return False
        if self.choices:
            return value in self.choices
        return not self.whole or _is_whole(value)


class CommandKind(NamedTuple):
    """What one command takes and means.

    Attributes:
        name: the command.
        what: what it makes the engine do, for people.
        when: where it applies; elsewhere the engine answers that it is refused.
        arguments: what it takes.
        needs_reason: whether the operator must say why.
    """

    name: CommandName
    what: str
    when: str
    arguments: tuple[Argument, ...] = ()
    needs_reason: bool = True


_INSTRUCTION: Final = Argument(
    name="instruction", what="number of the instruction that is HELD", whole=True
)

_TABLE: Final = (
    CommandKind(
        name=CommandName.STATUS,
        what="Say in which state the engine is and what is under way. Nothing changes.",
        when=ALWAYS,
        needs_reason=False,
    ),
    CommandKind(
        name=CommandName.ASK,
        what="Ask the venue again about the order that is HELD.",
        when="HELD",
    ),
    CommandKind(
        name=CommandName.ADOPT,
        what="Take the order that is HELD as executed, as its venue tells it now; refused where "
        "the venue does not. Positions are read after it and must agree.",
        when="HELD",
        arguments=(
            _INSTRUCTION,
            Argument(
                name="outcome",
                what="whether all of it was executed or a part",
                choices=("executed", "part"),
            ),
            Argument(name="reference", what="the venue's reference that proves it"),
        ),
    ),
    CommandKind(
        name=CommandName.VOID,
        what="Take the order that is HELD as void. It was not and cannot be executed, by the "
        "operator's word: positions are read after it and must agree.",
        when="HELD",
        arguments=(_INSTRUCTION,),
    ),
    CommandKind(
        name=CommandName.COMPENSATE,
        what="Take back what a chain left behind, newest first.",
        when="STRANDED",
    ),
    CommandKind(
        name=CommandName.SETTLE,
        what="Declare a chain settled by hand. The engine is HALTED after it, and reads all "
        "positions anew when it is resumed.",
        when="STRANDED",
    ),
    CommandKind(
        name=CommandName.ADOPT_EXTERNAL,
        what="Take the venues' positions into the books as they are. Whatever no instruction made "
        "and no ledger row explains is the operator's to answer for.",
        when="HALTED",
        arguments=(Argument(name="cause", what="what moved it"),),
    ),
    CommandKind(
        name=CommandName.RESUME,
        what="Let an engine that is HALTED go on, by way of RECOVER: start-up tests and the "
        "opening balance come first. Trading states of other scopes are not wired in yet.",
        when="HALTED",
        arguments=(Argument(name="scope", what="which trading state is meant", default=GLOBAL),),
    ),
    CommandKind(
        name=CommandName.RESET_BREAKER,
        what="Close a breaker that waits for an operator. Breakers are not wired into the engine "
        "yet, so it refuses this in every state.",
        when="nowhere yet",
        arguments=(Argument(name="scope", what="which breaker is meant"),),
    ),
    CommandKind(
        name=CommandName.KILL,
        what="Send nothing new: the engine halts after what is under way. No order rests at the "
        "venues that there are. To close positions too (`flatten`) is refused.",
        when=ALWAYS,
        arguments=(
            Argument(
                name="flatten",
                what="whether positions are closed too",
                choices=("yes", "no"),
                default="no",
            ),
        ),
    ),
    CommandKind(
        name=CommandName.ABORT,
        what="Give up the chain under way. No further step of it is sent, and what was done is "
        "taken back, newest first, once every step is resolved.",
        when="within a chain",
    ),
)

COMMANDS: Final[Mapping[CommandName, CommandKind]] = {kind.name: kind for kind in _TABLE}
"""Name of a command -> what it takes and means."""


def checked(
    name: str, *, actor: str, reason: str, arguments: Mapping[str, str]
) -> tuple[CommandName, Mapping[str, str]]:
    """The command of that name, with all of its arguments.

    Args:
        name: of the command.
        actor: who commands.
        reason: why.
        arguments: those that are given.

    Raises:
        CommandError: there is no such command, or actor, reason or an argument is missing,
            unknown or of another form.
    """
    if name not in set(CommandName):
        msg = f"there is no command {name!r}; there are {', '.join(CommandName)}"
        raise CommandError(msg)
    kind = COMMANDS[CommandName(name)]
    _check_text(kind, "actor", actor, "say who commands")
    if kind.needs_reason or reason:
        _check_text(kind, "reason", reason, "say why")
    known = {argument.name: argument for argument in kind.arguments}
    if odd := sorted(arguments.keys() - known.keys()):
        allowed = ", ".join(known) or "none"
        msg = f"{name} takes no {odd[0]!r}; its arguments are: {allowed}"
        raise CommandError(msg)
    return kind.name, {each.name: _value(kind, each, arguments) for each in kind.arguments}


def _value(kind: CommandKind, argument: Argument, given: Mapping[str, str]) -> str:
    value = given.get(argument.name, argument.default)
    if value is None:
        msg = f"{kind.name} needs {argument.name!r}: {argument.what}; {argument.allowed}"
        raise CommandError(msg)
    if not argument.fits(value):
        msg = f"{kind.name} was given {argument.name} {value!r}; allowed is {argument.allowed}"
        raise CommandError(msg)
    return value


def _check_text(kind: CommandKind, what: str, text: object, advice: str) -> None:
    if not isinstance(text, str) or (fault := _unusable(text)) == _EMPTY:
        msg = f"{kind.name} has no {what}; {advice}"
        raise CommandError(msg)
    if fault:
        msg = f"{kind.name} has a {what} that {fault}; {advice} in plain words"
        raise CommandError(msg)


_EMPTY: Final = "is empty"


def _unusable(text: str) -> str:
    """Why a text cannot be kept and shown as one line; empty if it can."""
    if not text.strip():
        return _EMPTY
    if len(text) > TEXT_CHARACTERS_MAX:
        return f"is longer than {TEXT_CHARACTERS_MAX} characters"
    return "" if text.isprintable() else "holds characters that cannot be shown"


def _is_whole(text: str) -> bool:
    digits = text.isascii() and text.isdecimal() and len(text) <= INSTRUCTION_DIGITS_MAX
    return digits and not text.startswith("0")
