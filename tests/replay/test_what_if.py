"""A run forked at an answer: the same up to there, then simulated, or refused with the reason."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.live.inside import Inside
from tests.live.test_reports import hedged, world
from tests.rechained import Records, rechained
from verifill.cli.app import app
from verifill.config import Config, load_config
from verifill.engine.answers import KEY
from verifill.engine.digest import sha256_file
from verifill.engine.errors import ConfigError, LogError
from verifill.engine.log.anchor import FileAnchor
from verifill.engine.log.durable_reader import DurableReader
from verifill.engine.log.identity import FIELDS
from verifill.engine.log.writer import HEADER
from verifill.engine.verify.log import verify
from verifill.paper import replayed, run_paper
from verifill.replay.changed import WhatIf
from verifill.replay.forked import Forked
from verifill.replay.live import replay_live, rows_in
from verifill.replay.what_if import fork_live
from verifill.result import RunResult
from verifill.venues.loopback.faults import Break, Delivery, Fault, Handling, Route

SUBMIT, READ = "binance.submit", "binance.read"
LOOPS = ("full_loop", "tight_loop")
Rows = list[dict[str, Any]]
UNKNOWN = f'{SUBMIT}={{"outcome": "UNKNOWN"}}'


@cache
def settings(file: Path) -> Config:
    """A configuration, read once: that takes a second."""
    return load_config(file)


def rows_of(log: Path) -> Rows:
    return [dict(row) for row in rows_in(log)]


def at(log: Path, event: str, nth: int = 1) -> int:
    """Number of the so-many-th record of an event."""
    return int([row["seq"] for row in rows_of(log) if row["event"] == event][nth - 1])


def forked(one: Inside, seq: int, what: str, name: str = "fork") -> Forked:
    folder = one.folder / name
    return fork_live(one.log, settings(one.config), seq, WhatIf.of(what), folder)


def events_after(done: Forked, count: int) -> list[str]:
    rows = rows_of(done.folder)[done.seq - 1 :]
    moved = [row for row in rows if row["kind"] == "TRANSITION"]
    return [row["event"] for row in moved if row["machine"] in LOOPS][:count]


def fills_of(done: Forked, instruction: int) -> list[object]:
    fills = RunResult(done.folder).fills
    return fills.filter(instruction=instruction).select("ref").collect().to_series().to_list()


def without_header(rows: Rows) -> Rows:
    """Without hashes and the digests of the header: a fork has one of its own."""
    own = ("hash", "prev_hash")
    told = [{name: part for name, part in row.items() if name not in own} for row in rows]
    told[0]["payload"] = {**told[0]["payload"], FIELDS: None}
    return told


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Inside:
    """Four ticks of a purchase each; the answer to the second never came."""
    made = world(tmp_path_factory.mktemp("what-if"), "one")
    made.service.script.arm(
        [Fault(name="lost", on=Route.SUBMIT, nth=2, delivery=Delivery(after=Break.DROP))]
    )
    made.live(4)
    return made


@pytest.fixture(params=[UNKNOWN, SUBMIT, f'{SUBMIT}={{"outcome": "REJECTED_DEFINITIVE"}}'])
def any_fork(one: Inside, request: pytest.FixtureRequest, tmp_path: Path) -> Forked:
    what = WhatIf.of(str(request.param))
    config = settings(one.config)
    return fork_live(one.log, config, at(one.log, "accepted"), what, tmp_path / "fork")


def test_up_to_the_fork_the_records_are_those_of_the_parent(one: Inside, any_fork: Forked) -> None:
    before = any_fork.seq - 1

    parent, fork = rows_of(one.log)[:before], rows_of(any_fork.folder)[:before]
    assert without_header(parent) == without_header(fork)


def test_a_fork_conforms_and_can_be_run_again(any_fork: Forked) -> None:
    verdict = verify(any_fork.folder, anchor=FileAnchor(Path(f"{any_fork.folder}.anchor")))
    replayed = replay_live(any_fork.folder)

    assert verdict.conforms, [check for check in verdict.checks if not check.holds]
    assert replayed.identical, replayed.difference
    assert any_fork.last == replayed.count > any_fork.seq


def test_a_fork_is_reported_on_as_any_run(any_fork: Forked) -> None:
    result = RunResult(any_fork.folder)

    assert result.equity().height
    assert "what-if" == result.header["mode"]


def test_the_header_of_a_fork_says_where_it_comes_from(one: Inside, tmp_path: Path) -> None:
    seq = at(one.log, "accepted")
    done = fork_live(one.log, settings(one.config), seq, WhatIf.of(UNKNOWN), tmp_path / "fork")
    told = DurableReader(done.folder).header["fork"]

    assert sha256_file(one.log / HEADER) == told["parent"]["header_digest"]
    assert rows_of(one.log)[seq - 2]["hash"] == told["parent"]["hash"]
    assert (seq, SUBMIT, {"outcome": "UNKNOWN"}) == (
        told["seq"], told["question"], told["answer"],
    )  # fmt: skip
    assert "EXECUTED" == told["recorded"]["outcome"]
    assert told["carried_out"]


def test_an_order_that_the_venue_had_is_found_after_a_lost_answer(one: Inside) -> None:
    done = forked(one, at(one.log, "accepted"), UNKNOWN, "had")

    assert done.carried_out
    assert ["unknown", "found", "observed", "matched"] == events_after(done, 4)


def test_an_order_that_is_refused_instead_moves_nothing(one: Inside) -> None:
    what = f'{SUBMIT}={{"outcome": "REJECTED_DEFINITIVE", "reason": "not today"}}'
    done = forked(one, at(one.log, "accepted"), what, "refused")

    assert not done.carried_out
    assert ["refused", "observed", "unexecuted", "exhausted", "fail"] == events_after(done, 5)
    assert [] == fills_of(done, 1)


def test_the_simulated_venue_answers_where_the_real_one_did_not(one: Inside) -> None:
    seq = at(one.log, "unknown")
    done = forked(one, seq, SUBMIT, "answered")

    assert None is done.answer
    assert ["accepted", "observed", "matched"] == events_after(done, 3)


def test_a_question_about_a_lost_order_can_be_answered_otherwise(one: Inside) -> None:
    seq = at(one.log, "found")
    absent = forked(one, seq, 'binance.query={"outcome": "ABSENT"}', "absent")
    still = forked(one, seq, 'binance.query={"outcome": "UNKNOWN"}', "still")

    assert ["absent", "observed", "unexecuted"] == events_after(absent, 3)
    assert ["unknown", "found", "observed", "matched"] == events_after(still, 4)
    assert (False, True) == (absent.carried_out, still.carried_out)


def test_another_plan_is_carried_out_and_the_strategy_goes_on_as_it_would(one: Inside) -> None:
    seq = next(row["seq"] for row in rows_of(one.log) if row["kind"] == "PLAN")
    done = forked(one, seq, "decide=[]", "idle")
    names = RunResult(done.folder).instructions.select("name").collect().to_series().to_list()

    assert "complete" == events_after(done, 1)[0]
    assert ["B2", "B3"] == names[:2]


def test_a_wrong_position_is_looked_at_again_and_found_right(one: Inside) -> None:
    seq = at(one.log, "observed")
    (entry,) = [e for e in rows_of(one.log)[seq - 1]["payload"][KEY] if e[0] == READ]
    changed = [[key, units + (key.endswith("BTC"))] for key, units in entry[1]["changed"]]
    done = forked(one, seq, f"{READ}={json.dumps({'changed': changed})}", "wrong")

    assert ["observed", "mismatched", "observe", "observed", "matched"] == events_after(done, 5)


def test_a_reading_that_fails_and_prices_that_are_missing_are_answers_too(one: Inside) -> None:
    plan = next(row["seq"] for row in rows_of(one.log) if row["kind"] == "PLAN")
    failed = forked(one, plan, f'{READ}={{"error": "no answer"}}', "failed")
    stale = forked(one, at(one.log, "tick"), 'look={"problem": "no prices"}', "stale")

    assert "fail" == events_after(failed, 1)[0]
    assert "skip" == events_after(stale, 1)[0]


def test_prices_of_a_fork_are_those_of_its_parent(one: Inside) -> None:
    done = forked(one, at(one.log, "accepted"), UNKNOWN, "priced")

    def prices(log: Path) -> list[object]:
        told = [row["payload"].get("market") for row in rows_of(log) if row["payload"]]
        return [one["prices"] for one in told if one and "prices" in one]

    assert prices(one.log)[:3] == prices(done.folder)[:3]


def test_a_perpetual_that_is_open_goes_on_with_its_entry_value(tmp_path: Path) -> None:
    held = hedged(tmp_path, "hedged")
    held.live(3)
    seq = at(held.log, "accepted", 3)
    done = forked(held, seq, UNKNOWN)
    verdict = verify(done.folder, anchor=FileAnchor(Path(f"{done.folder}.anchor")))

    assert verdict.conforms, [check for check in verdict.checks if not check.holds]
    assert ["unknown", "found", "observed", "matched"] == events_after(done, 4)


def test_a_later_process_life_is_forked_with_the_lives_before_it(tmp_path: Path) -> None:
    made = world(tmp_path, "two")
    made.killed_at("accepted")
    made.live(2)
    seq = at(made.log, "accepted", 2)
    done = forked(made, seq, UNKNOWN)
    epochs = [row["seq"] for row in rows_of(done.folder) if row["kind"] == "EPOCH"]

    assert [row["seq"] for row in rows_of(made.log) if row["kind"] == "EPOCH"] == epochs
    assert replay_live(done.folder).identical


def test_what_rests_is_given_to_the_simulated_venue(tmp_path: Path) -> None:
    made = world(tmp_path, "rests")
    rests = Fault(name="rests", on=Route.SUBMIT, nth=1, handling=Handling(share=0, rest_s=5))
    made.service.script.arm([rests])
    made.live(2)
    done = forked(made, at(made.log, "accepted"), f'{SUBMIT}={{"outcome": "ACCEPTED"}}')

    assert done.carried_out
    assert "matched" in events_after(done, 6)


def test_a_paper_run_and_a_fork_can_be_forked(tmp_path: Path) -> None:
    made = world(tmp_path, "paper")
    times = made.time.times()
    run_paper(made.config, prices=replayed(1, times), folder=made.log, ticks=2, times=times)
    done = forked(made, at(made.log, "accepted"), UNKNOWN)
    again = fork_live(
        done.folder,
        settings(made.config),
        at(done.folder, "accepted"),
        WhatIf.of(SUBMIT),
        tmp_path / "again",
    )

    assert "what-if" == DurableReader(again.folder).header["fork"]["parent"]["mode"]
    assert replay_live(again.folder).identical


@pytest.mark.parametrize(
    ("event", "what", "message"),
    [
        ("accepted", f'{SUBMIT}={{"outcome": "EXECUTED"}}', "follows from its own market"),
        ("accepted", f"{SUBMIT}=7", "is no such answer"),
        ("accepted", f"{SUBMIT}={{", "is no JSON"),
        ("accepted", f"{SUBMIT}=1.5", "is not exact"),
        ("accepted", "wall=1", "is the engine's own"),
        ("accepted", "binance.cancel", "those that it holds, and that may be changed: binance.su"),
        ("matched", "binance.assess=[]", "lies between the execution of an order and the reading"),
        ("observed", READ, "lies between the execution of an order and the reading"),
        ("heartbeat", "look", "was not read before it"),
    ],
)
def test_what_cannot_be_forked_is_refused_and_leaves_nothing(
    one: Inside, tmp_path: Path, event: str, what: str, message: str
) -> None:
    config = load_config(one.config)
    to = tmp_path / "fork"

    with pytest.raises(ConfigError, match=message):
        fork_live(one.log, config, at(one.log, event), WhatIf.of(what), to)
    assert [] == list(tmp_path.iterdir())


def test_a_record_that_no_engine_wrote_is_refused(one: Inside, tmp_path: Path) -> None:
    for seq in (1, 9_999):
        with pytest.raises(ConfigError, match="cannot be forked at record"):
            fork_live(one.log, settings(one.config), seq, WhatIf.of(SUBMIT), tmp_path / "fork")


def test_other_settings_and_a_folder_that_is_there_are_refused(one: Inside, tmp_path: Path) -> None:
    seq = at(one.log, "accepted")
    other = tmp_path / "other.toml"
    other.write_text("seed = 9\n" + one.config.read_text())
    (tmp_path / "strategy.py").write_text((one.config.parent / "strategy.py").read_text())

    with pytest.raises(ConfigError, match="was run with another seed"):
        fork_live(one.log, settings(other), seq, WhatIf.of(SUBMIT), tmp_path / "fork")
    with pytest.raises(ConfigError, match="is there already"):
        fork_live(one.log, settings(one.config), seq, WhatIf.of(SUBMIT), tmp_path)


def test_a_log_that_departs_before_the_fork_is_refused(one: Inside, tmp_path: Path) -> None:
    def alter(records: Records) -> Records:
        records[7]["event"] = "skip"
        return records

    log = rechained(one.log, tmp_path / "altered", alter)
    with pytest.raises(LogError, match="it departs at record 8 already"):
        fork_live(
            log, settings(one.config), at(log, "accepted"), WhatIf.of(SUBMIT), tmp_path / "fork"
        )
    assert not (tmp_path / "fork").exists()


def told(*words: object) -> Result:
    """What `verifill replay` says."""
    return CliRunner().invoke(app, ["replay", *map(str, words)])


def test_a_fork_needs_a_record_and_a_configuration(one: Inside) -> None:
    without_record = told(one.log, "--what-if", SUBMIT, "--config", one.config)
    without_config = told(one.log, "--what-if", SUBMIT, "--at", 9)

    assert (2, 2) == (without_record.exit_code, without_config.exit_code)
    assert "say which with --at N" in without_record.stderr
    assert "give that of the run: --config" in " ".join(without_config.stderr.split())


def test_the_command_forks_a_live_run_beside_its_log(one: Inside) -> None:
    seq = at(one.log, "accepted")
    done = told(one.log, "--at", seq, "--what-if", UNKNOWN, "--config", one.config)

    assert 0 == done.exit_code, done.output
    assert "is given to the simulated venue" in done.stdout
    assert replay_live(one.folder / f"log-what-if-{seq}").identical
