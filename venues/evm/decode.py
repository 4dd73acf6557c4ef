"""What a transaction did to our positions, from its receipt's logs: never from the request.

Shares of a lending market are worked out of the amount and the index that its events tell, with
the market's own rounding. A step of a chain begins with the executor's event `Began`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from attrs import define, field, frozen

from verifill.venues.calls.rules import ChainRules
from verifill.venues.evm.abi import address_in, topic, unhex, word
from verifill.venues.evm.rules import MAX_WORD, EvmRules, Speaks, account_at, base_key
from verifill.venues.keys import Kind, account_of, emode_key, flash_debt, position_key
from verifill.venues.orders import Cause, Move

RAY: Final = 10**27
WHOLE: Final = -1
ALONE: Final = MAX_WORD  # the step of what an executor does for a single order
TRANSFER: Final = topic("Transfer(address,address,uint256)")
SHARES: Final = topic("TransferShares(address,address,uint256)")
APPROVAL: Final = topic("Approval(address,address,uint256)")
DEPOSIT: Final = topic("Deposit(address,uint256)")
WITHDRAWAL: Final = topic("Withdrawal(address,uint256)")
MINT: Final = topic("Mint(address,address,uint256,uint256,uint256)")
BURN: Final = topic("Burn(address,address,uint256,uint256,uint256)")
BEGAN: Final = topic("Began(uint256,address,uint256)")
EMODE: Final = topic("UserEModeSet(address,uint8)")
BEGAN_FOR: Final = topic("BeganFor(address,uint256,address,uint256)")
LOAN: Final = topic("FlashLoan(address,address,address,uint256,uint8,uint256,uint16)")
QUEUED: Final = topic("WithdrawalRequested(uint256,address,address,uint256,uint256)")
REQUESTED: Final = topic("WithdrawRequestCreated(uint32,uint256,uint256,address,uint256)")
PAID: Final = topic("WithdrawRequestClaimed(uint32,uint256,uint256,address,uint256)")
CLAIMED: Final = topic("WithdrawalClaimed(uint256,address,address,uint256)")

Log = Mapping[str, Any]
Moved = Iterator[tuple[str, int]]


def ray_divided(amount: int, index: int) -> int:
    """An amount as shares, as Aave V3 rounds: to the nearest (`WadRayMath.rayDiv`)."""
    return (amount * RAY + index // 2) // index


@frozen
class Mined:
    """A transaction in a block.

    Attributes:
        receipt: as the node tells it.
        transaction: likewise.
    """

    receipt: Mapping[str, Any]
    transaction: Mapping[str, Any]

    @property
    def hash(self) -> str:
        """Of the transaction."""
        return str(self.receipt["transactionHash"])

    @property
    def succeeded(self) -> bool:
        """Whether it did not revert."""
        return int(self.receipt["status"], 16) == 1

    @property
    def fee(self) -> int:
        """Gas used, at the price that was paid, in wei."""
        return int(self.receipt["gasUsed"], 16) * int(self.receipt["effectiveGasPrice"], 16)


@frozen
class _Place:
    """Whose shares a lending token's events are about."""

    key: str
    owner: str


@define
class _Reading:
    """The moves of one transaction, while its logs are read."""

    hash: str
    step: int = WHOLE
    moves: list[Move] = field(factory=list[Move])

    def add(self, ref: str, key: str, amount: int, *, step: int | None = None) -> None:
        its = self.step if step is None else step
        self.moves.append(Move(f"{self.hash}:{ref}", key, amount, Cause.CALL, its))


class Decoder:
    """Reads receipts.

    Args:
        chain: the protocols.
        rules: where they are.
    """

    def __init__(self, chain: ChainRules, rules: EvmRules) -> None:
        self._chain = chain
        self._rules = rules
        self._tracked = chain.positions()
        self._tokens = {its.lower(): asset for asset, its in rules.tokens.items()}
        self._owner = owner = rules.accounts[rules.owner].lower()
        self._shares: dict[str, _Place] = {}
        for reserve in chain.reserves:
            its = (reserve.a_token, reserve.a_key), (reserve.debt_token, reserve.debt_key)
            for token, key in its:
                if token:
                    self._shares[rules.tokens[token].lower()] = _Place(key, owner)
        self._rebasing = rules.rebasing
        speaking = {c.address.lower(): c.speaks for c in rules.contracts.values()}
        self._weth = {at for at, speaks in speaking.items() if speaks is Speaks.WETH}
        self._steps = {account: safe.steps.lower() for account, safe in rules.safes.items()}
        self._queues = {c.queue.lower(): n for n, c in rules.contracts.items() if c.queue}
        self._readers: Mapping[str, Callable[[Log], Moved]] = {
            TRANSFER: self._transfer,
            SHARES: self._transfer_of_shares,
            DEPOSIT: self._deposit,
            WITHDRAWAL: self._withdrawal,
            MINT: self._mint,
            BURN: self._burn,
            EMODE: self._emode,
            QUEUED: self._queued,
            CLAIMED: self._claimed,
            REQUESTED: self._requested,
            PAID: self._requested_paid,
        }

    def moves(self, mined: Mined) -> tuple[Move, ...]:
        """Every change of a position that we track, the gas among them."""
        reading = _Reading(mined.hash)
        self._paid(mined, reading)
        for place, log in enumerate(mined.receipt["logs"]):
            self._read(log, str(place), reading)
        return tuple(move for move in reading.moves if move.key in self._tracked)

    def _paid(self, mined: Mined, reading: _Reading) -> None:
        """The gas, and the ether that the transaction itself carries."""
        sent = mined.transaction
        sender = account_at(self._rules, sent["from"])
        to, value = sent.get("to") or "", int(sent["value"], 16)
        native = self._chain.native
        if sender:
            key = base_key(sender, native)
            reading.moves.append(Move(f"{mined.hash}:gas", key, -mined.fee, Cause.GAS))
        if value and mined.succeeded and to.lower() != sent["from"].lower():
            receiver = account_at(self._rules, to)
            if sender:
                reading.add("value", base_key(sender, native), -value)
            if receiver:
                reading.add("value", base_key(receiver, native), value)

    def _read(self, log: Log, ref: str, reading: _Reading) -> None:
        """One log; `ref` is its place in the receipt, which another block does not change."""
        topics, emitter = log["topics"], log["address"].lower()
        if not topics:
            return
        what = topics[0]
        if what == BEGAN and (account := account_at(self._rules, emitter)):
            self._began(account, log, ref, reading)
        elif what == BEGAN_FOR:
            account = account_at(self._rules, address_in(topics[1]))
            if account in self._steps and emitter == self._steps[account]:
                self._began(account, log, ref, reading)
        elif what == LOAN:
            self._loan(log, ref, reading)
        elif what in self._readers:
            for key, amount in self._readers[what](log):
                reading.add(ref, key, amount)

    def _began(self, account: str, log: Log, ref: str, reading: _Reading) -> None:
        """A call of a step begins, with the ether that goes with it."""
        step, target = log["topics"][-2:]
        number = int(step, 16)
        reading.step = WHOLE if number == ALONE else number
        value = word(unhex(log["data"]))
        if value:
            reading.add(ref, base_key(account, self._chain.native), -value)
        if value and (receiver := account_at(self._rules, address_in(target))):
            reading.add(ref, base_key(receiver, self._chain.native), value)

    def _loan(self, log: Log, ref: str, reading: _Reading) -> None:
        """A flash loan: owed since the step that it came in, no longer in the one that ends it."""
        topics, data = log["topics"], unhex(log["data"])
        asset = self._tokens.get(address_in(topics[2]), "")
        account = account_at(self._rules, address_in(topics[1]))
        if not asset or not account:
            return
        amount, key = word(data, 1), flash_debt(asset)
        came = [
            move.step
            for move in reading.moves
            if (move.key, move.amount) == (base_key(account, asset), amount)
        ]
        begun = came[0] if came else reading.step
        reading.add(ref, key, amount, step=begun)
        reading.add(ref, key, -amount)

    # One method for each event.

    def _transfer(self, log: Log) -> Moved:
        token = log["address"].lower()
        asset = self._tokens.get(token, "")
        in_shares = token in self._shares or asset in self._rebasing
        if asset and not in_shares and len(log["topics"]) > 2:  # noqa: PLR2004 - from, to
            yield from self._moved(asset, log)

    def _transfer_of_shares(self, log: Log) -> Moved:
        asset = self._tokens.get(log["address"].lower(), "")
        if asset in self._rebasing:
            yield from self._moved(asset, log)

    def _moved(self, asset: str, log: Log) -> Moved:
        units = word(unhex(log["data"]))
        for at, sign in ((1, -1), (2, 1)):
            account = account_at(self._rules, address_in(log["topics"][at]))
            if account:
                yield base_key(account, asset), sign * units

    def _deposit(self, log: Log) -> Moved:
        """Wrapped ether says no transfer; the ether itself went with the call."""
        token = log["address"].lower()
        account = account_at(self._rules, address_in(log["topics"][1]))
        if token in self._weth and account:
            yield base_key(account, self._tokens[token]), word(unhex(log["data"]))

    def _withdrawal(self, log: Log) -> Moved:
        token = log["address"].lower()
        account = account_at(self._rules, address_in(log["topics"][1]))
        if token in self._weth and account:
            units = word(unhex(log["data"]))
            yield base_key(account, self._tokens[token]), -units
            yield base_key(account, self._chain.native), units

    def _mint(self, log: Log) -> Moved:
        """Value less interest is the amount; it is negative where more interest was due."""
        place = self._shares.get(log["address"].lower())
        if place and address_in(log["topics"][2]) == place.owner:
            value, interest, index = (word(unhex(log["data"]), at) for at in range(3))
            amount = value - interest
            shares = ray_divided(abs(amount), index)
            yield place.key, shares if amount >= 0 else -shares

    def _burn(self, log: Log) -> Moved:
        place = self._shares.get(log["address"].lower())
        if place and address_in(log["topics"][1]) == place.owner:
            value, interest, index = (word(unhex(log["data"]), at) for at in range(3))
            yield place.key, -ray_divided(value + interest, index)

    def _emode(self, log: Log) -> Moved:
        """What it is from now on; what it was before is no part of the log."""
        at = log["address"].lower()
        markets = [n for n, c in self._rules.contracts.items() if c.address.lower() == at]
        for market in markets:
            if address_in(log["topics"][1]) == self._owner:
                yield emode_key(market), word(unhex(log["data"]))

    def _queued(self, log: Log) -> Moved:
        """A request to Lido, by its owner."""
        yield from self._waiting(log, address_in(log["topics"][3]))

    def _claimed(self, log: Log) -> Moved:
        """What it has paid; as much, or more, was asked for."""
        for key, paid in self._waiting(log, address_in(log["topics"][2])):
            yield key, -paid
            receiver = account_at(self._rules, address_in(log["topics"][3]))
            if receiver:
                yield base_key(receiver, self._chain.native), paid

    def _requested(self, log: Log) -> Moved:
        """A request to ether.fi; its owner is no topic."""
        yield from self._waiting(log, f"0x{word(unhex(log['data']), 2):040x}")

    def _requested_paid(self, log: Log) -> Moved:
        """Likewise as with Lido; it has paid to the owner."""
        for key, paid in self._requested(log):
            yield key, -paid
            yield base_key(account_of(key), self._chain.native), paid

    def _waiting(self, log: Log, owner: str) -> Moved:
        """What an event of a queue says of the claim of an owner."""
        asset = self._queues.get(log["address"].lower(), "")
        account = account_at(self._rules, owner)
        if asset and account:
            yield position_key(account, Kind.CLAIM, asset), word(unhex(log["data"]))
