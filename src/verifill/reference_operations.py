"""The reference page of a live run's operation: docs/reference/operations-live.md.

What commands there are, when they apply and what they take is the table of
`engine.commands`; the words around it are here. `python -m verifill.reference
operations-live` prints the page.
"""

from collections.abc import Iterator
from typing import Final

from verifill.engine.commands import COMMANDS, TEXT_CHARACTERS_MAX, Argument, CommandKind
from verifill.engine.inbox import INBOX, PENDING_MAX

HEAD: Final = """\
# Operating a live run

<!-- Written by `python -m verifill.reference operations-live`; do not edit. -->

`verifill status DIR` says where a run is, `verifill ops COMMAND DIR` tells its engine what to
do. Both take the folder of the log, and both work whether the engine runs or not. `verifill
status` works on the log of a backtest too; commands are for live runs alone.

## Where a run is

`verifill status DIR` reads the log, also while the engine writes it; nothing is asked of the
engine, and it is not disturbed. It shows

* run, mode, process life, whether an engine holds the log just now, and how the run ended if it
  did;
* the leaf state that the last transition led to, and since when; tick, chain, instruction, send
  and the key of that send, of whatever is under way;
* the last records; every position as it was last settled; the last note of a failure;
* the last commands, with their answers.

`--json` gives the same as one JSON object, amounts as exact texts and times as nanoseconds since
the epoch, UTC. Of a live run's log only the end is read, as far back as a process life that began
with a reading of its positions; `read_from` is the number of the first record that was.

## Commands

| command | when | what | takes | reason |
|---|---|---|---|---|"""

REST: Final = f"""
Where a command does not apply, the engine refuses it and says why. That an order is HELD or a
chain STRANDED is shown by `verifill status`; the states are drawn by `verifill machines
full_loop`. Breakers, trading states and their scopes are explained in [breakers.md](breakers.md):
`venue:VENUE:OPERATION`, `account:ACCOUNT`, `strategy:STRATEGY`, `global`.

Every command carries an actor, by default the login name of whoever posts it, and a reason. They
are recorded, not authenticated: whoever may write to the log's folder may command, in any name.

**Which one?**

* An order is HELD: look at the venue. If it answers again, `ask`, which in class K has the
  same sent once more. If it shows the order as executed, `adopt`; if it shows that there was none
  and can be none, `void`. Both are verified: if the positions say otherwise, the order is not
  taken as done.
* A chain is STRANDED: `compensate` lets the engine take back what is left. If you did that by
  hand, `settle`, then look at the positions, then `resume`.
* A movement is not explained: find out what it was, then `adopt-external`.
* A breaker waits for a person: `reset-breaker`. One that is LATCHED takes two people.
* Something is wrong and you do not know what: `kill`.

## The answer

`verifill ops` waits for the answer for 10 seconds, `--wait-s` changes that, and `--no-wait` only
posts. It says whether the command was taken or refused, or that it still waits; that is no
failure: a command stays until an engine has answered it. `verifill ops answer DIR ID` looks
again. While no engine runs, commands wait, and the next engine takes them up when it starts, so
look before you start one after a long time.

| exit code | meaning |
|---|---|
| 0 | taken, or posted with `--no-wait` |
| 2 | no such command, or no log of a live run; nothing was posted |
| 3 | the disk, permissions, a damaged inbox or log |
| 10 | refused by the engine |
| 11 | posted, and not answered yet |

## The inbox

Commands lie in `{INBOX}`, a SQLite database in the log's folder, for its owner alone (0600): post
as the user that the engine runs as. It is no part of the log, and no evidence: what was done upon
a command is in the log. The engine looks into it between two steps and sees at most
{PENDING_MAX:,} commands at a time, oldest first.

* A command that was posted is on the disk, and so is an answer. Numbers are never used twice.
* A command is answered once; an answer is never overwritten.
* An inbox that is damaged or locked does not stop the engine. `verifill ops` and `verifill
  status` say what is wrong with it. Move `{INBOX}` and what SQLite keeps beside it away, and the
  next command makes a new one, whose numbers begin at 1.
* A process that was killed while it made the inbox may leave a file `.inbox-...`; it can go.
* Texts have at most {TEXT_CHARACTERS_MAX:,} characters, all of which can be shown.
"""


def operations_page() -> str:
    """The page of a live run's operation."""
    return "\n".join([HEAD, *_rows(), REST])


def _rows() -> Iterator[str]:
    for kind in COMMANDS.values():
        reason = "required" if kind.needs_reason else "optional"
        yield f"| `{kind.name}` | {kind.when} | {kind.what} | {_takes(kind)} | {reason} |"


def _takes(kind: CommandKind) -> str:
    return "; ".join(map(_told, kind.arguments)) or "-"


def _told(argument: Argument) -> str:
    default = "" if argument.default is None else f", by default {argument.default}"
    return f"`--{argument.name}` {argument.what} ({argument.allowed}{default})"
