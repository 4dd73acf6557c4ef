"""One run of the real engine, with what its surroundings choose."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from attrs import define, field, frozen
from msgspec import structs

from verifill.assembly.loopback import Hosting
from verifill.checking.choices import USUAL, Choices, Chooser, Kind, Point
from verifill.checking.scopes import BARRED, ENDS, KILLED, SAYS, Menu, Scope
from verifill.checking.watching import Watching
from verifill.engine.command import Command
from verifill.engine.commands import CommandName
from verifill.faults.lives import End, World, begun
from verifill.faults.moments import KilledError, Moments, Place
from verifill.venues.loopback.faults import Fault

if TYPE_CHECKING:
    from verifill.checking.power import Power

T = TypeVar("T")

LIVES_MAX: Final = 8


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
        path: digests of the situations after each commit since the last choice.
        made: whether there is a log, anchor included; while it is made, a life is not cut off.
    """

    world: World
    chooser: Chooser
    mail: Mail
    menus: Mapping[Place, Menu]
    watching: Watching = field(factory=Watching)
    sends: list[int] = field(factory=list[int])
    path: list[str] = field(factory=list[str])
    made: bool = False

    def choose(self, at: str, kind: Kind, options: Sequence[str]) -> str:
        """One of these, or the usual."""
        if not self.chooser.open(kind):
            return USUAL
        state = self.digest(self.chooser.left.values()) if self.chooser.new else ""
        return self.chooser.choose(Point(at, kind, tuple(options), state, self.watching.seq))

    def before(self, place: Place, number: int) -> None:
        """A request is about to go out."""
        script = self.world.wire.service.script
        self.world.wire.service.can_trade = True
        if place is Place.SEND:
            self.sends.append(self.watching.seq)
        menu = self.menus.get(place)
        if menu is None:
            return
        options = (*menu, BARRED) if place is Place.SEND else tuple(menu)
        chosen = self.choose(f"{place} {number}", Kind.FAULT, options)
        if chosen == BARRED:
            self.world.wire.service.can_trade = False
        elif chosen != USUAL:
            script.arm([_once(menu[chosen])])

    def wrote(self, rows: Sequence[Sequence[object]]) -> None:
        """A commit is durable."""
        self.watching.wrote(rows, self.world.time.true_ns)
        if self.chooser.new:
            self.path.append(self.digest(()))

    def cut(self, number: int) -> bool:
        """Whether the power goes at a sync."""
        return self.made and self.choose(f"sync {number}", Kind.CRASH, (KILLED,)) == KILLED

    def digest(self, left: Iterable[int]) -> str:
        """Of the situation, with so much left to choose."""
        return self.watching.digest(self.world.wire, self.world.time.true_ns, left)

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
        self.mail.say(CommandName(chosen), arguments, self.world.time.true_ns)
        return True


def _once(fault: Fault) -> Fault:
    return structs.replace(fault, nth=1, times=1)


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
