"""The page as one file: its parts put together so that nothing in a log can run in it.

The data stand in a block that no browser runs, with every `<`, `>` and `&` written as an escape;
scripts set texts only as texts; and the policy allows the page's own script and styles by their
hashes, and nothing else: no other script, no network.
"""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from typing import Any, Final

from verifill.page.data import Content

SCRIPTS: Final = (
    "data.js", "run.js", "dom.js", "diagram.js", "overview.js", "timeline.js", "table.js",
    "detail.js", "plots.js", "exceptions.js", "head.js", "cursor.js", "main.js",
)  # fmt: skip
LIVE: Final = "live.js"  # of a page that is served

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_ESCAPES = str.maketrans({"<": r"\u003c", ">": r"\u003e", "&": r"\u0026"})


def html(content: Content, *, live: bool = False) -> str:
    """The page.

    Args:
        content: what it shows.
        live: whether it is served, and may ask where it comes from for what is new.
    """
    run = str(content.data["head"]["run"])
    script = script_of_page(live=live)
    style, diagram = _asset("page.css"), _asset("diagram.css")
    drawing = content.drawing if content.drawn else f"<p>{escape(content.drawing)}</p>"
    styles = [style, diagram, *(_STYLE.findall(drawing) if content.drawn else ())]
    return Template(_asset("page.html")).substitute(
        policy=_policy([script], styles, live=live),
        run=escape(run),
        style=style,
        diagram=f"{drawing}<style>{diagram}</style>",
        data=as_block(content.data),
        script=script,
    )


def script_of_page(*, live: bool = False) -> str:
    """All scripts as one, none of whose names are seen outside."""
    names = (*SCRIPTS, LIVE) if live else SCRIPTS
    parts = "\n".join(_asset(name) for name in names)
    return f'"use strict";\n(() => {{\n{parts}}})();\n'


def as_block(data: Mapping[str, Any]) -> str:
    """Data as JSON that ends no element and begins none."""
    return json.dumps(data, separators=(",", ":")).translate(_ESCAPES)


def _policy(scripts: list[str], styles: list[str], *, live: bool) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, scripts))}",
            f"style-src {' '.join(map(_hash, styles))}",
            *(["connect-src 'self'"] if live else ()),
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _asset(name: str) -> str:
    return (files("verifill.page") / "assets" / name).read_text(encoding="utf-8")
