"""The gate lets an order through only if everything that concerns it allows it."""

from decimal import Decimal

import pytest
from attrs import evolve

from tests.machines.guards import LIMITS, SCOPE, START, S, fails, gate, moved, sending
from verifill.machines.breaker import Breaker
from verifill.machines.changes import Change
from verifill.machines.gate import Gate
from verifill.machines.limits import Alarm, Limit
from verifill.machines.scopes import GLOBAL
from verifill.machines.sending import Purpose
from verifill.machines.tally import Answer
from verifill.machines.thresholds import Thresholds
from verifill.machines.trading_state import TradingState

ACCOUNT, STRATEGY = "account:binance.spot", "strategy:carry"
ALL = [GLOBAL, ACCOUNT, STRATEGY]
LIMITED = Thresholds(
    suspense_max=Decimal("1.5"),
    slippage_max=Decimal(20),
    daily_loss_max=Decimal(1000),
    margin_min=Decimal("1.1"),
    naked_delta_max=Decimal(2),
    executions_max=3,
    executions_period_s=60,
)


def allowed(one: Gate, now_ns: int = START) -> set[Purpose]:
    """The purposes that a gate lets through now; each is given back unsent."""
    through: set[Purpose] = set()
    for purpose in Purpose:
        if not one.may_send(sending(purpose), now_ns):
            one.outcome(sending(purpose), Answer.UNSENT, now_ns)
            through.add(purpose)
    return through


# Permission.


def test_a_gate_lets_everything_through_at_first() -> None:
    assert set(Purpose) == allowed(gate())


def test_a_failing_operation_of_a_venue_stops_itself_and_nothing_else() -> None:
    one = gate()
    fails(one, 3)
    other = evolve(sending(), operation="PERP_TRADE")

    assert "breaker venue:binance:SPOT_TRADE is OPEN.COOLING: 3 failures in a row" in (
        one.may_send(sending(), START)
    )
    assert "" == one.may_send(other, START)


def test_a_cancel_is_stopped_by_the_breaker_of_its_own_operation_alone() -> None:
    one = gate()
    for scope in ALL:
        one.scopes.circuit(scope).latch("duplicate", "twice")

    assert {Purpose.CANCEL} == allowed(one)
    one.scopes.circuit(SCOPE).latch("duplicate", "twice")
    assert set() == allowed(one)


@pytest.mark.parametrize("scope", ALL)
def test_each_scope_of_an_order_can_stop_it(scope: str) -> None:
    one = gate()
    one.scopes.circuit(scope).hold("limit", "beyond")

    assert f"breaker {scope} is OPEN.HELD" in one.may_send(sending(), START)


@pytest.mark.parametrize("scope", ALL)
def test_each_scope_of_an_order_can_narrow_it(scope: str) -> None:
    one = gate()
    one.scopes.reduce(scope, "Ann", "calm down")

    assert {Purpose.REDUCE, Purpose.CANCEL} == allowed(one)
    one.scopes.halt(scope, "Ann", "kill")
    assert {Purpose.CANCEL} == allowed(one)


def test_all_reasons_of_a_denial_are_told() -> None:
    one = gate()
    one.scopes.halt(GLOBAL, "Ann", "kill")
    one.scopes.circuit(STRATEGY).hold("limit", "slipped by 30")
    reason = one.may_send(sending(), START)

    assert "trading of global is HALTED: kill; allowed is CANCEL" in reason
    assert "breaker strategy:carry is OPEN.HELD: slipped by 30" in reason


def test_one_gentle_order_is_let_through_after_a_probe_and_no_second_one() -> None:
    one = gate()
    fails(one, 3)
    later_ns = START + 60 * S

    assert "a probe is due" in one.may_send(sending(), later_ns)
    assert (SCOPE,) == one.due(later_ns)
    assert "" == one.probe(SCOPE, lambda: "", later_ns)
    assert () == one.due(later_ns)
    assert "least size" in one.may_send(sending(), later_ns)
    assert "" == one.may_send(sending(least=True), later_ns)
    assert "awaited" in one.may_send(sending(least=True), later_ns)
    one.outcome(sending(least=True), Answer.ANSWERED, later_ns)
    assert "" == one.may_send(sending(), later_ns)


def test_a_denied_order_uses_up_no_trial() -> None:
    one = gate()
    fails(one, 3)
    one.probe(SCOPE, lambda: "", START + 60 * S)
    one.scopes.halt(GLOBAL, "Ann", "kill")
    one.may_send(sending(Purpose.REDUCE), START + 60 * S)

    assert Breaker.HALF_OPEN_TRIAL is one.scopes.circuit(SCOPE).state


def test_a_trial_that_never_left_may_be_made_again() -> None:
    one = gate()
    fails(one, 3)
    one.probe(SCOPE, lambda: "", START + 60 * S)
    one.may_send(sending(Purpose.REDUCE), START + 60 * S)
    one.outcome(sending(Purpose.REDUCE), Answer.UNSENT, START + 60 * S)

    assert Breaker.HALF_OPEN_TRIAL is one.scopes.circuit(SCOPE).state


def test_a_new_life_takes_up_what_was_tried() -> None:
    one = gate()
    fails(one, 3)
    one.probe(SCOPE, lambda: "", START + 60 * S)
    one.may_send(sending(least=True), START + 60 * S)
    one.recover(START + 61 * S)

    assert Breaker.OPEN_COOLING is one.scopes.circuit(SCOPE).state


# Alarms.


def test_one_mismatch_makes_its_account_reduce_until_an_operator_resumes() -> None:
    one = gate()
    one.raise_alarm(Alarm.MISMATCH, "binance.spot", "BTC is 1 unit less")

    assert {Purpose.REDUCE, Purpose.CANCEL} == allowed(one)
    assert "" == one.may_send(evolve(sending(), account="wallet"), START)
    assert "" == one.scopes.resume(ACCOUNT, "Ann", "explained by a fee")
    assert set(Purpose) == allowed(one)


@pytest.mark.parametrize("alarm", sorted(set(Alarm) - {Alarm.MISMATCH}))
def test_one_alarm_of_another_kind_latches_and_halts_everything(alarm: Alarm) -> None:
    one = gate()
    one.raise_alarm(alarm, "wallet", "seen in a reading")

    assert Breaker.LATCHED_LOCKED is one.scopes.circuit(GLOBAL).state
    assert TradingState.HALTED is one.trading_state("binance.spot", "carry")
    assert {Purpose.CANCEL} == allowed(one)
    assert f"{alarm} on wallet: seen in a reading" in one.may_send(sending(), START)
    assert "" == one.scopes.reset(GLOBAL, "Ann", "looked at it")
    assert "" == one.scopes.reset(GLOBAL, "Bo", "looked at it too")
    assert set(Purpose) == allowed(one)
    assert TradingState.ACTIVE is one.trading_state("binance.spot", "carry")


def test_the_trading_state_is_the_narrowest_of_all() -> None:
    one = gate()
    one.scopes.reduce(STRATEGY, "Ann", "calm down")

    assert TradingState.REDUCING is one.trading_state("wallet", "carry")
    assert TradingState.ACTIVE is one.trading_state("wallet", "other")


# Conditions.


@pytest.mark.parametrize(
    ("age_ns", "state"),
    [(120 * S - 1, "CLOSED"), (120 * S, "CLOSED"), (120 * S + 1, "OPEN.BLOCKED")],
)
def test_an_outcome_unknown_for_more_than_two_minutes_blocks_its_account(
    age_ns: int, state: str
) -> None:
    one = gate()
    one.unknown("k1", "binance.spot", START)
    one.unknown("k1", "binance.spot", START + S)  # said again: as old as it was
    one.advance(START + age_ns)

    assert state == one.scopes.circuit(ACCOUNT).state


def test_a_blocked_account_is_free_when_the_last_outcome_is_known() -> None:
    one = gate()
    for intent in ("k1", "k2", "k3"):
        one.unknown(intent, "binance.spot", START)
    one.resolved("k3", START + S)
    later_ns = START + 200 * S
    reason = one.may_send(sending(), later_ns)

    assert "the outcome of k1 is unknown for more than 120 s" in reason
    assert "k3" not in reason
    one.resolved("k1", later_ns)
    assert "k2" in one.may_send(sending(), later_ns)
    one.resolved("k2", later_ns)
    one.resolved("k2", later_ns)  # said again
    assert "" == one.may_send(sending(), later_ns)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("offset_ns", "state"),
    [(499_999_999, "CLOSED"), (500_000_000, "CLOSED"), (500_000_001, "OPEN.BLOCKED")],
)
def test_a_clock_that_is_off_by_more_than_half_a_second_blocks_everything(
    offset_ns: int, sign: int, state: str
) -> None:
    one = gate()
    one.clock_offset(sign * offset_ns)

    assert state == one.scopes.circuit(GLOBAL).state
    one.clock_offset(0)
    assert Breaker.CLOSED is one.scopes.circuit(GLOBAL).state


def test_a_strategy_on_stale_data_sends_nothing_until_the_data_is_of_now() -> None:
    one = gate()
    one.stale("carry", "market data of binance is STALE: silent")

    assert "market data of binance is STALE" in one.may_send(sending(), START)
    assert "" == one.may_send(evolve(sending(), strategy="other"), START)
    one.stale("carry", "")
    assert "" == one.may_send(sending(), START)


# Limits.


@pytest.mark.parametrize(
    ("limit", "value", "state"),
    [
        (Limit.SUSPENSE, "1.49", "CLOSED"),
        (Limit.SUSPENSE, "1.5", "CLOSED"),
        (Limit.SUSPENSE, "1.51", "OPEN.HELD"),
        (Limit.SLIPPAGE, "19.9", "CLOSED"),
        (Limit.SLIPPAGE, "20", "CLOSED"),
        (Limit.SLIPPAGE, "20.1", "OPEN.HELD"),
    ],
)
def test_a_limit_of_execution_holds(limit: Limit, value: str, state: str) -> None:
    one = gate(LIMITED)
    suspense = limit is Limit.SUSPENSE
    one.measure(limit, "binance.spot" if suspense else "carry", Decimal(value), START)

    assert state == one.scopes.circuit(ACCOUNT if suspense else STRATEGY).state
    assert (state == "CLOSED") == (Purpose.REDUCE in allowed(one))


@pytest.mark.parametrize(
    ("limit", "value", "state"),
    [
        (Limit.DAILY_LOSS, "999", "ACTIVE"),
        (Limit.DAILY_LOSS, "1000", "ACTIVE"),
        (Limit.DAILY_LOSS, "1001", "REDUCING"),
        (Limit.MARGIN, "1.11", "ACTIVE"),
        (Limit.MARGIN, "1.1", "ACTIVE"),
        (Limit.MARGIN, "1.09", "REDUCING"),
    ],
)
def test_a_limit_of_risk_narrows_to_what_reduces_it(limit: Limit, value: str, state: str) -> None:
    one = gate(LIMITED)
    one.measure(limit, "carry", Decimal(value), START)

    assert state == one.trading_state("binance.spot", "carry")
    assert Breaker.CLOSED is one.scopes.circuit(STRATEGY).state


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("value", "age_ns", "state"),
    [
        ("2", 3600 * S, "ACTIVE"),
        ("2.1", 60 * S - 1, "ACTIVE"),
        ("2.1", 60 * S, "ACTIVE"),
        ("2.1", 60 * S + 1, "REDUCING"),
    ],
)
def test_an_unhedged_amount_beyond_its_limit_for_too_long_narrows(
    value: str, age_ns: int, sign: int, state: str
) -> None:
    one = gate(LIMITED)
    for now_ns in (START, START + age_ns):
        one.measure(Limit.NAKED_DELTA, "carry", sign * Decimal(value), now_ns)

    assert state == one.trading_state("binance.spot", "carry")


def test_an_unhedged_amount_that_was_hedged_meanwhile_begins_anew() -> None:
    one = gate(LIMITED)
    for value, age_s in (("3", 0), ("1", 50), ("3", 55), ("3", 100)):
        one.measure(Limit.NAKED_DELTA, "carry", Decimal(value), START + age_s * S)

    assert TradingState.ACTIVE is one.trading_state("binance.spot", "carry")


def test_a_margin_of_what_carries_nothing_any_more_is_forgotten() -> None:
    told: list[Change] = []
    one = gate(LIMITED, told)
    for margins in ({"a": "1.0", "b": "2"}, {}, {"a": "1.05"}):
        one.margins("carry", {name: Decimal(text) for name, text in margins.items()}, START)
        one.scopes.resume(STRATEGY, "ann", "looked")

    reduced = [change.reason for change in told if change.event == "reduce"]
    assert ["margin of a is 1.0, below 1.1", "margin of a is 1.05, below 1.1"] == reduced


def test_each_margin_is_held_by_itself() -> None:
    told: list[Change] = []
    one = gate(LIMITED, told)
    for _ in range(3):
        one.margins("carry", {"a": Decimal("1.0"), "b": Decimal("1.05")}, START)
        one.scopes.resume(STRATEGY, "ann", "looked")

    reduced = [change.reason for change in told if change.event == "reduce"]
    assert ["margin of a is 1.0, below 1.1", "margin of b is 1.05, below 1.1"] == reduced


def test_what_is_unhedged_is_counted_of_each_asset() -> None:
    told: list[Change] = []
    one = gate(LIMITED, told)
    for asset, age_s in (("BTC", 0), ("ETH", 50), ("ETH", 110), ("BTC", 61)):
        one.measure(Limit.NAKED_DELTA, "carry", Decimal(-3), START + age_s * S, of=asset)

    assert ["naked_delta of BTC is -3, beyond 2 for more than 60 s"] == [one.reason for one in told]


def test_an_operator_gives_what_is_unhedged_its_time_again() -> None:
    one = gate(LIMITED)
    for strategy in ("carry", "other"):
        one.measure(Limit.NAKED_DELTA, strategy, Decimal(3), START, of="BTC")
    one.excuse_naked("carry")
    for strategy in ("carry", "other"):
        one.measure(Limit.NAKED_DELTA, strategy, Decimal(3), START + 61 * S, of="BTC")

    assert TradingState.ACTIVE is one.trading_state("binance.spot", "carry")
    assert TradingState.REDUCING is one.trading_state("binance.spot", "other")


@pytest.mark.parametrize("limit", Limit)
def test_a_limit_that_was_not_set_is_none(limit: Limit) -> None:
    told: list[Change] = []
    one = gate(told=told)
    for now_ns in (START, START + 3600 * S):
        one.measure(limit, "carry", Decimal(-(10**9)), now_ns)
        one.measure(limit, "carry", Decimal(10**9), now_ns)

    assert [] == told


def test_a_breach_is_told_of_once_until_an_operator_has_seen_it() -> None:
    told: list[Change] = []
    one = gate(LIMITED, told)
    for _ in range(2):
        one.measure(Limit.DAILY_LOSS, "carry", Decimal(1500), START)
        one.measure(Limit.SLIPPAGE, "carry", Decimal(30), START)
    one.scopes.resume(STRATEGY, "Ann", "go on")
    one.measure(Limit.DAILY_LOSS, "carry", Decimal(1500), START)

    assert ["reduce", "held", "resume", "reduce"] == [change.event for change in told]
    assert ["daily_loss is 1500, beyond 1000", "slippage is 30, beyond 20"] == [
        change.reason for change in told[:2]
    ]


# The throttle.


@pytest.mark.parametrize(("sends", "state"), [(2, "CLOSED"), (3, "CLOSED"), (4, "OPEN.HELD")])
def test_one_send_more_than_the_throttle_allows_holds_the_strategy(sends: int, state: str) -> None:
    one = gate(LIMITED)
    reasons = [one.may_send(sending(), START) for _ in range(sends)]

    assert state == one.scopes.circuit(STRATEGY).state
    assert ["", "", ""] == reasons[:3] or sends < 3
    assert all("3 sends within 60 s" in reason for reason in reasons[3:])


@pytest.mark.parametrize(
    ("age_ns", "state"), [(60 * S - 1, "OPEN.HELD"), (60 * S, "CLOSED"), (60 * S + 1, "CLOSED")]
)
def test_sends_count_for_the_throttles_period(age_ns: int, state: str) -> None:
    one = gate(LIMITED)
    for _ in range(3):
        one.may_send(sending(), START)
    one.may_send(sending(), START + age_ns)

    assert state == one.scopes.circuit(STRATEGY).state


def test_cancels_and_what_never_left_do_not_count_for_the_throttle() -> None:
    one = gate(LIMITED)
    for _ in range(10):
        for purpose in (Purpose.OPEN, Purpose.CANCEL):
            assert "" == one.may_send(sending(purpose), START)
            one.outcome(sending(purpose), Answer.UNSENT, START)

    assert Breaker.CLOSED is one.scopes.circuit(STRATEGY).state


def test_a_throttled_strategy_counts_anew_after_its_reset() -> None:
    one = gate(evolve(LIMITED, named_persons=("Ann",)))
    for _ in range(4):
        one.may_send(sending(), START)

    assert "allowed are Ann" in one.scopes.reset(STRATEGY, "Eve", "let it run")
    assert "" == one.scopes.reset(STRATEGY, "Ann", "a busy hour")
    assert ["", "", ""] == [one.may_send(sending(), START) for _ in range(3)]


# Operators.


def test_a_kill_is_taken_back_in_two_steps() -> None:
    told: list[Change] = []
    one = gate(told=told)
    one.scopes.halt(GLOBAL, "Ann", "kill")
    one.raise_alarm(Alarm.MISMATCH, "binance.spot", "1 unit less")

    assert "" == one.scopes.resume(GLOBAL, "Bo", "it is over")
    assert "Bo resumed from HALTED: it is over" in one.may_send(sending(), START)
    assert "" == one.scopes.resume(GLOBAL, "Bo", "all is well")
    assert "1 unit less" in one.may_send(sending(), START)
    assert [
        ("ACTIVE", "halt", "HALTED"),
        ("ACTIVE", "reduce", "REDUCING"),
        ("HALTED", "resume", "REDUCING"),
        ("REDUCING", "resume", "ACTIVE"),
    ] == moved(told)


def test_a_reason_to_reduce_that_came_while_halted_is_not_lost() -> None:
    one = gate()
    one.scopes.halt(ACCOUNT, "Ann", "kill")
    one.raise_alarm(Alarm.MISMATCH, "binance.spot", "1 unit less")
    one.scopes.halt(ACCOUNT, "Bo", "kill again")
    one.scopes.resume(ACCOUNT, "Ann", "it is over")

    assert "1 unit less" in one.may_send(sending(), START)
    assert {Purpose.REDUCE, Purpose.CANCEL} == allowed(one)


@pytest.mark.parametrize(("actor", "reason"), [("", "why"), ("Ann", "  "), ("Ann", "why")])
def test_what_cannot_be_resumed_is_refused_and_told(actor: str, reason: str) -> None:
    told: list[Change] = []
    refusal = gate(told=told).scopes.resume(GLOBAL, actor, reason)

    assert f"{refusal}; said: {reason}" == told[0].reason
    assert ("ACTIVE", "resume", "ACTIVE", "REFUSED") == (*moved(told)[0], told[0].move.name)


# Time.


def test_a_clock_that_goes_back_shortens_no_cooldown_and_makes_none_eternal() -> None:
    one = gate()
    fails(one, 3, START)
    yesterday_ns = START - 86_400 * S

    assert () == one.due(yesterday_ns)
    assert () == one.due(yesterday_ns + 60 * S - 1)
    assert (SCOPE,) == one.due(yesterday_ns + 60 * S)


def test_a_clock_that_jumps_and_comes_back_leaves_time_running() -> None:
    one = gate()
    fails(one, 3, START + 365 * 86_400 * S)

    assert () == one.due(START)
    assert (SCOPE,) == one.due(START + 60 * S)


def test_the_limits_are_those_of_the_reference() -> None:
    assert (3, Decimal("0.5"), 10, 300) == (
        LIMITS.failures_in_row, LIMITS.failure_share, LIMITS.calls_min, LIMITS.window_s,
    )  # fmt: skip
    assert (60, 900, 120) == (LIMITS.cooldown_s, LIMITS.cooldown_max_s, LIMITS.unknown_max_s)
