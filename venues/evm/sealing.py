"""Signed transactions: made before anything is sent, replaced only in their own place.

An account has one sequence of nonces, and this engine has one order under way at a time. So the
nonce of a new transaction is the number of those that are in blocks, and a pool that already
holds a later one is somebody else's doing: then nothing is sealed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import frozen
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from verifill.engine.errors import InstructionError, NotObserved
from verifill.venues.evm.abi import unhex
from verifill.venues.evm.executors import DELEGATION
from verifill.venues.evm.keys import Signer
from verifill.venues.evm.node import LATEST, Block, Node, RefusedError, block_in
from verifill.venues.evm.reasons import reason_of
from verifill.venues.evm.rules import EvmRules

PENDING: Final = "pending"
TRANSFER_GAS: Final = 21_000


@frozen(kw_only=True)
class Sealed:
    """What signed bytes say.

    Attributes:
        hash: under which the transaction is known.
        sender: who has signed it.
        nonce: its place in the sender's sequence.
        fee: most that it offers for a unit of gas, in wei.
        tip: to whoever makes the block.
        fields: everything that was signed.
    """

    hash: str
    sender: str
    nonce: int
    fee: int
    tip: int
    fields: Mapping[str, Any]


def opened(raw: str) -> Sealed:
    """What signed bytes say."""
    data = unhex(raw)
    fields: dict[str, Any] = dict(TypedTransaction.from_bytes(HexBytes(data)).as_dict())
    for name in ("r", "s", "v", "yParity"):
        fields.pop(name, None)
    return Sealed(
        hash="0x" + keccak(data).hex(),
        sender=str(Account.recover_transaction(data)),
        nonce=int(fields["nonce"]),
        fee=int(fields["maxFeePerGas"]),
        tip=int(fields["maxPriorityFeePerGas"]),
        fields=fields,
    )


@frozen(kw_only=True)
class Wanted:
    """A transaction that is to be made.

    Attributes:
        account: who sends it.
        to: whom it calls.
        value: wei that go with it.
        data: with what.
        gas: most units of gas.
        delegate: the contract whose code the account is to have; empty if it stays as it is.
    """

    account: str
    to: str
    value: int
    data: bytes
    gas: int
    delegate: str = ""


@frozen
class Place:
    """Where the next transaction of an account goes.

    Attributes:
        nonce: its place in the account's sequence.
        block: the newest block.
    """

    nonce: int
    block: Block


class Lane:
    """Makes and signs transactions, one at a time for each account.

    Args:
        node: what a transaction is made for.
        rules: fees, addresses, chain.
        signers: account -> who signs for it.
    """

    def __init__(self, node: Node, rules: EvmRules, signers: Mapping[str, Signer]) -> None:
        self._node = node
        self._rules = rules
        self._signers = signers

    def place(self, account: str) -> Place:
        """Where the next transaction of an account goes, if nothing of it waits in the pool.

        Raises:
            NotObserved: nothing can be known of the account now.
            InstructionError: nobody signs for the account, or its lane is not free.
        """
        address = self._signer(account).address
        mined, pooled, block = self._node.asks(
            ("eth_getTransactionCount", [address, LATEST]),
            ("eth_getTransactionCount", [address, PENDING]),
            ("eth_getBlockByNumber", [LATEST, False]),
        )
        nonce, waiting = int(mined, 16), int(pooled, 16)
        if waiting > nonce:
            msg = (
                f"{waiting - nonce} transaction of {account} waits in the pool, which is of nobody "
                "here; let it be mined, or replace it"
            )
            raise InstructionError(msg)
        return Place(nonce, block_in(block))

    def seal(self, wanted: Wanted, place: Place, tried: Callable[[], None]) -> str:
        """Sign a new transaction, if it would take effect now.

        Args:
            wanted: what is to be made.
            place: where it goes.
            tried: runs it without effect; what it raises is passed on.

        Raises:
            NotObserved: a unit of gas costs more than the cap now.
            InstructionError: nobody signs for the account.
        """
        signer, block = self._signer(wanted.account), place.block
        fee, tip = self._rules.fees.first(block.base_fee)
        if fee < block.base_fee:
            msg = f"a unit of gas costs {block.base_fee} wei, the cap is {self._rules.fees.cap}"
            raise NotObserved(msg)
        tried()
        return self._signed(signer, self._fields(wanted, signer, place.nonce, fee, tip))

    def more(self, account: str, sealed: Sequence[str]) -> str | None:
        """The newest of these bytes with a higher offer; None beyond the cap.

        Raises:
            NotObserved: the fees cannot be known now.
        """
        newest = opened(sealed[-1])
        offer = self._rules.fees.more(newest.fee, newest.tip, self._node.block().base_fee)
        if offer is None:
            return None
        fields = {**newest.fields, "maxFeePerGas": offer[0], "maxPriorityFeePerGas": offer[1]}
        return self._signed(self._signer(account), fields)

    def cancelling(self, account: str, sealed: Sequence[str]) -> str | None:
        """What takes the place of these bytes and does nothing; None beyond the cap.

        Raises:
            NotObserved: the fees cannot be known now.
        """
        newest = opened(sealed[-1])
        offer = self._rules.fees.more(newest.fee, newest.tip, self._node.block().base_fee)
        if offer is None:
            return None
        signer = self._signer(account)
        nothing = Wanted(account=account, to=signer.address, value=0, data=b"", gas=TRANSFER_GAS)
        return self._signed(signer, self._fields(nothing, signer, newest.nonce, *offer))

    def delegates(self, account: str) -> bool:
        """Whether an account has the executor's code already.

        Raises:
            NotObserved: it cannot be known.
        """
        code = str(self._node.ask("eth_getCode", self._rules.accounts[account], "latest"))
        return code.lower() == DELEGATION + self._rules.executor[2:].lower()

    def _signer(self, account: str) -> Signer:
        if account in self._signers:
            return self._signers[account]
        msg = f"nobody signs for {account!r}: no key of it is declared"
        raise InstructionError(msg)

    def _fields(
        self, wanted: Wanted, signer: Signer, nonce: int, fee: int, tip: int
    ) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "type": 2,
            "chainId": self._rules.chain_id,
            "nonce": nonce,
            "to": to_checksum_address(wanted.to),
            "value": wanted.value,
            "data": "0x" + wanted.data.hex(),
            "gas": wanted.gas,
            "maxFeePerGas": fee,
            "maxPriorityFeePerGas": tip,
            "accessList": [],
        }
        if wanted.delegate:
            # the transaction itself has used a nonce by then
            consent = signer.authorize(self._rules.chain_id, wanted.delegate, nonce + 1)
            fields |= {"type": 4, "authorizationList": [consent]}
        return fields

    def _signed(self, signer: Signer, fields: Mapping[str, Any]) -> str:
        return "0x" + signer.sign(fields).hex()


def refused(error: RefusedError) -> InstructionError:
    """Why a transaction would revert, as a refusal of our own before anything is sent."""
    return InstructionError(f"it would revert now: {reason_of(error.data) or error}")
