"""The site: what Sphinx makes of this folder for `make docs`, and of the docstrings.

Every warning is an error there, so a link to a page, a heading or a file that is not there
fails the build. Nothing comes from another host: the theme brings no fonts, and the build is
checked for that afterwards (`docs/offline.py`).
"""

import re
from importlib.metadata import version as version_of

from sphinx.application import Sphinx
from sphinx.highlighting import lexer_classes

project = "Verifill"
author = "Verifill contributors"
copyright = "Verifill contributors. MIT licence"  # noqa: A001 - Sphinx asks for this name
release = version = version_of("verifill")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["examples"]
highlight_language = "text"

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
myst_links_external_new_tab = False

default_role = "literal"  # `x` in a docstring is code, as it is in Markdown
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "furo"
html_title = "Verifill"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
pygments_dark_style = "native"

# A default that has no text of its own, such as `<function Progress.<lambda>>`.
_NAMELESS = re.compile(r"<(?:[^<>]|<\w+>)*>|<factory>")


def _signature(*told: object) -> tuple[str, str] | None:
    """A signature as one would write it."""
    signature, returned = told[-2:]
    if not isinstance(signature, str):
        return None
    return _NAMELESS.sub("...", signature), returned if isinstance(returned, str) else ""


def setup(app: Sphinx) -> None:
    """Machines are shown as text beside their pictures; no script draws them anew."""
    lexer_classes["mermaid"] = lexer_classes["none"]
    app.connect("autodoc-process-signature", _signature)
