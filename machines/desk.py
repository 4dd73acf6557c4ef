"""The desk: turns entries of a plan into legs, and keeps what each step has put out.

It knows which venue an account belongs to and whether the strategy subscribes to it, and
it binds late-bound amounts. What cannot become an order becomes a leg with a denial, so
that the refusal too goes through the tight loop and into the log.
"""

from collections.abc import Collection, Iterable, Mapping

from verifill.engine.errors import InstructionError
from verifill.machines.leg import Leg
from verifill.machines.monitor import PositionMonitor
from verifill.venues.instructions import Instruction, Late
from verifill.venues.interfaces import OrderHandler, Venue
from verifill.venues.keys import asset_of
from verifill.venues.orders import Order

REMAINDER = "REMAINDER"


class Desk:
    """Makes legs for one strategy.

    Args:
        venues: all venues of the run.
        subscribed: names of the venues that the strategy may use.
        monitor: the books.

    Attributes:
        subscribed: names of the venues that the strategy may use.
        legs: how many were made so far.
        outputs: step's name -> position key -> units that it moved, verified.
    """

    def __init__(
        self, venues: Iterable[Venue], subscribed: Collection[str], monitor: PositionMonitor
    ) -> None:
        self.venues = tuple(venues)
        self.monitor = monitor
        self.outputs: dict[str, Mapping[str, int]] = {}
        self._of_account = {a: venue for venue in self.venues for a in venue.rules.accounts}
        self.subscribed = frozenset(subscribed)
        self._subscribed = {
            a: venue for a, venue in self._of_account.items() if venue.rules.name in subscribed
        }
        self.legs = 0

    def leg(
        self,
        instruction: Instruction,
        role: str,
        *,
        parent: int = 0,
        units: int | None = None,
        handler: OrderHandler | None = None,
        monitor: PositionMonitor | None = None,
    ) -> Leg:
        """A leg for an instruction.

        Args:
            instruction: what to do.
            role: why, such as PLAN.
            parent: number of the instruction that it continues or takes back.
            units: its amount, if not the instruction's own.
            handler: where to send it, if not to the venue of its account.
            monitor: what to verify it against, if not the books of the run.
        """
        self.legs += 1
        denial = ""
        venue = self._subscribed.get(instruction.account)
        if venue is None:
            denial = self._not_subscribed(instruction)
            venue = self.venue_for(instruction.account)
        elif units is None:
            size = instruction.size
            if type(size) is Late:
                try:
                    units = self.output(size, instruction)
                except InstructionError as error:
                    denial = str(error)
        return Leg(
            number=self.legs,
            parent=parent,
            role=role,
            wanted=instruction,
            late=units,
            denial=denial,
            handler=handler or venue,
            monitor=monitor or self.monitor,
            rules=venue.rules,
        )

    def remainder(self, leg: Leg) -> Leg:
        """The child of a leg that took effect in part, for what is left of it."""
        units = leg.remaining
        child = self.leg(leg.order.instruction, REMAINDER, parent=leg.number, units=units)
        child.child = leg.child + 1
        return child

    def bundle(self, venue: Venue, orders: tuple[Order, ...]) -> Leg:
        """The leg that sends rehearsed orders as one transaction."""
        self.legs += 1
        return Leg(
            number=self.legs,
            parent=0,
            role="COMMIT",
            wanted=orders,
            late=None,
            denial="",
            handler=venue,
            monitor=self.monitor,
            rules=venue.rules,
        )

    def venue_for(self, account: str) -> Venue:
        """The venue that an account belongs to, whether or not the strategy subscribes to it."""
        return self._of_account.get(account, self.venues[0])

    def venue_of(self, account: str) -> Venue | None:
        """The venue that an account belongs to, if the strategy subscribes to it."""
        return self._subscribed.get(account)

    def put_out(self, leg: Leg) -> None:
        """Keep what a verified leg moved, for late-bound amounts; parts add up."""
        wanted = leg.wanted
        name = "" if isinstance(wanted, tuple) else wanted.name
        if name:
            before = self.outputs.get(name, {})
            own = leg.verdict.own
            keys = before.keys() | own.keys()
            self.outputs[name] = {key: before.get(key, 0) + own.get(key, 0) for key in keys}

    def find_output(self, late: Late, instruction: Instruction) -> int | None:
        """As `output`, but None where there is none; the leg made of it is then denied."""
        try:
            return self.output(late, instruction)
        except InstructionError:
            return None

    def output(self, late: Late, instruction: Instruction) -> int:
        """Units that an earlier step moved at a position, without sign.

        Raises:
            InstructionError: there is no such step, it did not move that position, or that
                is a position of another asset than the instruction's amount.
        """
        step = self.outputs.get(late.step)
        if step is None:
            known = ", ".join(sorted(self.outputs)) or "none"
            msg = (
                f"late-bound amount: no verified step is named {late.step!r} in this plan; "
                f"so far there are {known}. Name an earlier step"
            )
            raise InstructionError(msg)
        if late.key not in step:
            msg = (
                f"late-bound amount: step {late.step!r} did not move {late.key!r}; it moved "
                f"{', '.join(sorted(step))}"
            )
            raise InstructionError(msg)
        if not _of_one_asset(late, instruction):
            msg = (
                f"late-bound amount: {late.key!r} is of another asset than the amount of "
                f"{instruction.op}; name a position of the asset itself"
            )
            raise InstructionError(msg)
        return abs(step[late.key])

    def _not_subscribed(self, instruction: Instruction) -> str:
        allowed = sorted(self._subscribed)
        return (
            f"account {instruction.account!r} is of no venue that the strategy subscribes "
            f"to; it may use {', '.join(allowed)}"
        )


def _of_one_asset(late: Late, instruction: Instruction) -> bool:
    """Whether both are in the same units: of the asset, or of the base of what is traded."""
    asset = asset_of(late.key)
    moved = getattr(instruction, "asset", None)
    if moved is not None:
        return bool(moved == asset)
    symbol = str(getattr(instruction, "symbol", ""))
    return symbol == asset or symbol.partition("/")[0].startswith(asset)
