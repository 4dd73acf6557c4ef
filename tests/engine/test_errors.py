"""Every error says whose fault it is, keeps its fields, and can be pickled."""

import pickle
import re

import pytest

from verifill.engine import errors
from verifill.engine.errors import (
    AmountError,
    DataError,
    EngineDefect,
    EnvironmentDefect,
    IllegalEvent,
    LogError,
    UserDefect,
    VenueDefect,
    VenueError,
    VerifillError,
)

ILLEGAL = IllegalEvent(machine="door", state="OPEN", event="lock", legal=("close", "knock"))
MISSING = DataError("no close price", path="bars.csv", row=3, column="close")


def drawn() -> set[tuple[str, str]]:
    """Each class with its base, as the module's docstring draws them."""
    tree: set[tuple[str, str]] = set()
    above: dict[int, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([ |`-]*)([A-Z]\w+)", line)
        if found:
            depth = len(found[1])
            base = above[max(other for other in above if other < depth)] if above else "Exception"
            above = {other: name for other, name in above.items() if other < depth}
            above[depth] = found[2]
            tree.add((found[2], base))
    return tree


def test_the_tree_is_the_one_that_is_drawn() -> None:
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type)]

    assert drawn() == {(kind.__name__, kind.__base__.__name__) for kind in classes if kind.__base__}


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (AmountError, UserDefect),
        (VenueError, VenueDefect),
        (IllegalEvent, EngineDefect),
        (LogError, EnvironmentDefect),
    ],
)
def test_an_error_belongs_to_one_fault(
    kind: type[VerifillError], fault: type[VerifillError]
) -> None:
    faults = (UserDefect, VenueDefect, EngineDefect, EnvironmentDefect)

    assert [fault] == [other for other in faults if issubclass(kind, other)]


@pytest.mark.parametrize("error", [ILLEGAL, MISSING, AmountError("not exact")], ids=repr)
def test_an_error_goes_to_another_process_unchanged(error: VerifillError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - what it loads was made one line up

    assert type(error) is type(copy)
    assert str(error) == str(copy)
    assert vars(error) == vars(copy)


def test_an_illegal_event_names_machine_state_event_and_what_is_legal() -> None:
    assert str(ILLEGAL).startswith(
        "door has no row for event 'lock' in state OPEN. Legal there: close, knock. "
        "The state is unchanged"
    )


def test_an_illegal_event_in_a_state_with_no_way_out_says_so() -> None:
    error = IllegalEvent(machine="door", state="GONE", event="lock", legal=())

    assert "Legal there: none" in str(error)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MISSING, "bars.csv, row 3, column close: no close price"),
        (DataError("it is empty", path="bars.csv"), "bars.csv: it is empty"),
        (DataError("no rows"), "no rows"),
    ],
)
def test_a_data_error_says_where(error: DataError, message: str) -> None:
    assert message == str(error)
