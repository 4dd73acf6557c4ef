"""Loading the user's strategy: from a file that needs no installing, or from a module."""

import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NoReturn, cast

from verifill.config import Config
from verifill.engine.errors import StrategyError, VerifillError
from verifill.machines.strategy import Strategy

FILE: Final = re.compile(r"(?P<file>.+\.py)(:(?P<name>\w+))?")
MODULE: Final = re.compile(r"(?P<module>\w+(\.\w+)*):(?P<name>\w+)")


def load_strategy(config: Config) -> Strategy:
    """The strategy that a configuration names, made with its options.

    Raises:
        ConfigError: there is no such file, module or class, or it does not take the options.
        StrategyError: the user's own code raised; with file and line.
    """
    source = config.strategy.source
    path = source_file(config)
    named = FILE.fullmatch(source) or MODULE.fullmatch(source)
    if named is None:
        problem = f'strategy.source is "{source}"; allowed is file.py, file.py:Class, module:Class'
        raise config.error(problem)
    module = _from_file(config, path) if path else _from_module(config, named["module"])
    kind = _class(config, module, named["name"])
    options = config.strategy.options
    try:
        inspect.signature(kind).bind(**options)
    except TypeError as error:
        problem = f"strategy.options do not fit {kind.__name__}{inspect.signature(kind)}: {error}"
        raise config.error(problem) from None
    with _blame(path):
        return cast("Strategy", kind(**options))


def source_file(config: Config) -> Path | None:
    """The file that the strategy stands in; None if it is named by its module."""
    named = FILE.fullmatch(config.strategy.source)
    return config.path(Path(named["file"])) if named else None


def _from_file(config: Config, path: Path) -> ModuleType:
    if not path.is_file():
        problem = f"strategy.source: there is no file {path}; correct the path"
        raise config.error(problem)
    name = f"verifill_strategy_{path.stem}"
    loader = SourceFileLoader(name, str(path))
    module = importlib.util.module_from_spec(ModuleSpec(name, loader, origin=str(path)))
    module.__file__ = str(path)
    # what looks a class up by its module, such as pickle or dataclasses, finds it here
    sys.modules[name] = module
    with _blame(path), _neighbours(path.parent):
        loader.exec_module(module)
    return module


def _from_module(config: Config, name: str) -> ModuleType:
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        found = None
    if found is None:
        problem = f"strategy.source: there is no module {name!r} on the path; name a file instead"
        raise config.error(problem)
    with _blame(Path(found.origin or name)):
        return importlib.import_module(name)


def _class(config: Config, module: ModuleType, name: str | None) -> type[Any]:
    there = {
        own: kind
        for own, kind in vars(module).items()
        if isinstance(kind, type)
        and kind.__module__ == module.__name__
        and callable(getattr(kind, "decide", None))
    }
    wanted = {own: kind for own, kind in there.items() if name in {None, own}}
    if len(wanted) == 1:
        return next(iter(wanted.values()))
    known = ", ".join(there) or "none"
    what = f"no strategy {name}" if name else f"{len(there)} strategies, where one is wanted"
    problem = (
        f"strategy.source: {module.__file__} has {what}; classes with decide() there: {known}. "
        "Name one as file.py:Class"
    )
    raise config.error(problem)


@contextmanager
def _neighbours(folder: Path) -> Generator[None]:
    """Imports of files beside the strategy work while it is loaded."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


@contextmanager
def _blame(path: Path | None) -> Generator[None]:
    """What the user's code raises, as an error with file and line.

    Raises:
        StrategyError: it raised.
    """
    try:
        yield
    except VerifillError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a strategy may raise anything
        _raise(error, path)


def _raise(error: BaseException, path: Path | None) -> NoReturn:
    if isinstance(error, SyntaxError):
        where = f"{error.filename}, line {error.lineno}"
        what = f"{type(error).__name__}: {error.msg}"
    else:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if path and frame.filename == str(path)] or frames
        where = f"{own[-1].filename}, line {own[-1].lineno}"
        what = f"{type(error).__name__}: {error}"
    msg = f"{where}: the strategy raised {what}. Correct it and run again"
    raise StrategyError(msg) from error
