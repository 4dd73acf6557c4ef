"""What checking a log comes to: claims, and where they are not true."""

from collections.abc import Iterable, Sequence
from itertools import islice

from attrs import field, frozen

FAULTS_SHOWN = 20


@frozen
class Fault:
    """One place where a claim is not true.

    Attributes:
        where: file, record or instruction.
        what: what is there, and what should be.
    """

    where: str
    what: str


@frozen
class Check:
    """One claim about a log.

    Attributes:
        name: in one word or two.
        claim: what must be true.
        looked_at: how many files, records or instructions.
        of: what was counted.
        faults: the first places where it is not true, at most FAULTS_SHOWN.
        count: how many such places there are.
        skipped: why it could not be looked into; empty if it was.
    """

    name: str
    claim: str
    looked_at: int = 0
    of: str = ""
    faults: Sequence[Fault] = ()
    count: int = 0
    skipped: str = ""

    @property
    def holds(self) -> bool:
        """Whether it was looked into and is true."""
        return not self.count and not self.skipped


@frozen
class Open:
    """An instruction that is not at rest where the log ends.

    Attributes:
        instruction: its number.
        leaf: the state in which its tight loop is.
        seq: number of its last record.
    """

    instruction: int
    leaf: str
    seq: int


@frozen(kw_only=True)
class Verdict:
    """What a log is worth as evidence.

    Attributes:
        run: name of the run.
        mode: backtest, paper or live.
        transitions: how many records or transitions.
        root: hash that the chain ends with; whoever keeps it elsewhere can prove the log.
        checks: every claim.
        open: instructions that are not at rest.
    """

    run: str
    mode: str
    transitions: int
    root: str
    checks: Sequence[Check]
    open: Sequence[Open] = field(factory=tuple)

    @property
    def conforms(self) -> bool:
        """Whether no claim was found untrue."""
        return not any(check.count for check in self.checks)


def checked(
    name: str,
    claim: str,
    looked_at: int,
    of: str,
    faults: Iterable[Fault],
    count: int | None = None,
) -> Check:
    """A check, from its faults.

    Args:
        name: see `Check`, as all that follow.
        claim: what must be true.
        looked_at: how many.
        of: what was counted.
        faults: where it is not true; no more of them are made than are shown.
        count: how many there are, where they are not all to be made; None to count them.
    """
    shown = tuple(faults if count is None else islice(faults, FAULTS_SHOWN))
    return Check(name, claim, looked_at, of, shown[:FAULTS_SHOWN], count or len(shown))
