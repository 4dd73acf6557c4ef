"""How what waits in the queues of staked ether is collected, as the deployed contracts have it.

* Lido: https://github.com/lidofinance/core, `contracts/0.8.9/WithdrawalQueue.sol`
* ether.fi: https://github.com/etherfi-protocol/smart-contracts, `src/WithdrawRequestNFT.sol`
"""

from typing import Any, Final, Protocol

from verifill.venues.evm.abi import call_of
from verifill.venues.evm.node import READER

STATUS: Final = "(uint256,uint256,address,uint256,bool,bool)[]"
FINALIZED, CLAIMED = 4, 5  # of a status
FI_REQUEST: Final = "(uint96,uint96,bool,uint32)"
VALID: Final = 2


class Asking(Protocol):
    """Asks a contract for one value of a type."""

    def __call__(self, to: str, signature: str, answer: str, *given: object) -> Any:  # noqa: ANN401 - of any type
        """What it answers."""
        ...


def lido_claiming(ask: Asking, queue: str, owner: str) -> bytes:
    """The call that collects all that is finalized; empty if nothing is."""
    mine = sorted(ask(queue, "getWithdrawalRequests(address)", "uint256[]", owner))
    told = ask(queue, "getWithdrawalStatus(uint256[])", STATUS, mine)
    ids = [one for one, its in zip(mine, told, strict=True) if its[FINALIZED] and not its[CLAIMED]]
    if not ids:
        return b""
    last = ask(queue, "getLastCheckpointIndex()", "uint256")
    finding = "findCheckpointHints(uint256[],uint256,uint256)"
    hints = ask(queue, finding, "uint256[]", ids, 1, last)
    return call_of("claimWithdrawals(uint256[],uint256[])", ids, list(hints))


def fi_claiming(ask: Asking, queue: str, owner: str) -> bytes:
    """Likewise; a request that ether.fi has declared invalid is none that it pays."""
    mine = ask(READER, "fiRequests(address,address)", "uint256[]", queue, owner)
    last = ask(queue, "lastFinalizedRequestId()", "uint256")
    ids = [
        one
        for one in mine
        if one <= last and ask(queue, "getRequest(uint256)", FI_REQUEST, one)[VALID]
    ]
    return call_of("batchClaimWithdraw(uint256[])", ids) if ids else b""
