"""The log of a live or paper run, run again from its own answers."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from attrs import evolve

from verifill.engine.answers import KEY
from verifill.engine.errors import LogError
from verifill.engine.log.connection import DATABASE, connect_to_read, reading, rows_after
from verifill.engine.log.durable_reader import DurableReader
from verifill.engine.log.record import COLUMNS, EPOCH
from verifill.engine.replay.difference import PAYLOAD, Difference, Row
from verifill.engine.table import AnyTable
from verifill.machines.assembling import Deciding
from verifill.machines.full_loop import FULL_LOOP
from verifill.machines.recovery import Found, found_in
from verifill.machines.replaying import Life, Past, Relived, relive
from verifill.replay.market import RecordedMarket
from verifill.replay.replayed import Replayed


def rows_in(folder: Path) -> Iterator[Row]:
    """Every record of a durable log, its payload as plain values.

    Raises:
        LogError: it cannot be read.
    """
    path = folder / DATABASE
    with reading(path), closing(connect_to_read(path)) as connection:
        for row in rows_after(connection, path):
            told: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
            payload = told[PAYLOAD]
            told[PAYLOAD] = None if payload is None else json.loads(payload)
            yield told


def lives_in(folder: Path) -> list[Life]:
    """The process lives of a durable log.

    Raises:
        LogError: it cannot be read.
    """
    lives: list[tuple[Row, list[Row]]] = []
    for row in rows_in(folder):
        if row["kind"] == EPOCH or not lives:
            lives.append((row, []))
        else:
            lives[-1][1].append(row)
    return [Life(epoch=row["epoch"], first=row["seq"], rows=rows) for row, rows in lives]


ANSWERS = "the engine was run again on the answers that the log holds; nothing was reached"


def replay_live(
    folder: Path,
    *,
    strategy: Deciding | None = None,
    table: AnyTable = FULL_LOOP,
    until: int = 0,
) -> Replayed:
    """Run a live or paper log again, one process life after the other.

    Args:
        folder: the log.
        strategy: decides anew; None to take the decisions of the log.
        table: of the machine; the one that this version has, by default.
        until: number of the last record that is compared; 0 for all.

    Raises:
        LogError: it is no log that can be run again.
    """
    header = DurableReader(folder).header
    lives = lives_in(folder)
    market = RecordedMarket(header.get("price_decimals", {}))
    count, told, limits = 0, list[tuple[int, str]](), list[str]()
    difference: Difference | None = None
    for life in lives:
        if until and life.first > until:
            break
        count += 1  # its EPOCH begins it, and is written by whoever starts the process
        if lacking := lacking_in(life):
            limits.append(lacking)
            continue
        relived = _relived(folder, header, _cut(life, until), strategy, market, table)
        count += relived.count
        told.append((life.epoch, relived.end))
        if difference := relived.difference:
            break
    return Replayed(
        run=str(header["run"]),
        mode=str(header.get("mode", "")),
        how=ANSWERS,
        count=count,
        of=sum(1 + len(life.rows) for life in lives),
        lives=tuple(told),
        difference=difference,
        limits=tuple(limits),
    )


def lacking_in(life: Life) -> str:
    """Why a life cannot be run again; empty if it can."""
    if not life.rows or KEY in (life.rows[0][PAYLOAD] or {}):
        return ""
    return (
        f"process life {life.epoch} (from record {life.first}) was written by a version that did "
        "not keep what it was told from outside; it can be verified, and not run again"
    )


def _cut(life: Life, until: int) -> Life:
    """A life up to a record."""
    kept = len(life.rows) if not until else max(0, until - life.first)
    return evolve(life, rows=life.rows[:kept])


def _relived(
    folder: Path,
    header: Mapping[str, Any],
    life: Life,
    strategy: Deciding | None,
    market: RecordedMarket,
    table: AnyTable,
) -> Relived:
    found = found_in(DurableReader(folder, before=life.first)) if life.first > 1 else Found()
    past = Past(
        run=str(header["run"]),
        nesting=header["nesting"],
        found=found,
        market=market,
        strategy=strategy,
        table=table,
    )
    try:
        return relive(life, past)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        msg = (
            f"{folder} holds an answer that cannot be read, in process life {life.epoch}: {error}. "
            "`verifill verify` says whether the log is as it was written"
        )
        raise LogError(msg) from error
