"""What a live run says while it runs: a line on stderr for each record that people care about.

Every line has the number of its record in the log, so that what is said can be found there.
"""

import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import structlog

from verifill.engine.log.opening import TIGHTENED
from verifill.engine.log.record import Record
from verifill.machines.full_loop import Full

QUIET = frozenset({"tick", "complete", "rest", "recover", "heartbeat", "healthy", "connect"})
"""Events that say nothing by themselves: a run without news is quiet."""

WAITING = "an operator: once what is wrong is mended, `verifill ops resume`; or stop it"

Tell = Callable[[Record, int], None]


class Style(StrEnum):
    """How it is said."""

    TEXT = "text"
    JSON = "json"
    NONE = "none"


def telling(style: Style) -> Tell:
    """What tells of records, in this style."""
    if style is Style.NONE:
        return lambda _record, _seq: None
    colour = sys.stderr.isatty()
    render: Any = (
        structlog.processors.JSONRenderer()
        if style is Style.JSON
        else structlog.dev.ConsoleRenderer(colors=colour)
    )
    logger = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            render,
        ],
    )

    def tell(record: Record, seq: int) -> None:
        for level, event, facts in _lines(record):
            getattr(logger, level)(event, seq=seq, **facts)

    return tell


def _lines(record: Record) -> list[tuple[str, str, dict[str, Any]]]:
    """Level, event and facts of what is to be said of a record."""
    payload = record.payload or {}
    if "scope" in payload:
        return _beside(record, payload)
    lines: list[tuple[str, str, dict[str, Any]]] = []
    tightened: Any = payload.get(TIGHTENED, ())
    lines += [("warning", TIGHTENED, {"file": found}) for found in tightened]
    streams: Any = payload.get("streams") or {}
    for _number, kind, text in streams.get("notes", ()):
        level = "info" if kind == "RECOVERY" else "warning"
        lines.append((level, kind.lower(), {"note": text}))
    command: Any = payload.get("command")
    if command:
        said = {name: command[name] for name in ("name", "actor", "reason", "answer")}
        lines.append(("warning", "operator", said))
    if record.event and record.event not in QUIET:
        facts: dict[str, Any] = {"state": record.target}
        if record.attempt:
            facts |= {"instruction": record.instance, "attempt": record.attempt}
        if record.target == Full.HALTED:
            facts["next"] = WAITING
        lines.append(("warning" if record.kind == "REFUSED" else "info", record.event, facts))
    if record.kind == "INTENT":
        lines.append(("info", "intent", {"instruction": record.instance, "key": record.intent_id}))
    return lines


def _beside(record: Record, payload: Mapping[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """What a breaker, a trading state, a feed or the health of a component has come to."""
    if record.event in QUIET:
        return []
    facts = {"scope": payload["scope"], "state": record.target, "reason": payload["reason"]}
    return [("warning", f"{record.machine} {record.event}", facts)]
