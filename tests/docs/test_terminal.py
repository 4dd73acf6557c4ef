"""The terminal of the pages sees what is not true: else no page could fail."""

from pathlib import Path

import pytest

from tests.docs import following
from tests.docs.following import follow
from tests.docs.pages import Block
from tests.docs.terminal import missing, same, typed


def block(language: str, text: str) -> Block:
    return Block("page.md", 1, language, text, spared=False)


def told(folder: Path, monkeypatch: pytest.MonkeyPatch, *blocks: Block) -> list[str]:
    """What is wrong about a page of these blocks."""

    def given(_: str) -> list[Block]:
        return list(blocks)

    monkeypatch.setattr(following, "blocks", given)
    return [wrong.what for wrong in follow("page.md", folder).wrong]


def test_a_command_is_told_from_what_it_answers() -> None:
    (first, second) = typed("$ verifill one \\\n    --two\nanswer\n\n$ verifill three\n")

    assert ("verifill one      --two", ("answer",)) == (first.command, first.shown)
    assert ("verifill three", ()) == (second.command, second.shown)


def test_times_keys_and_widths_are_not_compared_and_anything_else_is() -> None:
    assert same("at 2026-01-01 00:00:00  in 0.25 s", "at 2027-02-02 01:01:01 in 17.1 s")
    assert same("first\n...\nlast", "first\nsecond\nthird\nlast")
    assert not same("filled 1", "filled 2")
    assert not same("first\nlast", "first\nsecond\nlast")


def test_another_answer_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = block("console", "$ echo one\ntwo\n$ echo three\nthree\n")

    assert ["$ echo one\nshown:\ntwo\ncame:\none\n"] == told(tmp_path, monkeypatch, shown)


def test_a_command_that_fails_must_be_shown_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = block("console", "$ verifill verify nothing\n")
    shown = block("console", "$ verifill verify nothing\n...\nexit code 2\n")

    assert "exit code 2" in told(tmp_path, monkeypatch, silent)[0]
    assert [] == told(tmp_path, monkeypatch, shown)


def test_a_server_that_does_not_start_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = block("console", "$ verifill venue serve nothing.toml --journal journal.jsonl &\n")

    assert "there is no such file" in told(tmp_path, monkeypatch, server)[0]


def test_code_that_raises_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = block("python", "import verifill\n\nassert verifill.nothing\n")

    assert "nothing" in told(tmp_path, monkeypatch, code)[0]


def test_a_setting_that_is_none_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = block("toml", "[loop]\nintervall_s = 1\n")

    assert "intervall_s" in told(tmp_path, monkeypatch, table)[0]


def test_a_file_is_written_and_later_blocks_see_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = block("python", "# one.py\nNUMBER = 1\n")
    code = block("python", "from one import NUMBER\n\nassert NUMBER == 1\n")

    assert [] == told(tmp_path, monkeypatch, file, code)


def test_what_only_sets_up_must_exist() -> None:
    assert "" == missing("make docs")
    assert "nothing" == missing("make nothing")
    assert "" == missing("pip install 'verifill[ccxt]'")
    assert "nothing" == missing("pip install 'verifill[nothing]'")
