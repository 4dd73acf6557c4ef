"""An audit from end to end: a live run in which much goes wrong, and what its log proves.

It runs the commands that anybody would type. The venues are a process of their own, and faults
strike them (`audit_demo/faults.toml`); the engine is killed with -9 in mid-flight and goes on.
Then the log is verified, run again, tampered with, and written into a page.

    python docs/examples/audit_demo.py [FOLDER]

It takes about half a minute, and leaves nothing running.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
CONFIG = HERE / "audit_demo" / "audit.toml"
FAULTS = HERE / "audit_demo" / "faults.toml"
FOLDER = HERE.parent.parent / "runs" / "audit-demo"
VERIFILL = (sys.executable, "-m", "verifill")
DATABASE = "log.sqlite"  # in the folder of a log
KILLED_AT = 13  # the INTENT that is in flight when the engine is killed: of the fourteenth send
LAST_TICKS = 3  # of the second process life
PATIENCE_S = 60
MADE_BY = "audit-demo.txt"  # tells a folder that this made from any other
IDENTICAL, DEPARTS = 0, 1  # exit codes of `verify` and `replay`


def main(folder: Path) -> None:
    """The whole of it, into a folder that is made anew."""
    make_anew(folder)
    log, page = folder / "log", folder / "run.html"
    with venues(folder) as port:
        say("A live run. Its venues lose answers, cut orders short, and are wrong once.")
        run_until_killed(log, port)
        say("Killed with -9 while an order is unanswered. The next process goes on with it.")
        ran = ("live", CONFIG, "--port", port, *kept(log), "--ticks", LAST_TICKS)
        told(*ran, "--say", "none")
    say("Does the log hold together?")
    told("verify", log, last=1)
    say("Does the engine make the same records again, on the answers in the log?")
    told("replay", log, last=4)
    for name, change in (("edited", edited), ("deleted", deleted)):
        copy = copied(log, folder / name)
        say(f"A copy in which record {change(copy)} is {name}: is it found?")
        told("verify", copy, code=DEPARTS, since="chain:")
    say("All of it as a page.")
    told("report", log, "-o", page)
    say("Written:")
    for what, path in (("the page", page), ("the log", log), ("its anchor", f"{log}.anchor")):
        print(f"  {what:<10}  {path}")


def make_anew(folder: Path) -> None:
    """An empty folder; only one that an earlier run has made is emptied for it."""
    if folder.exists():
        ours = folder == FOLDER or (folder / MADE_BY).exists()
        if any(folder.iterdir()) and not ours:
            sys.exit(
                f"{folder} holds other things than an audit demo, and was left as it is. "
                "Name a folder that does not exist yet, or an empty one"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MADE_BY).write_text("Made by docs/examples/audit_demo.py, and made anew by it.\n")


@contextmanager
def venues(folder: Path) -> Generator[int]:
    """The venues as a process of their own, at a port; ended afterwards."""
    ready = folder / "ready.json"
    files = ("--journal", folder / "venue.jsonl", "--ready", ready, "--faults", FAULTS)
    process = started("venue", "serve", CONFIG, *files, "--with-parent")
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit("the venues did not start")
            time.sleep(0.05)
        yield json.loads(ready.read_text())["port"]
    finally:
        process.kill()
        process.wait()


def run_until_killed(log: Path, port: int) -> None:
    """An engine, killed once it has written down that it sends the order."""
    words = ("live", CONFIG, "--port", port, *kept(log), "--say", "json")
    engine = started(*words, heard=True)
    sent = 0
    try:
        for line in engine.stderr or ():
            record = json.loads(line)
            show(record)
            sent += record["event"] == "intent"
            if sent == KILLED_AT:
                return
        sys.exit("the engine ended before it was killed")
    finally:
        engine.kill()
        engine.communicate()


def show(record: dict[str, object]) -> None:
    """A line of what an engine says."""
    facts = {name: record[name] for name in ("instruction", "attempt", "state") if name in record}
    print(f"  {record['event']:<22}", *(f"{name}={fact}" for name, fact in facts.items()))


def edited(log: Path) -> int:
    """Change one digit of what one record holds, as somebody with the file could."""
    with closing(sqlite3.connect(log / DATABASE)) as database, database:
        seq, payload = database.execute(
            "SELECT seq, payload FROM records WHERE event = 'accepted' ORDER BY seq LIMIT 1"
        ).fetchone()
        changed = payload.replace("1", "2", 1)
        database.execute("UPDATE records SET payload = ? WHERE seq = ?", (changed, seq))
    return int(seq)


def deleted(log: Path) -> int:
    """Delete one record."""
    with closing(sqlite3.connect(log / DATABASE)) as database, database:
        (seq,) = database.execute(
            "SELECT seq FROM records WHERE event = 'matched' ORDER BY seq LIMIT 1"
        ).fetchone()
        database.execute("DELETE FROM records WHERE seq = ?", (seq,))
    return int(seq)


def copied(log: Path, to: Path) -> Path:
    """A log, copied; its header names the anchor."""
    return shutil.copytree(log, to)


def kept(log: Path) -> tuple[object, ...]:
    """Where a log goes, and its anchor: in the demo's folder, with all else."""
    return ("--log", log, "--anchor", f"{log}.anchor")


def started(*words: object, heard: bool = False) -> "subprocess.Popen[str]":
    """A command that goes on; what it says on stderr is to be read if it is heard."""
    typed(words)
    command = [*VERIFILL, *map(str, words)]
    return subprocess.Popen(  # noqa: S603 - our own command
        command,
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if heard else None,
    )


def told(*words: object, code: int = IDENTICAL, last: int = 0, since: str = "") -> None:
    """Run a command, show the end of what it says, and stop if it does not end as it must."""
    typed(words)
    command = [*VERIFILL, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    lines = [line.rstrip() for line in done.stdout.splitlines() if line.strip()]
    begin = next((at for at, line in enumerate(lines) if line.startswith(since)), 0)
    print(*(f"  {line}" for line in lines[begin:][-last:]), sep="\n")
    if done.returncode != code:
        print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        sys.exit(f"it ended with exit code {done.returncode}, and not {code}")


def typed(words: Sequence[object]) -> None:
    """Show a command as it would be typed."""
    print("$ verifill", *words, flush=True)


def say(text: str) -> None:
    """A sentence between the commands."""
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
