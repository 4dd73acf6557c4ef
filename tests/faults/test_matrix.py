"""The matrix of faults: a sample of it is sound, and what judges it can tell."""

import random
import re
from pathlib import Path

import polars as pl
import pytest

from verifill.engine.errors import ConfigError
from verifill.faults import catalogue
from verifill.faults.catalogue import ABSENT, CATALOGUE, chosen
from verifill.faults.hazard import Scene, Spot
from verifill.faults.judge import Counts, Verdict, legal_moves
from verifill.faults.matrix import Cell, Matrix, Picked, Result
from verifill.faults.moments import At, KilledError, Moments, Place
from verifill.faults.table import CASES, PROTOCOL, Summary, frame, page, standing, write
from verifill.machines.full_loop import FULL_LOOP

PROCESSES = ("kill -9", "kill -9 in recovery")
SAMPLE = 40
ROOT = Path(__file__).parents[2]


@pytest.mark.no_cover  # cells are what is counted here
def test_a_sample_of_the_matrix_with_one_cell_of_every_hazard_is_sound(tmp_path: Path) -> None:
    matrix = Matrix([h for h in CATALOGUE.values() if h.name not in PROCESSES], tmp_path)
    every, total = matrix.cells(Picked(seeds=(5,)))
    one = {cell.hazard.name: cell for cell in every}  # the last of each
    cells = [*one.values(), *random.Random(5).sample(every, SAMPLE)]
    results = [matrix.run(cell) for cell in cells]
    summary = Summary.of(results, total, (5,))

    assert {r.cell.name: (r.verdict, r.counts.told, r.reason) for r in results if r.bad} == {}
    assert summary.sound
    assert total > 50 * SAMPLE
    assert summary.verdicts[Verdict.HELD] < len(cells) // 5  # one that only holds would be there


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

    assert ["power cut", "short write"] == [hazard.name for hazard in hazards]
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
    told = dict(Summary.of([result()] * 300, 4_000, (1, 2)).lines())

    assert "300 run of 4,000; the fault came about in 300" == told["cells"]
    assert "1, 2" == told["seeds"]
    assert "0 of 300, so below 1.00% (95 %)" == told["double"]
    assert "0 of 300 (0.00%)" == told["HELD"]


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
    for column in ("double", "skipped", "lost", "wrong", "illegal", "undetected", "unresolved"):
        assert re.search(rf"\| {column} \| 0 of [\d,]+, so below", text)
