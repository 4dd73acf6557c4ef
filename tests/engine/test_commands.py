"""The table of operators' commands, and what is checked of each."""

from collections.abc import Mapping

import pytest

from verifill.engine.commands import (
    COMMANDS,
    TEXT_CHARACTERS_MAX,
    Argument,
    CommandName,
    checked,
)
from verifill.engine.errors import CommandError

GIVEN: Mapping[CommandName, Mapping[str, str]] = {
    CommandName.ADOPT: {"instruction": "7", "outcome": "part", "reference": "8841"},
    CommandName.VOID: {"instruction": "7"},
    CommandName.ADOPT_EXTERNAL: {"cause": "a deposit by hand", "base": "none"},
    CommandName.RESUME: {"scope": "account:wallet"},
    CommandName.RESET_BREAKER: {"scope": "global"},
    CommandName.KILL: {"flatten": "yes"},
}
ARGUMENTS = [
    pytest.param(name, argument, id=f"{name}-{argument.name}")
    for name, kind in COMMANDS.items()
    for argument in kind.arguments
]


def check(
    name: str, arguments: Mapping[str, str], *, actor: str = "ann", reason: str = "I saw it"
) -> Mapping[str, str]:
    _, whole = checked(name, actor=actor, reason=reason, arguments=arguments)
    return whole


def test_every_command_is_in_the_table_once() -> None:
    assert list(CommandName) == list(COMMANDS)
    assert {kind.name for kind in COMMANDS.values() if kind.arguments} == set(GIVEN)


@pytest.mark.parametrize("name", CommandName)
def test_a_command_with_all_its_arguments_is_taken_as_it_is(name: CommandName) -> None:
    given = GIVEN.get(name, {})

    assert given == check(name, given)


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_an_argument_that_is_not_given_is_its_default_or_asked_for(
    name: CommandName, argument: Argument
) -> None:
    rest = {key: value for key, value in GIVEN[name].items() if key != argument.name}
    if argument.default is None:
        with pytest.raises(CommandError, match=f"^{name} needs '{argument.name}': .*"):
            check(name, rest)
    else:
        assert {**rest, argument.name: argument.default} == check(name, rest)


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
@pytest.mark.parametrize("value", ["", " ", "two\nlines", "x" * (TEXT_CHARACTERS_MAX + 1), 7])
def test_no_argument_takes_what_is_no_line_of_text(
    name: CommandName, argument: Argument, value: str
) -> None:
    with pytest.raises(CommandError, match=f"{name} was given {argument.name} "):
        check(name, {**GIVEN[name], argument.name: value})


@pytest.mark.parametrize("value", ["0", "-1", "07", "1.5", "seven", "\u0667", "9" * 19])
@pytest.mark.parametrize("name", [CommandName.ADOPT, CommandName.VOID])
def test_an_instruction_is_a_whole_number_from_1(name: CommandName, value: str) -> None:
    with pytest.raises(CommandError, match="allowed is a whole number from 1"):
        check(name, {**GIVEN[name], "instruction": value})


@pytest.mark.parametrize(
    ("name", "argument", "allowed"),
    [
        (CommandName.ADOPT, "outcome", "executed or part"),
        (CommandName.KILL, "flatten", "yes or no"),
    ],
)
def test_a_choice_is_one_of_those_that_there_are(
    name: CommandName, argument: str, allowed: str
) -> None:
    with pytest.raises(CommandError, match=f"'maybe'; allowed is {allowed}"):
        check(name, {**GIVEN[name], argument: "maybe"})


@pytest.mark.parametrize("name", CommandName)
def test_an_argument_of_another_command_is_refused(name: CommandName) -> None:
    with pytest.raises(CommandError, match=f"{name} takes no 'colour'; its arguments are: "):
        check(name, {**GIVEN.get(name, {}), "colour": "red"})


def test_there_is_no_other_command() -> None:
    with pytest.raises(CommandError, match="no command 'sell'; there are status, ask, adopt, "):
        check("sell", {})


@pytest.mark.parametrize("text", ["", "  ", "\t"])
@pytest.mark.parametrize("name", CommandName)
def test_every_command_has_an_actor(name: CommandName, text: str) -> None:
    with pytest.raises(CommandError, match=f"{name} has no actor; say who commands"):
        check(name, GIVEN.get(name, {}), actor=text)


@pytest.mark.parametrize("name", CommandName)
def test_every_command_but_status_has_a_reason(name: CommandName) -> None:
    given = GIVEN.get(name, {})
    if name is CommandName.STATUS:
        assert {} == check(name, given, reason="")
    else:
        with pytest.raises(CommandError, match=f"{name} has no reason; say why"):
            check(name, given, reason="")


def test_a_reason_that_is_not_needed_is_still_a_line_of_text() -> None:
    with pytest.raises(CommandError, match="status has a reason that holds characters that "):
        check("status", {}, reason="one\ntwo")
    with pytest.raises(CommandError, match="status has a reason that is longer than 1000 char"):
        check("status", {}, reason="x" * (TEXT_CHARACTERS_MAX + 1))
