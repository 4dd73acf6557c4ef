"""Whether a built site asks any other host for anything; run by `make docs` after the build.

    python docs/offline.py build/site

A link that a reader may follow is no request. What a browser loads by itself is one: scripts,
styles, pictures, frames and fonts.
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

LOADED: Final = {
    "script": ("src",), "img": ("src", "srcset"), "iframe": ("src",), "source": ("src", "srcset"),
    "video": ("src", "poster"), "audio": ("src",), "embed": ("src",), "object": ("data",),
    "link": ("href",), "use": ("href", "xlink:href"), "image": ("href", "xlink:href"),
}  # fmt: skip
NEVER_LOADED: Final = {"canonical", "alternate", "author", "license", "next", "prev", "search"}
ELSEWHERE: Final = re.compile(r"^\s*(https?:)?//")
IN_STYLES: Final = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')\s]+)")


class Loads(HTMLParser):
    """Collects what a page loads from elsewhere."""

    def __init__(self) -> None:
        """Nothing so far."""
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at the attributes of a tag that make a browser load something."""
        said = {name: value or "" for name, value in attrs}
        if tag == "link" and said.get("rel", "") in NEVER_LOADED:
            return
        values = [said[name] for name in LOADED.get(tag, ()) if name in said]
        self.found += [value for value in values if ELSEWHERE.match(value)]
        self.found += IN_STYLES.findall(said.get("style", ""))


def loads(text: str, *, style: bool) -> list[str]:
    """What a page, or a style sheet, loads from elsewhere."""
    if style:
        return IN_STYLES.findall(text)
    page = Loads()
    page.feed(text)
    return page.found + IN_STYLES.findall(text)


def of_site(site: Path) -> Iterator[str]:
    """A line for each request that the pages of a site would make."""
    for file in sorted(site.rglob("*")):
        if file.suffix in {".html", ".css", ".svg"}:
            for address in loads(file.read_text(), style=file.suffix == ".css"):
                yield f"{file.relative_to(site)} loads {address}"


def main() -> None:
    """Print them, and fail if there is any, or no page at all."""
    site = Path(sys.argv[1])
    if not (site / "index.html").exists():
        sys.exit(f"{site} is no site: it has no index.html")
    if found := list(of_site(site)):
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
