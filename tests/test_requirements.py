"""The tables of requirements and rules name tests, and every test that they name exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TABLES = ("docs/requirements.md", "docs/reference/rules.md")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")

CHECKLISTS = {
    "Tight loop integrity": (
        "Sequential instruction execution maintained",
        "Position reconciliation verified after each instruction",
        "No instruction skipped in sequence",
        "Error handling appropriate for mode",
    ),
    "State persistence": (
        "All components maintain state across runs",
        "No state reset between iterations",
        "Position data persists across timesteps",
        "Component state survives restarts (live mode)",
    ),
    "Execution flow": (
        "Tight loop happens for each instruction",
        "Full loop contains multiple tight loops",
        "Atomic transactions handled correctly",
        "Position updates trigger reconciliation",
        "No monitoring cascade triggered",
    ),
    "Quality gate, backtest mode": (
        "Tight loop executes for each instruction",
        "Position reconciliation works correctly",
        "State persists across timesteps",
        "Position updates are accurate",
    ),
    "Quality gate, live mode": (
        "Real-time execution works",
        "API integration functions",
        "Error handling and retry logic work",
        "State persistence across runs",
        "Position queries work correctly",
    ),
}
"""The items of the requirements' checklists, in their words and order."""


def named(table: str) -> list[tuple[str, str]]:
    return [(file, test) for file, test in NAMED.findall((ROOT / table).read_text())]


def functions_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(
    ("file", "test"),
    sorted({entry for table in (*TABLES, "docs/faults.md") for entry in named(table)}),
)
def test_a_test_that_a_table_names_exists(file: str, test: str) -> None:
    assert test in functions_of(file)


@pytest.mark.parametrize("table", TABLES)
def test_every_row_names_its_proof_or_says_that_there_is_none(table: str) -> None:
    rows = [
        line
        for line in (ROOT / table).read_text().splitlines()
        if line.startswith("| ") and not line.startswith(("| requirement", "| rule", "| order"))
    ]

    assert len(rows) >= 20
    assert [] == [row for row in rows if not NAMED.search(row) and not row.endswith("| - | - |")]


@pytest.mark.parametrize("title", CHECKLISTS)
def test_every_item_of_a_checklist_has_its_row_with_tests_that_exist(title: str) -> None:
    text = (ROOT / "docs/requirements.md").read_text()
    (section,) = re.findall(rf"(?ms)^## {title}$(.*?)(?=^## |\Z)", text)
    rows = re.findall(r"(?m)^\| (?!requirement)([^|]+) \| (.*) \|$", section)

    assert CHECKLISTS[title] == tuple(item for item, _ in rows)
    for _, proof in rows:
        assert NAMED.findall(proof)
        assert all(test in functions_of(file) for file, test in NAMED.findall(proof))


def test_there_is_a_row_for_every_rule() -> None:
    text = (ROOT / "docs/reference/rules.md").read_text()

    assert [f"R{number}" for number in range(1, 21)] == re.findall(
        r"^\| (R\d+) ", text, re.MULTILINE
    )


def test_every_mistake_has_a_test_of_its_name() -> None:
    tests = functions_of("tests/test_mistakes.py")

    told = {int(found[1]) for test in tests if (found := re.match(r"test_mistake_(\d+)_", test))}
    assert set(range(1, 14)) == told
