"""What whoever runs the rehearsal can do to the server: arm faults, move time, count effects.

It has a port of its own, which clients do not know and faults do not touch.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta, Struct

from verifill.engine.errors import ConfigError
from verifill.venues.loopback.faults import Fault, known
from verifill.venues.loopback.journal import Posted
from verifill.venues.loopback.outgoing import Outgoing
from verifill.venues.loopback.service import Service
from verifill.venues.loopback.wire import Code, Refusal, encode
from verifill.venues.orders import Cause


class Arm(Struct, frozen=True, forbid_unknown_fields=True):
    """Faults to arm: in full, and by their names in the catalogue."""

    faults: tuple[Fault, ...] = ()
    use: tuple[str, ...] = ()


class Pass(Struct, frozen=True, forbid_unknown_fields=True):
    """Seconds of virtual time to let pass."""

    seconds: Annotated[int, Meta(ge=0)]


class Skew(Struct, frozen=True, forbid_unknown_fields=True):
    """Milliseconds by which the venues' clock is ahead; behind if negative."""

    milliseconds: int


class Allow(Struct, frozen=True, forbid_unknown_fields=True):
    """What clients may do, and whether they reach the venues at all."""

    trade: bool = True
    read: bool = True
    reach: bool = True


class Drop(Struct, frozen=True, forbid_unknown_fields=True):
    """A balance to move without an order: a foreign transfer, funding, a token out of the sky."""

    venue: str
    key: str
    units: int
    cause: Cause = Cause.TRANSFER


SITUATIONS: Mapping[str, tuple[str, Allow | Skew]] = {
    "out_of_reach": ("/allow", Allow(reach=False)),
    "may_not_trade": ("/allow", Allow(trade=False)),
    "may_not_read": ("/allow", Allow(read=False)),
    "clock_ahead": ("/skew", Skew(60_000)),
    "clock_behind": ("/skew", Skew(-60_000)),
}
"""What befalls a whole server, for a matrix to enumerate: a name, and the command that does it.
`Allow()` and `Skew(0)` end it."""


class State(Struct, frozen=True):
    """How the server is.

    Attributes:
        time_ns: venue time.
        wall_ns: the time without the venues' offset.
        armed: names of the faults that may still strike.
        arrivals: venue -> key -> how often it was submitted.
        totals: venue -> position key -> units, as they are.
    """

    time_ns: int
    wall_ns: int
    armed: tuple[str, ...]
    arrivals: dict[str, dict[str, int]]
    totals: dict[str, dict[str, int]]


class Reach(Protocol):
    """Lets clients reach the venues, or not."""

    def __call__(self, *, reachable: bool) -> None:
        """Do it."""
        ...


class Admin:
    """The administration of a service.

    Args:
        service: what is administered.
        reach: lets clients reach it, or not.
    """

    def __init__(self, service: Service, *, reach: Reach) -> None:
        self._service = service
        self._reach = reach
        self._commands: dict[tuple[str, str], Callable[[bytes], Any]] = {
            ("GET", "/state"): self._state,
            ("GET", "/effects"): self._effects,
            ("POST", "/arm"): self._arm,
            ("POST", "/disarm"): self._disarm,
            ("POST", "/pass"): self._pass,
            ("POST", "/skew"): self._skew,
            ("POST", "/allow"): self._allow,
            ("POST", "/post"): self._post,
        }

    def answer(self, method: str, target: str, body: bytes) -> Outgoing:
        """The answer to one command.

        Raises:
            EnvironmentDefect: the journal cannot be written.
        """
        command = self._commands.get((method, target))
        if command is None:
            known_ones = ", ".join(f"{verb} {path}" for verb, path in self._commands)
            return _refused(f"there is no {method} {target}; there are {known_ones}")
        try:
            return Outgoing(body=encode(command(body)))
        except (msgspec.MsgspecError, ConfigError) as error:
            return _refused(str(error))

    def _state(self, _body: bytes) -> State:
        service = self._service
        hosted = service.world.hosted
        return State(
            time_ns=service.now_ns(),
            wall_ns=service.now_ns() - service.offset_ns,
            armed=tuple(fault.name for fault in service.script.armed),
            arrivals={name: one.book.arrivals for name, one in hosted.items()},
            totals={name: dict(one.venue.accounts.totals) for name, one in hosted.items()},
        )

    def _effects(self, _body: bytes) -> Any:  # noqa: ANN401 - a list of `Effect`
        return self._service.effects()

    def _arm(self, body: bytes) -> None:
        arm = msgspec.json.decode(body, type=Arm)
        self._service.script.arm((*arm.faults, *(known(name) for name in arm.use)))

    def _disarm(self, _body: bytes) -> None:
        self._service.script.clear()

    def _pass(self, body: bytes) -> None:
        self._service.advance(msgspec.json.decode(body, type=Pass).seconds)

    def _skew(self, body: bytes) -> None:
        self._service.offset_ns = msgspec.json.decode(body, type=Skew).milliseconds * 10**6

    def _allow(self, body: bytes) -> None:
        allow = msgspec.json.decode(body, type=Allow)
        self._service.can_trade = allow.trade
        self._service.can_read = allow.read
        self._reach(reachable=allow.reach)

    def _post(self, body: bytes) -> None:
        drop = msgspec.json.decode(body, type=Drop)
        service = self._service
        service.world.venue(drop.venue)
        service.record(Posted(service.now_ns(), drop.venue, drop.key, drop.units, drop.cause))


def _refused(reason: str) -> Outgoing:
    body = encode(Refusal(Code.BAD_REQUEST, reason))
    return Outgoing(status=HTTPStatus.BAD_REQUEST, body=body)
