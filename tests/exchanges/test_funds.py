"""Funds: between accounts, out of an exchange, and the addresses that they come to."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from typer.testing import CliRunner

from fixtures.exchange.faults import Do, Fault
from fixtures.exchange.opening import AGENT_KEY
from fixtures.exchange.record import What
from tests.exchanges.places import BINANCE, BYBIT, HYPERLIQUID, OKX, PLACES, TREASURY, Place
from tests.exchanges.test_traps import EnoughError, enough
from tests.exchanges.worlds import Running, once, settings_of, written
from verifill.assembly.ccxt import Exchanges, through_ccxt
from verifill.cli.app import app
from verifill.engine.errors import ConfigError, InstructionError, NotObserved
from verifill.engine.inbox import post
from verifill.machines.full_loop import Full
from verifill.result import RunResult
from verifill.venues.ccxt.venue import Exchange
from verifill.venues.instructions import Instruction, InternalTransfer
from verifill.venues.orders import Order, Outcome

Opened = Callable[[Place], Exchange]
MOVES = {
    "binance": "POST *binance.com/*/asset/transfer",
    "bybit": "POST *bybit.com/*/inter-transfer",
    "okx": "POST *okx.com/*/asset/transfer",
    "hyperliquid": "POST *hyperliquid.xyz/exchange",
}
LEAVES = {
    "binance": "POST *binance.com/*/withdraw/apply",
    "bybit": "POST *bybit.com/*/withdraw/create",
    "okx": "POST *okx.com/*/asset/withdrawal",
    "hyperliquid": "POST *hyperliquid.xyz/exchange",
}
STRUCK = (Do.RESET_BEFORE, Do.HOLD, Do.RESET_AFTER, Do.TRUNCATE, Do.PAGE, Do.EMPTY)
NOT_DONE = {Do.RESET_BEFORE, Do.HOLD}
UNNAMED = {"hyperliquid"}  # where a transfer that is not found may still come


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "struck" in metafunc.fixturenames:
        cells = [(venue, do) for venue in MOVES for do in STRUCK]
        every = int(str(metafunc.config.getoption("--every")))
        metafunc.parametrize(("venue", "struck"), cells[:: 1 if every == 1 else 5])


@pytest.fixture
def opened(running: Running, tmp_path: Path) -> Iterator[Opened]:
    connections: list[Exchanges] = []

    def venue(place: Place) -> Exchange:
        if place is not HYPERLIQUID:
            running.control.permit(place.venue, "withdraw", on=place.withdrawals)
        connected = running.connected(tmp_path, place)
        connections.append(connected)
        connected.refresh()
        found = connected.venues[place.venue]
        assert () == found.start_up_failures()
        found.read()
        return found

    yield venue
    for one in connections:
        one.close()


def order_of(venue: Exchange, wanted: Instruction, number: int = 1) -> Order:
    order = venue.resolve(wanted, number, None)
    return replace(order, key=f"{number:b>32}", deadline_ns=venue.deadline_ns())


def moved(running: Running, place: Place, what: What) -> list[Decimal]:
    """What the exchange says that it did."""
    effects = running.control.effects(place.venue)
    return [Decimal(effect.amount) for effect in effects if effect.what is what]


def lived(
    running: Running, folder: Path, place: Place, wanted: Instruction
) -> tuple[list[str], str]:
    """The states of a life, and that in which it ended; that nobody helps ends it too."""
    end = ""
    with suppress(EnoughError):
        running.asleep = enough(running)
        ended, _ = running.live(folder, place, strategy=once(wanted), ticks=4)
        end = ended.state
    states = RunResult(folder / "run").transitions.collect()["to"]
    return [str(state) for state in states], end


# Between accounts.


def test_what_happens_to_a_transfer_on_its_way_neither_doubles_nor_loses_it(
    running: Running, tmp_path: Path, venue: str, struck: Do
) -> None:
    place = PLACES[venue]
    there, _ = place.transfers
    running.control.arm(Fault(on=MOVES[venue], do=struck))
    states, end = lived(running, tmp_path, place, there)
    known = venue not in UNNAMED or struck not in NOT_DONE

    assert known == (Full.STOPPED == end)
    assert known != any("HELD" in state for state in states)
    if not known:
        running.control.release()
    gone = struck is Do.RESET_BEFORE and not known
    assert moved(running, place, What.TRANSFER) == ([] if gone else [Decimal(100)])


def test_a_transfer_has_our_name_where_the_exchange_takes_one(
    opened: Opened, running: Running
) -> None:
    for place in (BYBIT, OKX):
        venue = opened(place)
        there, _ = place.transfers
        twice = [venue.submit(order_of(venue, there)).outcome for _ in range(2)]
        (effect,) = running.control.effects(place.venue)
        dialect = venue.accounts[there.account].dialect

        assert [Outcome.ACCEPTED, Outcome.UNKNOWN] == twice  # taken once; look it up
        assert dialect.transfer_id(f"{1:b>32}") == effect.client_id


def test_two_transfers_that_are_alike_are_nobodys(opened: Opened, running: Running) -> None:
    venue = opened(HYPERLIQUID)
    there, _ = HYPERLIQUID.transfers
    first, second = order_of(venue, there, 1), order_of(venue, there, 2)
    venue.submit(first)
    running.offset_ns += 10**9
    venue.submit(replace(second, deadline_ns=second.deadline_ns + 10**6))

    assert "2 transfers are like it" in venue.query(first).reason


def test_an_api_wallet_moves_no_funds(running: Running, tmp_path: Path) -> None:
    variables = {**HYPERLIQUID.variables, "HYPERLIQUID_DEV_SECRET": AGENT_KEY}
    connected = running.connected(tmp_path, evolve(HYPERLIQUID, variables=variables))
    venue = connected.venues["hyperliquid"]
    there, _ = HYPERLIQUID.transfers
    connected.refresh()
    failures, denied = venue.start_up_failures(), venue.deny(order_of(venue, there))
    connected.close()

    assert () == failures
    assert "signed by its owner" in denied


def test_what_cannot_be_moved_is_denied(opened: Opened) -> None:
    venue = opened(HYPERLIQUID)
    wrong = InternalTransfer(
        account="hyperliquid.spot", to="hyperliquid.perp", asset="UBTC", amount=Decimal(1)
    )

    assert "moves USDC only, not UBTC" in venue.deny(order_of(venue, wrong))


def test_rows_of_a_stranger_keep_their_own_name(opened: Opened, running: Running) -> None:
    for place, wallet in ((BYBIT, "UNIFIED"), (OKX, "trading")):
        venue = opened(place)
        running.control.deposit(place.venue, wallet, "USDT", Decimal(7))
        (row,) = venue.read().rows

        assert 7 * 10**18 == row.amount
        assert not row.ref.startswith("transfer:")


# Out of the exchange.


@pytest.mark.parametrize("venue", LEAVES)
def test_a_withdrawal_is_sent_once_and_its_fee_observed(
    running: Running, tmp_path: Path, venue: str
) -> None:
    place = PLACES[venue].withdrawing
    running.control.permit(venue, "withdraw", on=True)
    states, end = lived(running, tmp_path, place, place.withdrawal(50))

    assert Full.STOPPED == end, states
    assert [Decimal(49)] == moved(running, place, What.WITHDRAWAL)


def test_what_happens_to_a_withdrawal_on_its_way_neither_doubles_nor_loses_it(
    running: Running, tmp_path: Path, venue: str, struck: Do
) -> None:
    place = PLACES[venue].withdrawing
    running.control.permit(venue, "withdraw", on=True)
    running.control.arm(Fault(on=LEAVES[venue], do=struck))
    states, end = lived(running, tmp_path, place, place.withdrawal(50))

    assert (struck not in NOT_DONE) == (Full.STOPPED == end)
    assert (struck in NOT_DONE) == any("HELD" in state for state in states)
    running.control.release()
    expired = struck is Do.HOLD and venue not in UNNAMED  # it is refused when it comes at last
    never = expired or struck is Do.RESET_BEFORE
    assert moved(running, place, What.WITHDRAWAL) == ([] if never else [Decimal(49)])


@pytest.mark.parametrize("place", [BINANCE, BYBIT, OKX], ids=lambda one: one.venue)
def test_a_withdrawal_is_pending_while_somebody_reviews_it(
    opened: Opened, running: Running, place: Place
) -> None:
    place = place.withdrawing
    venue = opened(place)
    running.control.review(place.venue, on=True)
    order = order_of(venue, place.withdrawal(50))
    sent = venue.submit(order)
    first = venue.query(order)
    running.control.review(place.venue, on=False)
    second = venue.query(order)

    assert [Outcome.ACCEPTED, Outcome.ACCEPTED] == [sent.outcome, first.outcome]
    assert Outcome.EXECUTED is second.outcome
    assert first.moves == second.moves
    assert "1 USDT is a fee" in second.reason


@pytest.mark.parametrize("venue", LEAVES)
def test_a_withdrawal_is_allowed_by_the_configuration_or_denied(opened: Opened, venue: str) -> None:
    place = PLACES[venue].withdrawing
    found = opened(place)
    away = place.withdrawal(50, to="elsewhere")
    little = place.withdrawal(1)

    assert "allowed are treasury" in found.deny(order_of(found, away))
    assert "is not above the fee" in found.deny(order_of(found, little))
    assert "" == found.deny(order_of(found, place.withdrawal(50)))


def test_withdrawals_are_denied_unless_they_are_allowed(opened: Opened) -> None:
    venue = opened(evolve(BINANCE, addresses={"treasury": TREASURY}))
    denied = venue.deny(order_of(venue, BINANCE.withdrawal(50)))

    assert "withdrawals = true does not stand under [ccxt.binance]" == denied


def test_an_account_that_cannot_be_withdrawn_from_says_so(opened: Opened) -> None:
    place = evolve(BYBIT.withdrawing, leaves=("bybit.uta", "ETH"))
    venue = opened(place)

    assert "nothing is withdrawn from bybit.uta" in venue.deny(
        order_of(venue, place.withdrawal(50))
    )


def test_a_fee_above_the_declared_one_is_a_flaw(opened: Opened) -> None:
    venue = opened(OKX.withdrawing)
    order = order_of(venue, OKX.withdrawal(50))
    venue.submit(order)
    receipt = venue.query(order)
    dearer = replace(
        receipt, moves=tuple(replace(move, amount=2 * move.amount) for move in receipt.moves)
    )

    assert "" == venue.assess(order, receipt, None).flaw  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # not read
    assert "its fee is" in venue.assess(order, dearer, None).flaw  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # likewise


def test_an_address_is_no_account_of_the_run(tmp_path: Path) -> None:
    place = evolve(BINANCE, addresses={"binance.usdm": TREASURY})
    config = written(tmp_path, [place], 1)
    config.write_text(
        config.read_text()
        .replace("addresses.binance", 'addresses."binance', 1)
        .replace("usdm]\naddress", 'usdm"]\naddress', 1)
    )
    with pytest.raises(ConfigError, match="is an account of this run"):
        through_ccxt(settings_of(config), place.variables)


def test_routes_to_another_venue_are_refused_with_what_to_do_instead(tmp_path: Path) -> None:
    more = '[routes."binance.spot"]\nassets = ["USDT"]\n'
    config = written(tmp_path, [BINANCE, OKX], 1, more=more)
    with pytest.raises(ConfigError, match="nothing tells what is on its way"):
        through_ccxt(settings_of(config), {**BINANCE.variables, **OKX.variables})


# Into the exchange.


def test_what_comes_in_waits_for_an_operator_who_adopts_it(
    running: Running, tmp_path: Path
) -> None:
    """As it does where it left another exchange of the same run."""
    place, (wanted, _) = BYBIT, BYBIT.transfers
    lived(running, tmp_path, place, wanted)
    running.control.deposit(place.venue, "UNIFIED", "USDT", Decimal(7))
    running.sleeps = 0
    states, end = lived(running, tmp_path, place, wanted)
    assert Full.HALTED == states[-1], states[-5:]
    assert "" == end  # nobody has helped
    for name, told in (("adopt-external", {"cause": "a deposit"}), ("resume", {})):
        now = running.times().wall_ns()
        post(tmp_path / "run", name, actor="ann", reason="it is ours", at_ns=now, arguments=told)
    running.sleeps = 0

    assert Full.STOPPED == lived(running, tmp_path, place, wanted)[1]


@pytest.mark.parametrize("place", [BINANCE, BYBIT, OKX], ids=lambda one: one.venue)
def test_the_address_of_deposits_is_read_and_nothing_is_done(
    opened: Opened, running: Running, place: Place
) -> None:
    venue = opened(place)
    told = venue.deposit_address(place.leaves[0], "USDT")
    again = venue.deposit_address(place.leaves[0], "USDT", place.leaves[1])

    assert told.address == again.address
    assert told.address.startswith("0x")
    assert [] == running.control.effects(place.venue)
    with pytest.raises(InstructionError, match="is no account of"):
        venue.deposit_address("elsewhere", "USDT")
    if place is not BINANCE:  # which refuses it by itself
        with pytest.raises(NotObserved, match="not by another"):
            venue.deposit_address(place.leaves[0], "USDT", "another")


def test_a_command_tells_the_address_of_deposits(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = str(written(tmp_path, [OKX], running.server.port))
    missing = CliRunner().invoke(app, ["venue", "address", config, "okx.funding", "USDT"])
    for name, value in OKX.variables.items():
        monkeypatch.setenv(name, value)
    told = CliRunner().invoke(app, ["venue", "address", config, "okx.funding", "USDT"])
    wrong = CliRunner().invoke(app, ["venue", "address", config, "wallet", "USDT"])
    other = CliRunner().invoke(app, ["venue", "address", config, "okx.trading", "USDT"])

    assert 2 == missing.exit_code
    assert "OKX_DEV_API_KEY" in missing.output
    assert "0x" in told.output
    assert "ERC20" in told.output
    assert "is no account at an exchange of [ccxt]; there are okx.trading" in wrong.output
    assert 0 == other.exit_code  # it is where transfers to the trading account begin
    assert not any(value in told.output + wrong.output for value in OKX.variables.values())


def test_no_address_is_told_where_there_is_none(opened: Opened) -> None:
    venue = opened(HYPERLIQUID)
    with pytest.raises(NotObserved, match="tells no address"):
        venue.deposit_address("hyperliquid.perp", "USDC")


@pytest.mark.parametrize("place", [BINANCE, BYBIT, OKX], ids=lambda one: one.venue)
def test_a_deposit_is_a_row_where_withdrawals_are(
    opened: Opened, running: Running, place: Place
) -> None:
    venue = opened(place.withdrawing)
    wallet = {"binance": "spot", "bybit": "FUND", "okx": "funding"}[place.venue]
    running.control.deposit(place.venue, wallet, "USDT", Decimal(7))
    (row,) = venue.read().rows

    assert (f"{place.leaves[0]}:BaseToken:USDT", 7 * 10**18) == (row.key, row.amount)
