"""The tight loop does in every state that holds it what it does for a plain instruction.

Chains mostly go well in other tests; here what goes wrong, and is set right, goes wrong in each
of their steps, compensations, commits and rehearsals.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from tests.machines.lives import Client, Kept, Mailbox, Moments, World
from tests.machines.support import (
    PATIENT,
    Act,
    Ask,
    Bars,
    Plans,
    Script,
    buy,
    go,
    honest,
    play,
    scripted,
    sell,
)
from tests.machines.test_lives import LIVE, THREE, lost, silent, world
from tests.machines.test_one_tx import SkewedFork, one_tx, rehearsing, stage_of
from tests.machines.test_saga import DONE, NO_REMAINDERS, TOO_MUCH, gives, neutral, run, saga
from tests.machines.test_tight_loop import LOST, SILENT, does_and_says, says
from tests.venues.test_chain_bundles import ENTRY as CHAIN_OF_TX
from verifill.venues.chains import Step, Undo
from verifill.venues.expectation import Assessment
from verifill.venues.market import Books
from verifill.venues.orders import Bundle, Cause, Outcome, Receipt, Request
from verifill.venues.simulated.chain import SimulatedChain
from verifill.venues.simulated.chain.fork import ChainFork

SAGAS = {
    "STEP": (0, saga(buy("2"))),
    "COMPENSATE": (2, saga(buy("2"), TOO_MUCH)),
}
"""What is held where -> how many orders go well before it, and the chain."""

OVERDUE = f"accepted {'pending ' * 6}overdue exhausted"
FOR_EVER = [says(Outcome.ACCEPTED)] * 99


@pytest.mark.parametrize("holder", SAGAS)
@pytest.mark.parametrize(
    ("act", "queries", "told"),
    [
        (LOST, [SILENT], f"unknown unknown absent observed unexecuted resend {DONE}"),
        (says(Outcome.ACCEPTED), FOR_EVER, OVERDUE),
        (does_and_says(Outcome.REJECTED_DEFINITIVE), [], "refused observed contradicted"),
    ],
    ids=["sent again after proof", "overdue", "contradicted"],
)
def test_what_goes_wrong_in_a_saga(
    tmp_path: Path, holder: str, act: Act, queries: Sequence[Act], told: str
) -> None:
    before, chain = SAGAS[holder]
    script = Script(submits=[*[honest] * before, act], queries=queries)

    played, _ = run(tmp_path, chain, script=script, policy=PATIENT)

    assert f"{holder.lower()} {told}" in played.story


@pytest.mark.parametrize("holder", SAGAS)
@pytest.mark.parametrize(
    ("submit", "word", "told"),
    [
        (silent, "ask", "ask found observed matched"),
        (silent, "adopt", "adopted observed matched"),
        (lost, "void", "voided observed unexecuted"),
    ],
)
def test_an_operator_ends_what_is_held_in_a_saga(
    tmp_path: Path, holder: str, submit: Act, word: str, told: str
) -> None:
    before, chain = SAGAS[holder]
    mailbox = Mailbox({f"{holder}.HELD": [f"{word} {before + 1}"]})
    submits = [*[honest] * before, submit]
    made = world(tmp_path, [chain], submits=submits, mailbox=mailbox)
    falls_silent(made)

    made.live()

    assert f"exhausted {told}" in made.story
    assert made.verify().conforms


def falls_silent(made: World) -> None:
    """Its venue does not answer the questions that end in HELD; then it does."""
    real = made.venue.query
    asked: list[Request] = []

    def query(request: Request) -> Receipt:
        asked.append(request)
        return Receipt(Outcome.UNKNOWN) if len(asked) <= THREE.attempts else real(request)

    made.venue.query = query  # type: ignore[method-assign]  # as said


# What follows a chain, and what cannot be taken back.


def test_a_chain_follows_a_chain(tmp_path: Path) -> None:
    stage, _ = scripted(bars=Bars(1))

    played = play(tmp_path, stage, Plans([saga(buy()), saga(sell())]))

    assert f"step {DONE} committed step {DONE} committed" == played.story


def test_a_step_that_breaks_an_invariant_and_is_a_pivot_strands(tmp_path: Path) -> None:
    chain = saga(Step(buy("2"), Undo.NEVER), go("-2"), invariants=[neutral()])
    played, _ = run(tmp_path, chain)

    assert (f"step {DONE} strand", "ATOMIC.STRANDED") == (played.story, played.state)


def test_a_pivot_in_part_strands(tmp_path: Path) -> None:
    chain = saga(Step(buy("2"), Undo.NEVER))
    played, _ = run(tmp_path, chain, model=gives(25), policy=NO_REMAINDERS)

    assert ("step accepted observed partial strand", "ATOMIC.STRANDED") == (
        played.story, played.state,
    )  # fmt: skip


# One transaction.


def acting(*, submit: Act = honest, query: Act = honest, reason: str = "") -> type[SimulatedChain]:
    """A chain that does with its transaction what a script says."""

    class Acting(SimulatedChain):
        def deny(self, request: Request) -> str:
            return reason if isinstance(request, Bundle) else super().deny(request)

        def submit(self, request: Request) -> Receipt:
            return submit(request, super().submit)

        def query(self, request: Request) -> Receipt:
            return query(request, super().query)

    return Acting


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (acting(reason="not now"), "commit denied exhausted rolled_back"),
        (acting(submit=says(Outcome.ACCEPTED), query=says(Outcome.ACCEPTED)), f"commit {OVERDUE}"),
        (acting(submit=does_and_says(Outcome.REJECTED_DEFINITIVE)),
         "commit refused observed contradicted"),
    ],
    ids=["denied", "overdue", "contradicted"],
)  # fmt: skip
def test_what_goes_wrong_in_a_commit(tmp_path: Path, make: type[SimulatedChain], told: str) -> None:
    stage, _ = stage_of(make)

    played = play(tmp_path, stage, Plans([one_tx(CHAIN_OF_TX)]), policy=PATIENT)

    assert told in " ".join(played.story.split())


def dry(submits: Sequence[Act], queries: Sequence[Act]) -> type[ChainFork]:
    """A dry run that does what a script says."""
    first, then = iter(submits), iter(queries)

    class Acting(ChainFork):
        def submit(self, request: Request) -> Receipt:
            return next(first, honest)(request, super().submit)

        def query(self, request: Request) -> Receipt:
            return next(then, honest)(request, super().query)

    return Acting


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: dry([LOST], [SILENT]),
         f"rehearse unknown unknown absent observed unexecuted resend {DONE}"),
        (lambda: dry([silent], []), "rehearse unknown found observed matched"),
        (lambda: dry([SILENT], [SILENT] * 9), "rehearse unknown unknown unknown exhausted abandon"),
        (lambda: dry(FOR_EVER, FOR_EVER), f"rehearse {OVERDUE} abandon"),
        (lambda: SkewedFork, "mismatched observe observed mismatched"),
    ],
    ids=["sent again", "found", "nobody knows", "overdue", "looked at again"],
)  # fmt: skip
def test_what_goes_wrong_in_a_rehearsal(
    tmp_path: Path, make: Callable[[], type[ChainFork]], told: str
) -> None:
    stage, chain = stage_of(rehearsing(make()))

    played = play(tmp_path, stage, Plans([one_tx(CHAIN_OF_TX)]), policy=PATIENT)

    assert told in played.story
    if "abandon" in played.story:
        assert played.stage.opening == chain.accounts.totals


class Forking(Client):
    """A connection to a chain, on which a transaction can be rehearsed."""

    def __init__(self, kept: Kept, moments: Moments, since: int) -> None:
        super().__init__(kept, moments, since)
        self.fork = kept.venue.fork  # type: ignore[attr-defined]  # the venue is a chain


@pytest.mark.parametrize(
    ("submit", "word", "told"),
    [
        (silent, "adopt", "adopted observed matched committed"),
        (lost, "void", "voided observed unexecuted exhausted rolled_back"),
    ],
)
def test_an_operator_ends_what_is_held_in_a_commit(
    tmp_path: Path, submit: Act, word: str, told: str
) -> None:
    stage, chain = stage_of(acting(submit=submit))
    mailbox = Mailbox({"COMMIT.HELD": [f"{word} {len(CHAIN_OF_TX) + 1}"]})
    venue: Any = chain  # a world asks of its venue what a chain can do, too
    plans = [[one_tx(CHAIN_OF_TX)]]
    made = World(tmp_path, stage, venue, plans, LIVE, mailbox, client=Forking, feeds=stage.feeds)
    falls_silent(made)

    made.live()

    assert f"exhausted {told}" in made.story
    assert made.verify().conforms


def test_a_liquidation_beside_a_commit_fails_the_plan(tmp_path: Path) -> None:
    def liquidated(request: Request, ask: Ask) -> Receipt:
        receipt = ask(request)
        chain.post("liquidation", [(0, "wallet:BaseToken:ETH", -1)], Cause.LIQUIDATION)
        return receipt

    stage, chain = stage_of(acting(submit=liquidated))

    played = play(tmp_path, stage, Plans([one_tx(CHAIN_OF_TX)]))

    assert played.story.endswith(f"commit {DONE} committed")
    assert "fail" in played.events
    assert played.reason.startswith("liquidation: ")


def test_a_rehearsal_in_part_is_abandoned(tmp_path: Path) -> None:
    class Half(ChainFork):
        def submit(self, request: Request) -> Receipt:
            assert not isinstance(request, Bundle)
            part = replace(request, quantity=request.quantity // 2)
            return replace(super().submit(part), outcome=Outcome.EXECUTED_PARTIAL)

        def assess(self, request: Request, receipt: Receipt, books: Books) -> Assessment:
            assert not isinstance(request, Bundle)
            whole = super().assess(request, receipt, books)
            return structs.replace(whole, executed=request.quantity // 2)

    stage, chain = stage_of(rehearsing(Half))

    played = play(tmp_path, stage, Plans([one_tx(CHAIN_OF_TX)]), policy=PATIENT)

    assert "rehearse accepted observed partial abandon" == played.story
    assert stage.opening == chain.accounts.totals
