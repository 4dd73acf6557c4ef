"""The records of a live log as rows that are checked: each kind of move is looked at once."""

import polars as pl

from verifill.engine.paths import Move
from verifill.engine.verify.machine import Machine
from verifill.engine.verify.verdict import Check, Fault, checked
from verifill.engine.verify.words import Word, frame_of

MOVE = ("machine", "from", "event", "to", "kind")
MOVES = {"IGNORED": Move.IGNORED, "REFUSED": Move.REFUSED}


def moves(frame: pl.DataFrame, machine: Machine) -> tuple[pl.DataFrame, Check]:
    """Every kind of move of the trading loops as a row, and whether the table has them all.

    Records of breakers, feeds and the like are left out.

    Args:
        frame: records, in the columns of `engine.verify.kept`.
        machine: that the log carries.
    """
    texts = pl.col("machine").cast(pl.String)
    depths = {table: at for at, (table, _) in enumerate(machine.nesting.levels)}
    kinds = (
        frame.lazy()
        .group_by(MOVE)
        .agg(pl.col("seq").min(), pl.len().alias("times"))
        .filter(texts.is_in(list(depths)))
        .sort("seq")
        .collect()
    )
    known: list[Word] = []
    faults: list[Fault] = []
    looked_at = 0
    for owner, source, event, target, kind, seq, times in kinds.iter_rows():
        move = MOVES.get(kind, Move.MOVED)
        known.append(_word(machine, depths[owner], source, event, target, move))
        if event is None:
            continue
        looked_at += times
        wrong = machine.wrong(source, event, target, move)
        right = machine.nesting.owner(source or "", event, target or "")
        if not wrong and owner != right:
            wrong = f"is written as a move of {owner}, and is one of {right}"
        if wrong:
            again = f", and {times - 1} more like it" if times > 1 else ""
            faults.append(Fault(f"record {seq}", f"{wrong}{again}"))
    claim = "every transition is one of the table that the log carries"
    words = kinds.select(*MOVE, texts.replace_strict(depths, return_dtype=pl.Int64).alias("depth"))
    return words.hstack(frame_of(machine, known).drop("path")), checked(
        "legality", claim, looked_at, "transitions", faults
    )


def _word(
    machine: Machine,
    depth: int,
    source: str | None,
    event: str | None,
    target: str | None,
    move: Move,
) -> Word:
    """What a record comes to; without an event it stays where it is."""
    before, after = (
        leaf if leaf in machine.flat.leaves else ""
        for leaf in (source or target or "", target or source or "")
    )
    outer = frozenset(column for _, column in machine.nesting.levels[: depth + 1])
    return Word(before, before).then(machine, event or "", after, move).inside(outer)


def rows_of(frame: pl.DataFrame, known: pl.DataFrame, machine: Machine) -> pl.DataFrame:
    """The records as the rows that `engine.verify.order` looks at.

    Args:
        frame: records, in the columns of `engine.verify.kept`.
        known: every kind of move; see `moves`.
        machine: that the log carries.
    """
    rows = frame.join(
        known, on=MOVE, how="inner", nulls_equal=True, maintain_order="left"
    ).with_columns(time_ns="mono_ns")
    numbers = {
        column: pl.when((pl.col("depth") >= at) & (pl.lit(at == 0) | pl.col(f"in_{column}")))
        .then(pl.when(pl.col("depth") == at).then("instance").forward_fill())
        .otherwise(0)
        .fill_null(0)
        for at, (_, column) in enumerate(machine.nesting.levels)
    }
    return rows.with_columns(**numbers)
