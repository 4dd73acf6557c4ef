"""How one venue is reached: transports that differ in how long they wait for an answer."""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from verifill.venues.instructions import Operation
from verifill.venues.loopback.transport import Transport
from verifill.venues.orders import Bundle, Request

ANY: Final = ""


@frozen(kw_only=True)
class Lines:
    """The transports of one venue.

    Attributes:
        reading: for what changes nothing: questions, readings, prices, dry runs.
        execution: operation -> for requests that may have an effect; `ANY` is for bundles, and
            for operations that have no transport of their own.
    """

    reading: Transport
    execution: Mapping[str, Transport]

    @classmethod
    def of(cls, transport: Transport) -> "Lines":
        """One transport for everything."""
        return cls(reading=transport, execution={ANY: transport})

    @property
    def cancelling(self) -> Transport:
        """The transport of what takes an order back."""
        return self.execution.get(Operation.CANCEL) or self.execution[ANY]

    def sending(self, request: Request) -> Transport:
        """The transport of a request."""
        operation = ANY if isinstance(request, Bundle) else request.instruction.op
        return self.execution.get(operation) or self.execution[ANY]
