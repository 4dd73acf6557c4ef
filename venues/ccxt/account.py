"""One account of an exchange, as it is connected: its dialect, its clients, its clock."""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import Factory, field, frozen

from verifill.engine.clock import NANOSECONDS
from verifill.engine.errors import InstructionError, NotObserved
from verifill.venues.ccxt.client import Attempt, Client
from verifill.venues.ccxt.dialect import Dialect
from verifill.venues.ccxt.words import Listed, Told
from verifill.venues.loopback.venue_time import VenueTime
from verifill.venues.orders import Order, Outcome, Receipt

MS = 1_000_000


@frozen(kw_only=True)
class Patience:
    """How long answers are waited for, in seconds.

    Attributes:
        reading_s: for the answer to a question.
        execution_s: operation -> for the answer to what may have an effect.
    """

    reading_s: float
    execution_s: Callable[[str], float]


def _time(account: "Account") -> VenueTime:
    return VenueTime(account.monotonic_ns)


@frozen(kw_only=True)
class Account:
    """One account.

    Attributes:
        name: as in the configuration.
        dialect: of its exchange.
        listed: symbol -> what is traded in it.
        orders: the connection for orders.
        positions: the connection for positions, of its own.
        patience: how long answers are waited for.
        withdraws: whether there is an address to withdraw to, so that what goes out and comes in
            from outside is looked for.
        monotonic_ns: for the exchange's time between two answers that tell it.
        time: the exchange's time.
    """

    name: str
    dialect: Dialect
    listed: Mapping[str, Listed]
    orders: Client
    positions: Client
    patience: Patience
    withdraws: bool = False
    monotonic_ns: Callable[[], int]
    time: VenueTime = field(init=False, default=Factory(_time, takes_self=True))

    @property
    def together(self) -> tuple[str, ...]:
        """The perpetuals whose margin mode is one setting; none where each has its own."""
        perpetuals = (s for s, listed in self.listed.items() if listed.instrument.perpetual)
        return tuple(perpetuals) if self.dialect.modes_together else ()

    def of(self, symbol: str) -> Listed:
        """What is traded under a symbol.

        Raises:
            InstructionError: nothing.
        """
        if symbol not in self.listed:
            there = ", ".join(self.listed) or "nothing"
            msg = f"{self.name} trades {there}, not {symbol!r}"
            raise InstructionError(msg)
        return self.listed[symbol]

    def now_ns(self) -> int:
        """The exchange's time, asked for if it was not told lately.

        Raises:
            NotObserved: it does not answer.
        """
        known = self.time.now_ns()
        return self.ask_time_ns() if known is None else known

    def ask_time_ns(self) -> int:
        """The exchange's time, asked for; it was that when it answered, and is later now.

        Raises:
            NotObserved: it does not answer.
        """
        time_ms: int = self.orders.ask(self.patience.reading_s, self.dialect.time_ms)
        self.time.heard(time_ms * MS)
        return time_ms * MS

    def ask(self, client: Client, call: Callable[..., Any], *asked: Told) -> Told:
        """The answer to a question.

        Raises:
            NotObserved: there is none, or it cannot be read.
        """
        self.stamp(client)
        return client.ask(self.patience.reading_s, call, *asked)

    def stamp(self, client: Client) -> None:
        """Let a client know the markets, and sign with the exchange's time, not with ours.

        Raises:
            NotObserved: the exchange does not tell them.
        """
        now_ns = self.now_ns()
        self.dialect.expire(client.exchange, now_ns // MS, self.deadline_ns(now_ns) // MS)
        if not client.exchange.markets:
            self._load(client)

    def send(self, order: Order, call: Callable[..., Any], *asked: Told) -> Attempt | Receipt:
        """Let an order go out once, to be refused after its deadline.

        Returns:
            What came of it; a receipt where it did not go out.
        """
        client = self.orders
        try:
            self.stamp(client)
            now_ms = self.now_ns() // MS
        except NotObserved as error:
            return _unsent(f"the exchange does not tell its time: {error}")
        deadline_ms = (order.deadline_ns or self.deadline_ns(now_ms * MS)) // MS
        if deadline_ms <= now_ms:
            return _unsent("its deadline is over")
        client.wire.headers.update(self.dialect.expire(client.exchange, now_ms, deadline_ms))
        try:
            return client.attempt(self.patience.execution_s(order.instruction.op), call, *asked)
        finally:
            client.wire.headers.clear()

    def _load(self, client: Client) -> None:
        """Load the markets; they are the same for both clients."""
        other = self.positions if client is self.orders else self.orders
        if other.exchange.markets:
            client.exchange.set_markets_from_exchange(other.exchange)
        else:
            client.ask(self.patience.reading_s, self.dialect.load)

    def deadline_ns(self, now_ns: int) -> int:
        """Until when a request that is sent now is valid."""
        return now_ns + self.dialect.recv_window_s * NANOSECONDS

    def close(self) -> None:
        """Close its connections."""
        self.orders.close()
        self.positions.close()


def _unsent(reason: str) -> Receipt:
    """The receipt of what did not go out."""
    return Receipt(Outcome.DENIED_LOCAL, reason=f"not sent: {reason}", retryable=True)
