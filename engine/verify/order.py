"""The checks on the order of transitions: the same for every log.

They look at rows: one for each recorded path of a backtest, one for each record of a live
run, in these columns:

    seq count source target inner answers denials refused ignored recovered rolled_back
    epoch time_ns tick chain instruction attempt in_tick in_chain in_instruction
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import polars as pl

from verifill.engine.verify.machine import Machine
from verifill.engine.verify.verdict import Check, Fault, Open, checked


def order_checks(rows: pl.DataFrame, machine: Machine) -> list[Check]:
    """Continuity, nesting and clock."""
    return [_continuity(rows, machine), _nesting(rows, machine), _clock(rows)]


def sequence(rows: pl.DataFrame) -> Check:
    """No number is left out, and none is used twice."""
    due = (pl.col("seq") + pl.col("count")).shift(1, fill_value=1)
    odd = rows.select("seq", due=due).filter(pl.col("seq") != pl.col("due"))
    faults = (Fault(f"record {seq}", f"stands where {due} is due") for seq, due in _rows(odd))
    claim = "numbers have no gap and no repeat"
    return checked("sequence", claim, rows.height, "rows", faults, odd.height)


def _continuity(rows: pl.DataFrame, machine: Machine) -> Check:
    """Each transition goes on where the one before ended; a new process life begins anew."""
    begins = pl.col("epoch") != pl.col("epoch").shift(1, fill_value=0)
    initial = pl.lit(machine.flat.initial, dtype=rows.schema["target"])
    due = pl.when(begins).then(initial).otherwise(pl.col("target").shift(1))
    odd = rows.select("seq", "source", due=due).filter(pl.col("source") != pl.col("due"))
    faults = (
        Fault(f"record {seq}", f"begins in {source}, and the machine was in {due}")
        for seq, source, due in _rows(odd)
    )
    claim = "each transition begins where the one before ended"
    return checked("continuity", claim, rows.height, "rows", faults, odd.height)


def _nesting(rows: pl.DataFrame, machine: Machine) -> Check:
    """Who is inside a machine has its number; numbers grow, and each is of one parent."""
    columns = [column for _, column in machine.nesting.levels]
    odd = [
        rows.filter(pl.col(f"in_{column}") & (pl.col(column) <= 0)).select(
            "seq", what=pl.lit(f"is inside a machine and has no number of its {column}")
        )
        for column in columns[1:]
    ]
    odd += [
        _numbered(rows, column)
        .filter(pl.col(column) < pl.col(column).shift(1))
        .select("seq", what=pl.lit(f"goes back to an earlier {column}"))
        for column in columns
    ]
    odd += [
        _numbered(rows, own)
        .filter((pl.col(own) == pl.col(own).shift(1)) & (pl.col(around) != pl.col(around).shift(1)))
        .select("seq", what=pl.lit(f"is the same {own} in another {around}"))
        for around, own in pairwise(columns)
    ]
    found = pl.concat(odd).sort("seq")
    faults = (Fault(f"record {seq}", str(what)) for seq, what in _rows(found))
    claim = "each machine runs inside its parent, one after the other"
    return checked("nesting", claim, rows.height, "rows", faults, found.height)


def _numbered(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    return rows.filter(pl.col(column) > 0)


def _clock(rows: pl.DataFrame) -> Check:
    same = pl.col("epoch") == pl.col("epoch").shift(1)
    back = same & (pl.col("time_ns") < pl.col("time_ns").shift(1))
    odd = rows.select("seq", "time_ns", before=pl.col("time_ns").shift(1), back=back).filter("back")
    faults = (
        Fault(f"record {seq}", f"is of {now} ns, and the one before it of {before} ns")
        for seq, now, before, _ in _rows(odd)
    )
    claim = "time does not go back within a process life"
    return checked("clock", claim, rows.height, "rows", faults, odd.height)


def ends_of(rows: pl.DataFrame, machine: Machine) -> pl.DataFrame:
    """Each instruction: when it ran, how often it was sent, and where it ended.

    Columns: `instruction`; `first` and `last`, the numbers of its transitions; `sends`; `leaf`,
    the last one inside a tight loop, with `name`, its name there, and `at` and `life`, the
    record and the process life that led there. Those four are null where there is none.
    """
    names = {leaf: machine.inside.get(leaf) for leaf in machine.nesting.states}
    place = pl.when(pl.col("inner") != "").then(pl.int_range(pl.len()))
    ends = (
        rows.lazy()
        .with_columns(place=place)
        .filter(pl.col("instruction") > 0)
        .group_by("instruction")
        .agg(
            first=pl.col("seq").min(),
            last=(pl.col("seq") + pl.col("count") - 1).max(),
            sends=(pl.col("answers") + pl.col("denials")).sum(),
            place=pl.col("place").max(),
        )
        .collect()
    )
    there = rows.select(leaf="inner", at="seq", life="epoch")[ends["place"]]
    return ends.drop("place").hstack(
        there.with_columns(name=pl.col("leaf").replace_strict(names, return_dtype=pl.String))
    )


def at_rest(ends: pl.DataFrame, rows: pl.DataFrame, machine: Machine) -> tuple[Check, list[Open]]:
    """Every instruction has ended before the next begins; the last one may be open.

    A process life may end before an attempt is sent, or between two: the next life sends
    nothing more of it.
    """
    inside = ends.filter(pl.col("leaf").is_not_null())
    last, lives = greatest(inside, "instruction"), greatest(rows, "epoch")
    resting = machine.at_rest | _between_sends(machine)
    unrested = (
        inside.filter(~pl.col("leaf").is_in(list(machine.at_rest)))
        .filter(~(pl.col("leaf").is_in(list(resting)) & (pl.col("life") < lives)))
        .select("instruction", "leaf", "at")
        .sort("instruction")
    )
    odd = unrested.filter(pl.col("instruction") != last)
    faults = (
        Fault(f"instruction {number}", f"was left in {leaf} at record {seq}, and others followed")
        for number, leaf, seq in odd.iter_rows()
    )
    claim = "every instruction has ended before the next began"
    check = checked("instructions", claim, inside.height, "instructions", faults, odd.height)
    left = unrested.filter(instruction=last)
    return check, [Open(number, leaf, seq) for number, leaf, seq in left.iter_rows()]


def recovered(rows: pl.DataFrame, opened: Sequence[Open]) -> Check:
    """Whoever claims to have recovered has left no instruction in flight.

    No table can prove that. An earlier instruction that is left so is told by `at_rest`.

    Args:
        rows: of the log.
        opened: instructions that have not ended, with the record that each was left at.
    """
    told = rows.filter(pl.col("recovered") > 0)["seq"]
    faults = [
        Fault(
            f"record {seq}", f"claims recovery, and instruction {one.instruction} is in {one.leaf}"
        )
        for one in opened
        for seq in told.filter(told > one.seq)
    ]
    claim = "nothing was in flight where recovery was claimed"
    return checked("recovered", claim, told.len(), "claims", faults)


def greatest(rows: pl.DataFrame, column: str) -> int:
    """The greatest number in a column; 0 if there is none."""
    return int(rows.select(pl.col(column).max().fill_null(0)).item())


def _between_sends(machine: Machine) -> frozenset[str]:
    """Leaves in which nothing is in flight: before a send, and after proof that there was none."""
    backs = {
        leaf
        for (leaf, _), target in machine.flat.moves.items()
        if leaf in machine.inside and target in machine.entry
    }
    return machine.entry | backs


def _rows(odd: pl.DataFrame) -> Iterator[tuple[object, ...]]:
    return odd.iter_rows()
