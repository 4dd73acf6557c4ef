"""`verifill venue`: the configured venues as a process of their own, and what it did."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from verifill.assembly.ccxt import deposit_address
from verifill.assembly.history import prepared
from verifill.assembly.loopback import Hosting, ServerParts
from verifill.cli.screen import pairs, screen, table
from verifill.config import load_config
from verifill.engine.errors import ConfigError
from verifill.venues.loopback.effects import effects_of
from verifill.venues.loopback.faults import Fault, read_script
from verifill.venues.loopback.journal import Journal, read_journal
from verifill.venues.loopback.server import HOST, Server, die
from verifill.venues.loopback.service import Service


def serve(
    config: Path,
    *,
    journal: Path,
    port: int,
    admin_port: int,
    ready: Path | None,
    faults: Path | None,
    with_parent: bool,
) -> None:
    """Serve until told to stop."""
    parent = os.getppid() if with_parent else 0
    armed = _script(faults) if faults else ()
    service = _service(config, journal)
    service.script.arm(armed)
    server = Server(service, port=port, admin_port=admin_port, ready=ready, parent=parent)
    where = server.ready
    sys.stdout.write(f"listening on {HOST}:{where.port}, for its operator on {where.admin_port}\n")
    sys.stdout.flush()
    server.run()


def effects(journal: Path) -> None:
    """Say how often each key was submitted and executed."""
    found = effects_of(read_journal(journal))
    columns = ("venue", "key", "arrivals", "effects", "references")
    rows = [(e.venue, e.key, e.arrivals, e.effects, ", ".join(e.refs)) for e in found]
    screen().print(table("Effects", columns, rows))


def address(config: Path, account: str, asset: str, network: str, *, prod: bool) -> None:
    """Say where an account takes deposits of an asset."""
    settings = load_config(config)
    told = deposit_address(settings, account, asset, network, os.environ, prod=prod)
    rows = [("account", account), ("asset", told.asset), ("network", told.network or "usual")]
    rows += [("address", told.address), ("tag", told.tag or "none")]
    screen().print(pairs("", rows))


def _service(config: Path, journal: Path) -> Service:
    settings = load_config(config)
    clock: Callable[[], int] | None = time.time_ns
    with TemporaryDirectory(prefix="verifill-venue-") as work:
        history = prepared(settings, Path(work), None)
        hosting = Hosting.of(settings, history)
        start_ns = time.time_ns()
        if settings.loopback.time == "virtual":
            clock, start_ns = None, history.header.start_ns
        parts = ServerParts(hosting)
        return Service(parts, Journal(journal), clock=clock, start_ns=start_ns, die=die)


def _script(file: Path) -> tuple[Fault, ...]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        msg = f"{file}: {error}"
        raise ConfigError(msg) from None
    return read_script(text)
