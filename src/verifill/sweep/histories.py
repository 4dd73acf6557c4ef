"""The data of a sweep: prepared once, cut into windows once, and read by all runs by its path."""

from pathlib import Path

from attrs import define, field

from verifill.assembly.history import Progress, prepared
from verifill.config import Config
from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.errors import DataError
from verifill.sweep.windows import Part, Window
from verifill.sweep.working import DATA, HISTORY
from verifill.venues.data.cut import cut
from verifill.venues.data.history import HEADER, History

DIGITS = 16


@define
class Histories:
    """Prepared data, by what it is made of.

    Attributes:
        out: folder of the sweep.
        progress: called now and then with the bytes read, and to read.
    """

    out: Path
    progress: Progress
    _names: dict[str, str] = field(factory=dict[str, str])
    _opened: dict[str, History] = field(factory=dict[str, History])

    def whole(self, config: Config) -> History:
        """All the data of a configuration.

        Raises:
            ConfigError: a file or a series is given twice.
            DataError: a file cannot be used.
        """
        name = self._name(config)
        if name not in self._opened:
            folder = self.out / DATA / name
            there = (folder / HISTORY / HEADER).exists()
            made = History(folder / HISTORY) if there else prepared(config, folder, self.progress)
            self._opened[name] = made
        return self._opened[name]

    def window(self, config: Config, window: Window) -> tuple[str, History]:
        """The folder of what is known in a window, and that.

        Raises:
            DataError: there is no bar in it.
        """
        name = self._name(config)
        if window.part is Part.WHOLE:
            return name, self.whole(config)
        cut_name = f"{name}-{window.name}"
        if cut_name not in self._opened:
            target = self.out / DATA / cut_name / HISTORY
            there = (target / HEADER).exists()
            self._opened[cut_name] = (
                History(target)
                if there
                else cut(self.whole(config), target, from_ns=window.from_ns, to_ns=window.to_ns)
            )
        return cut_name, self._opened[cut_name]

    def _name(self, config: Config) -> str:
        """By the settings, and by what is seen of the files: whether they have changed."""
        known = repr(config.data)
        if known not in self._names:
            files = [bars.file for bars in config.data.bars]
            files += [series.file for series in config.data.series]
            said = [config.as_dict()["data"], *(_stamp(config.path(file)) for file in files)]
            self._names[known] = sha256_hex(canonical_json(said))[:DIGITS]
        return self._names[known]


def _stamp(file: Path) -> list[str | int]:
    try:
        told = file.stat()
    except OSError as error:
        msg = f"there is no such file ({error.strerror}); correct [data]"
        raise DataError(msg, path=str(file)) from error
    return [str(file), told.st_size, told.st_mtime_ns]
