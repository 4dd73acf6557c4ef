"""What the page of a run vouches for: that its log conforms, is whole, and can be run again."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from attrs import frozen

from verifill.anchors import anchor_to_ask
from verifill.engine.errors import VerifillError
from verifill.engine.verify.log import verify
from verifill.engine.verify.verdict import Check, Verdict
from verifill.modes import BACKTEST
from verifill.replay.replayed import Replayed
from verifill.replay.run import replay

CHAIN = ("chain", "files", "anchor", "root")
"""The checks that say whether anything was changed since it was written."""


class Standing(StrEnum):
    """Whether what a badge says was found true."""

    HOLDS = "holds"
    FAILS = "fails"
    UNKNOWN = "unknown"


@frozen
class Badge:
    """One claim about a run, and whether it is true.

    Attributes:
        word: what the badge says.
        standing: whether the claim is true.
        what: the claim, in a sentence.
        found: what was looked at, and each place where it is not true.
    """

    word: str
    standing: Standing
    what: str
    found: Sequence[str]


@frozen(kw_only=True)
class Judged:
    """What is to be judged, and with what.

    Attributes:
        config: what the run was run with; a backtest cannot be run again without.
        start_from: log of the run that a backtest continued.
        anchor: anchor of a live log; None for that which its header names.
        no_anchor: ask none.
        no_replay: do not run it again.
    """

    config: Path | None = None
    start_from: Path | None = None
    anchor: Path | None = None
    no_anchor: bool = False
    no_replay: bool = False


def badges(folder: Path, judged: Judged) -> Sequence[Badge]:
    """The badges of a log.

    Raises:
        LogError: it is no log, or so damaged that nothing can be said about it.
    """
    place = None if judged.no_anchor else anchor_to_ask(folder, judged.anchor)
    verdict = verify(folder, anchor=place)
    return [_conforms(verdict), _chain(verdict), _again(folder, verdict.mode, judged)]


def _conforms(verdict: Verdict) -> Badge:
    told = [line for check in verdict.checks for line in _lines(check)]
    told += [
        f"open: instruction {one.instruction} is in {one.leaf}, at record {one.seq}"
        for one in verdict.open
    ]
    what = "Every check of the log against itself and the table that it carries holds."
    if verdict.conforms:
        return Badge("CONFORMS", Standing.HOLDS, what, told)
    return Badge("DOES NOT CONFORM", Standing.FAILS, what, told)


def _chain(verdict: Verdict) -> Badge:
    checks = [check for check in verdict.checks if check.name in CHAIN]
    told = [line for check in checks for line in _lines(check)]
    told.append(f"the chain ends with {verdict.root}")
    what = "Nothing inside the log was changed since it was written."
    if any(check.count for check in checks):
        return Badge("CHAIN BROKEN", Standing.FAILS, what, told)
    return Badge("CHAIN OK", Standing.HOLDS, what, told)


def _lines(check: Check) -> Sequence[str]:
    if check.skipped:
        return [f"{check.name}: not checked, {check.skipped}"]
    word = "ok" if check.holds else "NO"
    head = f"{check.name}: {word}, {check.claim} ({check.looked_at:,} {check.of})"
    more = check.count - len(check.faults)
    return [
        head,
        *(f"{check.name}: {fault.where} {fault.what}" for fault in check.faults),
        *([f"{check.name}: and {more:,} more"] if more else []),
    ]


def _again(folder: Path, mode: str, judged: Judged) -> Badge:
    what = "The engine, run again from what the log holds, makes the same records."
    if judged.no_replay:
        return Badge("NOT REPLAYED", Standing.UNKNOWN, what, ["it was not asked for"])
    if mode == BACKTEST and judged.config is None:
        why = "a backtest is simulated anew, from its configuration, and none was given"
        return Badge("NOT REPLAYED", Standing.UNKNOWN, what, [why])
    return _replayed(
        lambda: replay(folder, config=judged.config, start_from=judged.start_from), what
    )


def _replayed(run: Callable[[], Replayed], what: str) -> Badge:
    """The badge of a replay; that it cannot be run is said, and is no reason to have no page."""
    try:
        told = run()
    except VerifillError as error:
        return Badge("NOT REPLAYED", Standing.UNKNOWN, what, [str(error)])
    found = [
        f"{told.how}; {told.count:,} of {told.of:,} records are the same",
        *(f"process life {epoch}: {end}" for epoch, end in told.lives),
        *(f"not run again: {limit}" for limit in told.limits),
    ]
    one = told.difference
    if one is not None:
        found.append(f"record {one.seq}: {one.what}; last record in common: {one.cause_seq}")
        found += [
            f"{f.name}: {f.expected} in the log, {f.actual} in the replay" for f in one.fields
        ]
    if told.identical:
        return Badge("REPLAY IDENTICAL", Standing.HOLDS, what, found)
    if told.in_part:
        return Badge("REPLAYED IN PART", Standing.UNKNOWN, what, found)
    return Badge("REPLAY DEPARTS", Standing.FAILS, what, found)


def as_plain(badge: Badge) -> Mapping[str, Any]:
    """A badge as plain values for JSON."""
    return {
        "word": badge.word,
        "standing": badge.standing.value,
        "what": badge.what,
        "found": list(badge.found),
    }
