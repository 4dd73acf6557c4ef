"""`verifill replay --at, --diff, --next`: a run at its records."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import typer
from attrs import asdict
from rich.console import RenderableType

from verifill.cli.failures import ExitCode
from verifill.cli.screen import moment, pairs, screen, table
from verifill.engine.errors import ConfigError
from verifill.replay.snapshot import Change, Snapshot, as_plain
from verifill.replay.travel import Jump, Travel

CAUSES = 10


def show(folder: Path, seq: int, *, as_json: bool) -> None:
    """Print the run at a record.

    Raises:
        VerifillError: there is no such log or record.
    """
    _tell(Travel(folder).at(seq), as_json=as_json)


def differ(folder: Path, before: int, after: int, *, as_json: bool) -> None:
    """Print what is not the same at two records.

    Raises:
        VerifillError: there is no such log or record.
    """
    told = Travel(folder).diff(before, after)
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in told], indent=2) + "\n")
    else:
        screen().print(changes(before, after, told))


def jump(folder: Path, to: str, after: int, *, as_json: bool) -> None:
    """Print the run at the next record of a sort.

    Raises:
        VerifillError: there is no such log, or nothing of the sort.
        Exit: with 1, if there is none.
    """
    travel = Travel(folder)
    if to not in list(Jump):
        msg = f"--next takes one of {', '.join(Jump)}, not {to!r}"
        raise ConfigError(msg)
    seq = travel.following(Jump(to), after=after)
    if seq is None:
        sys.stderr.write(f"verifill: there is no {to} after record {after} in {folder}\n")
        raise typer.Exit(ExitCode.ENDED_EARLY)
    _tell(travel.at(seq), as_json=as_json)


def _tell(snapshot: Snapshot, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(as_plain(snapshot), indent=2) + "\n")
        return
    out = screen()
    for part in parts(snapshot):
        out.print(part)


def parts(snapshot: Snapshot) -> Iterator[RenderableType]:
    """A snapshot for people, part by part."""
    record = snapshot.record
    moved = f"{record['from']} -- {record['event']} --> {record['to']}"
    rows: list[tuple[str, object]] = [
        ("run", f"{snapshot.run}, {snapshot.mode}"),
        ("record", f"{snapshot.seq} of {snapshot.last_seq}, {record['kind']}"),
        ("at", moment(record["wall_ns"])),
        ("state", snapshot.state),
    ]
    if record["event"]:
        rows.insert(2, (record["machine"], moved))
    yield pairs("", rows)
    levels = [(one.table, one.instance, one.state) for one in snapshot.levels]
    yield table("levels", ("table", "instance", "state"), levels)
    if snapshot.asides:
        asides = [(one.table, one.scope, one.state, one.seq) for one in snapshot.asides]
        yield table("beside", ("table", "scope", "state", "since"), asides)
    if snapshot.open:
        opened = [
            (o.instruction, o.what.get("op", ""), o.what.get("subject", ""), o.state, o.attempt)
            for o in snapshot.open
        ]
        yield table(
            "open instructions", ("instruction", "op", "subject", "state", "attempt"), opened
        )
    held = [(k, p.total, p.low, p.high, p.seq) for k, p in snapshot.positions.items()]
    yield table("positions", ("key", "total", "low", "high", "record"), held)
    for note in snapshot.notes:
        yield f"{note['kind']}: {note['payload']}"
    causes = [(c["seq"], c["from"], c["event"], c["to"], c["kind"]) for c in snapshot.causes]
    yield table("causes", ("record", "from", "event", "to", "kind"), causes[:CAUSES])


def changes(before: int, after: int, told: tuple[Change, ...]) -> RenderableType:
    """What is not the same at two records, for people."""
    rows = [(one.name, one.before, one.after) for one in told]
    return table("", ("what", f"at {before}", f"at {after}"), rows)
