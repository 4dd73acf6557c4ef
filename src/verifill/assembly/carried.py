"""What a run takes over from another: its closing positions and entry values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from verifill.ending import Ending
from verifill.engine.errors import ConfigError
from verifill.engine.log.reader import Log

VERIFIED = (Ending.COMPLETED, Ending.INTERRUPTED)


@frozen(kw_only=True)
class Carried:
    """The verified end of another run.

    Attributes:
        run: the name of that run.
        closing: position key -> units.
        bases: perpetual's key -> entry value, units of base times ticks.
        decimals: asset -> decimals that the units are in.
        price_decimals: bars -> decimals of the ticks.
        indices: name of a lending market's index -> ray.
    """

    run: str
    closing: Mapping[str, int]
    bases: Mapping[str, int] = field(factory=dict[str, int])
    decimals: Mapping[str, int] = field(factory=dict[str, int])
    price_decimals: Mapping[str, int] = field(factory=dict[str, int])
    indices: Mapping[str, int] = field(factory=dict[str, int])

    @classmethod
    def read(cls, folder: Path) -> "Carried":
        """The end of the run whose log is in a folder.

        Raises:
            LogError: there is no log.
            ConfigError: the run did not end, or not with verified positions.
        """
        log = Log(folder)
        end = log.end
        if end is None:
            msg = (
                f"{folder}: that run did not end, it was killed. A killed backtest is not resumed: "
                "what its strategy and its venues held in memory is gone, and positions alone "
                "would continue another run than the one that stopped. Run it again from its "
                "start. Its log can be read up to the last complete chunk"
            )
            raise ConfigError(msg)
        if end["ending"] not in VERIFIED:
            msg = (
                f"{folder}: that run ended {end['ending']}: {end['reason']}. Allowed is one that "
                f"ended {' or '.join(VERIFIED)}, because its positions are verified. Look at "
                "what happened, then give the positions in [opening]"
            )
            raise ConfigError(msg)
        header = log.header
        return cls(
            run=header["run"],
            closing=_units(end["closing"]),
            bases=_units(end["bases"]),
            decimals=header["decimals"],
            price_decimals=header["price_decimals"],
            indices=_units(end.get("indices", {})),
        )


def _units(told: Mapping[str, Any]) -> dict[str, int]:
    return {key: int(units) for key, units in told.items()}
