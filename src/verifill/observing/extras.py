"""What to say where an optional dependency is not installed."""

from collections.abc import Generator
from contextlib import contextmanager

from verifill.engine.errors import ConfigError


@contextmanager
def extra(name: str, *packages: str) -> Generator[None]:
    """Imports of what an extra installs.

    Args:
        name: the extra.
        packages: the modules that it brings; that another one is missing is no matter of it.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if not str(error.name).startswith(packages):
            raise
        msg = (
            f"{error.name} is not installed; it comes with an extra. "
            f"Install it with: pip install 'verifill[{name}]'"
        )
        raise ConfigError(msg) from error
