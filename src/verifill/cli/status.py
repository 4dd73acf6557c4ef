"""`verifill status`: where a run is, from its log, also while its engine goes on."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import attrs
from rich.console import RenderableType

from verifill.cli.log import told_by_polars
from verifill.cli.screen import ending, moment, number, pairs, screen, table
from verifill.engine.inbox import Posted
from verifill.guarded import Seen
from verifill.status import Status, status_of
from verifill.unfinished import Recovery


def status(folder: Path, *, last: int, as_json: bool) -> None:
    """Print where the run of a log is.

    Raises:
        LogError: there is no log, or it cannot be read.
    """
    with told_by_polars(folder):
        found = status_of(folder, last=last)
    if as_json:
        sys.stdout.write(json.dumps(_plain(found), indent=2) + "\n")
        return
    out = screen()
    for part in _parts(found):
        out.print(part)


def _parts(found: Status) -> Iterator[RenderableType]:
    yield pairs("", _head(found))
    if found.records:
        columns = ("seq", "time", "event", "to", "kind")
        rows = [_record(row) for row in found.records]
        yield table("Last records", columns, rows)
    if found.positions:
        rows = [(key, p.total, moment(p.as_of_ns)) for key, p in found.positions.items()]
        yield table("Positions as last settled", ("position", "amount", "as of, UTC"), rows)
    yield from _guard(found)
    if found.commands:
        titles = ("command", "posted", "actor", "what", "reason", "answer")
        yield table("Operators' commands", titles, map(_command, found.commands))


def _guard(found: Status) -> Iterator[RenderableType]:
    """Breakers and trading states that keep anything from being sent; feeds, and health."""
    guard = found.guard
    shut = [one for one in guard.breakers if one.reset]
    narrowed = [one for one in guard.trading if one.reset]
    columns = ("state", "since, UTC", "why")
    tables = (
        ("Breakers that are not closed", ("breaker", *columns, "what closes it"), shut),
        ("Trading that is narrowed", ("scope", *columns, "what widens it"), narrowed),
        ("Market data", ("venue", *columns), guard.feeds),
        ("Health", ("component", *columns), guard.health),
    )
    for title, titles, seen in tables:
        if seen:
            yield table(title, titles, [_seen(one)[: len(titles)] for one in seen])


def _seen(one: Seen) -> tuple[object, ...]:
    since = "the start" if one.since_ns is None else moment(one.since_ns)
    return (one.scope, one.state, since, "; ".join(one.reasons), one.reset)


def _head(found: Status) -> Iterator[tuple[str, object]]:
    work = found.work
    yield "run", found.run
    yield "mode", found.mode
    yield "process life", number(found.epoch)
    yield "writer", "one runs now" if found.is_written else "none runs now"
    if found.ending is not None:
        yield "ending", ending(found.ending)
    if found.reason:
        yield "reason", found.reason
    yield "state", work.state or "not begun"
    if work.since_ns is not None:
        yield "since", f"{moment(work.since_ns)} UTC"
    yield "tick", number(work.tick)
    under_way = (
        ("chain", work.chain),
        ("instruction", work.instruction),
        ("attempt", work.attempt),
        ("key of its send", work.intent),
    )
    yield from ((name, str(value)) for name, value in under_way if value is not None)
    if found.recovery:
        yield "recovery", _recovery(found.recovery)
    if found.in_flight:
        order = found.in_flight
        since = "" if order.since_ns is None else f", since {moment(order.since_ns)} UTC"
        where = f"{order.venue}, {order.account}" if order.venue else order.account
        yield "order in flight", f"{order.key} at {where}{since}"
    if found.failure:
        told = found.failure
        yield "last failure", f"{told.kind} at record {told.seq}: {told.payload}"
    if found.guard.breakers:
        shut = sum(bool(one.reset) for one in found.guard.breakers)
        yield "breakers", f"{number(len(found.guard.breakers))}, {number(shut)} not closed"
    if found.inbox:
        yield "inbox", found.inbox
    yield "records", f"{number(found.last_seq)}, read from {number(found.read_from)}"


def _recovery(recovery: Recovery) -> str:
    """What was found and what became of it, in one line."""
    fates = (
        ("adopted", recovery.adopted),
        ("voided", recovery.voided),
        ("held", recovery.held),
    )
    became = [f"{fate} {', '.join(keys)}" for fate, keys in fates if keys]
    return "; ".join(
        ["complete" if recovery.complete else "not complete", *recovery.found, *became]
    )


def _record(row: Mapping[str, Any]) -> tuple[object, ...]:
    names = ("event", "to", "kind")
    return (str(row["seq"]), moment(row["wall_ns"]), *(row[name] for name in names))


def _command(posted: Posted) -> tuple[object, ...]:
    command, answer = posted.command, posted.answer
    given = [f"{name}={value}" for name, value in command.arguments.items()]
    said = "waits"
    if answer is not None:
        said = f"{'taken' if answer.taken else 'refused'}: {answer.text}"
    what = " ".join([command.name, *given])
    return (str(command.id), moment(command.at_ns), command.actor, what, command.reason, said)


def _plain(value: object) -> object:
    """A value as JSON holds it: exact amounts as texts."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    kind = type(value)
    if attrs.has(kind):
        return {each.name: _plain(getattr(value, each.name)) for each in attrs.fields(kind)}
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in cast("Sequence[object]", value)]
    return value
