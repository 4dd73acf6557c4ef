"""Transfers and settings: what moves, what is in transit, and what is refused."""

from collections.abc import Callable, Iterable

import pytest
from msgspec import structs

from tests.venues.exchanges import (
    HOUR_NS,
    LEVERAGE,
    MARGIN,
    PERP,
    SCALES,
    START_NS,
    USDT,
    World,
    amounts,
    buy,
    deltas,
    internal,
    perpetual,
    rich,
    set_leverage,
    spot,
    withdraw,
    world,
)
from verifill.engine.errors import ConfigError, InstructionError
from verifill.venues.instructions import MAX, Amount, InternalTransfer, Late, Transfer
from verifill.venues.orders import Move, Outcome
from verifill.venues.simulated.model import ExchangeModel
from verifill.venues.transfers import LeverageTerms, MarginModeTerms, TransferTerms, leverage_key

ETHER = "binance.spot:BaseToken:ETH"
SLOW = ExchangeModel(withdrawal_ns=HOUR_NS, withdrawal_fees={"ETH": 6 * 10**14})


def holder() -> World:
    """An account with the ether of the market neutral strategy, and slow withdrawals."""
    return world({ETHER: "156.0448989", USDT: "0"}, instruments=[spot()], model=SLOW)


def moved(moves: Iterable[Move]) -> dict[str, str]:
    """What moves add up to, without what adds up to nothing."""
    units: dict[str, int] = {}
    for move in moves:
        units[move.key] = units.get(move.key, 0) + move.amount
    return amounts(units)


# Inside a venue.


def test_an_internal_transfer_is_free_and_immediate() -> None:
    venue = world({USDT: "881100", PERP: "0", MARGIN: "0"}, instruments=[spot(), perpetual()])

    assert deltas("btc_cash_and_carry", "A4") == venue.send(internal("80000")).moved


def test_more_than_there_is_cannot_be_transferred() -> None:
    venue = world({USDT: "1", MARGIN: "0", PERP: "0"}, instruments=[spot(), perpetual()])
    receipt = venue.send(internal("1.00000001")).receipt

    assert (Outcome.REJECTED_DEFINITIVE, f"insufficient {USDT}") == (
        receipt.outcome,
        receipt.reason,
    )


@pytest.mark.parametrize("to", ["bybit.uta", "wallet", "nowhere"])
def test_an_internal_transfer_stays_inside_the_venue(to: str) -> None:
    """An account of another venue is tracked, so nothing but this check would deny it."""
    assert f"'{to}' is no account of binance; it has binance.spot, binance.usdm" == rich().denial(
        internal(to=to)
    )


def test_an_account_cannot_transfer_to_itself() -> None:
    assert "cannot transfer to itself" in rich().denial(internal(to="binance.spot"))


@pytest.mark.parametrize("amount", ["0", "-1"])
def test_an_amount_that_is_not_positive_is_denied(amount: str) -> None:
    assert "is not above the fee of 0" in rich().denial(internal(amount))


# To another venue.


def test_a_withdrawal_is_in_transit_until_it_is_credited() -> None:
    venue = holder()
    sent = venue.send(withdraw("156.0448989", "ETH"))

    assert Outcome.ACCEPTED is sent.receipt.outcome
    assert deltas("usdt_market_neutral", "C9") == moved(sent.receipt.moves)
    assert ("0", 0) == (venue.total(ETHER), venue.wallet.totals["wallet:BaseToken:ETH"])
    venue.wait(HOUR_NS - 1)
    assert 0 == venue.wallet.totals["wallet:BaseToken:ETH"]
    venue.wait(1)
    assert "156.0442989" == amounts(venue.wallet.totals)["wallet:BaseToken:ETH"]


def test_a_withdrawal_is_final_once_it_is_credited() -> None:
    venue = holder()
    sent = venue.send(withdraw("156.0448989", "ETH"))
    assert sent.receipt == venue.exchange.query(sent.order)
    venue.wait(HOUR_NS)
    final = venue.exchange.query(sent.order)

    assert (Outcome.EXECUTED, START_NS + HOUR_NS) == (final.outcome, final.effect_ns)
    assert {ETHER: "-156.0448989", "wallet:BaseToken:ETH": "156.0442989"} == moved(final.moves)
    assert final == venue.exchange.query(sent.order)


def test_a_withdrawal_took_effect_when_it_was_credited_and_not_when_it_was_asked_for() -> None:
    """Or a view of positions that is behind would be waited for once more."""
    venue = holder()
    sent = venue.send(withdraw("156.0448989", "ETH"))
    venue.wait(HOUR_NS)
    venue.wait(HOUR_NS)

    assert START_NS + HOUR_NS == venue.exchange.query(sent.order).effect_ns


def test_what_is_expected_of_a_withdrawal_is_its_end() -> None:
    expected = {
        ETHER: ("-156.0448989", "-156.0448989"),
        "wallet:BaseToken:ETH": ("156.0442989", "156.0442989"),
    }

    assert expected == holder().expect(withdraw("156.0448989", "ETH"))


def test_more_than_there_is_cannot_be_withdrawn() -> None:
    receipt = holder().send(withdraw("156.04489891", "ETH")).receipt

    assert Outcome.REJECTED_DEFINITIVE is receipt.outcome
    assert () == receipt.moves


def test_a_withdrawal_of_no_more_than_its_fee_is_denied() -> None:
    assert "is not above the fee of 600000000000000" in holder().denial(withdraw("0.0006", "ETH"))
    assert "" == holder().denial(withdraw("0.000600000000000001", "ETH"))


@pytest.mark.parametrize(("asset", "to"), [("USDT", "okx.trading"), ("BTC", "wallet")])
def test_a_withdrawal_without_a_route_is_denied(asset: str, to: str) -> None:
    assert f"no route for {asset} to '{to}'" == rich().denial(withdraw("1", asset, to))


def test_margin_in_use_cannot_be_withdrawn() -> None:
    venue = world(
        {PERP: "-1", MARGIN: "20000"},
        instruments=[perpetual()],
        bases={PERP: -(10**8) * 64_030_00},
    )
    too_much = withdraw("7194.00000001", account="binance.usdm")

    assert Outcome.REJECTED_DEFINITIVE is venue.send(too_much).receipt.outcome
    assert Outcome.ACCEPTED is venue.send(withdraw("7194", account="binance.usdm")).receipt.outcome


def test_a_profit_that_is_not_realised_cannot_be_withdrawn() -> None:
    """The wallet balance is the limit, however large the equity."""
    venue = world(
        {PERP: "1", MARGIN: "20000"}, instruments=[perpetual()], bases={PERP: 10**8 * 1_000_00}
    )

    assert Outcome.REJECTED_DEFINITIVE is (
        venue.send(withdraw("20000.1", account="binance.usdm")).receipt.outcome
    )


def test_a_deposit_is_credited_when_it_is_due_and_dated_so() -> None:
    """The network is told of the time before the exchange is."""
    venue = world(
        {USDT: "0", MARGIN: "5", PERP: "0"}, instruments=[spot(), perpetual()], model=SLOW
    )
    venue.send(withdraw("5", to="binance.spot", account="binance.usdm"))
    venue.wait(2 * HOUR_NS)
    (row,) = venue.exchange.read().rows

    assert (USDT, 5 * 10**8, START_NS + HOUR_NS) == (row.key, row.amount, row.time_ns)


# Amounts.


@pytest.mark.parametrize("transfer", [internal, withdraw])
@pytest.mark.parametrize("amount", [MAX, Late("A1", USDT)], ids=["MAX", "late"])
def test_a_transfer_of_an_unknown_amount_is_refused(
    transfer: Callable[[], InternalTransfer | Transfer], amount: Amount
) -> None:
    asked = structs.replace(transfer(), amount=amount)

    with pytest.raises(InstructionError, match="give an amount; MAX has no meaning"):
        rich().resolve(asked)


def test_a_late_amount_is_taken_as_it_is() -> None:
    assert 12_345 == rich().resolve(internal("9"), late=12_345).quantity


def test_an_asset_that_is_not_declared_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"asset 'XRP' is not declared; known are .*USDT"):
        rich().resolve(internal(asset="XRP"))


# Leverage.


def test_setting_the_leverage_moves_the_setting_and_no_balance() -> None:
    venue = rich()

    assert {LEVERAGE: "3"} == venue.send(set_leverage(8)).moved
    assert "8" == venue.total(LEVERAGE)
    assert {LEVERAGE: ("-7", "-7")} == venue.expect(set_leverage(1))


def test_setting_the_leverage_that_is_set_moves_nothing() -> None:
    assert {} == rich().send(set_leverage(5)).moved


@pytest.mark.parametrize("leverage", [0, -1, 126])
def test_a_leverage_that_the_venue_does_not_allow_is_denied(leverage: int) -> None:
    assert f"leverage {leverage} is outside 1 to 125" == rich().denial(set_leverage(leverage))


def test_the_leverage_of_what_is_not_listed_is_expected_all_the_same() -> None:
    """So that the tight loop denies the order, because it does not know that position."""
    venue = rich()

    assert (
        leverage_key("binance.usdm", "XRPUSDT")
        in venue.exchange.expect(venue.resolve(set_leverage(5, "XRPUSDT")), venue.books).bounds
    )


# What is not theirs.


def test_terms_refuse_what_is_not_theirs() -> None:
    with pytest.raises(InstructionError, match="SPOT_TRADE is not a transfer"):
        TransferTerms(SCALES, {}).resolve(buy(), 1, None)
    with pytest.raises(InstructionError, match="SPOT_TRADE is not SET_LEVERAGE"):
        LeverageTerms(10).resolve(buy(), 1, None)
    with pytest.raises(InstructionError, match="SPOT_TRADE is not SET_MARGIN_MODE"):
        MarginModeTerms().resolve(buy(), 1, None)
