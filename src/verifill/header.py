"""The header of a log: what ran, and what a reader needs to value its positions."""

import platform
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from attrs import field, frozen

from verifill.config.retries import BACKTEST
from verifill.engine.digest import canonical_json, sha256_hex
from verifill.engine.errors import ConfigError
from verifill.engine.log.reader import Log
from verifill.links import Link, links_of_venue, to_header
from verifill.venues.keys import Scales
from verifill.venues.rules import VenueRules

MARKET = "market"  # key of the header that says where the prices of a run are
RECORDED = "recorded"  # in the log itself


@frozen(kw_only=True)
class Running:
    """What runs, as far as a header tells it.

    Attributes:
        mode: backtest, paper or live.
        config: what it was configured with, as plain values.
        data_digest: of the market data.
        scales: decimals of the assets.
        price_decimals: market data -> decimals of its prices.
        rules: static data of the venues.
        bases: perpetual's key -> entry value of an opening position.
        links: what assets are worth, beside what the venues' instruments say.
        quote: the asset that reports count in; by default that of the first instrument.
    """

    mode: str
    config: Mapping[str, Any]
    data_digest: str
    scales: Scales
    price_decimals: Mapping[str, int]
    rules: tuple[VenueRules, ...] = field(converter=tuple[VenueRules, ...])
    bases: Mapping[str, int]
    links: Iterable[Link]
    quote: str

    def header(self) -> dict[str, Any]:
        """The header, but for the run's name and the tables of its machine."""
        return {
            "mode": self.mode,
            "epoch": 1,
            "seed": self.config.get("seed", 0),
            "config": dict(self.config),
            "config_digest": sha256_hex(canonical_json(self.config)),
            "data_digest": self.data_digest,
            "decimals": self.scales.as_dict(),
            "price_decimals": dict(self.price_decimals),
            "bases": {key: str(units) for key, units in self.bases.items()},
            "instruments": self._instruments(),
            "links": to_header([*self._traded(), *self.links]),
            "quote": self.quote or self._first_quote(),
            "versions": versions(),
        }

    def _traded(self) -> Iterator[Link]:
        for rules in self.rules:
            yield from links_of_venue(rules)

    def _instruments(self) -> dict[str, dict[str, str]]:
        """`account:symbol` -> the asset that is traded, and whose prices and margin it has."""
        return {
            f"{account}:{symbol}": {"base": i.base, "quote": i.quote, "data": i.data}
            for rules in self.rules
            for (account, symbol), i in rules.instruments.items()
        }

    def _first_quote(self) -> str:
        """The quote asset of the first instrument, or else the first asset of all."""
        quotes = [link.into for link in self._traded()]
        return next(iter([*quotes, *self.scales.as_dict()]), "")


def is_recorded(header: Mapping[str, Any]) -> bool:
    """Whether the prices of a run are to be found in its log: those of all but a backtest."""
    return bool(header.get("mode", BACKTEST) != BACKTEST)


def same_mode(folder: Path, mode: str) -> None:
    """Refuse to go on with the log of another mode: its positions are not of these venues.

    Raises:
        ConfigError: it is of another.
        LogError: it is no log.
    """
    found = Log(folder).header.get("mode")
    if found != mode:
        msg = (
            f"{folder} is the log of a {found} run, and cannot be gone on with as {mode}: its "
            f"positions are of other accounts. Give another folder with --log, or use "
            f"`verifill {found}`"
        )
        raise ConfigError(msg)


@cache
def versions() -> Mapping[str, str]:
    """Versions of Python and of the packages that a result depends on."""
    packages = ("verifill", "transitions", "polars", "msgspec", "attrs", "tenacity")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
