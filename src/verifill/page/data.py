"""All that a page of a run holds, as plain values for JSON."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl
from attrs import frozen

from verifill.engine.clock import NANOSECONDS
from verifill.engine.digest import sha256_hex
from verifill.engine.drawing.model import picture
from verifill.engine.drawing.overlay import overlay
from verifill.engine.errors import VerifillError
from verifill.engine.log.expand import Nesting
from verifill.engine.log.writer import HEADER
from verifill.engine.render import draw
from verifill.header import versions
from verifill.machines.full_loop import FULL_LOOP
from verifill.page.badges import Judged, as_plain, badges
from verifill.page.columns import integers
from verifill.page.exceptions import exceptions
from verifill.page.window import held, window
from verifill.result import RunResult

POINTS_MAX: Final = 2_000  # of a curve; more than a screen is wide
DIGESTS: Final = ("config_digest", "data_digest")


@frozen
class Content:
    """What a page shows.

    Attributes:
        data: plain values for JSON.
        drawing: the diagram as SVG; or the reason why there is none.
        drawn: whether it is the diagram.
    """

    data: Mapping[str, Any]
    drawing: str
    drawn: bool


@frozen(kw_only=True)
class Shown:
    """What of a log a page shows.

    Attributes:
        first: number of the first record of the window; 0 for the last records.
        quote: the asset that equity is counted in; by default the one that the log names.
        market: prepared market data of a backtest; by default that in the log.
    """

    first: int = 0
    quote: str = ""
    market: Path | None = None


def content(folder: Path, judged: Judged, shown: Shown) -> Content:
    """What the page of a log shows.

    Args:
        folder: the log.
        judged: how it is judged.
        shown: what of it is shown.

    Raises:
        LogError: there is no log, or it cannot be read.
        ConfigError: it has no such record.
    """
    result = RunResult(folder, market=shown.market)
    nesting = Nesting(**result.header["nesting"])
    part = window(result.log, shown.first)
    told = badges(folder, judged)
    drawing, drawn, stands = _diagram(result)
    data = {
        "format": 1,
        "head": _head(result),
        "badges": [as_plain(badge) for badge in told],
        "window": {"first": part.first, "last": part.last, "of": part.of},
        "levels": [list(level) for level in nesting.levels],
        "holders": dict(nesting.holders),
        "stands": stands,
        **held(result, part, nesting),
        "exceptions": exceptions(result.log, nesting),
        "equity": _equity(result, shown.quote),
    }
    return Content(data, drawing, drawn)


def _head(result: RunResult) -> Mapping[str, Any]:
    header, outcome = result.header, result.outcome
    return {
        "run": result.run,
        "mode": header.get("mode", ""),
        "ending": outcome.ending.value if outcome.ending else "",
        "reason": outcome.reason,
        "state": outcome.state,
        "ticks": outcome.ticks,
        "fork": _fork(header),
        "interval_ns": _interval_ns(header),
        "counts": {**result.counts, "instructions": _instructions(result)},
        "digests": {
            "header.json": sha256_hex((result.log.folder / HEADER).read_bytes()),
            "table": header["nesting"]["digest"],
            **{name.removesuffix("_digest"): header[name] for name in DIGESTS if name in header},
        },
        "versions": dict(header.get("versions", {})),
        "made": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        "made_by": f"verifill {versions()['verifill']}",
    }


def _instructions(result: RunResult) -> int:
    """How many there were; the stream has a row for each send."""
    numbers = result.log.stream("instructions").select(pl.col("instruction").n_unique())
    return int(numbers.collect().item())


def _fork(header: Mapping[str, Any]) -> str:
    """Where a fork comes from; empty of a run that really was."""
    told = header.get("fork")
    if not told:
        return ""
    answer = "what the simulated venue says" if told["simulated"] else json.dumps(told["answer"])
    parent = told["parent"]
    return (
        f"at record {told['seq']} of the {parent['mode']} run {parent['run']}: {told['question']} "
        f"is {answer}. From there on it is simulated. Header of the parent: "
        f"{parent['header_digest']}"
    )


def _interval_ns(header: Mapping[str, Any]) -> int:
    """From a tick to the next, when it is to be over; 0 if the log does not say."""
    loop: Mapping[str, Any] = header.get("config", {}).get("loop", {})
    return int(loop.get("interval_s", 0)) * NANOSECONDS


def _diagram(result: RunResult) -> tuple[str, bool, Mapping[str, tuple[str, ...]]]:
    """The whole machine with the run over it; the reason where it cannot be drawn."""
    shown = picture(FULL_LOOP)
    try:
        return draw(shown, "svg", overlay(shown, result.log)), True, shown.stands
    except VerifillError as error:
        return str(error), False, {}


def _equity(result: RunResult, quote: str) -> Mapping[str, Any]:
    """Equity over the whole run; of a long one the first, least, greatest and last of each part."""
    try:
        account = result.account(quote, missing="leave out")
        frame = result.equity(quote, missing="leave out")
    except (VerifillError, KeyError) as error:
        return {"missing": str(error)}
    rows = frame.select("time_ns", "equity").with_row_index("row")
    kept = rows if rows.height <= POINTS_MAX else _thinned(rows)
    return {
        "quote": account.worth.quote,
        "left_out": list(account.left_out),
        "of": rows.height,
        "time_ns": integers(kept["time_ns"].to_list()),
        "values": [f"{value:f}" for value in kept["equity"]],
    }


def _thinned(rows: pl.DataFrame) -> pl.DataFrame:
    """At most POINTS_MAX of many rows: of each part the first, last, least and greatest."""
    part = pl.col("row") * (POINTS_MAX // 4) // rows.height
    value = pl.col("equity")
    row = pl.col("row")
    four = (row.first(), row.gather(value.arg_min()), row.gather(value.arg_max()), row.last())
    parts = rows.group_by(part=part).agg(
        one.explode().first().alias(str(at)) for at, one in enumerate(four)
    )
    kept = {int(number) for name in parts.columns[1:] for number in parts[name]}
    return rows.filter(row.is_in(kept))
