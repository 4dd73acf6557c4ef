"""The operators' inbox: posting, looking, answering, and what can be wrong with its file."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.durable_support import created
from verifill.engine import inbox as inbox_module
from verifill.engine.command import Command
from verifill.engine.commands import CommandName
from verifill.engine.errors import CommandError, EnvironmentDefect, InboxError, LogError
from verifill.engine.inbox import INBOX, Answer, Inbox, answer_of, last_posted, post
from verifill.engine.log.connection import DATABASE

AT_NS = 1_700_000_000_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A durable log."""
    created(tmp_path / "log").close()
    return tmp_path / "log"


@pytest.fixture
def inbox(folder: Path) -> Iterator[Inbox]:
    with Inbox(folder) as opened:
        yield opened


def kill(folder: Path, at_ns: int = AT_NS, **arguments: str) -> int:
    return post(folder, "kill", actor="ann", reason="smoke", at_ns=at_ns, arguments=arguments)


def changed(folder: Path, statement: str) -> None:
    connection = sqlite3.connect(folder / INBOX)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_command_is_found_as_it_was_posted(folder: Path, inbox: Inbox) -> None:
    number = kill(folder, flatten="yes")

    wanted = Command(
        id=number, at_ns=AT_NS, actor="ann", reason="smoke", name=CommandName.KILL,
        arguments={"flatten": "yes"},
    )  # fmt: skip
    assert (wanted,) == inbox.pending()
    assert {wanted} == set(inbox.pending())  # it can be a key


def test_commands_are_pending_oldest_first_until_they_are_answered(
    folder: Path, inbox: Inbox
) -> None:
    numbers = [kill(folder, at_ns) for at_ns in (3, 2, 1)]
    assert [1, 2, 3] == numbers

    inbox.answer(2, "done", AT_NS)
    assert [1, 3] == [command.id for command in inbox.pending()]

    inbox.answer(1, "done", AT_NS)
    inbox.answer(3, "done", AT_NS)
    assert () == inbox.pending()


def test_there_is_nothing_and_no_file_before_the_first_command(folder: Path, inbox: Inbox) -> None:
    assert () == inbox.pending()
    assert () == last_posted(folder, 5)
    assert not (folder / INBOX).exists()


def test_no_more_than_a_limit_is_pending_at_once(folder: Path, inbox: Inbox) -> None:
    kill(folder)
    changed(
        folder,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) INSERT "
        "INTO commands (at_ns, actor, reason, name, arguments) SELECT at_ns, actor, reason, name, "
        "arguments FROM commands, n",
    )

    assert list(range(1, 1_001)) == [command.id for command in inbox.pending()]


def test_an_answer_is_found_by_whoever_posted(folder: Path, inbox: Inbox) -> None:
    first, second, third = kill(folder), kill(folder), kill(folder)
    inbox.answer(first, "cancelled 2 orders", AT_NS + 1)
    inbox.answer(second, "it is killed already", AT_NS + 2, taken=False)

    assert Answer(taken=True, text="cancelled 2 orders", at_ns=AT_NS + 1) == answer_of(
        folder, first
    )
    assert Answer(taken=False, text="it is killed already", at_ns=AT_NS + 2) == answer_of(
        folder, second
    )
    assert None is answer_of(folder, third)


def test_an_answer_is_given_once_and_never_overwritten(folder: Path, inbox: Inbox) -> None:
    number = kill(folder)
    inbox.answer(number, "the first", AT_NS)
    with pytest.raises(InboxError, match=r"inbox.sqlite takes no answer to command 1: it was ans"):
        inbox.answer(number, "the second", AT_NS)
    with Inbox(folder) as other, pytest.raises(InboxError, match="takes no answer to command 1"):
        other.answer(number, "the third", AT_NS)

    assert Answer(taken=True, text="the first", at_ns=AT_NS) == answer_of(folder, number)


def test_what_is_not_there_takes_no_answer_and_has_none(folder: Path, inbox: Inbox) -> None:
    with pytest.raises(InboxError, match="takes no answer to command 1"):
        inbox.answer(1, "done", AT_NS)
    with pytest.raises(CommandError, match="holds no command 1; see `verifill status "):
        answer_of(folder, 1)
    kill(folder)
    with pytest.raises(CommandError, match="holds no command 2"):
        answer_of(folder, 2)
    with pytest.raises(InboxError, match="takes no answer to command 2"):
        inbox.answer(2, "done", AT_NS)


def test_an_answer_that_is_no_text_for_a_file_is_kept_readable(folder: Path, inbox: Inbox) -> None:
    inbox.answer(kill(folder), "no such file \udcff", AT_NS)

    assert Answer(taken=True, text="no such file \\udcff", at_ns=AT_NS) == answer_of(folder, 1)


def test_a_number_is_never_used_twice(folder: Path) -> None:
    assert [1, 2] == [kill(folder), kill(folder)]
    changed(folder, "DELETE FROM commands")

    assert 3 == kill(folder)


def test_the_last_commands_come_with_their_answers_oldest_first(folder: Path, inbox: Inbox) -> None:
    for _ in range(4):
        kill(folder)
    inbox.answer(3, "done", AT_NS)

    told = last_posted(folder, 3)
    assert [2, 3, 4] == [each.command.id for each in told]
    assert [None, Answer(taken=True, text="done", at_ns=AT_NS), None] == [e.answer for e in told]


def test_what_is_no_command_is_not_posted(folder: Path) -> None:
    with pytest.raises(CommandError, match="there is no command 'sell'"):
        post(folder, "sell", actor="ann", reason="why", at_ns=AT_NS)

    assert not (folder / INBOX).exists()


def test_only_the_owner_may_read_the_inbox_whatever_the_umask(folder: Path, inbox: Inbox) -> None:
    before = os.umask(0)
    try:
        kill(folder)
        inbox.pending()
    finally:
        os.umask(before)

    files = [path for path in folder.iterdir() if path.name.startswith(INBOX)]
    assert {f"{INBOX}{end}" for end in ("", "-wal", "-shm")} == {path.name for path in files}
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in files}


def test_the_making_of_an_inbox_leaves_nothing_beside_it(folder: Path) -> None:
    before = {path.name for path in folder.iterdir()}
    kill(folder)

    assert {INBOX} == {path.name for path in folder.iterdir()} - before


def test_an_inbox_that_another_process_made_meanwhile_is_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill(folder)

    def not_yet(_path: Path) -> bool:
        return False

    with monkeypatch.context() as patch:
        patch.setattr(Path, "exists", not_yet)
        assert 2 == kill(folder)

    assert [1, 2] == [each.command.id for each in last_posted(folder, 5)]


def test_the_log_of_a_backtest_takes_no_commands(folder: Path, tmp_path: Path) -> None:
    header = (folder / "header.json").read_text().replace('"store":"sqlite"', '"store":"none"')
    (folder / "header.json").write_text(header)
    (folder / DATABASE).unlink()
    with pytest.raises(CommandError, match="is the log of a backtest, which takes no commands"):
        kill(folder)
    with pytest.raises(CommandError, match="is the log of a backtest, which takes no commands"):
        answer_of(folder, 1)
    with pytest.raises(LogError, match="is no log"):
        kill(tmp_path)

    assert not list(tmp_path.glob(f"**/{INBOX}"))


def test_what_was_answered_can_be_read_though_the_records_are_gone(
    folder: Path, inbox: Inbox
) -> None:
    number = kill(folder)
    inbox.answer(number, "killed", AT_NS)
    (folder / DATABASE).unlink()

    assert "killed" == getattr(answer_of(folder, number), "text", None)


def test_a_damaged_inbox_is_no_error_of_the_log(folder: Path, inbox: Inbox) -> None:
    assert issubclass(InboxError, EnvironmentDefect)
    assert not issubclass(InboxError, LogError)
    kill(folder)
    inbox.close()
    (folder / INBOX).write_bytes(b"no database" * 1_000)

    with pytest.raises(InboxError, match=r"inbox.sqlite cannot be used: file is not a database"):
        inbox.pending()
    with pytest.raises(InboxError, match="cannot be used"):
        inbox.answer(1, "done", AT_NS)
    with pytest.raises(InboxError, match="cannot be used"):
        kill(folder)
    with pytest.raises(InboxError, match="cannot be used"):
        answer_of(folder, 1)


def test_an_inbox_that_is_put_away_is_followed_by_a_new_one(folder: Path, inbox: Inbox) -> None:
    kill(folder)
    kill(folder)
    assert 2 == len(inbox.pending())
    for path in folder.glob(f"{INBOX}*"):
        path.unlink()
    assert () == inbox.pending()

    kill(folder)
    assert [1] == [command.id for command in inbox.pending()]


def test_an_inbox_that_was_replaced_is_noticed(folder: Path, inbox: Inbox, tmp_path: Path) -> None:
    kill(folder)
    kill(folder)
    assert 2 == len(inbox.pending())
    created(tmp_path / "other").close()
    kill(tmp_path / "other")
    for path in folder.glob(f"{INBOX}-*"):
        path.unlink()
    (tmp_path / "other" / INBOX).replace(folder / INBOX)

    assert [1] == [command.id for command in inbox.pending()]


def test_a_foreign_database_is_no_inbox(folder: Path, inbox: Inbox) -> None:
    changed(folder, "CREATE TABLE commands (id INTEGER)")

    for look in (inbox.pending, lambda: kill(folder), lambda: answer_of(folder, 1)):
        with pytest.raises(InboxError, match=r"inbox.sqlite has not the tables of an inbox"):
            look()


@pytest.mark.parametrize(
    "change",
    [
        "name = 'sell'",
        "actor = ''",
        "reason = x'00'",
        "at_ns = 'noon'",
        "arguments = '{'",
        "arguments = '[]'",
        "arguments = '{}x'",
        "arguments = x'ff'",
        "arguments = '{\"flatten\":1}'",
        'arguments = \'{"flatten":"yes","more":"1"}\'',
    ],
)
def test_a_command_that_is_not_as_it_was_posted_is_never_taken_up(
    folder: Path, inbox: Inbox, change: str
) -> None:
    kill(folder, flatten="no")
    changed(folder, f"UPDATE commands SET {change}")  # noqa: S608 - of this list

    with pytest.raises(InboxError, match="is damaged: command 1 is not as it was posted"):
        inbox.pending()
    with pytest.raises(InboxError, match="is damaged: command 1 is not as it was posted"):
        last_posted(folder, 1)


def test_an_inbox_that_was_mended_is_read_again(folder: Path, inbox: Inbox) -> None:
    kill(folder)
    changed(folder, "UPDATE commands SET actor = ''")
    with pytest.raises(InboxError, match="damaged"):
        inbox.pending()
    changed(folder, "UPDATE commands SET actor = 'ann'")

    assert [1] == [command.id for command in inbox.pending()]


def test_an_inbox_is_opened_once_and_after_an_error_anew(
    folder: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[sqlite3.Connection] = []
    real = sqlite3.connect

    def connect(*given: Any, **named: Any) -> sqlite3.Connection:  # noqa: ANN401 - as it is called
        opened.append(real(*given, **named))
        return opened[-1]

    number = kill(folder)
    monkeypatch.setattr(sqlite3, "connect", connect)
    inbox.pending()
    inbox.answer(number, "done", AT_NS)
    assert 1 == len(opened)
    with pytest.raises(InboxError, match="takes no answer"):
        inbox.answer(number, "done", AT_NS)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")

    assert () == inbox.pending()
    assert 2 == len(opened)


def test_a_locked_inbox_is_read_and_says_that_it_cannot_be_written(
    folder: Path, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_module, "POSTER_BUSY_S", 0.0)
    monkeypatch.setattr(inbox_module, "ENGINE_BUSY_S", 0.0)
    number = kill(folder)
    locking = sqlite3.connect(folder / INBOX, isolation_level=None)
    locking.execute("BEGIN IMMEDIATE")

    assert 1 == len(inbox.pending())
    with pytest.raises(InboxError, match=r"cannot be used: database is locked. Try again"):
        kill(folder)
    with pytest.raises(InboxError, match=r"cannot be used: database is locked. Try again"):
        inbox.answer(number, "done", AT_NS)
    locking.close()
    inbox.answer(number, "done", AT_NS)
    assert () == inbox.pending()


def test_an_inbox_that_cannot_be_made_says_so(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (folder / INBOX).symlink_to(tmp_path / "elsewhere" / "missing" / "inbox")

    with pytest.raises(InboxError, match=r"inbox.sqlite cannot be used: "):
        kill(folder)


def test_a_folder_that_cannot_be_looked_into_is_an_error_of_the_inbox(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(InboxError, match=r"cannot be used: .*Not a directory"):
        Inbox(tmp_path / "file").pending()


def test_closing_twice_does_no_harm(folder: Path) -> None:
    kill(folder)
    inbox = Inbox(folder)
    inbox.pending()
    inbox.close()
    inbox.close()

    assert 1 == len(inbox.pending())
    inbox.close()
