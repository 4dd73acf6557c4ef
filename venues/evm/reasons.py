"""Why a call reverted, as its contract told: the innermost reason, with the step that failed."""

from typing import Final

from verifill.venues.evm.abi import SELECTOR, given_in

FAILED: Final = "CallFailed(uint256,address,bytes)"
CHECKED: Final = "CheckFailed(uint256,uint256)"
LATE: Final = "Late(uint256,uint256)"
TEXT: Final = "Error(string)"
PANIC: Final = "Panic(uint256)"


def reason_of(data: bytes) -> str:
    """The reason in words; empty if there is none."""
    failed = given_in(FAILED, data)
    if failed is not None:
        step, target, inner = failed
        innermost = reason_of(inner)
        if inner[:SELECTOR] == data[:SELECTOR]:
            return innermost  # of the step within a flash loan, not of the loan
        return f"step {step} at {target}: {innermost or 'no reason given'}"
    for signature, told in (
        (TEXT, "{0}"),
        (PANIC, "panic {0:#x}"),
        (CHECKED, "check {0} of the chain found {1}"),
        (LATE, "too late: block time {0}, allowed until {1}"),
    ):
        given = given_in(signature, data)
        if given is not None:
            return told.format(*given)
    return "0x" + data.hex() if data else ""


def innermost(data: bytes) -> bytes:
    """What the innermost call has told, out of the executor's wrappings."""
    failed = given_in(FAILED, data)
    if failed is None:
        return data
    return innermost(failed[2])
