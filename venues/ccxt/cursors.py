"""How far the rows of an account were told: a moment, and what was told just before it.

An exchange's lists are asked for by time, and what happened may be listed late. So each
reading begins OVERLAP before the one before ended, and what was told already is left out. A
log keeps cursors as plain numbers; all of this is in them, so that a new process life tells
neither less nor twice.
"""

from collections.abc import Mapping
from typing import Final

OVERLAP_MS: Final = 120_000
SEPARATOR: Final = "|"


class Cursor:
    """Of one account.

    Args:
        name: of the account, with which its cursors begin.
        since: the cursors of an earlier life, of all feeds.

    Attributes:
        since_ms: until when everything was told; 0 before the first reading.
        values: settings -> as they were told last.
    """

    def __init__(self, name: str, since: Mapping[str, int]) -> None:
        self._name = name
        self.since_ms = since.get(name, 0)
        rows, values = self._beginning("row"), self._beginning("setting")
        self._told = {
            key.removeprefix(rows): at for key, at in since.items() if key.startswith(rows)
        }
        self.values = {
            key.removeprefix(values): told for key, told in since.items() if key.startswith(values)
        }

    def _beginning(self, what: str) -> str:
        return f"{self._name}{SEPARATOR}{what}{SEPARATOR}"

    @property
    def begin_ms(self) -> int:
        """Where the next reading begins."""
        return self.since_ms - OVERLAP_MS

    def knows(self, row: str) -> bool:
        """Whether a row was told."""
        return row in self._told

    def move(self, rows: Mapping[str, int], until_ms: int, settings: Mapping[str, int]) -> None:
        """These rows have been told, each with its time, and all that was until a moment."""
        self.since_ms = max(self.since_ms, until_ms)
        told = {**self._told, **rows}
        self._told = {row: at for row, at in told.items() if at >= self.begin_ms}
        self.values = dict(settings)

    def plain(self) -> dict[str, int]:
        """As plain numbers."""
        rows, values = self._beginning("row"), self._beginning("setting")
        return {
            self._name: self.since_ms,
            **{f"{rows}{row}": at for row, at in self._told.items()},
            **{f"{values}{name}": told for name, told in self.values.items()},
        }
