"""The reference pages of log and command line are those that the code makes."""

from pathlib import Path

import pytest

from tests.runs import buy, ran, ticks
from verifill.cli.machines import MACHINES
from verifill.engine.log.schema import STREAMS
from verifill.reference import (
    COMMON,
    HEADER,
    OWN,
    PAGES,
    RECORDS,
    WHAT,
    machines_folder,
    main,
    page_file,
)
from verifill.reference_machines import machine_pages
from verifill.result import RunResult


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_the_one_the_code_makes(name: str, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--rewrite"):
        page_file(name).write_text(PAGES[name]())

    assert PAGES[name]() == page_file(name).read_text()


def test_every_column_of_every_stream_is_explained_and_no_other() -> None:
    assert WHAT.keys() == OWN.keys() == STREAMS.keys()
    for stream, columns in STREAMS.items():
        assert set(OWN[stream]) <= set(columns)
        assert set(columns) <= set(COMMON) | set(OWN[stream])


def test_every_column_of_the_transitions_is_explained_in_its_order(tmp_path: Path) -> None:
    log, _ = ran(tmp_path, ticks([[buy()]]), rows=2)
    result = RunResult(log)
    schema = result.log.records().collect_schema()

    assert list(schema) == list(RECORDS)
    assert {name: str(kind) for name, kind in schema.items()} == {
        name: kind for name, (kind, _) in RECORDS.items()
    }
    assert set(HEADER) - {"market"} == set(result.header)  # which live logs have too


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_printed(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["reference", name])
    main()

    assert PAGES[name]() == capsys.readouterr().out


def test_the_pages_of_the_machines_are_those_that_the_tables_make(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    rewrite = request.config.getoption("--rewrite")
    folder = machines_folder() if rewrite else tmp_path
    monkeypatch.setattr("sys.argv", ["reference", "machines", str(folder)])
    main()
    made = {file.name: file.read_text() for file in folder.iterdir()}

    assert machine_pages() == made
    assert made == {file.name: file.read_text() for file in machines_folder().iterdir()}


def test_a_page_of_a_machine_has_every_row_with_its_reason() -> None:
    pages = machine_pages()

    for name, (table, _) in MACHINES.items():
        for row in table.rows:
            assert (
                f"| `{row.source}` | `{row.upon}` | `{row.target}` | {row.why} |"
                in pages[f"{name}.md"]
            )
