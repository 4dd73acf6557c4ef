"""All hazards, in the order in which they are run."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec

from verifill.engine.errors import ConfigError
from verifill.faults import around, damage, disks, guards, kills, more_venues, processes, venues
from verifill.faults.hazard import Group, Hazard

GROUPS = (kills, disks, damage, venues, more_venues, around, guards)
APSW = "it needs apsw; pip install verifill[faults]"


ON_A_NODE = (
    "`tests/evm/test_faults.py"
    "::test_each_fault_comes_to_its_verdict_with_nothing_double_skipped_or_lost`"
)


def _absent(name: str, what: str, rows: tuple[str, ...], reason: str) -> Hazard:
    return Hazard(name=name, group=Group.NOT_HERE, what=what, rows=rows, reason=reason)


def power() -> tuple[Hazard, ...]:
    """What needs a disk of our own under SQLite."""
    if find_spec("apsw"):
        from verifill.faults import (  # noqa: PLC0415 - an extra, which need not be there
            power,
            power_beside,
        )

        return (*power.HAZARDS, *power_beside.HAZARDS)
    return (
        _absent("power cut", "the power goes at a sync", ("P2", "P3"), APSW),
        _absent("power cut at the anchor", "the power goes at its line", ("P2", "P3"), APSW),
        _absent("power cut at the header", "the power goes at its making", ("P2", "P3"), APSW),
        _absent("short write", "a write leaves half of its bytes", ("P4",), APSW),
    )


ABSENT = (
    _absent(
        "inner failure",
        "a transaction has status 1, and a call in it has failed",
        ("C19",),
        "the loopback venue has no contracts; on a real node, where it reverts the whole: "
        "`tests/evm/test_one_tx.py::test_a_failing_inner_call_leaves_nothing_but_gas_and_nonce`",
    ),
    _absent(
        "replaced transaction",
        "a transaction is replaced, and the old hash is mined",
        ("C20",),
        f"the loopback venue has no nonces and no hashes; on a real node: {ON_A_NODE}",
    ),
    _absent(
        "reorganisation",
        "a block is dropped; its transaction returns, or vanishes",
        ("C21",),
        f"the loopback venue has no blocks; on a real node: {ON_A_NODE}, "
        "`tests/evm/test_faults.py::test_a_reorganisation_after_it_was_done_halts_the_next_life`",
    ),
)


def _all() -> Iterator[Hazard]:
    for group in GROUPS:
        yield from group.HAZARDS
    yield from power()
    yield from processes.HAZARDS
    yield from ABSENT


CATALOGUE: Mapping[str, Hazard] = {hazard.name: hazard for hazard in _all()}
"""Name -> hazard."""


def chosen(only: tuple[str, ...]) -> tuple[Hazard, ...]:
    """The hazards that some names, or beginnings of cells' names, are about; all if there is none.

    Raises:
        ConfigError: a name is of no hazard.
    """
    names = {one.split(":")[0] for one in only}
    unknown = sorted(names - CATALOGUE.keys())
    if unknown:
        msg = f"there is no hazard {', '.join(unknown)}; there are {', '.join(CATALOGUE)}"
        raise ConfigError(msg)
    return tuple(hazard for name, hazard in CATALOGUE.items() if not names or name in names)
