"""One connection of ccxt to one exchange, for one purpose; each call is one attempt."""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Final

from attrs import frozen

from verifill.engine.errors import NotObserved
from verifill.venues.ccxt.credentials import Credentials
from verifill.venues.ccxt.loading import exchange_class
from verifill.venues.ccxt.wire import Evidence, Wire, session_over
from verifill.venues.ccxt.words import Told

QUERY: Final = re.compile(r"\?[^\s'\"]*")
TOLD_MAX: Final = 300


@frozen
class Answered:
    """ccxt made something of an answer.

    Attributes:
        value: what.
        evidence: what is known of its last request.
    """

    value: Any
    evidence: Evidence


@frozen
class Failed:
    """ccxt raised an error.

    Attributes:
        kinds: the names of its class and of all classes above.
        text: in words, without a secret and without what was signed.
        evidence: what is known of its last request.
    """

    kinds: frozenset[str]
    text: str
    evidence: Evidence

    @property
    def reason(self) -> str:
        """The words, as many as a log needs."""
        return self.text if len(self.text) <= TOLD_MAX else f"{self.text[:TOLD_MAX]}..."

    def says(self, *parts: str) -> bool:
        """Whether one of these is in it, whatever the spaces."""
        packed = "".join(self.text.split())
        return any("".join(part.split()) in packed for part in parts)


Attempt = Answered | Failed


class Client:
    """One exchange of ccxt, with a session of its own.

    Args:
        name: of ccxt's class.
        options: of ccxt, beside its own defaults.
        port: of this machine, where everything goes; 0 to go to the exchange.
        credentials: None for what is public.
        wallet: whether the credentials are a wallet's.

    Attributes:
        exchange: of ccxt.
        wire: its transport.
    """

    def __init__(
        self,
        name: str,
        options: Mapping[str, Any],
        *,
        port: int = 0,
        credentials: Credentials | None = None,
        wallet: bool = False,
    ) -> None:
        made = exchange_class(name)  # first: without ccxt there is no `requests`, perhaps
        self._credentials = credentials
        self.wire = Wire(port)
        self._session = session_over(self.wire)
        given: dict[str, Any] = {
            "session": self._session,
            "number": str,
            "enableRateLimit": not port,  # ours on this machine has no limits
            "options": {"maxRetriesOnFailure": 0, **options},
        }
        if credentials and wallet:
            given |= {"walletAddress": credentials.api_key, "privateKey": credentials.secret}
        elif credentials:
            given |= {
                "apiKey": credentials.api_key,
                "secret": credentials.secret,
                "password": credentials.password,
            }
        self.exchange: Any = made(given)
        # a number that comes without quotes is read as its digits, never as a float
        self.exchange.on_json_response = partial(json.loads, parse_float=str)

    def attempt(self, timeout_s: float, call: Callable[..., Any], *asked: Told) -> Attempt:
        """Call it once.

        Args:
            timeout_s: for all of it: connecting, sending and the whole answer.
            call: what to do with the exchange.
            asked: further arguments of it.
        """
        self.wire.begin(timeout_s)
        try:
            value: Any = call(self.exchange, *asked)
        except Exception as error:  # noqa: BLE001 - ccxt raises what it likes on what it cannot read
            kinds = frozenset(kind.__name__ for kind in type(error).__mro__)
            return Failed(kinds, self.told(error), self.wire.evidence)
        return Answered(value, self.wire.evidence)

    def ask(self, timeout_s: float, call: Callable[..., Any], *asked: Told) -> Told:
        """The answer to a question.

        Raises:
            NotObserved: there is none, or it cannot be read.
        """
        attempt = self.attempt(timeout_s, call, *asked)
        if isinstance(attempt, Failed):
            raise NotObserved(attempt.reason)
        return attempt.value

    def told(self, error: BaseException) -> str:
        """An error in words: no query of an address, which has a signature in it, and no secret."""
        text = QUERY.sub("", f"{type(error).__name__}: {error}")
        return self._credentials.scrub(text) if self._credentials else text

    def close(self) -> None:
        """Close its connections."""
        self._session.close()


def number(value: object, what: str) -> Decimal:
    """A number that an exchange says, exactly.

    Raises:
        NotObserved: there is none, or it is a float; missing is not zero.
    """
    if isinstance(value, int | str) and not isinstance(value, bool):
        try:
            said = Decimal(value)
        except InvalidOperation:
            said = Decimal("NaN")
        if said.is_finite():
            return said
    msg = f"{what} is {value!r}, not a number; missing is not zero"
    raise NotObserved(msg)


def whole(value: object, what: str) -> int:
    """A whole number that an exchange says, such as a time in milliseconds.

    Raises:
        NotObserved: it is none.
    """
    said = number(value, what)
    if said != int(said):
        msg = f"{what} is {value!r}, not a whole number"
        raise NotObserved(msg)
    return int(said)


def plain(amount: Decimal) -> str:
    """A number as an exchange wants it: no exponent, no trailing zeros."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
