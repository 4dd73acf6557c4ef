"""A table that exists is sound; what is not sound is refused with the fix in the message."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings

from tests.engine.tables import Ignored, sound_tables, table
from verifill.engine.errors import TableError
from verifill.engine.table import ANYWHERE, AnyTable, Row, Table, inside

CHILD = table("A go B\nB fail C.BAD\nB pass C.GOOD", final="C.BAD C.GOOD")
PARENT = """
    X enter Y
    Y.C.GOOD enter Y
    Y.C.GOOD leave Z
    Y.C.BAD  leave Z
"""


def parent(
    rows: str = PARENT,
    *,
    initial: str = "X",
    final: str = "Z",
    states: str = "X Y Z",
    events: str = "",
    ignored: Ignored = (),
    child: AnyTable = CHILD,
) -> AnyTable:
    return table(
        rows,
        initial=initial,
        final=final,
        states=states,
        events=events,
        ignored=ignored,
        holds={"Y": child},
    )


class Lamp(StrEnum):
    OFF = "OFF"
    ON = "ON"


class Press(StrEnum):
    BUTTON = "button"


def lamp(*rows: Row[Lamp, Press], name: str = "lamp") -> Table[Lamp, Press]:
    return Table(name, Lamp, Press, initial=Lamp.OFF, rows=rows)


TURN_ON = Row(Lamp.OFF, Press.BUTTON, Lamp.ON)
TURN_OFF = Row(Lamp.ON, Press.BUTTON, Lamp.OFF)

# Refusals: each message says what, where, and the fix.


@dataclass
class Refused:
    says: str
    rows: str
    changes: dict[str, Any]


REFUSALS = {
    "a second row for one pair": Refused(
        r"2 rows for \(A, go\), to B and C; keep one", "A go B\nA go C\nB go C", {"final": "C"}
    ),
    "a row for a pair that a held table has decided": Refused(
        r"held machine has a row for \(Y.B, fail\) already; remove one",
        PARENT + "Y.B fail Z",
        {"initial": "X", "final": "Z", "holds": {"Y": CHILD}},
    ),
    "a misspelt target": Refused(
        r"row \(A, go, BB\): target: state 'BB' is unknown; did you mean B\?",
        "A go BB",
        {"states": "A B", "final": "B"},
    ),
    "an unknown source": Refused(
        r"row \(Q, go, B\): source: state 'Q' is unknown; known are A, B",
        "Q go B",
        {"states": "A B", "final": "B"},
    ),
    "an unknown event": Refused(
        r"row \(A, gone, B\): event 'gone' is unknown; did you mean gong\?",
        "A gone B",
        {"events": "gong", "final": "B"},
    ),
    "a source that is no leaf": Refused(
        r"source: state Y is not a leaf; name each one meant: Y.A, Y.B, Y.C.BAD, Y.C.GOOD",
        PARENT + "Y stop Z",
        {"initial": "X", "final": "Z", "holds": {"Y": CHILD}},
    ),
    "an unknown initial state": Refused(
        r"initial: state 'START' is unknown; known are A, B", "A go B", {"initial": "START"}
    ),
    "an unknown final state": Refused(
        r"final: state 'END' is unknown; known are A, B", "A go B", {"final": "END"}
    ),
    "a final state that is no leaf": Refused(
        r"final: state B is not a leaf; name each one meant: B.C", "A go B.C", {"final": "B"}
    ),
    "an unknown ignored state": Refused(
        r"ignored \(D, go\): state 'D' is unknown",
        "A go B",
        {"ignored": (("D", "go"),), "final": "B"},
    ),
    "an unknown ignored event": Refused(
        r"ignored \(A, went\): event 'went' is unknown; known are go",
        "A go B",
        {"ignored": (("A", "went"),), "final": "B"},
    ),
    "a pair that is ignored and has a row": Refused(
        r"\(A, go\) is ignored and has a row; remove one of them",
        "A go B",
        {"ignored": (("A", "go"),), "final": "B"},
    ),
    "a pair that is ignored twice": Refused(
        r"\(B, go\) is ignored twice; keep one",
        "A go B",
        {"ignored": (("B", "go"), ("B", "go")), "final": "B"},
    ),
    "an event that no row uses": Refused(
        r"no row uses stop, wait; add the row, or remove the event",
        "A go B",
        {"events": "go stop wait", "final": "B"},
    ),
    "a state that nothing leads to": Refused(
        r"nothing leads from A to C; add a row that goes there, or remove the state",
        "A go B\nC go B",
        {"final": "B"},
    ),
    "a leaf of a held table that nothing leads to": Refused(
        r"nothing leads from X to Y.A, Y.B; add a row",
        "X enter Y.C.GOOD\nX skip Y.C.BAD\nY.C.GOOD leave Z\nY.C.BAD leave Z",
        {"initial": "X", "final": "Z", "states": "X Y Z", "holds": {"Y": CHILD}},
    ),
    "a state with no way out": Refused(
        r"no way out of B; add a row that leads on to a final state, or list it as final",
        "A go B\nA stop C",
        {"final": "C"},
    ),
    "a circle that leads to no end": Refused(
        r"no way out of B, D; add a row that leads on to a final state",
        "A go B\nA stop C\nB go D\nD go B",
        {"final": "C"},
    ),
    "a state with no way out in a machine without end": Refused(
        r"no way out of B; add a row that leads on, or list it as final", "A go B\nB go B", {}
    ),
    "an end of a held table that the holder forgot": Refused(
        r"no way out of Y.C.BAD; add a row",
        "X enter Y\nY.C.GOOD leave Z",
        {"initial": "X", "final": "Z", "holds": {"Y": CHILD}},
    ),
    "a held state that is unknown": Refused(
        r"held state 'YY' is unknown; did you mean Y\?",
        "X enter Y",
        {"initial": "X", "holds": {"YY": CHILD}},
    ),
    "a held state that has leaves of its own": Refused(
        r"state Y holds a machine and has leaf Y.OWN too; keep one of them",
        "X enter Y.A",
        {"initial": "X", "states": "X Y Y.OWN", "holds": {"Y": CHILD}},
    ),
    "a state in lower case": Refused(
        r"state 'idle' is not a name; write capitals", "idle go B", {"initial": "idle"}
    ),
    "a wildcard as a state": Refused(r"state '\*' is not a name", "* go B", {"initial": "*"}),
    "an event in capitals": Refused(
        r"event 'GO' is not a name; write lower case", "A GO B", {"final": "B"}
    ),
}


@pytest.mark.parametrize("refused", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_table_refuses_and_names_the_fix(refused: Refused) -> None:
    with pytest.raises(TableError, match=f"^table 'small': .*{refused.says}"):
        table(refused.rows, **refused.changes)


def test_a_refusal_names_the_table() -> None:
    with pytest.raises(TableError, match="table 'kitchen'"):
        lamp(TURN_ON, name="kitchen")


# What a table means.


def test_a_table_of_enumerations_is_spread_out_in_plain_names() -> None:
    flat = lamp(TURN_ON, TURN_OFF).flat

    assert ("OFF", "ON") == flat.leaves
    assert {("OFF", "button"): "ON", ("ON", "button"): "OFF"} == flat.moves


def test_a_held_table_lies_in_place_of_its_holder() -> None:
    flat = parent().flat

    assert ("X", "Y.A", "Y.B", "Y.C.BAD", "Y.C.GOOD", "Z") == flat.leaves
    assert ("enter", "leave", "go", "fail", "pass") == flat.events
    assert "Y.B" == flat.moves["Y.A", "go"]


def test_a_row_to_a_held_table_enters_its_initial_leaf() -> None:
    assert "Y.A" == parent().flat.moves["X", "enter"]


def test_a_row_to_a_composite_state_enters_its_first_leaf() -> None:
    small = table("A go B\nB.C on B.D", states="A B B.C B.D", final="B.D")

    assert ("A", "B.C", "B.D") == small.flat.leaves
    assert "B.C" == small.flat.moves["A", "go"]


def test_a_composite_state_with_the_initial_state_inside_is_entered_there() -> None:
    small = table("B.D.E on B.C\nB.C on B", initial="B.D", states="B B.C B.D B.D.E", events="on")

    assert "B.D.E" == small.flat.initial
    assert "B.D.E" == small.flat.moves["B.C", "on"]


def test_a_table_may_start_in_a_held_table() -> None:
    assert (
        "Y.A" == parent("Y.C.GOOD leave Z\nY.C.BAD leave Z", initial="Y", states="Y Z").flat.initial
    )


def test_an_event_ignored_anywhere_is_ignored_in_each_leaf_without_a_row() -> None:
    flat = parent(ignored=((ANYWHERE, "enter"),)).flat

    assert {"Y.A", "Y.B", "Y.C.BAD", "Z"} == {leaf for leaf, _ in flat.ignored()}


def test_what_a_held_table_ignores_stays_ignored_unless_the_holder_has_a_row() -> None:
    child = table("A go B\nB leave C", final="C", ignored=((ANYWHERE, "leave"), ("B", "go")))
    flat = table("X in Y\nY.C leave Z", initial="X", final="Z", holds={"Y": child}).flat

    assert [("Y.A", "leave"), ("Y.B", "go")] == list(flat.ignored())
    assert "Z" == flat.moves["Y.C", "leave"]


def test_what_a_held_table_ignores_anywhere_is_ignored_only_inside_it() -> None:
    child = table("A go B", final="B", ignored=((ANYWHERE, "go"),))
    rows = "X in Y\nY.B on YES\nYES on Z"
    flat = table(rows, initial="X", final="Z", states="X Y YES Z", holds={"Y": child}).flat

    assert [("Y.B", "go")] == list(flat.ignored())


def test_a_holder_with_a_row_for_a_pair_that_its_table_lists_as_ignored_is_refused() -> None:
    child = table("A go B", final="B", ignored=(("B", "go"),))

    with pytest.raises(TableError, match=r"\(Y.B, go\) is ignored and has a row"):
        table("X in Y\nY.B go Z", initial="X", final="Z", holds={"Y": child})


def test_the_name_of_a_state_inside_is_the_path_to_it() -> None:
    assert "ON.OFF.ON" == inside(Lamp.ON, Lamp.OFF, Lamp.ON)


@settings(deadline=None)
@given(sound_tables())
def test_each_pair_is_a_move_or_ignored_or_a_defect_and_never_two_of_them(small: AnyTable) -> None:
    flat = small.flat

    assert set() == flat.moves.keys() & set(flat.ignored())
    assert {*flat.moves.values(), flat.initial, *flat.final} <= set(flat.leaves)


# The digest.


def test_the_digest_is_the_same_in_every_process() -> None:
    assert (
        "a5864851cb6672390d19e7f492735854e7983e5260b85d85275255816572b453"
        == lamp(TURN_ON, TURN_OFF).digest
    )


def test_the_digest_does_not_cover_the_why() -> None:
    reasoned = Row(Lamp.OFF, Press.BUTTON, Lamp.ON, why="it is dark")

    assert lamp(TURN_ON, TURN_OFF).digest == lamp(reasoned, TURN_OFF).digest


@pytest.mark.parametrize(
    "other",
    [
        parent(PARENT + "Y.B leave Z"),
        parent(ignored=(("X", "leave"),)),
        parent(final="Z X"),
        parent(states="Y X Z"),
        parent(events="leave enter"),
        parent(child=table("A go B\nB fail C.BAD\nB pass C.GOOD", final="C.BAD C.GOOD B")),
    ],
)
def test_the_digest_covers_all_that_decides_how_a_machine_moves(other: AnyTable) -> None:
    assert parent().digest != other.digest


def test_the_digest_covers_where_the_machine_starts() -> None:
    rows = "A go B\nB go A"

    assert table(rows, initial="A").digest != table(rows, initial="B").digest
