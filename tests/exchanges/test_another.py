"""Another exchange by the steps of docs/reference/ccxt.md: the code that stands there, run."""

import inspect
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import evolve

from fixtures.exchange import opening
from fixtures.exchange.binance import open_binance
from fixtures.exchange.host import Host
from fixtures.exchange.server import Server
from tests.exchanges.places import BINANCE, Place
from tests.exchanges.test_faults import filled, orders
from tests.exchanges.worlds import Running, once
from verifill.machines.full_loop import Full
from verifill.venues.ccxt.dialect import Dialect
from verifill.venues.ccxt.dialects import DIALECTS

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "reference" / "ccxt.md"
NAME: Final = "binanceus"


def section() -> str:
    """What the page says of another exchange."""
    return PAGE.read_text().partition("## Another exchange\n")[2].partition("\n## ")[0]


def shown(name: str) -> type[Dialect]:
    """A class as its code stands on the page."""
    blocks: list[str] = re.findall(r"```python\n(.*?)```", section(), flags=re.DOTALL)
    (code,) = (block for block in blocks if f"class {name}(" in block)
    known: dict[str, Any] = {}
    exec(code, known)  # noqa: S102 - our own page
    made: type[Dialect] = known[name]
    return made


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    """Step 1 and 3: the dialect is known, and so are its accounts."""
    monkeypatch.setitem(DIALECTS, NAME, shown("BinanceUs")())
    assert BINANCE.spot
    account = f"{NAME}.spot"
    return evolve(
        BINANCE,
        venue=NAME,
        accounts={account: NAME},
        traded=(evolve(BINANCE.spot, account=account),),
        opening={f"{account}:BaseToken:USDT": "1000000", f"{account}:BaseToken:BTC": "10"},
        variables={"BINANCEUS_DEV_API_KEY": opening.KEY, "BINANCEUS_DEV_SECRET": opening.SECRET},
    )


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """Step 2: a loopback exchange at its host, and at no other."""
    monkeypatch.setitem(opening.BALANCES, NAME, opening.BALANCES["binance"])
    account = opening.account_of(NAME)
    host = Host({NAME: open_binance(account, 7)}, {"api.binance.us": NAME})
    running = Running(server=Server(host))
    yield running
    running.close()


def test_one_that_speaks_a_known_api_trades_by_the_code_of_the_page(
    place: Place, apart: Running, tmp_path: Path
) -> None:
    ended, run = apart.live(tmp_path, place, strategy=once(place.trade(place.any)), ticks=3)

    assert Full.STOPPED == ended.state, ended.reason
    assert [1] == orders(apart, place)
    assert Decimal(place.any.least) == filled(apart, place, place.any)
    assert 1 == len(run.instructions.collect())


def test_one_with_an_api_of_its_own_says_what_a_dialect_has_to() -> None:
    """The methods of the page are all those without a body of their own, and take the same."""
    made = shown("Gate")
    methods = {name for name, what in vars(made).items() if inspect.isfunction(what)}

    assert {"balances", "entries", "permissions"} == methods
    for name in methods:
        ours = inspect.signature(getattr(Dialect, name))
        assert list(ours.parameters) == list(inspect.signature(getattr(made, name)).parameters)


def test_the_files_and_names_of_its_steps_are_there() -> None:
    told = section()
    files = re.findall(r"`((?:venues|fixtures|tests)/[\w/]+(?:\.py)?)`", told)
    names = {
        "fixtures/exchange/opening.py": ("open_host", "HOSTS", "BALANCES", "account_of"),
        "venues/ccxt/dialects.py": ("ALL",),
        "tests/exchanges/places.py": ("Place", "PLACES"),
        "tests/exchanges/test_funds.py": ("MOVES", "LEAVES"),
        "tests/exchanges/test_starting.py": ("ASKED",),
    }

    assert 3 <= len(files)
    assert [] == [file for file in files if not (ROOT / file).exists()]
    for file, there in names.items():
        text = (ROOT / file).read_text()
        for name in there:
            assert f"{name}" in told, name
            assert re.search(rf"^(def {name}\(|class {name}\b|{name}\b.* = )", text, re.MULTILINE)
