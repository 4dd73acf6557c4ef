"""The style guide as tests: what no linter holds."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = ("engine", "machines", "venues")
# `src` holds links to the core; rglob does not walk them, so each file comes once.
SHIPPED = (*CORE, "src")
EVERYTHING = (*SHIPPED, "tests", "bench", "docs", "fixtures")

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
CONCURRENCY = {"_thread", "asyncio", "concurrent", "multiprocessing", "queue", "threading"}

# Bracketed, so that this file does not hold what it looks for.
UNFINISHED = re.compile(r"\b(T[O]DO|F[I]XME|X{3})\b")
UNCOVERED = re.compile(r"pragma:\s*no\s*(cover|branch)")
SILENCED = re.compile(r"#\s*(type: ?ignore|pyright: ?ignore|noqa)(?P<codes>\S*.*)")
# The codes, then words: `S603 - the command is our own`.
REASONED = re.compile(r"(\[[\w, -]+\]|: *+[A-Z]++\d++(, ?[A-Z]++\d++)*+)[\s#:-]*+\w+")


def files(*folders: str) -> list[Path]:
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


def name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@cache
def text(file: Path) -> str:
    return file.read_text()


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(text(file))


def told(found: Mapping[Path, object]) -> dict[str, object]:
    """What was found, by file, where anything was."""
    return {name(file): what for file, what in found.items() if what}


def functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function's body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not body:
        return 0
    return (body[-1].end_lineno or body[-1].lineno) - body[0].lineno + 1


def imported(module: ast.Module) -> set[str]:
    """The top-level names of all that a module imports, wherever it does."""
    plain = [
        alias.name
        for node in ast.walk(module)
        if isinstance(node, ast.Import)
        for alias in node.names
    ]
    origins = [node.module or "" for node in ast.walk(module) if isinstance(node, ast.ImportFrom)]
    return {path.split(".")[0] for path in (*plain, *origins)}


# Each rule is one test, which names every file that breaks it.


def test_a_file_is_short() -> None:
    lines = {file: len(text(file).splitlines()) for file in files(*SHIPPED)}

    assert {} == told({file: count for file, count in lines.items() if count > FILE_LINES_MAX})


def test_a_function_is_short() -> None:
    long = {
        file: {
            function.name: body_lines(function)
            for function in functions(tree(file))
            if body_lines(function) > FUNCTION_LINES_MAX
        }
        for file in files(*SHIPPED)
    }

    assert {} == told(long)


def test_a_module_says_what_it_is() -> None:
    silent = {file: not ast.get_docstring(tree(file)) for file in files(*EVERYTHING)}

    assert {} == told(silent)


def test_nothing_is_left_for_later() -> None:
    assert {} == told({file: UNFINISHED.findall(text(file)) for file in files(*EVERYTHING)})


def test_no_line_is_hidden_from_coverage() -> None:
    assert {} == told({file: UNCOVERED.search(text(file)) for file in files(*EVERYTHING)})


def test_a_silenced_check_has_its_code_and_its_reason_beside_it() -> None:
    bare = {
        file: [
            found[0]
            for line in text(file).splitlines()
            if (found := SILENCED.search(line)) and not REASONED.match(found["codes"])
        ]
        for file in files(*EVERYTHING)
    }

    assert {} == told(bare)


def test_the_core_uses_no_thread_no_async_and_no_queue() -> None:
    waiting = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
    trees = {file: tree(file) for file in files(*CORE)}

    assert {} == told({file: imported(one) & CONCURRENCY for file, one in trees.items()})
    assert {} == told(
        {
            file: [node.lineno for node in ast.walk(one) if isinstance(node, waiting)]
            for file, one in trees.items()
        }
    )


def test_the_style_is_tested_on_files_and_not_on_nothing() -> None:
    for folder in (*CORE, "src", "tests"):
        assert files(folder)


def test_a_body_is_measured_without_its_docstring() -> None:
    parsed = ast.parse('def f():\n    """One.\n\n    Two.\n    """\n    a = 1\n\n    return a\n')

    assert [3] == [body_lines(function) for function in functions(parsed)]


@pytest.mark.parametrize(
    ("comment", "accepted"),
    [
        (": S603 - the command is our own", True),
        (": S603, S607  # the command is our own", True),
        ("[arg-type]  # the stub is wrong about None", True),
        (": S603", False),
        ("[arg-type]", False),
        ("", False),
    ],
)
def test_a_reason_is_told_from_a_bare_code(comment: str, *, accepted: bool) -> None:
    assert accepted == bool(REASONED.match(comment))
