"""ccxt itself, which is an extra: the core is imported and works without it."""

import importlib
import logging
from typing import Any

from verifill.engine.errors import ConfigError
from verifill.venues.ccxt.words import Told


def exchange_class(name: str) -> Told:
    """The class of ccxt for an exchange.

    Raises:
        ConfigError: ccxt is not installed, or has no such exchange.
    """
    try:
        library: Any = importlib.import_module("ccxt")
    except ImportError as error:
        msg = (
            f"a venue is connected through ccxt, which cannot be imported here ({error}); "
            "pip install 'verifill[ccxt]'"
        )
        raise ConfigError(msg) from None
    # at its level DEBUG it writes the headers of each request, the key among them
    logging.getLogger("ccxt").setLevel(logging.CRITICAL)
    if name not in library.exchanges:
        msg = f"ccxt has no exchange {name!r}"
        raise ConfigError(msg)
    return getattr(library, name)
