"""An engine that is killed anywhere on its way to an exchange: one effect per intent.

In this process it is killed by an error that nothing catches, at each record and around each
send; in a process of its own by SIGKILL.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest

from fixtures.exchange.faults import Do, Fault
from tests.exchanges.places import BINANCE, Place
from tests.exchanges.test_faults import filled, orders
from tests.exchanges.worlds import Running, once, written
from verifill.assembly.loopback import Hosting
from verifill.engine.log.record import Record
from verifill.machines.full_loop import Full
from verifill.machines.recovery import Found
from verifill.result import RunResult
from verifill.start import Connect
from verifill.venues.orders import Receipt, Request

RECORDS = 23
TICKS = 3
STRUCK = (None, Do.RESET_BEFORE, Do.HOLD, Do.RESET_AFTER)


class KilledError(BaseException):
    """The process is gone."""


def whole(running: Running, place: Place, folder: Path) -> None:
    """A life to the end, and what came of all lives together."""
    ended, _ = running.live(folder, place, strategy=once(place.trade(place.any)), ticks=TICKS)

    assert Full.STOPPED == ended.state, ended.reason
    assert Decimal(place.any.least) == filled(running, place, place.any)
    assert [1] == orders(running, place)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    every = int(str(metafunc.config.getoption("--every")))
    if "moment" in metafunc.fixturenames:
        metafunc.parametrize("moment", range(9, RECORDS, 6) if every > 1 else range(1, RECORDS))
    elif "before" in metafunc.fixturenames:
        cases = [(before, do) for before in (True, False) for do in STRUCK]
        metafunc.parametrize(("before", "do"), cases[:: min(every, 3)])


def test_killed_at_a_record_it_goes_on_without_a_double(
    running: Running, place: Place, tmp_path: Path, moment: int
) -> None:
    seen: list[Record] = []

    def tell(record: Record, *_: object) -> None:
        seen.append(record)
        if len(seen) == moment:
            raise KilledError

    strategy = once(place.trade(place.any))
    with suppress(KilledError):
        running.live(tmp_path, place, strategy=strategy, ticks=TICKS, tell=tell)

    assert len(seen) == moment
    whole(running, place, tmp_path)


def around(*, before: bool, venue: str) -> object:
    """Kills at the first send, before or after it left."""

    def changed(connect: Connect) -> Connect:
        def connected(hosting: Hosting, found: Found, since: Mapping[str, int]) -> object:
            connection = connect(hosting, found, since)
            real = connection.venues[venue]
            submit = real.submit

            def killed(request: Request) -> Receipt:
                if not before:
                    submit(request)
                raise KilledError

            real.submit = killed  # type: ignore[method-assign]  # a venue that kills
            return connection

        return connected  # type: ignore[return-value]  # likewise

    return changed


def test_killed_around_a_send_it_asks_and_sends_again_only_upon_proof(
    running: Running, place: Place, tmp_path: Path, *, before: bool, do: Do | None
) -> None:
    if do:
        running.control.arm(Fault(on=place.create, do=do))
    with pytest.raises(KilledError):
        running.live(
            tmp_path,
            place,
            strategy=once(place.trade(place.any)),
            ticks=TICKS,
            connect=around(before=before, venue=place.venue),  # type: ignore[arg-type]  # likewise
        )
    whole(running, place, tmp_path)
    running.control.release()

    assert [1] == orders(running, place)


def test_killed_with_sigkill_while_the_answer_is_on_its_way(
    running: Running, tmp_path: Path
) -> None:
    place = BINANCE
    strategy = once(place.trade(place.any))
    config = written(tmp_path, [place], running.server.port, strategy)
    running.control.arm(Fault(on=place.create, do=Do.SILENT))
    command = [sys.executable, "-m", "verifill", "live", str(config), "--ticks", "2"]
    command += ["--log", str(tmp_path / "run"), "--say", "none"]
    environment = {**os.environ, **place.variables}
    with subprocess.Popen(command, env=environment) as first:
        for _ in range(600):
            if orders(running, place) or first.poll() is not None:
                break
            time.sleep(0.05)
        first.send_signal(signal.SIGKILL)

    assert -signal.SIGKILL == first.returncode
    subprocess.run(command, env=environment, check=True, timeout=60)
    run = RunResult(tmp_path / "run")

    assert Decimal(place.any.least) == filled(running, place, place.any)
    assert [1] == orders(running, place)
    assert 1 == run.transitions.collect().filter(kind="INTENT").height
