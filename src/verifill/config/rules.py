"""What a setting may be: rules that check a value, and say in words what is allowed.

A rule is the validator of an attrs field, so that a configuration made in code is held to
the same as one from a file, and the reference page prints the words.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, cast

from attrs import Attribute, field, frozen

from verifill.engine.errors import ConfigError
from verifill.venues.rules import RATE_DECIMALS

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*")
RESERVED: Final = frozenset({"flash", "in_transit"})
SECRETS: Final = re.compile(r"secret|password|passphrase|api_?key|private_?key", re.IGNORECASE)


class Rule:
    """A rule for the value of a setting; `str()` says what is allowed."""

    def __call__(self, _settings: object, attribute: "Attribute[Any]", value: Any) -> None:  # noqa: ANN401 - attrs gives a validator anything
        """Check a field; None means that it was left out.

        Raises:
            ConfigError: the value is not allowed.
        """
        if value is not None:
            self.check(attribute.name, value)

    def check(self, name: str, value: Any) -> None:  # noqa: ANN401 - each rule knows its values
        """Check a value by the name it has in the file.

        Raises:
            ConfigError: it is not allowed.
        """
        raise NotImplementedError


def refusal(name: str, value: object, allowed: object) -> ConfigError:
    """The error about a value: what it is, and what is allowed."""
    return ConfigError(f"{name} is {shown(value)}; allowed is {allowed}")


def shown(value: object) -> str:
    """A value as it stands in the file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def quoted(key: str) -> str:
    """A key as it stands in a file: in quotes if it is not bare."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else f'"{key}"'


@frozen
class Within(Rule):
    """A number from least to most, with at most so many decimals."""

    least: int
    most: int | None = None
    decimals: int | None = field(default=None, kw_only=True)

    def check(self, name: str, value: Any) -> None:  # noqa: ANN401 - int or Decimal
        """See `Rule.check`."""
        above = self.most is not None and value > self.most
        if value < self.least or above or self._too_fine(value):
            raise refusal(name, value, self)

    def _too_fine(self, value: int | Decimal) -> bool:
        if self.decimals is None:
            return False
        scaled = Decimal(value).scaleb(self.decimals)
        return scaled != scaled.to_integral_value()

    def __str__(self) -> str:
        end = f" to {self.most}" if self.most is not None else " or more"
        fine = f", with at most {self.decimals} decimals" if self.decimals is not None else ""
        return f"{self.least}{end}{fine}"


@frozen
class Above(Rule):
    """A number greater than another."""

    limit: int

    def check(self, name: str, value: Any) -> None:  # noqa: ANN401 - int or Decimal
        """See `Rule.check`."""
        if value <= self.limit:
            raise refusal(name, value, self)

    def __str__(self) -> str:
        return f"more than {self.limit}"


RATE: Final = Within(0, 1, decimals=RATE_DECIMALS)


class Name(Rule):
    """A name of a venue, an account, an asset or a symbol."""

    def check(self, name: str, value: Any) -> None:  # noqa: ANN401 - a string
        """See `Rule.check`."""
        if not NAME.fullmatch(value) or value in RESERVED:
            raise refusal(name, value, self)

    def __str__(self) -> str:
        return (
            "letters, digits and `_ . / -`, beginning with a letter or digit; "
            "`flash` and `in_transit` are taken"
        )


@frozen
class Each(Rule):
    """A rule for each item of a list, or for each value (and key) of a table."""

    value: Rule | None = None
    key: Rule | None = field(default=None, kw_only=True)

    def check(self, name: str, value: Any) -> None:  # noqa: ANN401 - a sequence or mapping
        """See `Rule.check`."""
        if isinstance(value, Mapping):
            for key, item in cast("Mapping[str, object]", value).items():
                there = f"{name}.{quoted(key)}"
                if self.key:
                    self.key.check(there, key)
                self._item(there, item)
        else:
            for index, item in enumerate(cast("Sequence[object]", value)):
                self._item(f"{name}[{index}]", item)

    def _item(self, name: str, item: object) -> None:
        if self.value:
            self.value.check(name, item)

    def __str__(self) -> str:
        inner = self.value.value if isinstance(self.value, Each) else self.value
        parts = [f"each {inner}"] if inner else []
        parts += [f"keys are {self.key}"] if self.key else []
        return "; ".join(parts)


class All(Rule):
    """Several rules at once.

    Args:
        rules: checked in this order.
    """

    def __init__(self, *rules: Rule) -> None:
        self._rules = rules

    def check(self, name: str, value: Any) -> None:  # noqa: ANN401 - what its rules take
        """See `Rule.check`."""
        for rule in self._rules:
            rule.check(name, value)

    def __str__(self) -> str:
        return "; ".join(str(rule) for rule in self._rules)


class Some(Rule):
    """At least one of them: letter, item or entry."""

    def check(self, name: str, value: Any) -> None:  # noqa: ANN401 - a sequence or mapping
        """See `Rule.check`."""
        if not value:
            msg = f"{name} is empty; allowed is {self}"
            raise ConfigError(msg)

    def __str__(self) -> str:
        return "at least one"


@frozen
class OneOf(Rule):
    """One of several words."""

    words: Sequence[str]

    def check(self, name: str, value: Any) -> None:  # noqa: ANN401 - a string
        """See `Rule.check`."""
        if value not in self.words:
            raise refusal(name, value, self)

    def __str__(self) -> str:
        return ", ".join(f'"{word}"' for word in self.words)


class NoSecret(Rule):
    """Nothing that is named like a credential."""

    def check(self, name: str, value: Any) -> None:  # noqa: ANN401 - a mapping
        """See `Rule.check`."""
        for key in value:
            if SECRETS.search(key):
                msg = (
                    f"{name}.{quoted(key)} is named like a credential; {self}: "
                    "a configuration is logged. Take credentials from the environment"
                )
                raise ConfigError(msg)

    def __str__(self) -> str:
        return "no credentials"
