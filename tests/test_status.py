"""Where a run is, read from logs of every sort: empty, under way, ended, of a backtest."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.engine_process import begun
from tests.cli.running import running
from tests.engine.durable_support import HEADER, LIFE, Memory, note
from tests.runs import SPOT, buy, ran, sell, ticks
from tests.transcribed import rows_by_seq, transcribed
from verifill import status as status_module
from verifill.engine.errors import LogError
from verifill.engine.inbox import INBOX, Answer, Inbox, post
from verifill.engine.log.durable import DurableLog
from verifill.engine.log.opening import create_log, reopen_log
from verifill.engine.log.reader import Log
from verifill.engine.log.record import Record
from verifill.result import RunResult
from verifill.status import Failure, Position, Status, Work, status_of

BTC = f"{SPOT}:BaseToken:BTC"


@pytest.fixture(scope="module")
def backtest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three instructions in three ticks, and one tick without any."""
    plans = [[buy("1"), sell("0.5")], [], [buy("0.25")]]
    folder, _ = ran(tmp_path_factory.mktemp("run"), ticks(plans), rows=4)
    return folder


class Engine:
    """A durable log that a test writes, and its status."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._anchor = Memory()
        self.log: DurableLog = create_log(folder, self.header(), LIFE, anchor=self._anchor)

    @staticmethod
    def header() -> dict[str, Any]:
        return HEADER | {"mode": "live", "decimals": {"BTC": 8}}

    def live_again(self, payload: dict[str, Any] | None = None) -> None:
        self.log.close()
        digest = HEADER["nesting"]["digest"]
        life = Record(machine="full_loop", kind="EPOCH", wall_ns=1, mono_ns=1, payload=payload)
        self.log = reopen_log(self.folder, life, definition_hash=digest, anchor=self._anchor)

    def move(self, machine: str, instance: int, way: str, at_ns: int = 1, **given: Any) -> None:  # noqa: ANN401 - of Record
        source, event, target = way.split()
        told = {"kind": "TRANSITION", "payload": None, "wall_ns": at_ns} | given
        self.log.append(
            [
                note(
                    1, machine=machine, instance=instance, source=source, event=event,
                    target=target, **told,
                )
            ]
        )  # fmt: skip

    def read(self, *rows: tuple[int, str, int], **streams: object) -> None:
        """A reading of positions, as instruction, key and total."""
        positions = [[of, 9, key, total, total, total] for of, key, total in rows]
        self.log.append([note(1, payload={"streams": {"positions": positions} | streams})])

    @property
    def status(self) -> Status:
        return status_of(self.folder)

    @property
    def instruction(self) -> list[object]:
        """The instruction under way, its attempt and its key."""
        work = self.status.work
        return [work.instruction, work.attempt, work.intent]

    @property
    def chain(self) -> list[object]:
        """The chain under way, and the instruction."""
        work = self.status.work
        return [work.chain, work.instruction]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path / "log")


def decided(number: int, role: str = "PLAN") -> dict[str, Any]:
    """Evidence that an instruction was decided."""
    row = [number, 0, role, "SPOT_TRADE", SPOT, "BTC/USDT", "BUY", "", 1, 0, ""]
    return {"streams": {"instructions": [row]}}


def test_an_empty_log_has_not_begun(engine: Engine) -> None:
    engine.log.close()
    told = engine.status

    assert ("r", "live", 1, False, None, "") == (
        told.run, told.mode, told.epoch, told.is_written, told.ending, told.reason,
    )  # fmt: skip
    assert Work() == told.work
    assert (1, 1, {}, (), None) == (
        told.read_from, told.last_seq, told.positions, told.commands, told.failure,
    )  # fmt: skip
    assert ["EPOCH"] == [row["kind"] for row in told.records]


def test_a_backtest_that_wrote_nothing_yet_has_not_begun(backtest: Path, tmp_path: Path) -> None:
    (tmp_path / "header.json").write_bytes((backtest / "header.json").read_bytes())
    (tmp_path / "manifest.jsonl").touch()
    told = status_of(tmp_path)

    assert (Work(), 0, 0, (), {}, None) == (
        told.work, told.epoch, told.last_seq, tuple(told.records), told.positions, told.ending,
    )  # fmt: skip


def test_a_log_under_way_is_told_while_its_engine_writes(backtest: Path, tmp_path: Path) -> None:
    folder = tmp_path / "live"
    rows = Log(backtest).records().collect()
    count = rows.filter(event="accepted", instance=2)["seq"][0]  # the second is awaited
    with running(backtest, folder, count):
        told = status_of(folder)

    assert told.is_written
    assert ("live", 1, None, count + 1) == (told.mode, told.epoch, told.ending, told.last_seq)
    assert (
        Work(
            state="INSTRUCTION.AWAIT_POSITION",
            since_ns=rows["wall_ns"][count - 1],
            tick=1,
            chain=None,
            instruction=2,
            attempt=1,
            intent=f"{told.run}.1.2.1",
        )
        == told.work
    )
    assert Decimal(1) == told.positions[BTC].total
    assert not status_of(folder).is_written  # it was killed


def test_a_log_that_ended_tells_how_and_with_which_positions(
    backtest: Path, tmp_path: Path
) -> None:
    folder = transcribed(Log(backtest), tmp_path / "log")
    told, wanted = status_of(folder), RunResult(folder).outcome

    assert ("COMPLETED", "STOPPED", False) == (told.ending, told.work.state, told.is_written)
    assert wanted.closing == {key: each.total for key, each in told.positions.items()}
    assert (wanted.ticks, 5) == (told.work.tick, len(told.records))


def test_a_backtest_tells_the_same(backtest: Path, tmp_path: Path) -> None:
    durable = status_of(transcribed(Log(backtest), tmp_path / "log"))
    told = status_of(backtest)

    assert durable.work == told.work
    assert durable.positions == told.positions
    assert ("backtest", "COMPLETED", 1) == (told.mode, told.ending, told.epoch)
    assert (1, durable.last_seq - 2) == (told.read_from, told.last_seq)


def test_a_backtest_that_was_killed_tells_how_far_it_came(backtest: Path, tmp_path: Path) -> None:
    for file in backtest.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    lines = (tmp_path / "manifest.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "manifest.jsonl").write_text("".join(lines[:-1]))
    told = status_of(tmp_path)

    assert (None, "STOPPED") == (told.ending, told.work.state)


def test_at_every_record_the_work_is_what_the_log_says(backtest: Path, tmp_path: Path) -> None:
    log = Log(backtest)
    records, evidence = log.records().collect().to_dicts(), rows_by_seq(log)
    tick = instruction = 0
    for row in records:
        with begun(log, tmp_path / f"log{row['seq']}", row["seq"]):
            told = status_of(tmp_path / f"log{row['seq']}").work
        tick = row["instance"] if row["machine"] == "full_loop" else tick
        for number, *_ in evidence.get(row["seq"], {}).get("instructions", ()):
            instruction = number
        inside = row["to"].startswith("INSTRUCTION.")

        assert (row["to"], tick) == (told.state, told.tick)
        assert (instruction if inside else None) == told.instruction
        assert inside == (told.attempt is not None)
        assert inside or told.intent is None
        assert None is told.chain


def test_a_state_is_told_since_it_was_entered(engine: Engine) -> None:
    engine.move("full_loop", 1, "COMPLETE rest IDLE", 10)
    engine.move("full_loop", 2, "IDLE skip IDLE", 20)
    engine.move("full_loop", 3, "IDLE tick IDLE", 30, kind="IGNORED")
    engine.move("full_loop", 3, "IDLE sell IDLE", 40, kind="REFUSED")

    assert ("IDLE", 10, 2) == (
        engine.status.work.state, engine.status.work.since_ns, engine.status.work.tick,
    )  # fmt: skip


def test_a_state_that_was_entered_before_what_is_read_is_told_since_then(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_module, "FIRST_LOOK", 3)
    engine.live_again()
    engine.move("full_loop", 1, "COMPLETE rest IDLE", 10)
    engine.live_again({"streams": {"positions": [[0, 9, BTC, 1, 1, 1]]}})
    engine.move("full_loop", 2, "IDLE skip IDLE", 20)
    engine.move("full_loop", 3, "IDLE skip IDLE", 30)

    assert 20 == status_of(engine.folder, last=1).work.since_ns
    assert 10 == status_of(engine.folder, last=4).work.since_ns


def test_a_breaker_that_moves_does_not_move_the_machine(engine: Engine) -> None:
    engine.move("full_loop", 1, "COMPLETE rest IDLE")
    engine.move("breaker", 1, "CLOSED tripped OPEN.COOLING")
    engine.log.append([note(1, kind="OPERATOR")])

    assert "IDLE" == engine.status.work.state


def test_a_chain_and_its_step_are_told_from_those_before(engine: Engine) -> None:
    engine.move("full_loop", 1, "DECIDE begin ATOMIC.BEGIN")
    assert [None, None] == engine.chain

    engine.move("atomic", 1, "ATOMIC.BEGIN step ATOMIC.STEP.SEND", payload=decided(1))
    assert [1, 1] == engine.chain

    engine.move("tight_loop", 1, "ATOMIC.STEP.RECONCILE matched ATOMIC.STEP.DONE", attempt=2)
    assert [1, 2, None] == engine.instruction

    engine.move("atomic", 1, "ATOMIC.STEP.DONE step ATOMIC.STEP.SEND", payload=decided(2))
    assert [1, 2] == engine.chain
    assert [2, 0, None] == engine.instruction

    engine.move("atomic", 1, "ATOMIC.STEP.DONE committed ATOMIC.COMMITTED")
    assert [1, None] == engine.chain

    engine.move("full_loop", 1, "ATOMIC.COMMITTED begin ATOMIC.BEGIN")
    assert [None, None] == engine.chain
    assert 1 == engine.status.work.tick


def test_the_key_of_a_send_is_that_of_the_instruction_under_way(engine: Engine) -> None:
    engine.move("full_loop", 1, "DECIDE instruct INSTRUCTION.SEND", payload=decided(1))
    assert [1, 0, None] == engine.instruction

    sent = {"machine": "tight_loop", "instance": 1, "attempt": 1, "intent_id": "a"}
    engine.log.append([note(1, kind="INTENT", **sent)])
    assert [1, 1, "a"] == engine.instruction

    engine.move("tight_loop", 1, "INSTRUCTION.RECONCILE matched INSTRUCTION.DONE", attempt=1)
    engine.move("full_loop", 1, "INSTRUCTION.DONE instruct INSTRUCTION.SEND", payload=decided(2))
    assert [2, 0, None] == engine.instruction

    intent: dict[str, Any] = {"kind": "INTENT", "intent_id": "c", "payload": decided(3)}
    engine.move("full_loop", 2, "DECIDE instruct INSTRUCTION.SEND", **intent)
    assert [3, 0, "c"] == engine.instruction


def test_what_a_new_life_resolves_is_what_the_one_before_sent(engine: Engine) -> None:
    engine.move("full_loop", 1, "DECIDE instruct INSTRUCTION.SEND", payload=decided(7))
    sent = {"machine": "tight_loop", "instance": 7, "attempt": 2, "intent_id": "b"}
    engine.log.append([note(1, kind="INTENT", **sent)])
    engine.live_again()
    engine.move("full_loop", 1, "RECOVER resolve_instruction INSTRUCTION.RETRY.QUERY")

    assert [7, 2, "b"] == engine.instruction
    assert 2 == engine.status.epoch


def test_an_instruction_of_which_nothing_is_known_has_no_number(engine: Engine) -> None:
    engine.move("full_loop", 1, "DECIDE instruct INSTRUCTION.SEND")

    assert [None, 0, None] == engine.instruction


def test_the_last_reading_of_a_position_counts_and_no_rehearsal(engine: Engine) -> None:
    engine.read((0, BTC, 10**8), (0, "wallet:BaseToken:XYZ", 7))
    engine.read((1, BTC, 2 * 10**8), **decided(1)["streams"])
    engine.read((2, BTC, 3 * 10**8), **decided(2, "REHEARSAL")["streams"])

    assert {
        BTC: Position(total=Decimal(2), as_of_ns=9),
        "wallet:BaseToken:XYZ": Position(total=Decimal(7), as_of_ns=9),
    } == engine.status.positions


def test_of_a_long_log_only_its_end_is_read(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_module, "FIRST_LOOK", 2)
    engine.read((0, BTC, 1))
    for _ in range(50):
        engine.move("full_loop", 1, "IDLE skip IDLE")
    engine.live_again()
    engine.read((1, BTC, 2))  # of an instruction: not all positions
    engine.read((0, BTC, 3))
    for number in range(3):
        engine.move("full_loop", number, "IDLE skip IDLE")
    told = status_of(engine.folder, last=1)

    assert (58, 58 - 16 + 1) == (told.last_seq, told.read_from)  # 2 tell too little, 16 enough
    assert Decimal(3) / 10**8 == told.positions[BTC].total


def test_as_much_is_read_as_tells_every_position(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_module, "FIRST_LOOK", 2)
    engine.read((0, BTC, 1))
    for _ in range(50):
        engine.move("full_loop", 1, "IDLE skip IDLE")
    engine.live_again()  # this life has read no positions yet
    told = status_of(engine.folder, last=1)

    assert 1 == told.read_from
    assert Decimal(1) / 10**8 == told.positions[BTC].total


@pytest.mark.parametrize("of", [0, 1])
def test_a_reading_before_a_life_or_of_one_instruction_does_not_tell_every_position(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, of: int
) -> None:
    monkeypatch.setattr(status_module, "FIRST_LOOK", 4)
    engine.read((0, BTC, 1), (0, "wallet:BaseToken:XYZ", 7))
    for _ in range(9):
        engine.move("full_loop", 1, "IDLE skip IDLE")
    if of:
        engine.live_again()
    engine.read((of, BTC, 2))
    if not of:
        engine.live_again()

    assert {BTC, "wallet:BaseToken:XYZ"} == set(status_of(engine.folder, last=1).positions)


def test_the_last_failure_is_told_and_no_other_note(engine: Engine) -> None:
    for number, kind in enumerate(("FAILURE", "HELD", "MATCHED_EXPLAINED")):
        engine.read(notes=[[number, kind, f'{{"reason":"{kind}"}}']])

    assert (
        Failure(seq=3, instruction=1, kind="HELD", payload='{"reason":"HELD"}')
        == engine.status.failure
    )


def test_commands_are_told_with_their_answers(engine: Engine) -> None:
    for _ in range(3):
        post(engine.folder, "kill", actor="ann", reason="smoke", at_ns=1)
    with Inbox(engine.folder) as inbox:
        inbox.answer(2, "done", 2)
    told = status_of(engine.folder, last=2)

    assert [(2, Answer(taken=True, text="done", at_ns=2)), (3, None)] == [
        (posted.command.id, posted.answer) for posted in told.commands
    ]
    assert ((), []) == (
        status_of(engine.folder, last=0).commands, list(status_of(engine.folder, last=0).records),
    )  # fmt: skip


def test_a_damaged_inbox_is_told_of_beside_the_rest(engine: Engine) -> None:
    (engine.folder / INBOX).write_bytes(b"no database" * 1_000)
    told = engine.status

    assert "inbox.sqlite cannot be used: file is not a database" in told.inbox
    assert told.is_written


def test_a_status_changes_nothing_in_the_folder(engine: Engine) -> None:
    before = {path.name for path in engine.folder.iterdir()}
    assert "" == engine.status.inbox

    assert before == {path.name for path in engine.folder.iterdir()}


def test_there_is_no_status_of_what_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="is no log"):
        status_of(tmp_path)
