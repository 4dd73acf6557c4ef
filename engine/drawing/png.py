"""A drawing as PNG, made from its SVG by the library resvg."""

import re

from verifill.engine.drawing.sheet import library_of
from verifill.engine.drawing.svg import LIGHT
from verifill.engine.errors import ConfigError

_MEDIA = re.compile(r"@media .*\n")
_VARIABLE = re.compile(r"var\(--(\w+)\)")
SCALE = 2

NO_LETTER = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"/>'
ONE_LETTER = (
    NO_LETTER.removesuffix("/>")
    + '><text font-family="DejaVu Sans Mono, monospace" y="15">X</text></svg>'
)


def png(text: str) -> bytes:
    """An SVG of `engine.drawing.svg` as PNG, in light colours, twice as large.

    The text is set in the fonts of the system.

    Raises:
        ConfigError: the library is not installed, or the system has no font.
    """
    library = library_of("resvg_py")
    if library.svg_to_bytes(svg_string=ONE_LETTER) == library.svg_to_bytes(svg_string=NO_LETTER):
        msg = "a PNG needs a font, and the system has none: install one such as fonts-dejavu-core"
        raise ConfigError(msg)
    plain = _VARIABLE.sub(lambda found: LIGHT[found[1]], _MEDIA.sub("", text))
    return bytes(library.svg_to_bytes(svg_string=plain, zoom=SCALE))
