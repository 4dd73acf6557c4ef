"""Time that never goes back, made of a clock that may."""

from attrs import frozen


@frozen(kw_only=True)
class SteadyTime:
    """Steady time.

    What passes between two readings counts if it is positive. So a clock that is set back
    stops nothing for longer than until the next reading, and one that is set forward moves
    time once.

    Attributes:
        read_ns: What the clock said last.
        now_ns: Steady time; as the clock until it goes back for the first time.
    """

    read_ns: int = 0
    now_ns: int = 0

    def at(self, clock_ns: int) -> "SteadyTime":
        """Time when the clock says this, in nanoseconds."""
        passed_ns = max(0, clock_ns - self.read_ns)
        return SteadyTime(read_ns=clock_ns, now_ns=self.now_ns + passed_ns)
