"""Writing the page of a run; it is there whole or not at all."""

from pathlib import Path

from verifill.engine.errors import ConfigError
from verifill.engine.log.writer import reason_of
from verifill.page.badges import Judged
from verifill.page.data import Shown, content
from verifill.page.html import html

ENDINGS = (".html", ".htm")


def write_page(
    folder: Path, to: Path, judged: Judged, shown: Shown | None = None
) -> tuple[str, ...]:
    """Write the page of a log.

    Args:
        folder: the log.
        to: the file; one that is there is replaced.
        judged: how the log is judged.
        shown: what of it the page shows; None for the usual.

    Returns:
        What its badges say.

    Raises:
        LogError: there is no log, or it cannot be read.
        ConfigError: it has no such record, or the file cannot be written.
    """
    if to.suffix.lower() not in ENDINGS:
        msg = f"{to} ends in {to.suffix!r}; allowed are {', '.join(ENDINGS)}"
        raise ConfigError(msg)
    if not to.parent.is_dir():
        msg = f"{to} cannot be written: there is no folder {to.parent}. Make it, or choose another"
        raise ConfigError(msg)
    page = content(folder, judged, shown or Shown())
    part = to.with_name(f".{to.name}.part")
    try:
        part.write_text(html(page), encoding="utf-8")
        part.replace(to)
    except OSError as error:
        msg = f"{to} cannot be written: {reason_of(error)}. Choose a place that you may write to"
        raise ConfigError(msg) from error
    finally:
        part.unlink(missing_ok=True)
    return tuple(str(badge["word"]) for badge in page.data["badges"])
