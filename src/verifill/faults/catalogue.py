"""All hazards, in the order in which they are run."""

from collections.abc import Mapping

from verifill.engine.errors import ConfigError
from verifill.faults import damage, disks, kills, venues
from verifill.faults.hazard import Hazard

CATALOGUE: Mapping[str, Hazard] = {
    hazard.name: hazard for group in (kills, disks, damage, venues) for hazard in group.HAZARDS
}
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
