"""A simulated chain: one venue with all its accounts and protocols.

A transaction works on a copy of the state. It is kept whole, or reverts and costs its gas.
"""

from collections.abc import Mapping
from decimal import Decimal

from verifill.engine.errors import ConfigError
from verifill.venues.calls.indices import PublicIndices
from verifill.venues.calls.receipts import orders_of, sender_of, step_name
from verifill.venues.calls.rules import ChainRules
from verifill.venues.calls.terms import ChainTerms
from verifill.venues.instructions import Claim, Transfer
from verifill.venues.keys import Kind, Scales, position_key
from verifill.venues.market import Market
from verifill.venues.orders import (
    Cause,
    Move,
    Order,
    Outcome,
    Receipt,
    Request,
)
from verifill.venues.simulated.chain.fork import ChainFork
from verifill.venues.simulated.chain.interest import Interest
from verifill.venues.simulated.chain.judged import Judged
from verifill.venues.simulated.chain.passing import SECOND_NS, Passing
from verifill.venues.simulated.chain.protocols import Protocols
from verifill.venues.simulated.chain.state import Reverted, State, Unstaking
from verifill.venues.simulated.ledger import Accounts
from verifill.venues.simulated.network import Network, Passage


class SimulatedChain(Judged):
    """One chain with all its accounts; implements `venues.interfaces.Venue` and `Forkable`.

    Args:
        chain: its static data, which is also its law.
        scales: decimals of the assets.
        market: public rates, indices and prices, and the price of gas.
        network: takes transfers over, brings what comes from elsewhere.
        opening: position key -> units, lending positions in shares; every position of
            `ChainRules.positions` exists, at zero if it is not listed.
        indices: name of an index -> ray, from `indices()` of a run that this one continues.

    Raises:
        ConfigError: an opening position or index that the chain does not have.
    """

    def __init__(
        self,
        *,
        chain: ChainRules,
        scales: Scales,
        market: Market,
        network: Network,
        opening: Mapping[str, int],
        indices: Mapping[str, int] | None = None,
        refs: str = "",
    ) -> None:
        self._refs = refs
        self._public = PublicIndices(chain.reserves, market, indices or {})
        terms = ChainTerms(chain, scales, market, indices=self._public)
        totals = dict.fromkeys(sorted(chain.positions()), 0)
        _check_names(chain, "opening", opening, totals)
        super().__init__(chain, terms, Accounts(totals | dict(opening)))
        self._chain = chain
        self._scales = scales
        self._market = market
        self._network = network
        self._interest = Interest(chain.reserves, market, indices or {})
        _check_names(chain, "indices", indices or {}, self._interest.as_dict())
        self._protocols = Protocols(chain, scales, market, self._interest)
        self._passing = Passing(chain, market)
        self._queue: list[Unstaking] = []
        self._transactions = 0
        for account in chain.rules.accounts:
            network.connect(account, self._credit)

    def deny(self, request: Request) -> str:
        """See `OrderHandler.deny`; also what the chain shows to anybody, such as the queue."""
        return self._terms.deny(request) or self._deny_now(request)

    def submit(self, request: Request) -> Receipt:
        """Execute a request as one transaction: all of it, or only its gas."""
        receipt = self._transact(request)
        self._receipts[request.number] = receipt
        return receipt

    def query(self, request: Request) -> Receipt:
        """What became of a request; a transfer becomes final when it is credited."""
        receipt = super().query(request)
        if receipt.outcome is Outcome.ACCEPTED:
            arrival = self._network.arrival(receipt.moves[-1].ref)
            if arrival:
                moves = receipt.moves + arrival.moves
                receipt = Receipt(Outcome.EXECUTED, (), moves, arrival.time_ns)
                self._receipts[request.number] = receipt
        return receipt

    def fork(self) -> "ChainFork":
        """See `Forkable.fork`."""
        accounts = self.accounts.fork()
        terms = ChainTerms(self._chain, self._scales, self._market, indices=self._public, dry=True)
        state = State(accounts.totals, list(self._queue))
        return ChainFork(self._chain, terms, accounts, self._protocols, state)

    def advance(self, now_ns: int) -> None:
        """Let time pass: interest, rebases, releases of the queue."""
        self.accounts.now_ns = now_ns
        self._public.observe()
        self._interest.advance(now_ns)
        for key, amount in list(self._passing.rebases(self.accounts.totals)):
            self.accounts.post(f"{self.rules.name}-rebase-{now_ns}", key, amount, Cause.INTEREST)
        if self._queue:
            self._queue = self._passing.release(self._queue, now_ns)

    def display(self, key: str, units: int) -> int:
        """A position as people read it now: shares of a lending market as an amount."""
        return self._terms.display(key, units)

    def margins(self) -> Mapping[str, Decimal]:
        """See `Margined.margins`."""
        return dict(self._protocols.lending.health(State(self.accounts.totals, self._queue)))

    def indices(self) -> dict[str, int]:
        """Name of every index -> ray, for a run that continues this one."""
        return self._interest.as_dict()

    def _deny_now(self, request: Request) -> str:
        for order in orders_of(request):
            asked = order.instruction
            if isinstance(asked, Transfer) and not self._network.reaches(asked.to, asked.asset):
                return f"no route for {asked.asset} to {asked.to!r}"
            if isinstance(asked, Claim) and not self._claimable(asked):
                return f"the queue of {asked.asset} has released nothing to {asked.account}"
        return ""

    def _claimable(self, claim: Claim) -> bool:
        whose = (claim.account, claim.asset, claim.into)
        return any(
            (r.account, r.asset, r.into) == whose and r.payout is not None for r in self._queue
        )

    def _transact(self, request: Request) -> Receipt:
        now_ns = self.accounts.now_ns
        cost = self._terms.gas_cost(request)
        gas = (-1, self._chain.gas_key(sender_of(request)), -cost)
        state = State(self.accounts.totals.copy(), list(self._queue))
        try:
            state.move(gas[1], gas[2])
        except Reverted as refused:
            # not even included: without the gas there is no transaction
            return Receipt(Outcome.REJECTED_DEFINITIVE, reason=f"gas: {refused.reason}")
        state.moves.clear()
        self._transactions += 1
        ref = f"{self._refs}{self.rules.name}-tx-{self._transactions}"
        paid = self.post(f"{ref}:gas", [gas], Cause.GAS)
        try:
            self._run(state, request)
        except Reverted as reverted:
            moves = tuple(paid)
            return Receipt(Outcome.REJECTED_DEFINITIVE, (), moves, now_ns, reason=reverted.reason)
        self._queue = state.queue
        moves = (*paid, *self.post(ref, state.moves, Cause.CALL))
        if isinstance(request, Order) and isinstance(request.instruction, Transfer):
            sent = self._send(f"{ref}:out", request.instruction, request.quantity)
            return Receipt(Outcome.ACCEPTED, (), (*moves, sent), now_ns)
        return Receipt(Outcome.EXECUTED, (), moves, now_ns)

    def _run(self, state: State, request: Request) -> None:
        """Execute every step on the state, and see that no flash loan is left."""
        for index, order in enumerate(orders_of(request)):
            alone = isinstance(request, Order)
            state.step = -1 if alone else index
            name = order.instruction.op if alone else step_name(index, order)
            try:
                self._step(state, order, alone=alone)
            except Reverted as reverted:
                reason = f"{name}: {reverted.reason}"
                raise Reverted(reason) from reverted
        for (lender, asset), units in state.owing().items():
            reason = f"{units} units of {asset} are still owed to {lender} at the end"
            raise Reverted(reason)

    def _step(self, state: State, order: Order, *, alone: bool) -> None:
        asked = order.instruction
        if not (alone and isinstance(asked, Transfer)):
            self._protocols.execute(state, order)
            return
        if not self._network.reaches(asked.to, asked.asset):
            reason = f"no route for {asked.asset} to {asked.to!r}"
            raise Reverted(reason)
        state.move(position_key(asked.account, Kind.BASE, asked.asset), -order.quantity)

    def _send(self, ref: str, transfer: Transfer, amount: int) -> Move:
        due_ns = self.accounts.now_ns + self._chain.deposits_s[transfer.to] * SECOND_NS
        return self._network.send(
            Passage(ref=ref, asset=transfer.asset, amount=amount, to=transfer.to, due_ns=due_ns)
        )

    def _credit(self, passage: Passage) -> Move:
        """Take in what the network brings."""
        key = position_key(passage.to, Kind.BASE, passage.asset)
        self.accounts.post(passage.ref, key, passage.amount, Cause.TRANSFER)
        return Move(passage.ref, key, passage.amount, Cause.TRANSFER)


def _check_names(
    chain: ChainRules, setting: str, given: Mapping[str, int], known: Mapping[str, int]
) -> None:
    for name in given:
        if name not in known:
            allowed = ", ".join(sorted(known)) or "none"
            msg = f"{chain.rules.name}: {setting} names {name!r}; allowed are {allowed}"
            raise ConfigError(msg)
