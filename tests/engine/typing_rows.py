"""What a type checker sees of a table: each wrong cell is an error at that cell.

Nothing here runs. mypy reports an ignored line that holds no error, so every line below
proves that its mistake is caught.
"""

from enum import StrEnum

from verifill.engine.table import ANYWHERE, Row, Table, inside


class Lamp(StrEnum):
    """States."""

    OFF = "OFF"
    ON = "ON"


class Press(StrEnum):
    """Events."""

    BUTTON = "button"


RIGHT: Table[Lamp, Press] = Table(
    "lamp",
    Lamp,
    Press,
    initial=Lamp.OFF,
    rows=(
        Row(Lamp.OFF, Press.BUTTON, Lamp.ON, why="it is dark"),
        Row(inside(Lamp.ON, Lamp.OFF), Press.BUTTON, Lamp.OFF),
    ),
    ignored=((ANYWHERE, Press.BUTTON),),
)

EVENT_AS_SOURCE: Row[Lamp, Press] = Row(
    Press.BUTTON,  # type: ignore[arg-type]  # a state is asked for
    Press.BUTTON,
    Lamp.ON,
)

STATE_AS_EVENT: Row[Lamp, Press] = Row(
    Lamp.OFF,
    Lamp.ON,  # type: ignore[arg-type]  # an event is asked for
    Lamp.ON,
)

EVENT_AS_TARGET: Row[Lamp, Press] = Row(
    Lamp.OFF,
    Press.BUTTON,
    Press.BUTTON,  # type: ignore[arg-type]  # a state is asked for
)

PLAIN_TEXT: Row[Lamp, Press] = Row(
    "OFF",  # type: ignore[arg-type]  # a member of the enumeration is asked for
    Press.BUTTON,
    Lamp.ON,
)

STATE_IGNORED: Table[Lamp, Press] = Table(
    "lamp",
    Lamp,
    Press,
    initial=Lamp.OFF,
    rows=(),
    ignored=((Lamp.OFF, Lamp.ON),),  # type: ignore[arg-type]  # an event is asked for
)

MISSPELT: Row[Lamp, Press] = Row(
    Lamp.OFF,
    Press.BUTTON,
    Lamp.OON,  # type: ignore[attr-defined]  # there is no such state
)
