"""The adapter of a chain as it is: an order is a signed transaction; class K by its nonce."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from attrs import evolve

from verifill.engine.amounts import to_decimal
from verifill.engine.errors import InstructionError, NotObserved
from verifill.venues.calls.call import Public
from verifill.venues.calls.receipts import orders_of, sender_of
from verifill.venues.calls.rules import ChainRules
from verifill.venues.calls.stated import Stated
from verifill.venues.calls.terms import ChainTerms
from verifill.venues.evm.abi import call_of, unhex
from verifill.venues.evm.decode import ALONE, Decoder, Mined
from verifill.venues.evm.effects import Effects
from verifill.venues.evm.encode import Encoder
from verifill.venues.evm.executors import Check, executor_of
from verifill.venues.evm.fork import EvmFork
from verifill.venues.evm.keys import Signer
from verifill.venues.evm.market import ACCOUNT_DATA, HEALTH, Rates
from verifill.venues.evm.node import LATEST, Node, RefusedError, height_in
from verifill.venues.evm.outcomes import Outcomes, sent, unknown
from verifill.venues.evm.positions import Feed
from verifill.venues.evm.questions import Questions
from verifill.venues.evm.quotes import Quotes
from verifill.venues.evm.reasons import reason_of
from verifill.venues.evm.rules import MAX_WORD, EvmRules, base_key
from verifill.venues.evm.sealing import Lane, Wanted, opened, refused
from verifill.venues.evm.starting import start_up_failures
from verifill.venues.evm.terms import ChainIndices, own_calls
from verifill.venues.expectation import Assessment, Expectation
from verifill.venues.instructions import Borrow, SetEMode, Withdraw
from verifill.venues.interfaces import Venue
from verifill.venues.keys import Scales
from verifill.venues.market import Books, Market
from verifill.venues.orders import FINAL, Bundle, Order, Outcome, Reading, Receipt, Request
from verifill.venues.rules import RATE_UNIT

HEALTH_DECIMALS: Final = 18
BALANCE: Final = "balanceOf(address)"


class EvmChain(Stated):
    """A chain; implements `Venue`, `Forkable`, `Sealing`, `Resting` and `Margined`.

    Args:
        chain: its protocols and accounts.
        evm: where they are; see `check_rules`.
        node: how it is reached.
        signers: account -> who signs for it.
        scales: decimals of the assets.
        market: public data.
        rates: what of it the chain tells; looked at with every reading, at its block.
        since: the cursor of an earlier life; None to begin with what comes from now on.

    Raises:
        ConfigError: assets do not fit together.
    """

    def __init__(
        self,
        chain: ChainRules,
        evm: EvmRules,
        node: Node,
        signers: Mapping[str, Signer],
        *,
        scales: Scales,
        market: Market,
        rates: Rates,
        since: int | None = None,
    ) -> None:
        self._chain = chain
        self._evm = evm
        self._node = node
        self._signers = signers
        self._indices = ChainIndices(node, evm, chain.reserves)
        public = Public(chain, scales, market, self._indices)
        self._quotes = quotes = Quotes(node, evm)
        own = own_calls(public, evm, quotes)
        given = (chain, scales, market)
        super().__init__(chain.rules, ChainTerms(*given, indices=self._indices, own=own))
        self._dry = ChainTerms(*given, indices=self._indices, own=own, dry=True)
        self._encoder = Encoder(chain, evm, quotes)
        self._questions = Questions(chain, evm)
        self._lane = Lane(node, evm, signers)
        effects = Effects(node, self._questions, Decoder(chain, evm))
        self._rates = rates
        self._feed = Feed(node, evm, self._questions, effects, rates, cursor=since)
        self._outcomes = Outcomes(
            node, self._feed, effects, self._why, confirmations=evm.confirmations
        )
        self._flying: dict[str, Request] = {}
        self._rehearsal: EvmFork | None = None

    @property
    def cursor(self) -> int | None:
        """Where the next reading begins; None before the first."""
        return self._feed.cursor

    def close(self) -> None:
        """Give the connection up."""
        self._node.close()

    # Orders.

    def deny(self, request: Request) -> str:
        """See `OrderHandler.deny`; also what there is no contract for."""
        for order in orders_of(request):
            if not self._encoder.encodes(order.instruction):
                return f"{order.instruction.op} is not supported on a chain as it is"
        runs = self._evm.executor or sender_of(request) in self._evm.owned
        if isinstance(request, Bundle) and not runs:
            return f"{self.rules.name} has no executor for a chain of steps; declare one"
        return super().deny(request)

    def expect(self, request: Request, books: Books) -> Expectation:
        """See `OrderHandler.expect`; by indices and quotes of the newest block."""
        self._indices.observe()
        return super().expect(request, books)

    def assess(self, request: Request, receipt: Receipt, books: Books) -> Assessment:
        """See `OrderHandler.assess`.

        What an earlier life has sent is measured by the block before its own: the quotes of now
        are those after it.
        """
        if self._terms.knows(request) or not receipt.moves:
            return super().assess(request, receipt, books)
        before = height_in(receipt.effect_ns) - 1
        self._indices.observe(before)
        self._quotes.named = before
        try:
            return super().assess(request, receipt, books)
        finally:
            self._quotes.named = LATEST

    def seal(self, request: Request) -> tuple[str, ...]:
        """See `Sealing.seal`."""
        place = self._lane.place(self._signing(request))
        wanted = self._wanted(request, place.block.time_s + self._evm.deadline_s)

        def tried() -> None:
            sender = self._evm.accounts[wanted.account]
            executor = executor_of(self._evm, wanted.account)
            code = executor.code() if wanted.delegate else dict[str, str]()
            asked = {"from": sender, "to": wanted.to, "value": hex(wanted.value)}
            try:
                needed = self._node.gas(asked | {"data": "0x" + wanted.data.hex()}, code)
            except RefusedError as error:
                raise refused(error) from None
            if needed > wanted.gas:
                msg = f"it would take {needed} units of gas, declared are {wanted.gas}; raise gas"
                raise InstructionError(msg)

        return (self._lane.seal(wanted, place, tried),)

    def again(self, request: Request) -> tuple[str, ...]:
        """See `Sealing.again`: the same bytes where they are in no pool, else more is offered."""
        newest = opened(request.sealed[-1])
        if self._node.nonce(newest.sender) > newest.nonce:
            return ()
        there = self._node.ask("eth_getTransactionByHash", newest.hash) is not None
        if not there and newest.fee >= self._node.block().base_fee:
            return request.sealed
        more = self._lane.more(self._signing(request), request.sealed)
        return (*request.sealed, more) if more else ()

    def submit(self, request: Request) -> Receipt:
        """See `OrderHandler.submit`."""
        self._flying[request.key] = request
        return sent(self._node, request.sealed[-1])

    def query(self, request: Request) -> Receipt:
        """See `OrderHandler.query`."""
        if not request.sealed:
            return unknown("what was signed for it is not known")
        operations = tuple(str(order.instruction.op) for order in orders_of(request))
        receipt = self._outcomes.of(request.sealed, self._evm.level(operations))
        if receipt.outcome in FINAL:
            self._flying.pop(request.key, None)
        else:
            self._flying[request.key] = request
        return receipt

    def open_orders(self) -> Sequence[str]:
        """See `Resting.open_orders`: what was sent and has not become final."""
        return tuple(
            key
            for key, request in self._flying.items()
            if self._node.nonce(opened(request.sealed[-1]).sender)
            <= opened(request.sealed[-1]).nonce
        )

    def cancel(self, key: str) -> Receipt:
        """See `Resting.cancel`: what does nothing takes its place, if it is faster."""
        request = self._flying.get(key)
        if request is None:
            return unknown("no transaction of this key is under way here")
        nothing = self._lane.cancelling(self._signing(request), request.sealed)
        if nothing is None:
            return unknown("what takes its place would cost more than the cap")
        answer = sent(self._node, nothing)
        if answer.outcome is Outcome.ACCEPTED:
            return Receipt(Outcome.ACCEPTED, reason="what takes its place was sent")
        return answer

    # Positions.

    def read(self) -> Reading:
        """See `PositionFeed.read`.

        Raises:
            NotObserved: nothing can be known of the positions now.
        """
        return self._feed.read()

    def margins(self) -> Mapping[str, Decimal]:
        """See `Margined.margins`: the health factors, as of the block of the last look.

        Raises:
            NotObserved: there was none yet, or a market did not answer.
        """
        if self._rates.untold:
            msg = f"no health factor is told by {', '.join(self._rates.untold)}"
            raise NotObserved(msg)
        return {
            market: to_decimal(health, HEALTH_DECIMALS)
            for market, health in self._rates.health.items()
        }

    # What it is.

    def fork(self) -> Venue:
        """See `Forkable.fork`.

        Raises:
            NotObserved: the positions cannot be read.
        """
        self._indices.observe()
        self._rehearsal = EvmFork(
            self.rules,
            self._dry,
            node=self._node,
            evm=self._evm,
            encoder=self._encoder,
            questions=self._questions,
        )
        return self._rehearsal

    def start_up_failures(self) -> tuple[str, ...]:
        """See `Venue.start_up_failures`: chain, keys, and contracts that are there."""
        return start_up_failures(self.rules.name, self._node, self._evm, self._signers)

    # How a transaction is made.

    def _wanted(self, request: Request, until_s: int) -> Wanted:
        gas = self._chain.gas_base + sum(
            self._chain.gas[order.instruction.op] for order in orders_of(request)
        )
        account, sender = sender_of(request), self._signing(request)
        checks: list[Check] = []
        if isinstance(request, Order):
            call = self._encoder.single(request, until_s)
            if sender == account:
                return Wanted(
                    account=account, to=call.target, value=call.value, data=call.data, gas=gas
                )
            calls = [evolve(call, step=ALONE)]
        else:
            calls, checks = self._encoder.chain(request.orders, until_s), self._checks(request)
        delegates = sender != account or self._lane.delegates(account)
        return Wanted(
            account=sender,
            to=self._evm.accounts[account],
            value=0,
            data=executor_of(self._evm, account).data(calls, checks, until_s),
            gas=gas,
            delegate="" if delegates else self._evm.executor,
        )

    def _signing(self, request: Request) -> str:
        """The account that signs a request."""
        return self._evm.sender(sender_of(request))

    def _checks(self, bundle: Bundle) -> list[Check]:
        """What must hold at the end of a chain of steps, or it reverts: as it was rehearsed."""
        checks: list[Check] = []
        address = self._evm.accounts[bundle.account]
        done = self._rehearsal
        quantities = [order.quantity for order in bundle.orders]
        if done is None or [order.quantity for order in done.orders] != quantities:
            msg = "a chain of steps is sent as it was rehearsed, and this one was not"
            raise InstructionError(msg)
        for asset, token in self._evm.tokens.items():
            key = base_key(bundle.account, asset)
            if key in done.totals:
                change = abs(done.totals[key] - done.opening[key])
                least = max(0, done.totals[key] - change * self._evm.drift // RATE_UNIT - 2)
                checks.append((token, call_of(BALANCE, address), 0, least, MAX_WORD))
        steps = [order.instruction for order in bundle.orders if self._evm.health_min]
        risky = {step.market for step in steps if isinstance(step, Borrow | SetEMode | Withdraw)}
        for market in sorted(risky):
            pool, owner = self._evm.contract(market).address, self._evm.accounts[self._evm.owner]
            asked = call_of(ACCOUNT_DATA, owner)
            checks.append((pool, asked, HEALTH, self._evm.health_min, MAX_WORD))
        return checks

    def _why(self, mined: Mined) -> str:
        """Why a transaction reverted, by running it once more on the block before it."""
        sent_, receipt = mined.transaction, mined.receipt
        before = self._node.block(int(receipt["blockNumber"], 16) - 1)
        value = int(sent_["value"], 16)
        data = unhex(sent_["input"])
        try:
            self._node.view(
                sent_["to"],
                data,
                before,
                sender=sent_["from"],
                value=value,
                gas=int(sent_["gas"], 16),
            )
        except RefusedError as error:
            return reason_of(error.data) or str(error)
        return "not on the block before it"
