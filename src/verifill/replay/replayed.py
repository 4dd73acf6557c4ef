"""What comes of a replay."""

from attrs import frozen

from verifill.engine.replay.difference import Difference


@frozen(kw_only=True)
class Replayed:
    """What came of the replay of a log.

    Attributes:
        run: name of the run.
        mode: its mode.
        how: how it was run again.
        count: how many records were the same.
        of: how many the log holds.
        lives: each process life, and how its replay came to its end.
        difference: the first place at which it departs; None if it does not.
        limits: what was not run again, and why.
    """

    run: str
    mode: str
    how: str
    count: int
    of: int
    lives: tuple[tuple[int, str], ...] = ()
    difference: Difference | None = None
    limits: tuple[str, ...] = ()

    @property
    def identical(self) -> bool:
        """Whether all of the log was run again, and is the same."""
        return self.difference is None and not self.limits and (self.count > 0 or self.of == 0)

    @property
    def in_part(self) -> bool:
        """Whether what was run again is the same, and something cannot be run again."""
        return self.difference is None and bool(self.limits)
