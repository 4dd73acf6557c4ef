"""How an account runs several calls as one transaction, all of them or none.

* By its own code (EIP-7702), or as a contract that its owner sends to: our own executor.
* As a Safe that one of its owners sends to: `execTransaction` has the Safe run its multisend, which
  calls and never lets another contract act as the Safe. The owner's consent is that it sends the
  transaction (a signature of type 1), so nobody else can bring it, and what is signed is one
  transaction under one nonce. With no gas of its own and no refund, a call that fails takes
  everything back (GS013).
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from attrs import frozen

from verifill.venues.evm.abi import WORD, call_of, unhex
from verifill.venues.evm.contracts import EXECUTOR_CODE
from verifill.venues.evm.encode import EXECUTE, Call
from verifill.venues.evm.rules import EvmRules, Safe

Check = tuple[str, bytes, int, int, int]
DELEGATION: Final = "0xef0100"  # how the code of an account begins that delegates (EIP-7702)
EXEC: Final = (
    "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)"
)
DELEGATECALL: Final = 1  # of a Safe: the multisend runs in its place
BY_SENDING: Final = b"\x01"  # the type of a signature that is the sender's own transaction
NOBODY: Final = "0x" + "00" * 20
BEGAN_FOR: Final = "began(uint256,address,uint256)"
HOLD: Final = "hold((address,bytes,uint256,uint256,uint256)[],uint256)"


class Executor(Protocol):
    """Runs calls for one account."""

    def data(self, calls: Sequence[Call], checks: Sequence[Check], until_s: int) -> bytes:
        """What the account is sent: the calls, then the checks, not after a time."""
        ...

    def code(self) -> Mapping[str, str]:
        """Address -> the code that it has for the length of a rehearsal."""
        ...


@frozen
class Own:
    """The executor of this project, at the account's address.

    Attributes:
        account: the address.
        delegate: whose code it runs; empty if it is a contract of its own.
    """

    account: str
    delegate: str = ""

    def data(self, calls: Sequence[Call], checks: Sequence[Check], until_s: int) -> bytes:
        """See `Executor.data`."""
        return call_of(EXECUTE, [call.plain for call in calls], list(checks), until_s)

    def code(self) -> Mapping[str, str]:
        """See `Executor.code`."""
        return {self.account: DELEGATION + self.delegate[2:].lower()} if self.delegate else {}


@frozen
class OfSafe:
    """A Safe with its multisend.

    Attributes:
        account: its address.
        owner: the address of the owner that sends.
        safe: the contracts that it uses.
    """

    account: str
    owner: str
    safe: Safe

    def data(self, calls: Sequence[Call], checks: Sequence[Check], until_s: int) -> bytes:
        """See `Executor.data`."""
        run: list[Call] = []
        for call in calls:
            told = call_of(BEGAN_FOR, call.step, call.target, call.value)
            run += [Call(self.safe.steps, 0, told), call]
        run.append(Call(self.safe.steps, 0, call_of(HOLD, list(checks), until_s)))
        batch = call_of("multiSend(bytes)", b"".join(map(_packed, run)))
        consent = unhex(self.owner).rjust(WORD, b"\0") + bytes(WORD) + BY_SENDING
        return call_of(
            EXEC, self.safe.multisend, 0, batch, DELEGATECALL, 0, 0, 0, NOBODY, NOBODY, consent
        )

    def code(self) -> Mapping[str, str]:
        """See `Executor.code`: a multisend does not say why a call failed, the executor does."""
        return {self.account: EXECUTOR_CODE}


def executor_of(rules: EvmRules, account: str) -> Executor:
    """What runs the calls of an account."""
    address, safe = rules.accounts[account], rules.safes.get(account)
    if safe is not None:
        return OfSafe(address, rules.accounts[rules.sender(account)], safe)
    return Own(address, "" if account in rules.owned else rules.executor)


def _packed(call: Call) -> bytes:
    """A call as a multisend takes it: 0 for a call, whom, value, length, data."""
    value, length = (number.to_bytes(WORD, "big") for number in (call.value, len(call.data)))
    return b"\0" + unhex(call.target) + value + length + call.data
