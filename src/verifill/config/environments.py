"""Where each venue is reached, by environment: dev, staging, prod."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import field, frozen

from verifill.config.exchanges import nothing
from verifill.config.rules import All, Each, Name, Rule, Some
from verifill.engine.errors import ConfigError

SCHEMES: Final = ("http", "https", "ws", "wss")
VARIABLE: Final = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
PORT_MAX: Final = 65_535


class Endpoint(Rule):
    """An address without a credential in it, or the variable that holds one."""

    def check(self, name: str, value: Any) -> None:  # noqa: ANN401 - a string
        """See `Rule.check`; what is refused is not shown, because it may hold a credential."""
        problem = "" if VARIABLE.fullmatch(value) else problem_of(value)
        if problem:
            msg = f"{name} is not an endpoint: {problem}; allowed is {self}"
            raise ConfigError(msg)

    def __str__(self) -> str:
        return (
            "`SCHEME://HOST[:PORT][/PATH]` with http, https, ws or wss, without user, password, "
            "query and fragment; or `env:VARIABLE`, where the address itself is a secret"
        )


def problem_of(url: str) -> str:
    """Why this is no address of a venue, without showing it; empty if it is one."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "it cannot be read as a URL"
    if parts.scheme not in SCHEMES:
        return "it begins with no scheme that is known"
    if not parts.hostname or re.search(r"\s", url):
        return "it has no host" if not parts.hostname else "there is a space in it"
    if "@" in parts.netloc:
        return "there is a user or a password in it, which belongs into the environment"
    if parts.query or parts.fragment:
        return "there is a query or a fragment in it"
    return "its port is 0" if port == 0 else ""


@frozen(kw_only=True)
class EnvironmentConfig:
    """One environment, such as dev, staging or prod.

    Attributes:
        endpoints: By venue: where it is reached, of a chain its RPC address. An address with a key
            in it stands in a variable of the process, and here only its name: `env:ETH_RPC`.
    """

    endpoints: Mapping[str, str] = field(
        factory=nothing, validator=All(Some(), Each(Endpoint(), key=Name()))
    )
