"""What a live engine writes beside its transitions: plans, intents, and what it remembers.

The order of writing is the protocol (DURABILITY, section 3): the PLAN before its first
instruction, the INTENT before the send; the verdict and the memory of it go with the
transition that they lead to, in one transaction.
"""

from collections.abc import Callable

from verifill.engine.executor import Executor
from verifill.engine.log.live import LiveLog
from verifill.machines.leg import REHEARSAL, Leg
from verifill.machines.memory import Memory, entries_of, plain, written
from verifill.machines.records import Records
from verifill.machines.strategy import Plan
from verifill.venues.orders import Bundle


class LiveRecords(Records):
    """The records of a live run.

    Args:
        log: where they go.
        machine: tells state and context.

    Attributes:
        memory: tells what is to be remembered now; set by whoever has put the loop together.
        keeping: gives what is called once what the guard has told last is on the disk; set
            likewise.
    """

    def __init__(self, log: LiveLog, machine: Executor) -> None:
        super().__init__(log, machine)
        self._log = log
        self._engine = machine
        self.memory: Callable[[], Memory]
        self.keeping: Callable[[], Callable[[], None]]

    def plan(self, plan: Plan) -> None:
        """Write the plan, all legs of it, before its first instruction."""
        self._log.tell("plan", [plain(entry) for entry in entries_of(plan)])
        self.remember()
        self._log.note("PLAN", self._engine.state, self._engine.context)

    def intent(self, leg: Leg) -> None:
        """Write what is about to be sent, and where the books stand; a dry run sends nothing."""
        if leg.role == REHEARSAL:
            return
        request = leg.request
        quantity = None if isinstance(request, Bundle) else request.quantity
        told = {"key": request.key, "quantity": quantity, "deadline_ns": request.deadline_ns}
        sealed = {"sealed": list(request.sealed)} if request.sealed else {}
        self._log.tell("request", told | sealed)
        self.remember()
        self._log.note("INTENT", self._engine.state, self._engine.context, intent_id=request.key)

    def remember(self) -> None:
        """Let the next record hold all that cannot be asked for."""
        memory = self.memory()
        self._log.tell("memory", written(memory), self.keeping() if memory.guard else None)
