"""The adapter of a hosted chain, and of its dry runs."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Final

import msgspec

from verifill.engine.errors import NotObserved
from verifill.venues.calls.indices import PublicIndices
from verifill.venues.calls.receipts import orders_of
from verifill.venues.calls.rules import ChainRules
from verifill.venues.calls.stated import Stated
from verifill.venues.calls.terms import ChainTerms
from verifill.venues.interfaces import Venue
from verifill.venues.keys import Scales
from verifill.venues.loopback.forks import DrySubmit, Forked
from verifill.venues.loopback.outcomes import submitted
from verifill.venues.loopback.remote import Remote, ask
from verifill.venues.loopback.remote_venue import RemoteVenue
from verifill.venues.loopback.transport import Answered, Transport
from verifill.venues.loopback.wire import Shown, encode, sent
from verifill.venues.market import Market
from verifill.venues.orders import Outcome, Reading, Receipt, Request
from verifill.venues.rules import VenueRules

FORKED: Final = msgspec.json.Decoder(Forked)


class LoopbackChain(RemoteVenue, Stated):
    """A chain that a server simulates; implements `Venue`, `Resting` and `Forkable`.

    Args:
        chain: its static data, with class, lag and window among its rules.
        remote: the connection.
        transport: makes the attempts of dry runs.
        scales: decimals of the assets.
        market: public prices; call `observe` after each refresh of them.
        routes: (destination account, asset) pairs that transfers may take.
        indices: name of an index -> ray, as of the first observation.
    """

    def __init__(
        self,
        chain: ChainRules,
        remote: Remote,
        transport: Transport,
        *,
        scales: Scales,
        market: Market,
        routes: Iterable[tuple[str, str]],
        indices: Mapping[str, int],
    ) -> None:
        self._public = PublicIndices(chain.reserves, market, indices)
        RemoteVenue.__init__(self, remote, routes)
        Stated.__init__(self, chain.rules, ChainTerms(chain, scales, market, indices=self._public))
        self._chain = chain
        self._transport = transport
        self._scales = scales
        self._market = market

    def observe(self) -> None:
        """Look at the rates of interest, as they are in the market data now."""
        self._public.observe()

    def deny(self, request: Request) -> str:
        """See `OrderHandler.deny`; also where a transfer cannot go."""
        nowhere = (self.no_route(order.instruction) for order in orders_of(request))
        return next(filter(None, nowhere), "") or super().deny(request)

    def fork(self) -> Venue:
        """See `Forkable.fork`.

        Raises:
            NotObserved: the server begins no dry run.
        """
        name = self.rules.name
        attempt = self._transport("POST", f"/{name}/fork")
        if not isinstance(attempt, Answered) or attempt.status != HTTPStatus.OK:
            msg = f"{name}: no dry run: {attempt}"
            raise NotObserved(msg)
        terms = ChainTerms(self._chain, self._scales, self._market, indices=self._public, dry=True)
        return LoopbackFork(self.rules, terms, self._transport, FORKED.decode(attempt.body).fork)


class LoopbackFork(Stated):
    """A dry run on the server; it costs nothing, and whatever fails in it fails there.

    Args:
        rules: of the chain.
        terms: of a dry run.
        transport: makes the attempts.
        number: the server's name of it.
    """

    def __init__(
        self, rules: VenueRules, terms: ChainTerms, transport: Transport, number: int
    ) -> None:
        super().__init__(rules, terms)
        self._transport = transport
        self._number = number
        self._receipts: dict[int, Receipt] = {}

    def submit(self, request: Request) -> Receipt:
        """Take a step; a bundle is refused."""
        body = encode(DrySubmit(self._number, sent(request)))
        attempt = self._transport("POST", f"/{self.rules.name}/fork_submit", body)
        receipt = submitted(attempt, f"dry-{self._number}")
        self._receipts[request.number] = receipt
        return receipt

    def query(self, request: Request) -> Receipt:
        """What became of a step; it is not asked for twice."""
        absent = Receipt(Outcome.ABSENT, reason="no such step", retryable=True)
        return self._receipts.get(request.number, absent)

    def read(self) -> Reading:
        """The positions in the dry run.

        Raises:
            NotObserved: it is gone, or there is no answer.
        """
        path = f"/{self.rules.name}/fork_positions"
        shown = ask(self._transport, path, {"fork": str(self._number)}, Shown)
        return Reading(shown.as_of_ns, shown.totals, shown.rows)

    def start_up_failures(self) -> tuple[str, ...]:
        """Nothing is to be tested of a dry run."""
        return ()
