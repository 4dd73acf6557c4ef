"""The connection to one node: every call is one attempt, and web3's own retries are off.

What a node says is told apart from whether it could be asked: a refusal in so many words, a
connection that was never made (nothing left), and everything else (something may have left).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from attrs import frozen
from requests import Session
from requests.exceptions import ConnectionError as Unconnected
from requests.exceptions import ConnectTimeout, RequestException
from urllib3.exceptions import MaxRetryError, NewConnectionError
from web3 import HTTPProvider
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from verifill.engine.errors import NotObserved
from verifill.venues.evm.abi import unhex
from verifill.venues.requests_deadline import DeadlineAdapter

LATEST: Final = "latest"
HEIGHTS: Final = 10**9  # of a chain, which stand where a time has nanoseconds
READER: Final = "0x00000000000000000000000000000000766572ff"
"""Where the code of the reader is put for the length of a call; nobody has this address."""


class RefusedError(Exception):
    """The node answered, and said no.

    Attributes:
        code: as JSON-RPC has it.
        data: what a reverting contract told, if it is that.
    """

    def __init__(self, method: str, error: Mapping[str, Any]) -> None:
        """Keep what was said."""
        super().__init__(f"{method}: {error.get('message', error)}")
        self.code = error.get("code", 0)
        said = error.get("data")
        self.data = unhex(said) if isinstance(said, str) and said.startswith("0x") else b""


class NotSentError(Exception):
    """No byte left: the connection was not made."""


class LostError(Exception):
    """It may have left, and no answer came that can be read."""


@frozen
class Block:
    """A block, as far as a reading needs it.

    Attributes:
        number: its height.
        hash: which of that height.
        time_s: its own time.
        base_fee: wei for each unit of gas that is burnt.
    """

    number: int
    hash: str
    time_s: int
    base_fee: int

    @property
    def time_ns(self) -> int:
        """Its time, with its height in it, so that of two blocks the later one is later."""
        return self.time_s * HEIGHTS + self.number % HEIGHTS


def block_in(told: Mapping[str, Any]) -> Block:
    """A block as a node tells it."""
    return Block(
        int(told["number"], 16),
        told["hash"],
        int(told["timestamp"], 16),
        int(told.get("baseFeePerGas", "0x0"), 16),
    )


def height_in(time_ns: int) -> int:
    """The height of a block in its time."""
    return time_ns % HEIGHTS


class Node:
    """One node over HTTP.

    Args:
        url: where it is reached; it is in no error and no repr.
        timeout_s: of a call: for connecting, sending and the whole answer.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._session = Session()
        self._session.max_redirects = 0  # that a second request fails says nothing of the first
        self._way = DeadlineAdapter()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, self._way)
        self._provider = HTTPProvider(
            url,
            session=self._session,
            exception_retry_configuration=None,
        )

    def close(self) -> None:
        """Give the connection up."""
        self._session.close()

    def call(self, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON
        """The result of one attempt.

        Raises:
            RefusedError: the node says no.
            NotSentError: it was not reached.
            LostError: no answer came that can be read.
        """
        self._way.begin(self._timeout_s)
        try:
            told: Any = self._provider.make_request(RPCEndpoint(method), list(params))
        except ConnectTimeout as error:
            raise NotSentError(_told(error)) from None
        except Unconnected as error:
            kind = NotSentError if _unmade(error) else LostError
            raise kind(_told(error)) from None
        except (RequestException, Web3Exception, ValueError, OSError) as error:
            raise LostError(_told(error)) from None
        answer = cast("Mapping[str, Any]", told if isinstance(told, Mapping) else {})
        if answer.get("error") is not None:
            raise RefusedError(method, answer["error"])
        if "result" not in answer:
            msg = f"{method}: an answer that is none"
            raise LostError(msg)
        return answer["result"]

    def ask(self, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON
        """The result of a question that has no effect.

        Raises:
            NotObserved: there is none.
        """
        try:
            return self.call(method, *params)
        except (RefusedError, NotSentError, LostError) as error:
            msg = f"{method}: {error}"
            raise NotObserved(msg) from None

    def asks(self, *questions: tuple[str, object]) -> list[Any]:
        """The results of several questions, in their order, by one trip to the node.

        Args:
            questions: of each the method, and what it is given.

        Raises:
            NotObserved: one of them has no answer; then nothing is known.
        """
        wanted = [(RPCEndpoint(method), params) for method, params in questions]
        self._way.begin(self._timeout_s)
        try:
            told: Any = self._provider.make_batch_request(wanted)
        except (RequestException, Web3Exception, ValueError, OSError, TypeError) as error:
            msg = f"{len(wanted)} questions: {_told(error)}"
            raise NotObserved(msg) from None
        answers = cast("Sequence[Mapping[str, Any]]", told if isinstance(told, list) else [])
        results = [answer["result"] for answer in answers if "result" in answer]
        if len(results) != len(wanted):
            msg = f"{len(results)} answers to {len(wanted)} questions"
            raise NotObserved(msg)
        return results

    def block(self, named: str | int = LATEST) -> Block:
        """A block by its height or a tag.

        Raises:
            NotObserved: there is none.
        """
        told = self.ask("eth_getBlockByNumber", _named(named), False)  # noqa: FBT003 - JSON
        if told is None:
            msg = f"there is no block {named}"
            raise NotObserved(msg)
        return block_in(told)

    def nonce(self, address: str, named: str | int = LATEST) -> int:
        """How many transactions of an account are in blocks up to one, or with the pool's.

        Raises:
            NotObserved: no answer.
        """
        return int(self.ask("eth_getTransactionCount", address, _named(named)), 16)

    def view(
        self,
        to: str,
        data: bytes,
        at: Block | str | int,
        *,
        sender: str = "",
        value: int = 0,
        gas: int = 0,
        code: Mapping[str, str] | None = None,
    ) -> bytes:
        """What a call answers at a block; nothing of it stays.

        Args:
            to: whom it calls.
            data: with what.
            at: the block, its height, or a tag.
            sender: who calls.
            value: wei that go with it.
            gas: most units of gas; 0 for as much as a node allows.
            code: address -> code that it has for the length of the call.

        Raises:
            RefusedError: it reverts.
            NotObserved: no answer.
        """
        asked = {"to": to, "data": "0x" + data.hex(), "value": hex(value)}
        asked |= {"from": sender} if sender else {}
        asked |= {"gas": hex(gas)} if gas else {}
        where: object = {"blockHash": at.hash} if isinstance(at, Block) else _named(at)
        over = [{address: {"code": its} for address, its in code.items()}] if code else []
        try:
            return unhex(self.call("eth_call", asked, where, *over))
        except (NotSentError, LostError) as error:
            msg = f"eth_call: {error}"
            raise NotObserved(msg) from None

    def gas(self, asked: Mapping[str, str], code: Mapping[str, str]) -> int:
        """How much gas a transaction would take now.

        Args:
            asked: the transaction, in hex.
            code: address -> code that it has for the length of the question.

        Raises:
            RefusedError: it would revert.
            NotObserved: no answer.
        """
        over = [{address: {"code": its} for address, its in code.items()}] if code else []
        try:
            return int(self.call("eth_estimateGas", asked, LATEST, *over), 16)
        except (NotSentError, LostError) as error:
            msg = f"eth_estimateGas: {error}"
            raise NotObserved(msg) from None


def _named(named: str | int) -> str:
    return hex(named) if isinstance(named, int) else named


def _unmade(error: Unconnected) -> bool:
    """Whether a connection was never made."""
    reason: object = error.args[0] if error.args else None
    return isinstance(reason, MaxRetryError) and isinstance(reason.reason, NewConnectionError)


def _told(error: Exception) -> str:
    """What went wrong, without the address, in which there may be a key."""
    return type(error).__name__


__all__: Sequence[str] = [
    "LATEST", "READER", "Block", "LostError", "Node", "NotSentError", "RefusedError", "block_in",
    "height_in",
]  # fmt: skip
