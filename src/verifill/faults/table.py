"""The results of a matrix as tables: for people, for documents, for programs."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl
from attrs import asdict, fields, frozen

from verifill.faults.hazard import Group, Hazard
from verifill.faults.judge import Counts, Verdict
from verifill.faults.matrix import Result

BAD = tuple(attribute.name for attribute in fields(Counts))
PARQUET, MARKDOWN = "cells.parquet", "cells.md"


@frozen(kw_only=True)
class Summary:
    """The figures of a matrix.

    Attributes:
        total: how many cells there are.
        hit: how many were run.
        struck: in how many of those the fault came about.
        bad: column -> its sum.
        by_venue: hazard -> effects too many that a venue is to blame for.
        pinned: how many cells could end rightly in one way only.
        verdicts: verdict -> cells.
        seeds: that it was run with.
        made: when it was run, and of which code.
    """

    total: int
    hit: int
    struck: int
    bad: Mapping[str, int]
    by_venue: Mapping[str, int]
    pinned: int
    verdicts: Mapping[Verdict, int]
    seeds: Sequence[int]
    made: str = ""

    @classmethod
    def of(
        cls, results: Sequence[Result], total: int, seeds: Sequence[int], made: str = ""
    ) -> "Summary":
        """The figures of some results."""
        bad = {name: sum(getattr(r.counts, name) for r in results) for name in BAD}
        verdicts = Counter(result.verdict for result in results)
        by_venue = Counter[str]()
        for result in results:
            by_venue[result.cell.hazard.name] += result.by_venue
        return cls(
            total=total,
            hit=len(results),
            struck=sum(result.struck for result in results),
            bad=bad,
            by_venue=+by_venue,
            pinned=sum(len(result.cell.expected) == 1 for result in results),
            verdicts=verdicts,
            seeds=seeds,
            made=made,
        )

    @property
    def sound(self) -> bool:
        """Whether every bad column is zero."""
        return not any(self.bad.values())

    @property
    def bound(self) -> str:
        """The upper end of the 95 % interval of a rate of which none was seen in so many cells."""
        hundredths = -(-3 * 100 * 100 // self.hit) if self.hit else 0  # rounded up
        return f"{hundredths / 100:.2f}%" if self.hit else "-"

    def lines(self) -> Iterator[tuple[str, str]]:
        """What is told of it."""
        yield "made", self.made
        struck = f"the fault came about in {self.struck:,}"
        yield "cells", f"{self.hit:,} run of {self.total:,}; {struck}"
        yield "seeds", ", ".join(map(str, self.seeds))
        for name, count in self.bad.items():
            told = f"0 of {self.hit:,}, so below {self.bound} (95 %)"
            yield name, told if count == 0 else f"{count:,} of {self.hit:,}"
        broken = ", ".join(f"{name} {count}" for name, count in self.by_venue.items())
        yield "by venue", f"{sum(self.by_venue.values()):,} ({broken or 'no venue broke its word'})"
        yield "pinned", f"to one verdict: {self.pinned:,} of {self.hit:,}"
        held = self.verdicts.get(Verdict.HELD, 0)
        yield "HELD", f"{held:,} of {self.hit:,} ({held / max(1, self.hit):.2%})"
        others = (f"{name} {count:,}" for name, count in sorted(self.verdicts.items()))
        yield "verdicts", ", ".join(others)


def frame(results: Iterable[Result]) -> pl.DataFrame:
    """A row for each cell."""
    rows = [
        {
            "hazard": result.cell.hazard.name,
            "group": str(result.cell.hazard.group),
            "rows": " ".join(result.cell.hazard.rows),
            "plan": result.cell.scene.plan,
            "class": str(result.cell.scene.klass),
            "scene": str(result.cell.scene),
            "spot": str(result.cell.spot),
            "at": result.cell.spot.move,
            "seed": result.cell.seed,
            "expected": expected(result.cell.expected),
            "verdict": str(result.verdict),
            "struck": result.struck,
            **asdict(result.counts),
            "by venue": result.by_venue,
            "reason": result.reason,
        }
        for result in results
    ]
    texts = ("hazard", "group", "rows", "plan", "class", "scene", "spot", "at")
    schema: dict[str, pl.DataType] = {name: pl.String() for name in texts}
    schema |= {
        "seed": pl.Int64(),
        "expected": pl.String(),
        "verdict": pl.String(),
        "struck": pl.Boolean(),
    }
    schema |= {name: pl.Int64() for name in (*BAD, "by venue")} | {"reason": pl.String()}
    return pl.DataFrame(rows, schema=schema)


def expected(verdicts: Iterable[Verdict]) -> str:
    """Verdicts in words."""
    return " or ".join(sorted(verdicts))


def by_hazard(results: Iterable[Result]) -> Iterator[tuple[str, ...]]:
    """A row for each hazard in each scene: its cells, what they were to end as, what was wrong."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.cell.hazard.name, str(result.cell.scene)), []).append(result)
    for (name, scene), some in groups.items():
        counted = Counter(str(result.verdict) for result in some)
        verdicts = ", ".join(f"{told} {count}" for told, count in sorted(counted.items()))
        bad = {column: sum(getattr(r.counts, column) for r in some) for column in BAD}
        wrong = ", ".join(f"{column} {count}" for column, count in bad.items() if count)
        yield name, scene, str(len(some)), verdicts, wrong or "0"


COLUMNS = ("hazard", "scene", "cells", "verdicts", "bad")


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [f"| {' | '.join(columns)} |", f"|{'|'.join('---' for _ in columns)}|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


PROTOCOL: Mapping[str, str] = {
    "P1": "kill -9 before or after every commit, send, acknowledgement; again inside recovery",
    "P2": "power cut: unsynced writes are dropped or torn",
    "P3": "torn write",
    "P4": "disk full, short write, failing fsync",
    "P5": "bit flip, truncation, deleted or re-chained record",
    "P6": "clock jump",
    "P7": "time-out after accept; duplicate acknowledgement",
    "P8": "late, partial, out-of-order fill",
    "P9": "wrong or stale position; partition",
    "P10": "two processes",
    "P11": "old log, new table",
}
CASES: Mapping[str, str] = {
    "C1": "time-out, filled",
    "C2": "time-out, or a refusal: never executed",
    "C3": "one order executed twice by its venue",
    "C4": "unparsable reply",
    "C5": "not found, and then there",
    "C6": "partial, then cancelled or the rest",
    "C7": "fee in a third asset",
    "C8": "fee in base",
    "C9": "balance lags the fill",
    "C10": "funding in the middle",
    "C11": "liquidation in the middle",
    "C12": "foreign transfer",
    "C13": "the venue says rejected, and the balance moved",
    "C14": "deposit credited, then rolled back",
    "C15": "withdrawal in review",
    "C16": "one unit off, in either direction",
    "C17": "rebase up and down",
    "C18": "revert: gas only",
    "C19": "transaction status 1, inner failure",
    "C20": "replaced transaction",
    "C21": "reorganisation of depth 1: the transaction returns, or vanishes",
    "C22": "bundle not included",
    "C23": "crash at every state",
    "C24": "clock jump",
    "C25": "looking again must not apply again",
    "C26": "a compensation fails",
    "C27": "unknown token",
    "C28": "tick overrun",
    "C29": "log tampered with, in four ways",
    "C30": "the probe of a half-open breaker fails",
}
"""What hazards stand for: rows of the protocol's fault matrix (P), and cases of the domain (C)."""

HEAD = """\
# Faults

<!-- Written by `verifill faults run --out DIR`; do not edit. -->

`verifill faults run` lets everything go wrong that can, one thing at a time, wherever it applies,
and counts what comes of it. `verifill faults list` says what there is. With a configuration it is
your own strategy that runs, on simulated venues; without one, plans that are built in.

```
verifill faults run --sample 300             # built-in plans
verifill faults run carry.toml --out faults  # your strategy
verifill faults run --only killed            # one hazard; or one cell, by its name
```

Every cell runs the real engine with a log of its own on a disk, the loopback venues, and time that
is a number. A cell of `kill -9` has real processes, and real time. A power cut needs
`pip install verifill[faults]`. The same seed gives the same cells. What went wrong is printed with
the command that runs it again; the exit code is 1 then.

The judge holds the log against the venues' own journal. What must be zero:

| column | counts |
|---|---|
| double | effects of one key or instruction beyond the first, sends of a key that are no repeat |
| skipped | entries of a plan without a fate, or DONE without having been done |
| lost | records that were acknowledged and are not in the log, sends without an INTENT there |
| wrong | terminal states and books that the venues contradict |
| illegal | transitions that are no row of the table, refused ones included |
| undetected | damage, or a second process, that an engine has started on |
| unresolved | instructions that were sent and have no end, while the run went on |
| unexpected | verdicts other than the pinned one: an engine that only holds fails too |

`by venue` counts effects too many that a venue is to blame for, because it breaks its word here:
it executes one send twice. Just one effect is allowed for that in such a cell, and it must come
about: a second one is `double`, none is `unexpected`. Nowhere else is any.

RESENT says that something went out under a second key, after proof. What goes out once more under
its own key, in class K, is DONE: there is one intent, and one effect.

One verdict is pinned for each cell. Some follow from what was really done: of a bit that flips,
from whether SQLite, asked without the engine, still reads what it read before; of a process that is
killed while it recovers, and of a power cut, from whether an order is open in the log that is left
and no venue has it; of a mixture, from what was drawn. For a strategy of your own no verdict is
pinned but REFUSED TO START; nothing may be OPEN.

What is not shown here: `kill -9` of a real process strikes a plan of one order, a saga that is
taken back and a transaction, on a venue of class K; of classes D and N, and at all other moments, a
process dies by an exception that nothing catches. A power cut takes from the database what was not
synced; a line of the anchor, the header and the folder are laid out as a cut may leave them.

## What was run
"""


def standing(hazards: Iterable[Hazard]) -> Iterator[tuple[str, str, str]]:
    """What each row and case is, and which hazards stand for it."""
    all_of_them = list(hazards)
    for row, what in {**PROTOCOL, **CASES}.items():
        names = (_named(hazard) for hazard in all_of_them if row in hazard.rows)
        yield row, what, ", ".join(names) or "-"


def _named(hazard: Hazard) -> str:
    return f"{hazard.name} (not injected here)" if hazard.group is Group.NOT_HERE else hazard.name


def page(summary: Summary, results: Sequence[Result], hazards: Sequence[Hazard]) -> str:
    """The matrix as a document."""
    injected = [hazard for hazard in hazards if hazard.group is not Group.NOT_HERE]
    absent = [hazard for hazard in hazards if hazard.group is Group.NOT_HERE]
    parts = (
        HEAD,
        markdown(("", ""), summary.lines()),
        "## Cells\n",
        markdown(COLUMNS, by_hazard(results)),
        "## Hazards\n",
        markdown(
            ("hazard", "what is injected", "stands for"),
            [(hazard.name, hazard.what, " ".join(hazard.rows)) for hazard in injected],
        ),
        "## What they stand for\n",
        markdown(("", "", "hazards"), standing(hazards)),
        "## Not injected here\n",
        markdown(
            ("hazard", "what", "why not, and what shows it"),
            [(hazard.name, hazard.what, hazard.reason) for hazard in absent],
        ),
    )
    return "\n".join(parts)


def write(
    folder: Path, summary: Summary, results: Sequence[Result], hazards: Sequence[Hazard]
) -> None:
    """Write every cell as Parquet, and the matrix as Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    frame(results).write_parquet(folder / PARQUET)
    (folder / MARKDOWN).write_text(page(summary, results, hazards), encoding="utf-8")
