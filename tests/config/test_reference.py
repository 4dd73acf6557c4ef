"""The reference page of the configuration is the one that the classes make."""

import re
from pathlib import Path
from typing import Any

import attrs
import pytest

from verifill import config as classes
from verifill.config.reference import docstring_of, main, reference

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "config.md"
SECTIONS = [kind for name in classes.__all__ if attrs.has(kind := getattr(classes, name))]


def test_the_page_is_up_to_date(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--rewrite"):
        PAGE.write_text(reference())

    assert reference() == PAGE.read_text()


@pytest.mark.parametrize("kind", SECTIONS, ids=lambda kind: kind.__name__)
def test_every_setting_is_described_and_nothing_else_is(kind: type[Any]) -> None:
    _, told = docstring_of(kind)
    own = {field.name for field in attrs.fields(kind) if not field.inherited}

    assert own == told.keys()
    assert all(told.values())


def test_every_setting_is_on_the_page() -> None:
    page = reference()

    for kind in SECTIONS:
        for field in attrs.fields(kind):
            assert f"| `{field.name}` |" in page or field.name == "file"


def test_a_section_is_described_once() -> None:
    headings = re.findall(r"^## (.*)$", reference(), re.MULTILINE)

    assert len(set(headings)) == len(headings)
    assert "`[[exchanges.NAME.instruments]]`" in headings


def test_the_page_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    main()

    assert reference() == capsys.readouterr().out
