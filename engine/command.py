"""A command that an operator has posted."""

from collections.abc import Mapping
from types import MappingProxyType

from attrs import field, frozen

from verifill.engine.commands import CommandName


@frozen(kw_only=True)
class Command:
    """What an operator commanded.

    Attributes:
        id: its number in the inbox, from 1; never used twice.
        at_ns: when it was posted, by the wall clock of who posted it.
        actor: who commands.
        reason: why; empty only where the command needs none.
        name: what is commanded.
        arguments: name of an argument -> its value; every one that the command takes.
    """

    id: int
    at_ns: int
    actor: str
    reason: str
    name: CommandName
    arguments: Mapping[str, str] = field(converter=MappingProxyType[str, str], hash=False)
