"""`verifill spans`: a live or paper run as traces of OpenTelemetry, from its log."""

import sys
from pathlib import Path

from verifill.engine.errors import ConfigError
from verifill.observing.extras import extra
from verifill.observing.following import Follower
from verifill.observing.stopping import until_stopped

with extra("tracing", "opentelemetry", "google"):
    from verifill.observing.exporting import Exporting
    from verifill.observing.sinks import opened


def spans(
    folder: Path,
    *,
    to: str,
    follow: bool,
    after: int,
    unfinished: bool,
    overwrite: bool,
    timeout_s: float,
    patience_s: float,
) -> None:
    """Export them, and say on stderr how far that went.

    Raises:
        LogError: it is no log, or cannot be read.
        ConfigError: it is the log of a backtest, or the sink cannot be made.
        SinkError: the sink does not take them.
    """
    if follow and unfinished:
        msg = "--follow exports what is over, --unfinished what is not; give one of them"
        raise ConfigError(msg)
    follower = Follower(folder)
    with opened(to, timeout_s=timeout_s, overwrite=overwrite) as sink:
        exporting = Exporting(follower, sink, after, patience_s if follow else 0.0)
        if follow:
            with until_stopped():
                exporting.follow()
        else:
            exporting.export()
            if unfinished:
                exporting.export_unfinished()
        _say(exporting)


def _say(exporting: Exporting) -> None:
    rest = ""
    if exporting.under_way:
        rest = f"; one is under way since record {exporting.under_way}, and not exported"
    sys.stderr.write(
        f"exported {exporting.traces:,} traces with {exporting.spans:,} spans, up to record "
        f"{exporting.last:,}{rest}\n"
    )
