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
        bad: column -> its sum.
        verdicts: verdict -> cells.
        seeds: that it was run with.
    """

    total: int
    hit: int
    bad: Mapping[str, int]
    verdicts: Mapping[Verdict, int]
    seeds: Sequence[int]

    @classmethod
    def of(cls, results: Sequence[Result], total: int, seeds: Sequence[int]) -> "Summary":
        """The figures of some results."""
        bad = {name: sum(getattr(r.counts, name) for r in results) for name in BAD}
        verdicts = Counter(result.verdict for result in results)
        return cls(total=total, hit=len(results), bad=bad, verdicts=verdicts, seeds=seeds)

    @property
    def sound(self) -> bool:
        """Whether every bad column is zero."""
        return not any(self.bad.values())

    @property
    def bound(self) -> str:
        """The upper end of the 95 % interval of a rate of which none was seen in so many cells."""
        return f"{3 / self.hit:.2%}" if self.hit else "-"

    def lines(self) -> Iterator[tuple[str, str]]:
        """What is told of it."""
        yield "cells", f"{self.hit:,} run of {self.total:,}"
        yield "seeds", ", ".join(map(str, self.seeds))
        for name, count in self.bad.items():
            told = f"0 of {self.hit:,}, so below {self.bound} (95 %)"
            yield name, told if count == 0 else f"{count:,} of {self.hit:,}"
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
            **asdict(result.counts),
            "reason": result.reason,
        }
        for result in results
    ]
    texts = ("hazard", "group", "rows", "plan", "class", "scene", "spot", "at")
    schema: dict[str, pl.DataType] = {name: pl.String() for name in texts}
    schema |= {"seed": pl.Int64(), "expected": pl.String(), "verdict": pl.String()}
    schema |= {name: pl.Int64() for name in BAD} | {"reason": pl.String()}
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


def page(summary: Summary, results: Sequence[Result], hazards: Iterable[Hazard]) -> str:
    """The matrix as a document."""
    told = markdown(("", ""), summary.lines())
    cells = markdown(COLUMNS, by_hazard(results))
    absent = markdown(
        ("hazard", "rows", "why it is not injected"),
        [(h.name, " ".join(h.rows), h.reason) for h in hazards if h.group is Group.NOT_HERE],
    )
    return f"{told}\n## Cells\n\n{cells}\n## Not injected\n\n{absent}"


def write(
    folder: Path, summary: Summary, results: Sequence[Result], hazards: Iterable[Hazard]
) -> None:
    """Write every cell as Parquet, and the matrix as Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    frame(results).write_parquet(folder / PARQUET)
    (folder / MARKDOWN).write_text(page(summary, results, hazards), encoding="utf-8")
