"""ONE_TX: rehearsed step by step on a dry run, then committed as one transaction, or not."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs

from tests.machines.support import Bars, Plans, Played, Stage, buy, play, scripted
from tests.venues.chains import RULES, SCALES, SERIES, WEETH, units
from tests.venues.test_chain_bundles import ENTRY, B
from verifill.engine.errors import NotObserved
from verifill.venues.chains import Atomicity, Chain, Step
from verifill.venues.instructions import Instruction, Late, Stake, Supply, Wrap
from verifill.venues.orders import Cause, Move, Outcome, Reading, Receipt, Request
from verifill.venues.simulated.chain import SimulatedChain
from verifill.venues.simulated.chain.fork import ChainFork
from verifill.venues.simulated.network import Network

DONE = "accepted observed matched"
GAS = "eoa:BaseToken:ETH"
SHARES = "aave_v3:aToken:aweETH"


def one_tx(steps: Sequence[Instruction | Step]) -> Chain:
    return Chain(steps=tuple(steps), kind=Atomicity.ONE_TX)


def stage_of(make: type[SimulatedChain] = SimulatedChain) -> tuple[Stage, SimulatedChain]:
    """A stage with a chain and the opening of strategy B."""
    bars = Bars(1)
    for name, value in SERIES.items():
        bars.set_series(name, value)
    network = Network([])
    opening = {key: SCALES.units(key, Decimal(amount)) for key, amount in B["opening"].items()}
    chain = make(chain=RULES, scales=SCALES, market=bars, network=network, opening=opening)
    chain.advance(bars.time_ns)
    bars.simulations += [network, chain]
    totals = dict(chain.accounts.totals)
    stage = Stage(bars=bars, venues=[chain], feeds=[network], opening=totals, scales=SCALES)
    return stage, chain


def run(
    folder: Path,
    steps: Sequence[Instruction | Step] = ENTRY,
    make: type[SimulatedChain] = SimulatedChain,
) -> tuple[Played, SimulatedChain]:
    stage, chain = stage_of(make)
    return play(folder, stage, Plans([one_tx(steps)])), chain


def moved(played: Played) -> dict[str, int]:
    opening = played.stage.opening
    return {k: total - opening[k] for k, total in played.totals.items() if total != opening[k]}


def test_a_chain_is_rehearsed_step_by_step_and_committed_as_one(tmp_path: Path) -> None:
    played, _ = run(tmp_path)

    rehearsals = " ".join([f"rehearse {DONE}"] * len(ENTRY))
    assert f"{rehearsals} commit {DONE} committed" == played.story
    assert ["DONE"] == played.fates
    roles = [row["role"] for row in played.rows("instructions")]
    assert ["REHEARSAL"] * len(ENTRY) + ["COMMIT"] == roles
    assert {GAS, SHARES, "dsa:BaseToken:WETH", "aave_v3:debtToken:vDebtWETH"} == set(moved(played))


def test_a_rehearsal_moves_nothing(tmp_path: Path) -> None:
    played, _ = run(tmp_path)

    committed = played.rows("instructions")[-1]["seq"]
    settled = [r for r in played.rows("moves") if r["seq"] >= committed]
    assert {row["key"] for row in settled} >= set(moved(played))
    assert {"ethereum-tx-1"} == {row["ref"].partition(":")[0] for row in settled}


def too_much_wanted() -> list[Instruction]:
    greedy = structs.replace(ENTRY[3], min_out=Decimal(500))
    return [*ENTRY[:3], greedy, *ENTRY[4:]]


def test_a_failing_rehearsal_abandons_with_nothing_sent(tmp_path: Path) -> None:
    played, chain = run(tmp_path, too_much_wanted())

    rehearsals = " ".join([f"rehearse {DONE}"] * 3)
    clean = "refused observed unexecuted exhausted"
    assert f"{rehearsals} rehearse {clean} abandon" == played.story
    assert (["ROLLED_BACK"], {}) == (played.fates, moved(played))
    assert "rehearsal of step 4: WRAP: " in played.reason
    assert played.stage.opening == chain.accounts.totals  # not even gas


def test_a_denied_rehearsal_abandons_too(tmp_path: Path) -> None:
    unknown = structs.replace(ENTRY[3], amount=Late("B9", "dsa:BaseToken:eETH"))
    played, _ = run(tmp_path, [*ENTRY[:3], unknown])

    assert played.story.endswith("rehearse denied exhausted abandon")
    assert "no verified step is named 'B9' in this plan; so far there are B1, B2" in played.reason
    assert {} == moved(played)


class Moody(SimulatedChain):
    """The rate is another one when the transaction is included."""

    def submit(self, request: Request) -> Receipt:
        self._market.set_series(WEETH, Decimal("1.2"))  # type: ignore[attr-defined]  # a FixedMarket
        return super().submit(request)


def test_a_revert_costs_its_gas_and_nothing_else(tmp_path: Path) -> None:
    played, _ = run(tmp_path, make=Moody)

    assert played.story.endswith("commit refused observed unexecuted exhausted rolled_back")
    assert (["ROLLED_BACK"], {GAS: -units("0.0138")}) == (played.fates, moved(played))
    assert "WRAP" in played.reason


class Skewed(SimulatedChain):
    """A step of the transaction gives one unit more, in all books."""

    def post(self, ref: str, moves: Iterable[tuple[int, str, int]], cause: Cause) -> list[Move]:
        more = [(s, key, units + (key == SHARES)) for s, key, units in moves]
        return super().post(ref, more, cause)


def test_a_commit_that_mismatches_strands(tmp_path: Path) -> None:
    played, _ = run(tmp_path, make=Skewed)

    assert played.story.endswith("commit accepted observed mismatched exhausted strand")
    assert ("ATOMIC.STRANDED", ["STRANDED"]) == (played.state, played.fates)
    assert f"step 4 SUPPLY: {SHARES} moved " in played.reason


class Silent(SimulatedChain):
    """Nobody can say what became of the transaction."""

    def submit(self, request: Request) -> Receipt:
        super().submit(request)
        raise TimeoutError

    def query(self, request: Request) -> Receipt:  # noqa: ARG002 - never answers
        raise TimeoutError


def test_a_commit_of_unknown_outcome_is_held(tmp_path: Path) -> None:
    played, _ = run(tmp_path, make=Silent)

    assert played.story.endswith("commit unknown exhausted")
    assert ("ATOMIC.COMMIT.HELD", ["HELD"]) == (played.state, played.fates)
    assert "no proof either way: TimeoutError()" == played.reason


class SkewedFork(ChainFork):
    """A dry run whose books are all wrong by a unit."""

    def post(self, ref: str, moves: Iterable[tuple[int, str, int]], cause: Cause) -> list[Move]:
        more = [(s, key, units + (key == SHARES)) for s, key, units in moves]
        return super().post(ref, more, cause)


class LyingFork(ChainFork):
    """Does what it is asked, and says that it refused."""

    def submit(self, request: Request) -> Receipt:
        return replace(super().submit(request), outcome=Outcome.REJECTED_DEFINITIVE)


def rehearsing(dry_run: type[ChainFork]) -> type[SimulatedChain]:
    """A chain that is rehearsed on a dry run of this type."""

    class Rehearsing(SimulatedChain):
        def fork(self) -> ChainFork:
            fork = super().fork()
            fork.__class__ = dry_run
            return fork

    return Rehearsing


STAKE = Stake(account="wallet", asset="ETH", into="eETH", amount=Decimal(1))


@pytest.mark.parametrize(
    ("dry_run", "end"),
    [
        (SkewedFork, "accepted observed mismatched exhausted abandon"),
        (LyingFork, "refused observed contradicted abandon"),
    ],
)
def test_a_rehearsal_that_is_no_match_costs_nothing(
    tmp_path: Path, dry_run: type[ChainFork], end: str
) -> None:
    played, chain = run(tmp_path, make=rehearsing(dry_run))

    assert (True, ["ROLLED_BACK"]) == (played.story.endswith(end), played.fates)
    assert played.stage.opening == chain.accounts.totals


@pytest.mark.parametrize("which", ["fork", "read"])
def test_a_node_without_a_dry_run_now_costs_nothing(tmp_path: Path, which: str) -> None:
    """Found by exploring: the process ended with it, in the middle of a plan."""

    class Unread(ChainFork):
        def read(self) -> Reading:
            msg = "status 503"
            raise NotObserved(msg)

    class Down(SimulatedChain):
        def fork(self) -> ChainFork:
            msg = "status 503"
            raise NotObserved(msg)

    played, chain = run(tmp_path, make=Down if which == "fork" else rehearsing(Unread))

    assert ("abandon", ["ROLLED_BACK"]) == (played.story, played.fates)
    assert played.reason.endswith("there is no dry run: status 503")
    assert played.stage.opening == chain.accounts.totals


# Chains that cannot be one transaction.


def test_an_exchange_has_no_transaction_for_a_chain(tmp_path: Path) -> None:
    stage, venue = scripted(bars=Bars(1))

    played = play(tmp_path, stage, Plans([one_tx([buy(), buy()])]))

    assert ("abandon", ["ROLLED_BACK"], []) == (played.story, played.fates, venue.sent)
    assert "the first step's venue has no transactions for a chain" in played.reason


def both(folder: Path, *steps: Instruction, subscribed: Sequence[str] | None = None) -> Played:
    """A stage with a chain and an exchange."""
    stage, _ = stage_of()
    beside, venue = scripted(bars=stage.bars)
    stage.bars.prices.update(beside.bars.prices)
    opening = {**stage.opening, **beside.opening}
    whole = Stage(
        bars=stage.bars,
        venues=[*stage.venues, venue],
        feeds=stage.feeds,
        opening=opening,
        scales=SCALES,
    )
    return play(folder, whole, Plans([one_tx(steps)]), subscribed=subscribed)


def test_a_chain_across_venues_is_abandoned(tmp_path: Path) -> None:
    played = both(tmp_path, STAKE, buy())

    assert ("abandon", ["ROLLED_BACK"]) == (played.story, played.fates)
    assert "desk.spot is on another venue; make the chain a SAGA" in played.reason


def test_a_chain_on_a_venue_that_is_not_subscribed_is_abandoned(tmp_path: Path) -> None:
    played = both(tmp_path, STAKE, subscribed=["desk"])

    assert ("abandon", ["ROLLED_BACK"]) == (played.story, played.fates)


# A saga of transactions on a chain.


def test_what_has_no_reverse_strands_a_saga(tmp_path: Path) -> None:
    stage, _ = stage_of()
    wrap = Wrap(account="wallet", asset="ETH", into="WETH", amount=Decimal(10**6))
    stake = structs.replace(STAKE, account="dsa", amount=Decimal(1))
    unwrap = ENTRY[1]
    saga = Chain(steps=(structs.replace(unwrap, amount=Decimal(2)), stake, wrap),
                 kind=Atomicity.SAGA)  # fmt: skip

    played = play(tmp_path, stage, Plans([saga]))

    assert ("ATOMIC.STRANDED", ["STRANDED"]) == (played.state, played.fates)
    assert "STAKE 2 cannot be undone: its operation has no reverse" in played.reason


def test_an_effect_too_small_to_take_back_is_left(tmp_path: Path) -> None:
    """A supply of a few units gives so few shares that nothing may come back for them."""
    stage, chain = stage_of()
    two_wei = Decimal(2).scaleb(-18)
    supply = Supply(account="dsa", market="aave_v3", asset="WETH", amount=two_wei)
    too_much = structs.replace(ENTRY[1], amount=Decimal(10**6))
    saga = Chain(steps=(supply, too_much), kind=Atomicity.SAGA)

    played = play(tmp_path, stage, Plans([saga]))

    assert (["ROLLED_BACK"], True) == (played.fates, played.story.endswith("rolled_back"))
    assert "compensate" not in played.story
    assert {"dsa:BaseToken:WETH": -2} == {
        k: u for k, u in moved(played).items() if "WETH" in k and "aave" not in k
    }
    assert chain.accounts.totals == played.totals
