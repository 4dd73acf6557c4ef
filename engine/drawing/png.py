"""A drawing as PNG, made from its SVG by the library resvg."""

import re

from verifill.engine.drawing.layout import library_of
from verifill.engine.drawing.svg import LIGHT

_MEDIA = re.compile(r"@media .*\n")
_VARIABLE = re.compile(r"var\(--(\w+)\)")
SCALE = 2


def png(text: str) -> bytes:
    """An SVG of `engine.drawing.svg` as PNG, in light colours, twice as large.

    The text is set in the fonts of the system; without any, there is none.

    Raises:
        ConfigError: the library is not installed.
    """
    library = library_of("resvg_py")
    plain = _VARIABLE.sub(lambda found: LIGHT[found[1]], _MEDIA.sub("", text))
    return bytes(library.svg_to_bytes(svg_string=plain, zoom=SCALE))
