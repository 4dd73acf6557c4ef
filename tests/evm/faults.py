"""The catalogue of what goes wrong on a chain: what befalls an order, and what is to come of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

from tests.evm.befalling import (
    BORROW,
    GIFT,
    SUPPLY,
    SWAP,
    WRAP,
    Act,
    after,
    becomes_dear,
    before,
    behind_a_nothing,
    capped,
    dearer,
    dropped,
    gap_that_is_filled,
    gap_that_stays,
    hung,
    killed,
    nothing,
    oracle_broken,
    outlived,
    outrun,
    owning,
    owning_and,
    paused,
    plainly,
    poor,
    reorganised,
    taken_by_another,
    taken_by_nothing,
    taken_for_good,
    trading,
    waits,
    waits_on_a_longer_chain,
)
from tests.evm.between import Befall, dripping, garbled, reply_lost, request_lost
from tests.evm.world import World
from verifill.machines.full_loop import Full
from verifill.venues.instructions import Instruction

LOOP: Final = f"{Full.INSTRUCTION}."
DONE: Final = "DONE"
CLEAN: Final = "FAILED.CLEAN"
HELD: Final = "HELD"
MISMATCH: Final = "FAILED.MISMATCH"
SHORT: Final[Mapping[str, str]] = {"chain": "windows_s = { WRAP = 1 }"}
SAFE: Final[Mapping[str, str]] = {**SHORT, "evm": 'finality_usual = "SAFE"'}
SOON: Final[Mapping[str, str]] = {**SHORT, "more": "[retry.live.timeouts]\ntight_loop_s = 3"}
IMPATIENT: Final[Mapping[str, str]] = {
    **SHORT, "more": "[retry.live.timeouts]\nreading_s = 1\ntight_loop_s = 6",
}  # fmt: skip
BY_ALLOWANCE: Final[Mapping[str, str]] = {"approvals": 'wallet = ["aave_v3"]'}


@frozen(kw_only=True)
class Fault:
    """What befalls one order.

    Attributes:
        first: is done before the run.
        befalls: what befalls its sends, one after another.
        counts: likewise what befalls questions for its nonce.
        earlier: orders before it, to which nothing happens at first.
        instruction: the order.
        settings: of the run.
        verdict: where its tight loop ends.
        intents: how many keys are sent under.
        effects: how often it takes place on the chain.
        own: whether it needs a node of its own.
        told: is in the reason that is logged.
    """

    first: Act = nothing
    befalls: Callable[[World], Sequence[Befall]] = field(default=lambda _: ())
    counts: Callable[[World], Sequence[Befall]] = field(default=lambda _: ())
    earlier: Sequence[Instruction] = ()
    instruction: Instruction = WRAP
    settings: Mapping[str, str] = field(factory=dict[str, str])
    verdict: str = DONE
    intents: int = 1
    effects: int = 1
    own: bool = False
    told: str = ""

    @property
    def waits(self) -> str:
        """The state in which a person is waited for; empty if the run goes on by itself."""
        return LOOP + self.verdict if self.verdict in (HELD, MISMATCH) else ""


LENDING: Final[dict[str, Any]] = {"settings": BY_ALLOWANCE, "verdict": CLEAN, "effects": 0}
DENIED: Final[dict[str, Any]] = {**LENDING, "intents": 0}
FAULTS: Final[Mapping[str, Fault]] = {
    "none": Fault(),
    # The way to the node, and the node.
    "the send is lost": Fault(befalls=plainly(request_lost)),
    "the answer to it is lost": Fault(befalls=plainly(reply_lost)),
    "the answer to it means nothing": Fault(befalls=plainly(garbled)),
    "the answer to it drips": Fault(befalls=plainly(dripping), settings=IMPATIENT),
    "the node hangs before it has taken it": Fault(befalls=hung(taken=False), settings=IMPATIENT),
    "the node hangs after it has taken it": Fault(befalls=hung(taken=True), settings=IMPATIENT),
    "the node is ended after it was mined, and started on its state": Fault(
        befalls=killed(gently=True), settings=SHORT, own=True
    ),
    "the node is killed while it waits, and started on an older state": Fault(
        first=waits, befalls=killed(gently=False), settings=SHORT, own=True
    ),
    # The pool.
    "it alone is dropped from the pool": Fault(first=waits, befalls=dropped, settings=SHORT),
    "the fee rises above its offer": Fault(first=waits, befalls=after(outrun), settings=SHORT),
    "it offers too little when it comes": Fault(befalls=before(dearer), settings=SHORT),
    "its deadline passes while it waits": Fault(
        first=trading, befalls=after(outlived), instruction=SWAP,
        settings={"approvals": 'wallet = ["uniswap_v2"]'},
        verdict=CLEAN, effects=0, told="in block",
    ),
    "its place is taken by what does nothing": Fault(
        first=waits, befalls=after(taken_by_nothing), settings=SHORT, verdict=CLEAN, effects=0
    ),
    "its place is taken by what does nothing, for good": Fault(
        first=waits_on_a_longer_chain, befalls=after(taken_for_good), settings=SHORT, intents=2
    ),
    "its place is taken by what does something": Fault(
        first=waits, befalls=after(taken_by_another), settings=SHORT, verdict=HELD, effects=0
    ),
    "it waits behind a gap that is filled": Fault(
        earlier=(GIFT,), befalls=gap_that_is_filled, settings=SHORT,
        verdict=MISMATCH,  # what was done before has changed since
    ),
    "it waits behind a gap that stays": Fault(
        counts=behind_a_nothing, befalls=gap_that_stays,
        settings={**SOON, "evm": 'fee_cap = "0.0000000012"'}, verdict=HELD, effects=0,
    ),
    # The chain.
    "its block is replaced by one without it": Fault(
        befalls=reorganised(back=False), settings=SAFE
    ),
    "its block is replaced by another one with it": Fault(
        befalls=reorganised(back=True), settings=SAFE
    ),
    "it runs out of gas in a block": Fault(
        befalls=before(becomes_dear),
        instruction=GIFT,
        settings={"gas": "INTERNAL_TRANSFER = 1_000"},
        verdict=CLEAN,
        effects=0,
        told="reverted in block",
    ),
    "too little gas is declared for it": Fault(
        settings={"gas": "WRAP = 5_000"}, verdict=CLEAN, intents=0, effects=0,
        told="units of gas, declared are 26000",
    ),
    "there is no ether for it": Fault(first=poor, **DENIED, told="it would revert now"),
    # The protocols.
    "its market is paused before it is signed": Fault(
        first=owning_and(paused), instruction=SUPPLY, **DENIED, told="it would revert now: 29"
    ),
    "its market is paused after it was signed": Fault(
        first=owning, befalls=before(paused), instruction=SUPPLY, **LENDING, told="in block"
    ),
    "the supply cap is reached before it is signed": Fault(
        first=owning_and(capped), instruction=SUPPLY, **DENIED, told="it would revert now: 51"
    ),
    "the supply cap is reached after it was signed": Fault(
        first=owning, befalls=before(capped), instruction=SUPPLY, **LENDING, told="in block"
    ),
    "the oracle fails before it is signed": Fault(
        first=owning_and(oracle_broken), instruction=BORROW, **DENIED, told="it would revert now"
    ),
    "the oracle fails after it was signed": Fault(
        first=owning, befalls=before(oracle_broken), instruction=BORROW, **LENDING, told="in block"
    ),
}  # fmt: skip
