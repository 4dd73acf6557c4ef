"""The site has every public name, and asks no other host for anything."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import verifill
from tests.docs.pages import ROOT

CHECK = ROOT / "docs" / "offline.py"


def checked(site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(CHECK), str(site)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_page_of_the_library_has_every_public_name() -> None:
    page = (ROOT / "docs" / "reference" / "api.md").read_text()
    named = re.findall(r"^\.\. auto\w+:: verifill\.(\w+)$", page, re.MULTILINE)

    assert sorted(verifill.__all__) == sorted(named)


@pytest.mark.parametrize(
    "loading",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/css">',
        '<img srcset="https://cdn.example/x.png 2x">',
        "<style>@import 'https://fonts.example/css';</style>",
        '<p style="background: url(http://cdn.example/x.png)">',
    ],
)
def test_a_page_that_loads_something_from_elsewhere_is_found(loading: str, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(f"<html><body>{loading}</body></html>")

    done = checked(tmp_path)

    assert 1 == done.returncode
    assert "index.html loads" in done.stderr


def test_a_style_sheet_that_loads_a_font_from_elsewhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<html></html>")
    (tmp_path / "theme.css").write_text("@font-face { src: url(https://fonts.example/f.woff2) }")

    assert "theme.css loads https://fonts.example/f.woff2" in checked(tmp_path).stderr


def test_a_page_with_links_and_with_files_of_its_own_loads_nothing(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(
        '<link rel="canonical" href="https://site.example/"><a href="https://other.example">there</a>'
        '<script src="_static/x.js"></script><img src="x.svg">'
    )

    assert 0 == checked(tmp_path).returncode


def test_what_is_no_site_is_refused(tmp_path: Path) -> None:
    assert "is no site" in checked(tmp_path).stderr
