"""Cash and carry live over three exchanges of this machine, with faults, killed in mid-hedge.

The exchanges speak the APIs of Binance, Bybit and OKX (`fixtures/exchange`), the engine speaks
to them through ccxt as it would to the real ones. Answers are lost, one order never arrives,
and the engine is killed with -9 while a leg of the hedge is unanswered; it is started again, and
ends with the positions that were wanted, each order executed once.

    PYTHONPATH=. python docs/examples/exchange_demo.py [FOLDER]

It leaves nothing running.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from fixtures.exchange.control import Control
from fixtures.exchange.faults import Do, Fault
from fixtures.exchange.opening import KEY, PASSPHRASE, SECRET

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CONFIG = HERE / "exchange_demo" / "carry.toml"
FOLDER = ROOT / "runs" / "exchange-demo"
PATIENCE_S = 90
TICKS = 4  # of the second process life
WANTED = {"binance": "-0.04", "bybit": "-0.03", "okx": "-0.03"}
# Instruction by instruction: what the strategy wants, and what happens to it.
PLAN = (
    (
        "buy 0.1 BTC, Binance spot",
        "is executed, and the answer is lost",
        Fault(on="POST */api/v3/order", do=Do.RESET_AFTER),
    ),
    (
        "short 0.04 BTC, Binance USD-M",
        "never arrives",
        Fault(on="POST */fapi/v1/order", do=Do.RESET_BEFORE),
    ),
    (
        "short 0.03 BTC, Bybit",
        "is executed and not answered; the engine is killed with -9 meanwhile",
        Fault(on="POST *bybit.com/v5/order/create", do=Do.SILENT),
    ),
    (
        "short 0.03 BTC, OKX",
        "is executed, and answered with a page of HTML",
        Fault(on="POST */api/v5/trade/order", do=Do.PAGE),
    ),
)
FIRST = """\
First process. No answer is `unknown`: the exchange is asked by the key of the order, `intent`,
until it is `found`, or `absent` by proof: not there, long after no request can arrive any more.
Only then it is sent again, under a new key. Nothing goes on before positions have `matched`."""
SECOND = """\
Killed with -9 while Bybit's leg is unanswered. Second process: its log says which order may be
in flight, so it asks for that (`recovery`, `found`). What had not been sent has `expired`; the
strategy sees from the positions what is still missing."""


def main(folder: Path) -> int:
    """The whole of it, into a folder that is made anew; 0 if all is as it should be."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    with exchanges() as port:
        control = Control(port)
        say(f"Binance, Bybit and OKX are at 127.0.0.1:{port}. What is sent, and becomes of it:")
        for number, (what, happens, fault) in enumerate(PLAN, 1):
            print(f"  {number}. {what:<30} {happens}")
            control.arm(fault)
        say(FIRST)
        killed_in_mid_hedge(folder, port, control)
        say(SECOND)
        live(folder, port, "--ticks", str(TICKS), "--say", "text").wait()
        wrong = told(control)
    print(f"\nEvery step of it: verifill log show {folder / 'log'}")
    return wrong


def killed_in_mid_hedge(folder: Path, port: int, control: Control) -> None:
    """Run until Bybit has the order and its answer is under way; then SIGKILL."""
    engine = live(folder, port, "--say", "text")
    end_s = time.monotonic() + PATIENCE_S
    while not control.effects("bybit") and engine.poll() is None:
        if time.monotonic() > end_s:
            engine.kill()
            engine.wait()
            sys.exit("the order did not come")
        time.sleep(0.05)
    if engine.poll() is not None:
        sys.exit(f"the engine ended by itself, with {engine.returncode}")
    engine.send_signal(signal.SIGKILL)
    engine.wait()


def live(folder: Path, port: int, *more: str) -> subprocess.Popen[bytes]:
    """Start an engine; its keys are in its environment, and nowhere else."""
    keys = {
        f"{venue}_DEV_{what}": value
        for venue in ("BINANCE", "BYBIT", "OKX")
        for what, value in (("API_KEY", KEY), ("SECRET", SECRET), ("PASSWORD", PASSPHRASE))
    }
    environment = {**os.environ, **keys, "EXCHANGES": f"http://127.0.0.1:{port}"}
    command = [sys.executable, "-m", "verifill", "live", str(CONFIG), "--log", str(folder / "log")]
    command += ["--anchor", str(folder / "log.anchor")]
    return subprocess.Popen([*command, *more], env=environment, cwd=ROOT)  # noqa: S603 - our own


@contextmanager
def exchanges() -> Generator[int]:
    """The exchanges, in a process of their own; their port."""
    command = (sys.executable, "-m", "fixtures.exchange")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:  # noqa: S603 - our own
        try:
            assert server.stdout  # noqa: S101 - it is a pipe
            yield int(server.stdout.readline())
        finally:
            server.terminate()


def told(control: Control) -> int:
    """What the exchanges themselves have, beside what was wanted."""
    say("What the exchanges say:")
    wrong = 0
    for venue, wanted in WANTED.items():
        held = control.totals(venue)["positions"].get("BTC/USDT:USDT", Decimal(0))
        counts = control.counts(venue)
        once = set(counts.values()) == {1}
        wrong += held != Decimal(wanted) or not once
        print(
            f"  {venue:<8} perpetual {held} BTC, wanted {wanted}; {len(counts)} "
            f"{'order' if len(counts) == 1 else 'orders with that of spot'}, "
            f"none carried out twice: {'yes' if once else 'NO'}"
        )
    bought = control.totals("binance")["spot"]["BTC"] - 10
    print(f"  binance  spot {bought} BTC more (0.1 less its fee)")
    wrong += bought != Decimal("0.0999")
    say("As wanted: each order once, in spite of all that." if not wrong else "NOT as wanted.")
    return int(bool(wrong))


def say(text: str) -> None:
    """What happens next."""
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
