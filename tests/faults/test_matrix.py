"""The matrix of faults: a sample of it is sound, and what judges it can tell."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from attrs import evolve

from tests.bugs import go_on_before_it_is_resolved
from verifill.engine.errors import ConfigError
from verifill.engine.log import chain
from verifill.engine.log.connection import DATABASE
from verifill.faults import catalogue, kills
from verifill.faults.catalogue import ABSENT, CATALOGUE, chosen
from verifill.faults.hazard import REFUSED, Group, Scene, Spot
from verifill.faults.judge import Counts, Verdict, legal_moves
from verifill.faults.lives import World, begun
from verifill.faults.matrix import Cell, Matrix, Picked, Result
from verifill.faults.mixtures import Sends
from verifill.faults.moments import At, KilledError, Moments, Place
from verifill.faults.table import CASES, PROTOCOL, Summary, frame, page, standing, write
from verifill.machines.full_loop import FULL_LOOP
from verifill.venues.loopback.faults import known
from verifill.venues.rules import Idempotency

PROCESSES = ("kill -9", "kill -9 in recovery")
CHAINS = ("saga taken back", "one transaction")
SAMPLE = 40
ROOT = Path(__file__).parents[2]


def test_a_sample_of_the_matrix_with_one_cell_of_every_hazard_is_sound(tmp_path: Path) -> None:
    matrix = Matrix([h for h in CATALOGUE.values() if h.name not in PROCESSES], tmp_path)
    every, total = matrix.cells(Picked(seeds=(5,)))
    one = {cell.hazard.name: cell for cell in every}  # the last of each
    cells = [*one.values(), *random.Random(5).sample(every, SAMPLE)]
    results = [matrix.run(cell) for cell in cells]
    summary = Summary.of(results, total, (5,))

    assert {r.cell.name: (r.verdict, r.counts.told, r.reason) for r in results if r.bad} == {}
    assert summary.sound
    assert summary.pinned == len(cells)
    assert total > 50 * SAMPLE
    assert summary.verdicts[Verdict.HELD] < len(cells) // 5  # one that only holds would be there


def cells_of(folder: Path, *only: str, seed: int = 1) -> tuple[Matrix, list[Cell]]:
    made = Matrix(chosen(only), folder)
    return made, made.cells(Picked(only=only, seeds=(seed,)))[0]


def test_a_cell_has_one_verdict_but_where_what_was_really_done_decides(tmp_path: Path) -> None:
    hazards = [hazard for hazard in CATALOGUE.values() if hazard.group is not Group.PROCESS]
    cells, _ = Matrix(hazards, tmp_path).cells(Picked(seeds=(1, 2)))
    open_ones = {cell.hazard.name for cell in cells if len(cell.expected) > 1}

    assert {"killed in recovery", "bit flips", "bit flips after a kill"} == open_ones


def test_what_a_venue_doubles_is_counted_apart_and_only_once(tmp_path: Path) -> None:
    made, cells = cells_of(tmp_path, "delivered_twice: three, class D")
    told = made.run(cells[0])
    kept = made.run(evolve(cells[0], hazard=evolve(cells[0].hazard, twice=())))

    assert (1, {}) == (told.by_venue, told.counts.told)
    assert (0, {"double": 1}) == (kept.by_venue, kept.counts.told)


def test_a_venue_that_keeps_its_word_where_it_was_to_break_it_is_unexpected(
    tmp_path: Path,
) -> None:
    made, cells = cells_of(tmp_path, "delivered_twice: three, class K")
    hazard = evolve(cells[0].hazard, twice=(Idempotency.K,))  # which executes it once

    assert {"unexpected": 1} == made.run(evolve(cells[0], hazard=hazard)).counts.told


def test_an_engine_that_doubles_is_not_covered_by_its_venue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both(world: World, spot: Spot) -> Verdict:
        world.wire.service.script.arm([known("delivered_twice")])
        return kills.play(world, spot)

    made, cells = cells_of(tmp_path, "killed: saga, class D, lag 5 s: after send 1")
    hazard = evolve(cells[0].hazard, play=both, twice=(Idempotency.D,))
    go_on_before_it_is_resolved(monkeypatch)
    told = made.run(evolve(cells[0], hazard=hazard))

    assert (1, 1) == (told.by_venue, told.counts.double)


def test_a_flip_that_strikes_a_record_must_be_refused_and_is_undetected_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, cells = cells_of(tmp_path, "bit flips: three, class K")
    flips = [cell for cell in cells if f"in {DATABASE}" in cell.spot.how]
    ends = {cell.name: made.run(cell) for cell in flips}
    refused = {cell.name for cell in flips if ends[cell.name].cell.expected == REFUSED}
    assert 0 < len(refused) < len(flips)
    assert [] == [name for name, one in ends.items() if one.bad]

    def none(*_given: object) -> Iterator[tuple[int, str]]:
        return iter(())

    monkeypatch.setattr(chain, "_faults", none)
    undetected = [made.run(cell).counts.undetected for cell in flips if cell.name in refused]
    assert sum(undetected) > 0


@pytest.mark.parametrize(
    ("plan", "lost", "verdict"),
    [
        ("three", set[int](), Verdict.DONE),
        ("three", {2}, Verdict.RESENT),
        ("three", {4}, Verdict.DONE),  # there are three sends
        ("three", {1, 3}, Verdict.RESENT),
        ("saga", {2, 3, 4}, Verdict.RESENT),  # taken back, and planned again
        ("saga taken back", {2}, Verdict.ROLLED_BACK),
        ("saga taken back", {3, 4, 5}, Verdict.STRANDED),  # its breaker is open
        ("saga taken back", {2, 3, 4}, Verdict.ROLLED_BACK),
        ("one transaction", {1}, Verdict.RESENT),
    ],
)
def test_the_end_of_a_mixture_follows_from_the_sends_that_are_lost(
    plan: str, lost: set[int], verdict: Verdict
) -> None:
    assert verdict == Sends(lost, set(), lost).end(plan)


@pytest.mark.parametrize(
    ("plan", "lost", "verdict"),
    [
        ("three", {2}, Verdict.DONE),
        ("three", {1, 2, 4, 5}, Verdict.DONE),
        ("three", {2, 3, 4}, Verdict.HELD),  # its breaker is open
        ("saga", {3, 4}, Verdict.DONE),
        ("saga taken back", {4, 5, 6}, Verdict.HELD),
        ("one transaction", {1, 2}, Verdict.DONE),
    ],
)
def test_in_class_k_the_same_goes_out_until_it_counts_or_a_breaker_opens(
    plan: str, lost: set[int], verdict: Verdict
) -> None:
    assert verdict == Sends(lost, lost, lost, repeats=True).end(plan)


def test_what_nobody_can_prove_is_held() -> None:
    assert Verdict.HELD == Sends({2}, {2}, {2}).end("three")


def test_what_is_to_go_wrong_outlives_the_server_of_the_venues(tmp_path: Path) -> None:
    made, cells = cells_of(tmp_path, "mixture: three, class K: number 2, seed 1")

    (result,) = map(made.run, cells)
    assert Verdict.DONE == result.verdict
    assert not result.bad  # one is lost after the venue was killed, and goes out once more


def test_a_life_that_ended_before_it_made_a_log_is_gone_on_with(tmp_path: Path) -> None:
    made, cells = cells_of(tmp_path, "killed: one, class K: before look 1")
    hosting = made.hosting(cells[0].scene)
    (tmp_path / "empty").mkdir()

    assert Verdict.DONE == kills.foreseen(begun(tmp_path / "empty", hosting))


def test_a_moment_is_in_the_state_that_the_log_had_then(tmp_path: Path) -> None:
    whole = Matrix(chosen(("killed",)), tmp_path).whole(Scene(plan="three"))
    sends = [whole.states[Place.SEND, number] for number in (1, 2, 3)]

    assert ["INSTRUCTION.SEND"] * 3 == sends
    assert max(len(commit) for commit in whole.commits) > 1  # of breakers and feeds
    assert len(whole.story.rows) == sum(map(len, whole.commits))


def test_a_real_process_is_killed_just_after_its_send(tmp_path: Path) -> None:
    made = Matrix(chosen(PROCESSES), tmp_path)
    (cell,) = made.cells(Picked(only=["kill -9: one, class K: after send 1"]))[0]
    result = made.run(cell)

    assert (Verdict.DONE, {}) == (result.verdict, result.counts.told), result


def test_real_processes_are_killed_in_chains_too(tmp_path: Path) -> None:
    made = Matrix(chosen(PROCESSES), tmp_path)
    cells, _ = made.cells(Picked())
    plans = {(cell.hazard.name, cell.scene.plan) for cell in cells}
    turns = {cell.spot.move for cell in cells if cell.scene.plan == "saga taken back"}

    assert {(name, plan) for name in PROCESSES for plan in CHAINS} <= plans
    assert "ATOMIC.STEP.FAILED.CLEAN compensate ATOMIC.COMPENSATE.SEND" in turns


def test_a_real_process_is_killed_while_it_takes_a_chain_back(tmp_path: Path) -> None:
    made, cells = cells_of(tmp_path, "kill -9: saga taken back, class K: after send 4")
    (result,) = map(made.run, cells)

    assert (Verdict.ROLLED_BACK, {}) == (result.verdict, result.counts.told), result


def test_a_line_of_the_anchor_that_was_torn_is_not_missed_but_the_first(tmp_path: Path) -> None:
    made, cells = cells_of(tmp_path, "power cut at the anchor: three, class K")
    half = [made.run(cell) for cell in cells if cell.spot.how.startswith("half")]

    assert [Verdict.REFUSED, *[Verdict.DONE] * 4] == [result.verdict for result in half]
    assert [] == [result.cell.name for result in half if result.bad]


def test_the_same_seed_gives_the_same_cells_and_the_same_ends(tmp_path: Path) -> None:
    def once(name: str) -> list[tuple[str, Verdict]]:
        (tmp_path / name).mkdir()
        made = Matrix(chosen(("mixture", "bit flips")), tmp_path / name)
        cells, _ = made.cells(Picked(seeds=(1, 2), every=7, sample=6))
        return [(cell.name, made.run(cell).verdict) for cell in cells]

    first = once("first")

    assert 12 == len(first)
    assert first == once("second")


def test_every_row_of_the_protocol_and_every_case_has_a_hazard() -> None:
    told = list(standing(CATALOGUE.values()))

    assert [] == [row for row, _, names in told if names == "-"]
    known = PROTOCOL.keys() | CASES.keys()
    assert {row for hazard in CATALOGUE.values() for row in hazard.rows} <= known
    assert all(hazard.reason for hazard in ABSENT)


def test_a_name_that_is_of_no_hazard_is_refused() -> None:
    with pytest.raises(ConfigError, match="there is no hazard power; there are killed"):
        chosen(("power",))


def test_without_apsw_the_catalogue_says_what_is_not_injected_and_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(_name: str) -> None:
        """No such package."""

    monkeypatch.setattr(catalogue, "find_spec", absent)
    hazards = catalogue.power()

    assert {
        "power cut", "power cut at the anchor", "power cut at the header", "short write",
    } == {hazard.name for hazard in hazards}  # fmt: skip
    assert {"it needs apsw; pip install verifill[faults]"} == {h.reason for h in hazards}


def test_every_move_of_the_tables_is_legal_and_no_other() -> None:
    assert ("full_loop", "START", "recover", "RECOVER") in legal_moves()
    assert ("full_loop", "START", "recover", "IDLE") not in legal_moves()
    assert ("feed", "START", "recover", "RECOVER") not in legal_moves()
    assert len(legal_moves()) >= len(FULL_LOOP.rows)


@pytest.mark.parametrize("after", [False, True])
def test_a_life_ends_before_or_after_its_moment(*, after: bool) -> None:
    moments: list[str] = []
    life = Moments(At(Place.SEND, 2, after=after))
    life.around(Place.SEND, lambda: moments.append("first"))
    life.around(Place.COMMIT, lambda: moments.append("commit"))

    with pytest.raises(KilledError):
        life.around(Place.SEND, lambda: moments.append("second"))
    assert ["first", "commit", *(["second"] if after else [])] == moments


def result(verdict: Verdict = Verdict.DONE, **counts: int) -> Result:
    cell = Cell(
        hazard=CATALOGUE["killed"],
        scene=Scene(plan="one"),
        spot=Spot(),
        seed=1,
        expected=frozenset({Verdict.DONE}),
    )
    return Result(cell=cell, verdict=verdict, counts=Counts(**counts))


def test_figures_are_told_with_their_bound() -> None:
    told = dict(Summary.of([result()] * 300, 4_000, (1, 2), "today").lines())

    assert "300 run of 4,000; the fault came about in 300" == told["cells"]
    assert "today" == told["made"]
    assert "1, 2" == told["seeds"]
    assert "0 (no venue broke its word)" == told["by venue"]
    assert "to one verdict: 300 of 300" == told["pinned"]
    assert "0 of 300, so below 1.00% (95 %)" == told["double"]
    assert "0 of 300 (0.00%)" == told["HELD"]


def test_what_venues_doubled_is_told_by_hazard() -> None:
    told = dict(Summary.of([evolve(result(), by_venue=1), result()], 2, (1,)).lines())

    assert "1 (killed 1)" == told["by venue"]
    assert "0 of 2, so below 150.00% (95 %)" == told["double"]


def test_what_is_bad_is_counted_and_not_bounded() -> None:
    summary = Summary.of([result(), result(Verdict.HELD, double=2, unexpected=1)], 2, (1,))
    told = dict(summary.lines())

    assert not summary.sound
    assert "2 of 2" == told["double"]
    assert "1 of 2 (50.00%)" == told["HELD"]


def test_the_table_is_written_as_parquet_and_as_markdown(tmp_path: Path) -> None:
    results = [result(), result(lost=1)]
    write(tmp_path / "out", Summary.of(results, 2, (1,)), results, tuple(CATALOGUE.values()))

    cells = pl.read_parquet(tmp_path / "out" / "cells.parquet")
    assert frame(results).equals(cells)
    assert [0, 1] == cells["lost"].to_list()
    text = (tmp_path / "out" / "cells.md").read_text()
    assert "| killed | one, class K | 2 | DONE 2 | lost 1 |" in text
    assert "| reorganisation |" in text


def test_the_page_in_the_documents_is_of_these_hazards_and_sound() -> None:
    text = (ROOT / "docs" / "faults.md").read_text()
    summary = Summary.of([], 0, ())
    now = page(summary, [], tuple(CATALOGUE.values()))

    assert now.partition("## Hazards")[2] == text.partition("## Hazards")[2]
    assert re.search(r"\| made \| \d{4}-\d\d-\d\d, verifill [\d.]+, commit [0-9a-f]{7,} \|", text)
    assert (found := re.search(r"\| pinned \| to one verdict: ([\d,]+) of ([\d,]+) \|", text))
    assert found[1] == found[2]
    for column in ("double", "skipped", "lost", "wrong", "illegal", "undetected", "unresolved"):
        assert re.search(rf"\| {column} \| 0 of [\d,]+, so below", text)
