"""One run of the real engine, with what its surroundings choose."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from attrs import define, field, frozen

from verifill.assembly.loopback import Hosting
from verifill.checking.choices import USUAL, Choices, Chooser, Kind, Point
from verifill.checking.scopes import (
    BARRED,
    BARRED_FOR_GOOD,
    CONTRADICTED,
    ENDS,
    HEARD,
    KILLED,
    REFUSALS,
    SAYS,
    UNASKED,
    Menu,
    Scope,
)
from verifill.checking.watching import Watching
from verifill.engine.command import Command
from verifill.engine.commands import CommandName
from verifill.faults.lives import End, World, begun
from verifill.faults.moments import KilledError, Moments, Place
from verifill.faults.outside import WaitingError

if TYPE_CHECKING:
    from verifill.checking.power import Power

T = TypeVar("T")

LIVES_MAX: Final = 8
PROBES: Final = 200
"""Requests of an engine that waits for a person: it probes for as long as nobody comes."""


@frozen
class Send:
    """One send.

    Attributes:
        key: of its intent.
        seq: number of the newest record that was durable when it went out.
    """

    key: str
    seq: int


@define
class Mail:
    """What an operator says; implements `Mailbox`."""

    waiting: list[Command] = field(factory=list[Command])
    count: int = 0

    def say(self, name: CommandName, arguments: Mapping[str, str], at_ns: int) -> None:
        """Say something, once."""
        self.count += 1
        said = Command(
            id=self.count, at_ns=at_ns, actor="a", reason="explored", name=name, arguments=arguments
        )
        self.waiting.append(said)

    def pending(self) -> Sequence[Command]:
        """What has not been answered."""
        return tuple(self.waiting)

    def answer(self, number: int, text: str, at_ns: int, *, taken: bool = True) -> None:  # noqa: ARG002 - the protocol
        """It is done with, taken or refused."""
        self.waiting = [said for said in self.waiting if said.id != number]


@define
class Run:
    """A run that has ended.

    Attributes:
        scope: whose it is.
        world: what is left of it.
        opening: position key -> units, before it.
        choices: what was chosen.
        points: where something could be chosen.
        watching: its records.
        sends: in order.
        lies: which of them were to be refused and executed, if there was anything to execute.
        rests: whether it came to an end at all.
        path: digests of the situations that it came through since its last choice, one for each
            commit.
    """

    scope: Scope
    world: World
    opening: Mapping[str, int]
    choices: Choices
    points: Sequence[Point]
    watching: Watching
    sends: Sequence[Send]
    lies: Sequence[int]
    rests: bool
    path: Sequence[str]


@define
class Surroundings:
    """Chooses what befalls a world.

    Attributes:
        world: it.
        chooser: what is chosen.
        mail: what an operator says.
        menus: what can become of requests.
        watching: what is durable.
        sends: when each send went out: how many records were durable.
        lies: which of them were to be refused and executed.
        barred: whether the key may not trade any more.
        quiet: requests since the loops moved last, where they wait for a person.
        heard: the records that were durable when an operator could last say something unasked.
        path: digests of the situations after each commit since the last choice.
        made: whether there is a log, anchor included; while it is made, a life is not cut off.
    """

    world: World
    chooser: Chooser
    mail: Mail
    menus: Mapping[Place, Menu]
    watching: Watching = field(factory=Watching)
    sends: list[int] = field(factory=list[int])
    lies: list[int] = field(factory=list[int])
    barred: bool = False
    quiet: int = 0
    heard: int = -1
    path: list[str] = field(factory=list[str])
    made: bool = False

    def choose(self, at: str, kind: Kind, options: Sequence[str]) -> str:
        """One of these, or the usual."""
        if not self.chooser.open(kind):
            return USUAL
        state = self.digest(self.chooser.left.values()) if self.chooser.new else ""
        return self.chooser.choose(Point(at, kind, tuple(options), state, self.watching.seq))

    def before(self, place: Place, number: int) -> None:
        """A request is about to go out; an engine that waits and only probes, waits."""
        self.quiet = self.quiet + 1 if self.waits else 0
        if self.quiet > PROBES:
            raise WaitingError
        service = self.world.wire.service
        service.can_trade = not self.barred
        if place is Place.SEND:
            self.sends.append(self.watching.seq)
        self.interrupt(place)
        menu = self.menus.get(place, {})
        if not menu or (place is Place.LOOK and self.watching.state != "IDLE"):
            return
        options = (*menu, BARRED) if place is Place.SEND else tuple(menu)
        chosen = self.choose(f"{place} {number}", Kind.FAULT, options)
        if chosen in REFUSALS:
            service.can_trade = False
            self.barred = chosen == BARRED_FOR_GOOD
        elif chosen != USUAL:
            service.script.arm([menu[chosen]])
            if chosen == CONTRADICTED:
                self.lies.append(len(self.sends) - 1)

    def interrupt(self, place: Place) -> None:
        """Whether an operator says something unasked: at a tick, or within a chain."""
        state, seq = self.watching.state, self.watching.seq
        name = next((name for at, name in UNASKED.items() if state.startswith(at)), None)
        if name and place in HEARD and self.heard != seq:
            self.heard = seq
            if self.choose(f"{state} goes on", Kind.OPERATOR, (name,)) != USUAL:
                self.say(name, {"flatten": "no"})

    def wrote(self, rows: Sequence[Sequence[object]]) -> None:
        """A commit is durable."""
        moves = self.watching.moves
        self.watching.wrote(rows, self.world.time.true_ns)
        if moves != self.watching.moves:
            self.quiet = 0
        if self.chooser.new and not (self.waits and self.quiet):
            self.path.append(self.digest(()))

    @property
    def waits(self) -> bool:
        """Whether the loops wait for a person."""
        return self.watching.state.endswith(tuple(SAYS))

    def cut(self, number: int) -> bool:
        """Whether the power goes at a sync."""
        return self.made and self.choose(f"sync {number}", Kind.CRASH, (KILLED,)) == KILLED

    def digest(self, left: Iterable[int]) -> str:
        """Of the situation, with so much left to choose."""
        armed = [fault.name for fault in self.world.wire.service.script.armed]
        lasting = ",".join([*armed, BARRED_FOR_GOOD] if self.barred else armed)
        return self.watching.digest(self.world.wire, self.world.time.true_ns, left, lasting)

    def says(self) -> bool:
        """Whether an operator says something to an engine that waits."""
        state = self.watching.state
        names = next((names for end, names in SAYS.items() if state.endswith(end)), ())
        chosen = self.choose(f"{state} waits", Kind.OPERATOR, names)
        if chosen == USUAL:
            return False
        instance = self.watching.rows[-1]["instance"]
        held = [row["instance"] for row in self.watching.rows if row["to"] == state]
        arguments = {
            "instruction": str(held[-1] if held else instance),
            "outcome": "executed",
            "reference": "explored",
            "cause": "explored",
            "base": "none",
            "scope": "global",
        }
        self.say(CommandName(chosen), arguments)
        return True

    def say(self, name: CommandName, arguments: Mapping[str, str]) -> None:
        """An operator says something."""
        self.mail.say(name, arguments, self.world.time.true_ns)


class Ending(Moments):
    """Ends a life where that is chosen."""

    def __init__(self, around: Surroundings) -> None:
        super().__init__()
        self._surroundings = around

    def around(self, place: Place, do: Callable[[], T]) -> T:
        """See `Moments.around`."""
        done = super().around(place, do)
        self._surroundings.made |= place is Place.ANCHOR
        if place in ENDS and self._surroundings.made:
            number = self.seen[place]
            chosen = self._surroundings.choose(f"after {place} {number}", Kind.CRASH, (KILLED,))
            if chosen == KILLED:
                self.ending()
                raise KilledError
        return done


def play(scope: Scope, choices: Choices, hosting: Hosting, folder: Path) -> Run:
    """The run of these choices, in an empty folder."""
    world = begun(folder, hosting, ticks=scope.ticks)
    world.mail = mail = Mail()
    around = Surroundings(world, Chooser.of(choices, scope.budget), mail, scope.menus)
    world.wire.hook, world.disk.on_rows = around.before, around.wrote
    opening = world.wire.totals()
    rests = _lives(world, around, _powered(world, around) if scope.power else None)
    sends = [Send(key, seq) for key, seq in zip(world.wire.keys, around.sends, strict=True)]
    return Run(
        scope=scope,
        world=world,
        opening=opening,
        choices=choices,
        points=around.chooser.points,
        watching=around.watching,
        sends=sends,
        lies=around.lies,
        rests=rests,
        path=around.path,
    )


def _powered(world: World, around: Surroundings) -> "Power":
    from verifill.checking.power import Power  # noqa: PLC0415 - an extra, which need not be there

    return Power(world, around.cut)


def _lives(world: World, around: Surroundings, power: "Power | None") -> bool:
    """Process lives, until one ends by itself or waits for a person who says nothing."""
    for _ in range(LIVES_MAX):
        try:
            end = world.live(Ending(around))
        except Exception as error:  # noqa: BLE001 - a defect of whatever kind is what is looked for
            world.ends.append(End.BROKE)
            world.reason = f"{type(error).__name__}: {error}"
            return True
        if power:
            power.restored()
        if end is End.WAITING:
            if not around.says():
                return True
        elif end is not End.KILLED and not world.parked:
            return True
    return False
