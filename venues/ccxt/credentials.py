"""Keys of an exchange, from the environment of the process and nowhere else."""

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import field, frozen

from verifill.engine.errors import ConfigError

HIDDEN: Final = "***"


def _hide(_value: object) -> str:
    return HIDDEN


@frozen(kw_only=True)
class Credentials:
    """What signs a request. It is never shown: not by `repr`, not in an error, not in a log.

    Attributes:
        api_key: names the key; of an exchange that signs with a wallet, its address.
        secret: signs; of a wallet, its private key.
        password: the passphrase of a key, where the exchange wants one.
    """

    api_key: str = field(repr=_hide)
    secret: str = field(repr=_hide)
    password: str = field(default="", repr=_hide)

    def scrub(self, text: str) -> str:
        """The text without any of them."""
        for value in (self.secret, self.password, self.api_key):
            text = text.replace(value, HIDDEN) if value else text
        return text


def variable(venue: str, environment: str, what: str) -> str:
    """The name of the variable that holds something: `BINANCE_PROD_API_KEY`."""
    plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in f"{venue}_{environment}")
    return f"{plain}_{what}".upper()


def credentials_of(
    venue: str, environment: str, needed: Iterable[str], variables: Mapping[str, str]
) -> Credentials:
    """The credentials of a venue in one environment.

    Args:
        venue: its name in the configuration.
        environment: dev, staging or prod; no other's keys are looked at.
        needed: of `API_KEY`, `SECRET`, `PASSWORD`.
        variables: of the process.

    Raises:
        ConfigError: a variable is not set; its value is never shown.
    """
    names = {what: variable(venue, environment, what) for what in needed}
    missing = [name for name in names.values() if not variables.get(name)]
    if missing:
        msg = (
            f"{venue}: its credentials in {environment} stand in the environment of the process; "
            f"not set: {', '.join(missing)}"
        )
        raise ConfigError(msg)
    said = {what.lower(): variables[name] for what, name in names.items()}
    return Credentials(**said)
