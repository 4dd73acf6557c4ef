"""Limits of money in live mode: counted exactly, over restarts, and held against each send."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from tests.machines.lives import Mailbox, Moments, World
from tests.machines.support import (
    BNB,
    BTC,
    CENTS,
    CONTRACT_DATA,
    MINUTE_NS,
    OPENING,
    PAIR_DATA,
    PRICE,
    RULES,
    SCALES,
    SIZE,
    START_NS,
    Act,
    Ask,
    Bars,
    Script,
    buy,
    go,
    move,
    scripted,
    sell,
)
from tests.machines.test_lives import LIVE, check
from verifill.assembly.hedges import Underlying
from verifill.engine.errors import NotObserved, StateError
from verifill.links import links_of_venue, to_header
from verifill.machines.figures import Figures, Then
from verifill.machines.guarding import Guard
from verifill.machines.strategy import Plan
from verifill.machines.thresholds import Thresholds
from verifill.machines.tolerance import DAY_NS, Suspense, Tolerance
from verifill.valuing import LiveWorth
from verifill.venues.instructions import Side
from verifill.venues.market import Market
from verifill.venues.orders import Receipt, Request

STRATEGY = "strategy:strategy"
ACCOUNT = "account:desk.spot"
PRICED = {key: units for key, units in OPENING.items() if key != BNB}
BUYS: list[Plan] = [[buy("1")] for _ in range(9)]


def worth(market: Market) -> LiveWorth:
    header = {
        "quote": "USDT",
        "decimals": SCALES.as_dict(),
        "price_decimals": {PAIR_DATA: CENTS, CONTRACT_DATA: CENTS},
        "links": to_header(links_of_venue(RULES)),
    }
    return LiveWorth(header, market, [Underlying(asset="BTC", perpetuals=frozenset({SIZE}))])


def limited(
    folder: Path,
    *plans: Plan,
    submits: list[Act] | None = None,
    commands: Mapping[str, list[str]] | None = None,
    opening: Mapping[str, int] = PRICED,
    **limits: str,
) -> World:
    """A world with limits of money."""
    stage, venue = scripted(Script(submits=submits or []), bars=Bars(0), opening=opening)
    mailbox = Mailbox({end: list(words) for end, words in (commands or {}).items()})
    made = World(folder, stage, venue, plans, LIVE, mailbox)
    given: Any = {
        name: int(text) if name.endswith("_s") else Decimal(text) for name, text in limits.items()
    }
    return evolve(made, limits=Thresholds(**given), worth=worth(stage.bars))


def at(made: World, ticks: int) -> None:
    """The price of a coin, from now on."""
    made.stage.bars.prices.update({PAIR_DATA: ticks, CONTRACT_DATA: ticks})


def dearer(made: Callable[[], World], by: int) -> Act:
    """The price goes up by so many ticks before the order is filled."""

    def act(request: Request, ask: Ask) -> Receipt:
        at(made(), made().stage.bars.prices[PAIR_DATA] + by)
        return ask(request)

    return act


def figures(made: World) -> dict[str, Any]:
    """What was counted, as the newest life remembers it."""
    guard = made.loop.manager.guard
    assert isinstance(guard, Guard)
    return dict(guard.state()["figures"])


def denials(made: World) -> list[str]:
    notes = made.reader.stream("notes").collect()
    return list(notes.filter(kind="DENIED")["payload"])


# Slippage.


def slips(folder: Path, *by: int, **more: Any) -> World:  # noqa: ANN401 - as `limited` takes it
    worlds: list[World] = []
    submits = [dearer(lambda: worlds[0], one) for one in by]
    worlds.append(limited(folder, *more.pop("plans", BUYS), submits=submits, **more))
    return worlds[0]


def test_slippage_up_to_its_limit_holds_nothing_and_beyond_it_the_strategy(tmp_path: Path) -> None:
    made = slips(tmp_path, 100, 100, 1, slippage_max="2")
    made.live(5)

    assert [(STRATEGY, "held", "OPEN.HELD")] == made.asides
    assert 3 == len(made.venue.sent)  # 1 USDT, 1 USDT, one cent; then nothing
    assert "slippage is 2.010000, beyond 2" in denials(made)[0]
    check(made)


def test_an_order_that_was_better_than_its_price_makes_up_for_none_that_was_worse(
    tmp_path: Path,
) -> None:
    made = slips(tmp_path, -500, 150, -500, slippage_max="10")
    made.live(4)

    assert {"USDT": 1_500_000} == figures(made)["slipped"]
    assert [] == made.asides


def test_a_sale_slips_where_the_price_falls_and_a_perpetual_does_too(tmp_path: Path) -> None:
    plans = [[sell("2")], [go("-3")]]
    made = slips(tmp_path, -100, -100, plans=plans, slippage_max="10")
    made.live(3)

    assert {"USDT": 5_000_000} == figures(made)["slipped"]


@pytest.mark.parametrize("place", ["commit", "aside", "send"])
def test_slippage_is_counted_once_wherever_a_life_is_cut_off(tmp_path: Path, place: str) -> None:
    (tmp_path / "whole").mkdir()
    whole = slips(tmp_path / "whole", 100, 100, plans=BUYS[:2], slippage_max="1")
    moments = Moments()
    whole.live(4, moments)
    for number in range(1, moments.seen[place] + 1):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        made = slips(folder, 100, 100, plans=BUYS[:2], slippage_max="1")
        assert "KILLED" == made.live(4, Moments(place, number, after=True))
        made.live(4)

        sent = len(made.venue.sent)
        assert {"USDT": sent * 1_000_000} == (figures(made)["slipped"] or {"USDT": 0})
        check(made)


def test_after_an_operators_reset_slippage_is_counted_anew(tmp_path: Path) -> None:
    commands = {"IDLE": [f"reset-breaker {STRATEGY}"]}
    made = slips(tmp_path, 300, 100, 200, slippage_max="2")
    made.live(2)
    made.mailbox.replies.update(commands)
    made.live(5)

    assert ["held", "reset", "held"] == [event for _, event, _ in made.asides]


def test_a_new_day_has_slipped_by_nothing(tmp_path: Path) -> None:
    made = slips(tmp_path, 100, slippage_max="2")
    made.live(2)
    made.go(DAY_NS)
    made.live(2)

    assert {} == figures(made)["slipped"]


# The loss of the day.


def test_a_loss_beyond_its_limit_lets_the_strategy_only_reduce(tmp_path: Path) -> None:
    plans = [[go("-1")], [go("-1"), go("1", reduce_only=True)], [go("1", reduce_only=True)]]
    made = limited(tmp_path, *plans, daily_loss_max="100")
    made.live(1)
    at(made, PRICE - 50_00)  # ten coins held, one sold short
    made.live(3)

    assert (STRATEGY, "reduce", "REDUCING") == made.asides[0]
    assert "daily_loss is" in denials(made)[0]
    assert ["-1", "1"] == [told(one) for one in made.venue.sent]


def told(request: Any) -> str:  # noqa: ANN401 - an order
    return "1" if request.instruction.reduce_only else "-1"


def test_a_loss_is_counted_over_restarts_from_the_days_first_look(tmp_path: Path) -> None:
    made = limited(tmp_path, *BUYS, daily_loss_max="1000")
    made.live(1)
    first = figures(made)["opening"]
    for step in (1, 2, 3):
        at(made, PRICE - step * 20_00)
        made.live(1)
        assert first == figures(made)["opening"]

    assert Decimal(first) - Decimal(figures(made)["equity"]) > 600


def test_fees_and_what_perpetuals_realise_are_a_loss_too(tmp_path: Path) -> None:
    plans = [[go("1"), go("-1", reduce_only=True)]]
    made = limited(tmp_path, *plans, daily_loss_max="1000")
    made.live(2)

    then = figures(made)
    assert Decimal(80) == Decimal(then["opening"]) - Decimal(then["equity"])


def test_what_an_operator_adopts_is_no_loss(tmp_path: Path) -> None:
    made = limited(tmp_path, *BUYS, daily_loss_max="1000")
    made.live(1)
    made.venue.exchange.accounts.totals[BTC] -= 10**8  # withdrawn by hand: 40,000 USDT
    made.mailbox.replies["HALTED"] = ["adopt-external", "resume"]
    made.live(2)
    made.live(1)

    assert [] == [one for one in made.asides if one[0] == STRATEGY]
    assert Decimal(figures(made)["opening"]) - Decimal(figures(made)["equity"]) < 200


def test_once_resumed_a_loss_is_counted_anew(tmp_path: Path) -> None:
    made = limited(tmp_path, *BUYS, daily_loss_max="300")
    made.live(1)
    at(made, PRICE - 50_00)
    made.live(1)
    sent = len(made.venue.sent)
    made.mailbox.replies["IDLE"] = [f"resume {STRATEGY}"]
    made.live(3)

    assert ["reduce", "resume"] == [event for _, event, _ in made.asides]
    assert len(made.venue.sent) > sent


def test_what_has_no_price_blocks_the_strategy_until_it_has_one(tmp_path: Path) -> None:
    made = limited(tmp_path, *BUYS, opening=OPENING, daily_loss_max="1000")
    made.live(2)

    assert [(STRATEGY, "blocked", "OPEN.BLOCKED")] == made.asides
    assert [] == made.venue.sent
    assert (
        "limits of money cannot be measured: nothing tells what BNB is worth in USDT"
        in (denials(made)[0])
    )


def test_what_is_adopted_and_has_no_price_blocks_the_strategy(tmp_path: Path) -> None:
    made = limited(tmp_path, *BUYS, opening=OPENING, daily_loss_max="1000")
    made.live(1)
    made.venue.exchange.accounts.totals[BTC] += 1
    made.mailbox.replies["HALTED"] = ["adopt-external"]
    made.live(1)

    assert [(STRATEGY, "blocked", "OPEN.BLOCKED")] == made.asides


@pytest.mark.parametrize("key", [SIZE, BTC])
def test_a_price_that_is_gone_is_not_a_price_of_zero(tmp_path: Path, key: str) -> None:
    bars = limited(tmp_path).stage.bars
    bars.prices.clear()

    with pytest.raises(NotObserved, match="no instrument"):
        worth(bars).equity(Then({key: 1}, {}))


# Suspense.


def accepting(folder: Path, suspense_max: str) -> World:
    made = limited(folder, *BUYS, suspense_max=suspense_max)
    made.tolerance = Tolerance(absolute={BTC: 50}, budget={BTC: 500})
    made.go(MINUTE_NS)  # the venue knows the day
    return made


def test_suspense_beyond_its_limit_holds_its_account(tmp_path: Path) -> None:
    made = accepting(tmp_path, suspense_max="0.01")
    made.live(1)
    accounts = made.venue.exchange.accounts.totals
    accounts[BTC] += 25  # 0.01 USDT
    made.live(1)
    assert [] == made.asides
    accounts[BTC] -= 1
    made.live(2)

    assert [(ACCOUNT, "held", "OPEN.HELD")] == made.asides
    assert 2 == len(made.venue.sent)
    assert "suspense is 0.010400, beyond 0.01" in denials(made)[-1]
    made.mailbox.replies["IDLE"] = [f"reset-breaker {ACCOUNT}"]
    made.live(3)
    assert ["held", "reset"] == [event for _, event, _ in made.asides]
    accounts[BTC] -= 30
    made.live(2)
    assert ["held", "reset", "held"] == [event for _, event, _ in made.asides]


def test_a_reset_of_another_account_excuses_nothing(tmp_path: Path) -> None:
    made = limited(tmp_path)
    counted = Figures(worth(made.stage.bars))
    suspense = Suspense(Tolerance())
    suspense.post({BTC: -30}, START_NS)
    counted.begin(START_NS)
    counted.suspended(suspense)
    counted.excuse_suspense("desk.perp")
    assert {"desk.spot": Decimal("0.012")} == counted.suspense()

    counted.excuse_suspense("desk.spot")
    assert {"desk.spot": Decimal(0)} == counted.suspense()


# What is not hedged.

ONE_COIN = PRICED | {BTC: 10**8}


def test_what_is_unhedged_for_too_long_lets_the_strategy_only_reduce(tmp_path: Path) -> None:
    cure = go("1", reduce_only=True)
    plans: list[Plan] = [[go("-1")], [buy("1")], [], [], [buy("1")], [cure]]
    made = limited(tmp_path, *plans, opening=ONE_COIN, naked_delta_max="100", naked_delta_s="90")
    made.live(3)
    assert [] == made.asides  # hedged by the first tick, unhedged since the second
    made.live(3)

    assert [(STRATEGY, "reduce", "REDUCING")] == made.asides
    assert "naked_delta of BTC is 40000.000000" in denials(made)[0]
    assert "beyond 100 for more than 90 s" in denials(made)[0]
    assert [-1, 1, 1] == [signed(one) for one in made.venue.sent]  # what reduces is sent


def signed(request: Any) -> Decimal:  # noqa: ANN401 - an order
    asked = request.instruction
    quantity: Decimal = asked.quantity
    return quantity if asked.side is Side.BUY else -quantity


def test_how_long_it_is_unhedged_is_counted_over_restarts(tmp_path: Path) -> None:
    made = limited(tmp_path, *BUYS, naked_delta_max="100", naked_delta_s="90")
    made.live(1)
    made.go(MINUTE_NS)
    made.live(1)
    assert [] == made.asides
    made.go(MINUTE_NS)
    made.live(1)

    assert [(STRATEGY, "reduce", "REDUCING")] == made.asides
    assert 2 == len(made.venue.sent)


def test_a_hedge_in_time_narrows_nothing(tmp_path: Path) -> None:
    plans: list[Plan] = [[buy("1", name="B"), go("-0.999")] for _ in range(5)]
    made = limited(
        tmp_path, *plans, opening=PRICED | {BTC: 0}, naked_delta_max="50000", naked_delta_s="0"
    )
    made.live(6)

    assert [] == made.asides
    assert 10 == len(made.venue.sent)


def test_once_resumed_a_hedge_has_its_time_again(tmp_path: Path) -> None:
    made = limited(tmp_path, *BUYS, naked_delta_max="100", naked_delta_s="90")
    made.live(3)
    made.mailbox.replies["IDLE"] = [f"resume {STRATEGY}"]
    sent = len(made.venue.sent)
    made.live(2)
    assert ["reduce", "resume"] == [event for _, event, _ in made.asides]
    assert len(made.venue.sent) > sent
    made.live(2)

    assert ["reduce", "resume", "reduce"] == [event for _, event, _ in made.asides]


def test_an_unhedged_amount_without_a_price_blocks_the_strategy(tmp_path: Path) -> None:
    made = limited(tmp_path, *BUYS, naked_delta_max="100")
    del made.stage.bars.prices[PAIR_DATA]
    made.live(2)

    assert [(STRATEGY, "blocked", "OPEN.BLOCKED")] == made.asides
    assert [] == made.venue.sent


# What is not measured, and what is remembered.


def test_a_rehearsal_counts_as_nothing(tmp_path: Path) -> None:
    made = slips(tmp_path, 100, slippage_max="2")
    made.live(2)
    guard, leg = made.loop.manager.guard, made.loop.manager.leg
    assert isinstance(guard, Guard)
    before, written = guard.state(), made.reader.last_seq
    leg.role = "REHEARSAL"

    assert "" == guard.deny(leg, "ATOMIC.REHEARSE.SEND")
    guard.answered(leg, leg.receipt)
    guard.settled(leg)
    assert before == guard.state()
    assert written == made.reader.last_seq


def test_what_is_no_trade_slips_by_nothing(tmp_path: Path) -> None:
    made = slips(tmp_path, 100, 100, plans=[[move("1"), buy("1")]], slippage_max="2")
    made.live(2)

    assert {"USDT": 1_000_000} == figures(made)["slipped"]


def test_a_clock_that_is_set_back_begins_no_day(tmp_path: Path) -> None:
    made = slips(tmp_path, 100, slippage_max="9")
    made.live(2)
    counted = Figures.restored(worth(made.stage.bars), figures(made))
    before = counted.state()
    counted.begin(START_NS - DAY_NS)

    assert before == counted.state()


def test_nothing_was_lost_before_the_first_look(tmp_path: Path) -> None:
    made = limited(tmp_path)
    fresh = Figures(worth(made.stage.bars))
    fresh.excuse_loss()
    books = Then({BTC: 1}, {})
    fresh.adopted(books, books)

    assert Decimal(0) == fresh.loss()


def test_figures_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    made = limited(tmp_path)
    with pytest.raises(StateError):
        Figures.restored(worth(made.stage.bars), {"day": "x"})
