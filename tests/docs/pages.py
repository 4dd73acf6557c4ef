"""The pages of the documentation and the blocks in them, as a reader meets them.

A fenced block says by its language what it is. `python` and `console` are examples, and are run;
`toml` is a setting, and is read; the rest (`text`, `diff`, `mermaid`, `yaml`) is only looked at. A
first line `# NAME` in a block of python or toml says that it is a file of that name.

What cannot be run on a machine without a network says so to the reader as well: the paragraph
before the block begins with `*Not run here`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import frozen
from sybil import Document
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

ROOT: Final = Path(__file__).parents[2]
RUN: Final = ("python", "console")
READ: Final = ("toml",)
SHOWN: Final = ("text", "diff", "mermaid", "yaml", "{eval-rst}", "{toctree}")

ELSEWHERE: Final = {
    "docs/reference/cli.md": "tests/test_reference.py",
    "docs/reference/live-transcript.md": "tests/live/test_transcript.py",
}
"""Pages whose text is made by the code, and the tests that compare them."""

_EVERY: Final = FencedCodeBlockLexer(language=r"[^\n]*")
_FILE: Final = re.compile(r"# ([\w./-]+\.(?:py|toml))\n")
_MARK: Final = "*Not run here"


@frozen
class Block:
    """One fenced block.

    Attributes:
        page: its page, from the root of the repository.
        line: of its opening fence, from 1.
        language: what stands behind the fence.
        text: what is in it.
        spared: whether the page says that it is not run here.
    """

    page: str
    line: int
    language: str
    text: str
    spared: bool

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str:
        """The name of the file that it is; empty if it is none."""
        found = _FILE.match(self.text)
        return found[1] if found else ""


def pages() -> list[str]:
    """All pages, from the root of the repository."""
    files = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [file.relative_to(ROOT).as_posix() for file in files]


def blocks(page: str) -> list[Block]:
    """The blocks of a page, in order."""
    return list(_blocks(page))


def _blocks(page: str) -> Iterator[Block]:
    document = Document((ROOT / page).read_text(), page)
    for region in sorted(_EVERY(document), key=lambda region: region.start):
        before = document.text[: region.start].rstrip().rpartition("\n\n")[2]
        yield Block(
            page=page,
            line=document.text.count("\n", 0, region.start) + 1,
            language=region.lexemes["language"].strip(),
            text=str(region.lexemes["source"]),
            spared=before.lstrip().startswith(_MARK),
        )
