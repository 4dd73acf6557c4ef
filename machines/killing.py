"""A kill: nothing new is sent, nothing rests at a venue, and on request nothing is held.

It acts within the full loop as it is: what is under way is resolved and verified, the rest of
the plan expires, and the engine halts. Where positions are to be closed too, it first decides
once more, with a plan of its own in the strategy's place.
"""

from attrs import define, field
from msgspec import structs

from verifill.engine.command import Command
from verifill.engine.executor import Executor
from verifill.engine.log.live import LiveLog
from verifill.machines.cancelling import Cancelling, InFlight
from verifill.machines.continuity import Continuity
from verifill.machines.desk import Desk
from verifill.machines.execution import ExecutionManager
from verifill.machines.flattening import ROUNDS_MAX, Flattening
from verifill.machines.full_loop import Full
from verifill.machines.guarding import Guard
from verifill.machines.memory import FlattenMemory, Memory, plain
from verifill.machines.operator import Reply
from verifill.machines.records import Records
from verifill.machines.recovering import Recovering
from verifill.machines.recovery import OPEN
from verifill.machines.strategy import Positions
from verifill.venues.orders import FINAL

ENGINE = "engine"
STRANDED = "ATOMIC.STRANDED"


@define(kw_only=True)
class Killing:
    """What an operator's `kill` makes of an engine.

    Attributes:
        machine: the running machine.
        manager: knows the order in flight.
        desk: knows venues and books.
        continuity: holds up whatever is new.
        guard: lets nothing pass that adds to what is held; at the end, nothing at all.
        recovering: knows what an earlier process life has left.
        log: where cancels are written.
        records: what is written of it.
        positions: the books, for people.
        killed: why nothing more is sent; empty if no operator has said so.
        number: of the command that said so.
        flattening: decides until the positions are flat; None if they are to stay.
    """

    _machine: Executor = field(alias="machine")
    _manager: ExecutionManager = field(alias="manager")
    _desk: Desk = field(alias="desk")
    _continuity: Continuity = field(alias="continuity")
    _guard: Guard = field(alias="guard")
    _recovering: Recovering = field(alias="recovering")
    _log: LiveLog = field(alias="log")
    _records: Records = field(alias="records")
    _positions: Positions = field(alias="positions")
    _cancelling: Cancelling = field(init=False)
    killed: str = field(default="", init=False)
    number: int = field(default=0, init=False)
    flattening: Flattening | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        """Prepare to cancel."""
        self._cancelling = Cancelling(
            self._desk, self._machine, self._log, self._records, self._guard
        )

    # What is remembered.

    @property
    def memory(self) -> FlattenMemory | None:
        """How far the positions are traded flat."""
        return self.flattening.memory if self.flattening else None

    def restore(self, memory: Memory) -> None:
        """Take up what an earlier process life was told."""
        self.killed = memory.killed
        if memory.flatten is not None:
            self.flattening = Flattening(self._desk, self._positions, memory.flatten)

    # What an operator says.

    def kill(self, command: Command, found: InFlight | None = None) -> Reply:
        """Block what is new, cancel what rests; where it is asked for, be flat before it halts.

        Args:
            command: what the operator says.
            found: an order of an earlier process life that may be in flight.
        """
        self.killed = f"killed by {command.actor}: {command.reason}"
        self.number = command.id
        self.block()
        stranded = self._machine.state == STRANDED
        flatten = command.arguments.get("flatten") == "yes"
        self.flattening = None
        if flatten and not stranded:
            self.flattening = Flattening(self._desk, self._positions, FlattenMemory())
            self._guard.only_reduce(command.actor, command.reason)
        else:
            self._guard.kill(command.actor, command.reason)
        self._remember()
        told = ["nothing more is sent; the engine halts after what is under way"]
        told += self._cancelling.cancel_all(found or self._in_flight())
        if flatten and stranded:
            told.append("a chain is stranded: settle it, then kill with flatten again")
        elif self.flattening:
            left = self.flattening.told()
            told.append(f"positions are closed first{f', but for: {left}' if left else ''}")
        return Reply("; ".join(told))

    def resumed(self) -> None:
        """An operator lets it go on."""
        self.killed = ""
        self.flattening = None
        self.let()
        self._remember()

    # While it is killed.

    def recovered(self) -> None:
        """What an earlier life has sent is resolved next; its flattening may send again."""
        if self.flattening and self.flattening.begun:
            self.let()
        else:
            self.block()

    def block(self) -> None:
        """Nothing new: no entry of a plan, no step of a chain, no second send."""
        if self.killed:
            self._continuity.risk = self._continuity.risk or self.killed
            self._manager.resends = False

    def let(self) -> None:
        """What is to be sent now is new and wanted."""
        self._continuity.risk = ""
        self._manager.resends = True

    def sweep(self, in_flight: InFlight | None = None) -> None:
        """Cancel what has come to rest since: an order may arrive late, a cancel be lost."""
        at_rest = self._machine.state in (Full.HALTED, STRANDED)
        if self.killed and (self._cancelling.unanswered or not at_rest):
            self._cancelling.cancel_all(in_flight)

    def _remember(self) -> None:
        """Let the record of the command hold it; what an earlier life left stays as it was."""
        memory = self._recovering.memory
        if not self._recovering.unresolved:
            self._records.remember()
        elif memory is not None:
            own = {"killed": self.killed, "flatten": self.memory, "guard": self._guard.state()}
            self._log.tell("memory", plain(structs.replace(memory, **own)))

    def _in_flight(self) -> InFlight | None:
        """The order that may be open though its venue does not list it."""
        if self._machine.state == Full.HALTED:
            return self._recovering.in_flight
        if not self._machine.state.endswith(tuple(OPEN)) or not self._machine.context.instruction:
            return None
        leg = self._manager.leg
        if leg.receipt.outcome in FINAL:
            return None
        account = leg.wanted[0].instruction if isinstance(leg.wanted, tuple) else leg.wanted
        return InFlight(account.account, leg.request.key)

    def failed(self) -> bool:
        """A plan has failed: whether there is another one for what is left."""
        if self.flattening is None or self._continuity.risk not in ("", self.killed):
            return False
        self.let()
        return True

    def end(self, why: str = "") -> None:
        """Positions are as flat as they get; or it is given up, and why."""
        if self.flattening is None:
            return
        left = self.flattening.left(why or f"it is there after {ROUNDS_MAX} plans")
        self._records.note(0, "FLATTEN", {"given up": why, "left": left})
        self.flattening = None
        self.block()
        self._guard.kill(ENGINE, f"{self.killed}; {why or 'positions are closed'}")
