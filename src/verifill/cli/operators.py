"""`verifill ops`: a sub-command for each row of the table of commands, and `answer`.

Names, words and options come from `engine.commands`, so that what can be said here is what
the inbox takes.
"""

from collections.abc import Callable, Iterator
from inspect import Parameter, Signature
from typing import Annotated, Any, Final

import typer

from verifill.cli.failures import OPS_EXIT_CODES, told
from verifill.cli.options import Folder, examples
from verifill.engine.commands import ALWAYS, COMMANDS, Argument, CommandKind, CommandName

WAIT_S: Final = 10
SHARED: Final = ("folder", "actor", "reason", "wait_s", "wait")  # what every command has
SAMPLES: Final = {
    "instruction": "7",
    "reference": "8841",
    "cause": '"deposit by hand"',
    "base": "binance.usdm:Perp:BTCUSDT=42000.5",
}

ops = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Command the engine of a live run, whether it runs now or not.",
)


def _run(name: CommandName, given: dict[str, Any]) -> None:
    from verifill.cli.ops import post  # noqa: PLC0415 - see `verifill.cli.app`

    folder, actor, reason, wait_s, wait = (given.pop(each) for each in SHARED)
    arguments = {option.replace("_", "-"): value for option, value in given.items()}
    post(
        folder,
        name,
        actor=actor,
        reason=reason,
        wait_s=wait_s if wait else 0,
        arguments=arguments,
    )


def _command(kind: CommandKind) -> Callable[..., None]:
    """The function that typer makes a sub-command of."""

    def command(**given: Any) -> None:  # noqa: ANN401 - each of its option's type
        _run(kind.name, given)

    refusal = "" if kind.when == ALWAYS else " Elsewhere the engine refuses."
    command.__doc__ = f"{kind.what}\n\nWhen: {kind.when}.{refusal}"
    command.__signature__ = Signature(list(_parameters(kind)))  # type: ignore[attr-defined]  # typer reads it
    return told(command)


def _parameters(kind: CommandKind) -> Iterator[Parameter]:
    yield _parameter("folder", Folder)
    yield from (_option_of(argument) for argument in kind.arguments)
    actor = typer.Option(metavar="NAME", help="Who commands.  [default: your login name]")
    yield _parameter("actor", Annotated[str, actor], default="")
    reason = Annotated[str, typer.Option(metavar="TEXT", help="Why.")]
    yield _parameter("reason", reason, default=Parameter.empty if kind.needs_reason else "")
    wait_s = typer.Option(min=0, metavar="S", help="Wait at most so many seconds for the answer.")
    yield _parameter("wait_s", Annotated[int, wait_s], default=WAIT_S)
    wait = typer.Option("--wait/--no-wait", help="Wait for the answer at all.")
    yield _parameter("wait", Annotated[bool, wait], default=True)


def _option_of(argument: Argument) -> Parameter:
    shape = "|".join(argument.choices) or ("N" if argument.whole else "TEXT")
    option = typer.Option(metavar=shape, help=f"{argument.what[0].upper()}{argument.what[1:]}.")
    default = Parameter.empty if argument.default is None else argument.default
    return _parameter(argument.name, Annotated[str, option], default=default)


def _parameter(name: str, annotation: object, *, default: object = Parameter.empty) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _example(kind: CommandKind) -> str:
    words = [f"verifill ops {kind.name} runs/live"]
    for argument in kind.arguments:
        sample = argument.choices[0] if argument.choices else SAMPLES.get(argument.name, "global")
        words.append(f"--{argument.name} {sample}")
    return " ".join([*words, '--reason "..."'] if kind.needs_reason else words)


for _kind in COMMANDS.values():
    _epilog = examples(_example(_kind), codes=OPS_EXIT_CODES)
    ops.command(_kind.name.value, epilog=_epilog)(_command(_kind))


@ops.command("answer", epilog=examples("verifill ops answer runs/live 5", codes=OPS_EXIT_CODES))
@told
def answer(
    folder: Folder,
    number: Annotated[int, typer.Argument(metavar="ID", help="Number of the command.")],
) -> None:
    """Say what the engine answered to a command that was posted."""
    from verifill.cli.ops import look  # noqa: PLC0415 - see `verifill.cli.app`

    look(folder, number)
