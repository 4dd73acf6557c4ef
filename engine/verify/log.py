"""Checking a whole log, of a backtest or of a live run."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from verifill.engine.errors import LogError
from verifill.engine.log.anchor import Anchor
from verifill.engine.log.connection import DATABASE
from verifill.engine.log.identity import check_header, header_fault
from verifill.engine.log.reader import Log
from verifill.engine.log.schema import SQLITE, STORE
from verifill.engine.log.writer import HEADER, is_log
from verifill.engine.verify.chunks import chain
from verifill.engine.verify.claims import resolved_as_told, rolled_back
from verifill.engine.verify.evidence import EXECUTED, evidence_checks, intent_checks
from verifill.engine.verify.machine import Machine
from verifill.engine.verify.moves import moves, rows_of
from verifill.engine.verify.order import at_rest, ends_of, order_checks, recovered, sequence
from verifill.engine.verify.records import read
from verifill.engine.verify.submits import repeats_check
from verifill.engine.verify.sums import sums
from verifill.engine.verify.tolerances import tolerated
from verifill.engine.verify.verdict import Check, Fault, Open, Verdict, checked
from verifill.engine.verify.words import words

PATHS = ("seq", "path", "time_ns", "tick", "chain", "instruction", "attempt")


def verify(folder: Path | str, *, anchor: Anchor | None = None, root: str = "") -> Verdict:
    """Check a log against itself, without any code of a user.

    Args:
        folder: the log.
        anchor: the second place of a live log; None if there is none to be asked.
        root: hash that the chain must end with, where somebody has kept it; empty if not.

    Raises:
        LogError: it is no log, or so damaged that nothing can be said about it.
    """
    if not is_log(Path(folder)):
        check_header(Path(folder))
    log = Log(folder)
    damaged = header_fault(Path(folder))
    try:
        run, machine = str(log.header["run"]), Machine(log.header)
    except (LogError, KeyError, TypeError, ValueError, AttributeError) as error:
        why = error if isinstance(error, LogError) else f"{HEADER} misses {error}"
        msg = f"{folder} cannot be checked: {damaged or why}"
        raise LogError(msg) from error
    live = (Path(folder) / DATABASE).is_file() or log.header.get(STORE) == SQLITE
    checks, opened, count, end = (
        _of_records(log, machine, anchor) if live else _of_chunks(log, machine)
    )
    if root:
        claim = "the chain ends with the hash that was kept elsewhere"
        faults = [] if end == root else [Fault("root", f"it ends with {end}, and {root} was kept")]
        checks.append(checked("root", claim, 1, "hashes", faults))
    return Verdict(
        run=run,
        mode=str(log.header.get("mode", "")),
        transitions=count,
        root=end,
        checks=(_table(machine, damaged), *checks),
        open=tuple(opened),
    )


def _table(machine: Machine, damaged: str) -> Check:
    faults = [Fault(HEADER, odd) for odd in (damaged, machine.odd()) if odd]
    claim = "the log carries the table that it was written with"
    return checked("table", claim, 1, "tables", faults)


Checked = tuple[list[Check], list[Open], int, str]


def _of_chunks(log: Log, machine: Machine) -> Checked:
    checks, root = chain(log)
    with _readable(checks):
        known, illegal = words(machine, log.paths)
        claim = "every transition is one of the table that the log carries"
        checks.append(checked("legality", claim, len(log.paths), "paths", illegal))
        rows = _joined(log, known)
        unknown = rows.filter(pl.col("source").is_null())
        if unknown.height:
            faults = (
                Fault(f"record {seq}", "names a path that there is not") for seq in unknown["seq"]
            )
            checks.append(checked("paths", "every path is known", rows.height, "rows", faults))
            rows = rows.filter(pl.col("source").is_not_null())
        order = [sequence(rows), *order_checks(rows, machine)]
        ends = ends_of(rows, machine)
        rest, opened = at_rest(ends, rows, machine)
        checks += [*order, rest, recovered(rows, opened), *evidence_checks(ends, log.stream)]
        checks.append(sums(verified(ends, rows), log.chunks(), log.header))
        checks.append(rolled_back(rows, ends, log.stream))
        checks.append(tolerated(log.stream, log.header))
        return checks, opened, int(rows["count"].sum()), root
    return checks, [], 0, root


def verified(ends: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Instructions that ended in a verified execution, in the process life that they began in.

    A life that takes one over reads positions before it knows what became of it.
    """
    done = ends.filter(pl.col("name").is_in(EXECUTED))
    if rows["epoch"].n_unique() > 1:
        of = rows.lazy().filter(pl.col("instruction") > 0).group_by("instruction")
        lives = of.agg(lives=pl.col("epoch").n_unique()).filter(pl.col("lives") == 1)
        done = done.join(lives.collect(), on="instruction", how="semi")
    return done


def _joined(log: Log, known: pl.DataFrame) -> pl.DataFrame:
    """Each recorded path with what it comes to."""
    paths = log.stream("paths").select(PATHS)
    rows = paths.join(known.lazy(), on="path", how="left", maintain_order="left")
    epoch = pl.lit(log.header.get("epoch", 1), dtype=pl.Int64)
    return rows.with_columns(epoch=epoch, in_tick=pl.lit(value=False)).collect()


def _of_records(log: Log, machine: Machine, anchor: Anchor | None) -> Checked:
    folder = log.folder
    told = read(folder, anchor)
    frame = told.frame
    checks = [*told.checks, sequence(frame.with_columns(count=pl.lit(1, dtype=pl.Int64)))]
    with _readable(checks):
        known, legality = moves(frame, machine)
        checks.append(legality)
        rows = rows_of(frame, known, machine)
        ends = ends_of(rows, machine)
        rest, opened = at_rest(ends, rows, machine)
        checks += [*order_checks(rows, machine), rest, recovered(rows, opened)]
        checks += [*intent_checks(rows, machine), repeats_check(frame)]
        checks += evidence_checks(ends, told.stream)
        checks.append(sums(verified(ends, rows), [told.stream], log.header))
        checks.append(rolled_back(rows, ends, told.stream))
        checks.append(tolerated(told.stream, log.header))
        checks.append(resolved_as_told(rows, told.stream))
        return checks, opened, frame.height, told.root
    return checks, [], frame.height, told.root


@contextmanager
def _readable(checks: list[Check]) -> Generator[None]:
    """What cannot be read ends the checking; why is a fault among the others."""
    try:
        yield
    except (PolarsError, LogError, LookupError, AttributeError, TypeError, ValueError) as error:
        told = next(iter(str(error).splitlines()), type(error).__name__)
        what = f"the rest could not be checked: {told}"
        checks.append(
            checked("reading", "all of the log can be read", 0, "rows", [Fault("log", what)])
        )


def as_plain(verdict: Verdict) -> Mapping[str, Any]:
    """A verdict as plain values for JSON."""
    return {
        "run": verdict.run,
        "mode": verdict.mode,
        "conforms": verdict.conforms,
        "transitions": verdict.transitions,
        "root": verdict.root,
        "checks": [_plain(check) for check in verdict.checks],
        "open": [
            {"instruction": one.instruction, "leaf": one.leaf, "seq": one.seq}
            for one in verdict.open
        ],
    }


def _plain(check: Check) -> Mapping[str, Any]:
    return {
        "name": check.name,
        "claim": check.claim,
        "holds": check.holds,
        "looked_at": check.looked_at,
        "of": check.of,
        "faults": check.count,
        "skipped": check.skipped,
        "places": [{"where": fault.where, "what": fault.what} for fault in check.faults],
    }
