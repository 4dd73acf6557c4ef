"""An exchange on this machine, and an engine or an adapter that speaks to it."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import define, evolve, field

from fixtures.exchange.control import Control
from fixtures.exchange.opening import open_host
from fixtures.exchange.server import Server
from tests.exchanges.places import Place
from verifill.assembly.ccxt import Exchanges, Through, keys_of
from verifill.assembly.history import prepared
from verifill.assembly.loopback import Hosting
from verifill.config import Config, load_config
from verifill.engine.clock import NANOSECONDS, Times
from verifill.engine.log.anchor import FileAnchor
from verifill.live import Ended, go_on
from verifill.machines.recovery import Found
from verifill.modes import LIVE
from verifill.result import RunResult
from verifill.start import Connect, Outside, Start
from verifill.telling import Style, Tell, telling
from verifill.venues.instructions import Instruction

ONCE = """
from decimal import Decimal
from verifill import (
    InternalTransfer, MarginMode, PerpTrade, SetLeverage, SetMarginMode, Side, SpotTrade,
    TimeInForce, Transfer
)

PLAN = {plan}
ENDED = {ended}


class Once:
    \"\"\"Sends a plan once, and goes on with what failed clean.\"\"\"

    def __init__(self):
        self.left = list(range(len(PLAN)))

    def decide(self, market, positions, last):
        done = [str(entry.fate) for entry in last.entries]
        gone = self.left[: len(done)]
        more = [at for at, fate in zip(gone, done) if fate not in ENDED]
        self.left = more + self.left[len(done):]
        return [PLAN[at] for at in self.left]

    def state(self):
        return {{"left": self.left}}

    def restore(self, state):
        self.left = list(state["left"])
"""


def once(*plan: Instruction, ended: Sequence[str] = ("DONE",)) -> str:
    """A strategy that wants all of this to be done, each of it once.

    Args:
        plan: what it wants.
        ended: after which fates an instruction is not sent again.
    """
    return ONCE.format(
        ended=list(ended), plan=re.sub(r"<(\w+\.\w+): '\w+'>", r"\1", repr(list(plan)))
    )


HEADER = """
quote = "{quote}"
environment = "dev"
[loop]
interval_s = 2
[strategy]
source = "{strategy}"
[assets]
USDT = 18
USDC = 18
BTC = 18
ETH = 18
UBTC = 18
[opening]
{opening}
[environments.dev.endpoints]
{endpoints}
[retry.live.queries]
wait_s = 1
factor = 1
[data]
"""
BARS = """
[[data.bars]]
instrument = "{account}:{symbol}"
file = "{file}"
price_decimals = 2
"""
CSV = """timestamp,open,high,low,close,volume
2026-01-01T00:00:00Z,{p},{p},{p},{p},1
2026-01-01T01:00:00Z,{p},{p},{p},{p},1
"""
NOTHING = '''
class Nothing:
    """Sends nothing."""

    def decide(self, market, positions, last):
        return []
'''


def written(
    folder: Path, places: Sequence[Place], port: int, strategy: str = NOTHING, more: str = ""
) -> Path:
    """A configuration of these exchanges, through ccxt."""
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "strategy.py").write_text(strategy)
    opening = {key: amount for place in places for key, amount in place.opening.items()}
    text = HEADER.format(
        quote=places[0].wallet,
        strategy="strategy.py",
        opening="\n".join(f'"{key}" = "{amount}"' for key, amount in opening.items()),
        endpoints="\n".join(f'{one.venue} = "http://127.0.0.1:{port}"' for one in places),
    )
    for place in places:
        for one in place.traded:
            file = f"{one.account}.{one.symbol}.csv".replace("/", "-")
            (folder / file).write_text(CSV.format(p=one.price))
            text += BARS.format(account=one.account, symbol=one.symbol, file=file)
    text += "".join(place.exchange_toml() for place in places)
    config = folder / "live.toml"
    config.write_text(text + more)
    return config


@define
class Running:
    """Exchanges on this machine; sleeping lets their time pass, and nobody waits.

    Attributes:
        server: has all of them.
        offset_ns: how far time was let pass beside the clock.
        asleep: what happens whenever somebody sleeps.
    """

    server: Server = field(factory=lambda: Server(open_host()))
    offset_ns: int = 0
    sleeps: int = 0
    asleep: Callable[[], object] = lambda: None

    @property
    def control(self) -> Control:
        return Control(self.server.port)

    def sleep(self, seconds: float) -> None:
        """Time passes for us and for the exchanges; what is under way arrives meanwhile."""
        self.sleeps += 1
        assert self.sleeps < 10_000
        self.offset_ns += round(seconds * NANOSECONDS)
        for dialect in self.server.host.dialects.values():
            dialect.hall.exchange.clock.skew_ms += round(seconds * 1_000)
        self.asleep()

    def times(self) -> Times:
        return Times(
            lambda: time.time_ns() + self.offset_ns,
            lambda: time.monotonic_ns() + self.offset_ns,
            self.sleep,
        )

    def connected(
        self, folder: Path, *places: Place, since: Mapping[str, int] | None = None
    ) -> Exchanges:
        """Their adapters."""
        settings = settings_of(written(folder, places, self.server.port))
        hosting = hosting_of(settings, folder)
        return self.through(settings, places)(hosting, Found(), since or {})

    def through(self, settings: Config, places: Sequence[Place]) -> Through:
        variables = {name: value for one in places for name, value in one.variables.items()}
        return Through(settings, "dev", variables, self.times())

    def live(
        self,
        folder: Path,
        *places: Place,
        strategy: str,
        ticks: int = 3,
        more: str = "",
        connect: Callable[[Connect], Connect] | None = None,
        tell: Tell | None = None,
    ) -> tuple[Ended, RunResult]:
        """One process life of an engine, in this process.

        Args:
            connect: changes how the venues are connected.
            tell: told of each record.
        """
        config = written(folder, places, self.server.port, strategy, more)
        settings = settings_of(config)
        log = folder / "run"
        through: Connect = self.through(settings, places)
        start = Start(
            config=settings,
            connect=connect(through) if connect else through,
            tell=tell or telling(Style.NONE),
            folder=log,
            anchor=FileAnchor(folder / "run.anchor"),
            ticks=ticks,
            outside=Outside(times=self.times()),
            keys=keys_of(settings),
        )
        return go_on(start), RunResult(log)

    def close(self) -> None:
        self.server.close()


CONFIGS: dict[str, Config] = {}


def settings_of(file: Path) -> Config:
    """The configuration of a file; one that says the same was loaded before."""
    text = file.read_text()
    if text not in CONFIGS:
        CONFIGS[text] = evolve(load_config(file), mode=LIVE)
    return evolve(CONFIGS[text], file=file)


def hosting_of(settings: Config, folder: Path) -> Hosting:
    hosting = Hosting.of(settings, prepared(settings, folder / "work", None))
    return evolve(hosting, keys=keys_of(settings))
