"""Hyperliquid, driven by its own client, and by ccxt where that has no method."""

import importlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
import requests

from fixtures.exchange import AGENT, AGENT_KEY, OWNER, OWNER_KEY, What
from fixtures.exchange.hyperliquid.info import PUBLIC
from fixtures.exchange.hyperliquid.user import ABOUT_USERS
from fixtures.exchange.redirect import Redirect
from tests.exchange.clients import CCXT, KEYS, Loopback

SDK: Any = importlib.import_module("hyperliquid.exchange")
TYPES: Any = importlib.import_module("hyperliquid.utils.types")
KEY: Any = importlib.import_module("eth_account").Account
NOBODY = "0x" + "9" * 40
GTC, IOC, ALO = ({"limit": {"tif": tif}} for tif in ("Gtc", "Ioc", "Alo"))


@dataclass(frozen=True, slots=True)
class Clients:
    """Hyperliquid's client with an API wallet, with the owner's key, and ccxt's."""

    agent: Any
    owner: Any
    info: Any
    ccxt: Any

    def cloid(self, number: int) -> Any:  # noqa: ANN401 - of a library
        """A client id."""
        return TYPES.Cloid.from_int(number)


@pytest.fixture
def clients(loopback: Loopback) -> Iterator[Clients]:
    def asked(kind: str) -> Any:  # noqa: ANN401 - JSON
        url = loopback.url("api.hyperliquid.xyz/info")
        return requests.post(url, json={"type": kind}, timeout=5).json()

    def made(key: str) -> Any:  # noqa: ANN401 - of a library
        # It asks for the markets while it is built, and signs for the test network unless its
        # URL is the real one: so the markets are handed over, and the URL stays.
        told = {"meta": asked("meta"), "spot_meta": asked("spotMeta"), "account_address": OWNER}
        client = SDK.Exchange(KEY.from_key(key), **told)
        for each in (client, client.info):
            each.session.mount("https://", Redirect(loopback.server.port))
        return client

    agent, owner = made(AGENT_KEY), made(OWNER_KEY)
    yield Clients(agent=agent, owner=owner, info=agent.info, ccxt=loopback.ccxt("hyperliquid"))
    for client in (agent, owner):
        client.session.close()
        client.info.session.close()


INFO: Mapping[str, Callable[[Clients], object]] = {
    "allMids": lambda c: c.info.all_mids(),
    "meta": lambda c: c.info.meta(),
    "metaAndAssetCtxs": lambda c: c.info.meta_and_asset_ctxs(),
    "spotMeta": lambda c: c.info.spot_meta(),
    "spotMetaAndAssetCtxs": lambda c: c.info.spot_meta_and_asset_ctxs(),
    "perpDexs": lambda c: c.info.perp_dexs(),
    "exchangeStatus": lambda c: c.ccxt.fetch_time(),
    "l2Book": lambda c: c.info.l2_snapshot("BTC"),
    "candleSnapshot": lambda c: c.info.candles_snapshot("BTC", "1h", hours_ago(3), hours_ago(0)),
    "fundingHistory": lambda c: c.info.funding_history("BTC", hours_ago(3)),
    "clearinghouseState": lambda c: c.info.user_state(OWNER),
    "spotClearinghouseState": lambda c: c.info.spot_user_state(OWNER),
    "openOrders": lambda c: c.info.open_orders(OWNER),
    "frontendOpenOrders": lambda c: c.info.frontend_open_orders(OWNER),
    "historicalOrders": lambda c: c.info.historical_orders(OWNER),
    "orderStatus": lambda c: c.info.query_order_by_oid(OWNER, 1),
    "userFills": lambda c: c.info.user_fills(OWNER),
    "userFillsByTime": lambda c: c.info.user_fills_by_time(OWNER, hours_ago(1)),
    "userFunding": lambda c: c.info.user_funding_history(OWNER, hours_ago(1)),
    "userNonFundingLedgerUpdates": lambda c: c.info.user_non_funding_ledger_updates(
        OWNER, hours_ago(1)
    ),
    "userRole": lambda c: c.info.user_role(AGENT),
    "extraAgents": lambda c: c.info.extra_agents(OWNER),
    "userAbstraction": lambda c: c.info.query_user_abstraction_state(OWNER),
    "maxBuilderFee": lambda c: c.ccxt.public_post_info(
        {"type": "maxBuilderFee", "user": OWNER, "builder": NOBODY}
    ),
    "activeAssetData": lambda c: c.ccxt.public_post_info(
        {"type": "activeAssetData", "user": OWNER, "coin": "BTC"}
    ),
    "userFees": lambda c: c.info.user_fees(OWNER),
}


def hours_ago(hours: int) -> int:
    return int(time.time() * 1000) - hours * 3_600_000


def placed(clients: Clients, size: float, price: float, kind: object = GTC, **more: object) -> Any:  # noqa: ANN401 - JSON
    """The status of an order of BTC; it is a sale if the size is below zero."""
    cloid = clients.cloid(int(str(more.pop("number", 1))))
    answer = clients.agent.order("BTC", size > 0, abs(size), price, kind, cloid=cloid, **more)
    return answer["response"]["data"]["statuses"][0]


def test_every_question_is_asked_by_a_client_that_others_wrote(
    loopback: Loopback, clients: Clients
) -> None:
    placed(clients, 0.01, 50_000)
    placed(clients, 0.02, 61_000, IOC, number=2)
    loopback.control.fund("hyperliquid", "BTC/USDC:USDC", Decimal("0.0001"))
    loopback.control.deposit("hyperliquid", "perp", "USDC", Decimal(7))
    answers: dict[str, Any] = {kind: ask(clients) for kind, ask in INFO.items()}

    assert PUBLIC.keys() | ABOUT_USERS.keys() == answers.keys()
    assert ["50000"] == [each["limitPx"] for each in answers["frontendOpenOrders"]]
    assert [("0.02", "Open Long")] == [(each["sz"], each["dir"]) for each in answers["userFills"]]
    assert answers["userFills"] == answers["userFillsByTime"]
    assert ["filled", "open"] == [each["status"] for each in answers["historicalOrders"]]
    assert ["-0.12"] == [each["delta"]["usdc"] for each in answers["userFunding"]]
    assert ["7"] == [each["delta"]["usdc"] for each in answers["userNonFundingLedgerUpdates"]]
    assert {"role": "agent", "data": {"user": OWNER}} == answers["userRole"]
    assert {"status": "unknownOid"} == answers["orderStatus"]
    (position,) = answers["clearinghouseState"]["assetPositions"]
    assert ("BTC", "0.02", "0.12") == (
        position["position"]["coin"],
        position["position"]["szi"],
        position["position"]["cumFunding"]["sinceOpen"],
    )


def test_every_action_is_signed_by_a_client_that_others_wrote(
    loopback: Loopback, clients: Clients
) -> None:
    agent, owner = clients.agent, clients.owner
    placed(clients, 0.01, 50_000)
    oid = placed(clients, 0.01, 50_000, number=2)["resting"]["oid"]
    answers = [
        agent.cancel_by_cloid("BTC", clients.cloid(1)),
        agent.cancel("BTC", oid),
        agent.update_leverage(3, "BTC", is_cross=False),
        owner.usd_class_transfer(5.0, to_perp=True),
        owner.withdraw_from_bridge(10.0, NOBODY),
        owner.approve_builder_fee(NOBODY, "0.01%"),
        agent.set_referrer("SOMEBODY"),
        agent.market_open("BTC", True, 0.01),  # noqa: FBT003 - of a library
        agent.market_close("BTC"),
    ]

    assert {"ok"} == {answer["status"] for answer in answers}
    effects = loopback.control.effects("hyperliquid")
    assert [2, 1, 1] == [
        sum(effect.what is what for effect in effects)
        for what in (What.CANCEL, What.TRANSFER, What.WITHDRAWAL)
    ]
    assert ["BTC/USDC:USDC", "approveBuilderFee", "setReferrer"] == [
        effect.market for effect in effects if effect.what is What.SETTING
    ]
    ledger = clients.info.user_non_funding_ledger_updates(OWNER, hours_ago(1))
    assert ["accountClassTransfer", "withdraw"] == [each["delta"]["type"] for each in ledger]


@pytest.mark.parametrize(
    ("size", "price", "more", "error"),
    [
        (0.01, 50_000.5, {}, "Price must be divisible by tick size. asset=0"),
        (0.0001, 50_000, {}, "Order must have minimum value of $10. asset=0"),
        (900, 50_000, {}, "Insufficient margin to place order. asset=0"),
        (0.01, 50_000, {"reduce_only": True}, "Reduce only order would increase position. asset=0"),
        (
            0.01,
            70_000,
            {"kind": ALO},
            "Post only order would have immediately matched, bbo was 59994@60006. asset=0",
        ),
        (
            0.01,
            50_000,
            {"kind": IOC},
            "Order could not immediately match against any resting orders. asset=0",
        ),
        (0.01, 50_000, {"kind": {"limit": {"tif": "Fok"}}}, "tif"),
    ],
)
def test_orders_that_are_refused_have_hyperliquids_own_words(
    clients: Clients, size: float, price: float, more: dict[str, object], error: str
) -> None:
    assert error in placed(clients, size, price, **more)["error"]


def test_spot_orders_are_refused_in_words_of_their_own(clients: Clients) -> None:
    def told(size: float, price: float) -> str:
        answer = clients.agent.order("UBTC/USDC", True, size, price, GTC)  # noqa: FBT003 - of a library
        return str(answer["response"]["data"]["statuses"][0]["error"])

    assert "Order must have minimum value of 10 USDC. asset=10001" == told(0.0001, 50_000)
    assert "Insufficient spot balance asset=10001" == told(900, 50_000)


def test_actions_that_are_refused_have_hyperliquids_own_words(clients: Clients) -> None:
    agent, owner = clients.agent, clients.owner
    answers = [
        agent.update_leverage(41, "BTC"),
        owner.usd_class_transfer(9e9, to_perp=True),
        owner.withdraw_from_bridge(9e9, NOBODY),
        agent.withdraw_from_bridge(1.0, NOBODY),
    ]
    agent.vault_address = NOBODY
    answers.append(agent.update_leverage(4, "BTC"))

    assert [
        "Invalid leverage value. asset=0",
        "Insufficient balance for token transfer",
        "Insufficient balance for withdrawal",
        f"Must deposit before performing actions. User: {AGENT}",
        f"Vault not registered: {NOBODY}",
    ] == [answer["response"] for answer in answers]
    gone = agent.cancel("BTC", 1)
    assert gone["response"] == f"Vault not registered: {NOBODY}"
    agent.vault_address = None
    statuses = agent.cancel("BTC", 1)["response"]["data"]["statuses"]
    assert [{"error": "Order was never placed, already canceled, or filled."}] == statuses


def test_what_has_expired_on_the_way_is_not_carried_out(
    loopback: Loopback, clients: Clients
) -> None:
    now_ms = int(time.time() * 1000)
    clients.agent.set_expires_after(now_ms - 1)
    answer = clients.agent.order("BTC", True, 0.01, 50_000, GTC)  # noqa: FBT003 - of a library
    assert ("err", "Action expired") == (answer["status"], answer["response"][:14])

    clients.agent.set_expires_after(now_ms + 60_000)
    assert "resting" in placed(clients, 0.01, 50_000)
    assert 1 == len(loopback.control.counts("hyperliquid"))


def test_a_signature_for_the_test_network_is_somebody_elses(
    loopback: Loopback, clients: Clients
) -> None:
    client = CCXT.hyperliquid(
        {"session": loopback.session, "options": {"sandboxMode": True}, **KEYS["hyperliquid"]}
    )
    client.initialize_client = clients.ccxt.initialize_client
    client.set_markets(clients.ccxt.markets)
    with pytest.raises(CCXT.BaseError, match="does not exist"):
        client.create_order("BTC/USDC:USDC", "limit", "buy", 0.01, 50_000)
    client.privateKey = OWNER_KEY
    with pytest.raises(CCXT.BaseError, match="Invalid chain"):
        client.transfer("USDC", 1, "spot", "swap")


def test_the_fills_tell_liquidation_and_deleveraging(loopback: Loopback, clients: Clients) -> None:
    market, control = "BTC/USDC:USDC", loopback.control
    placed(clients, -5, 50_000, IOC)
    placed(clients, 1, 70_000, IOC, number=2)
    placed(clients, 5, 70_000, IOC, number=3)
    control.deleverage("hyperliquid", market, Decimal("0.5"))
    control.balance("hyperliquid", "perp", "USDC", Decimal(100))
    control.move("hyperliquid", market, Decimal(50_000))
    control.liquidate("hyperliquid")

    fills = list(reversed(clients.info.user_fills(OWNER)))
    assert ["Open Short", "Close Short", "Short > Long", "Auto-Deleveraging", "Close Long"] == list(
        dict.fromkeys(each["dir"] for each in fills)
    )
    assert OWNER == fills[-1]["liquidation"]["liquidatedUser"]
    assert "liquidation" in {
        each["delta"]["type"]
        for each in clients.info.user_non_funding_ledger_updates(OWNER, hours_ago(1))
    }


def test_ccxts_client_consents_to_fees_unless_it_is_stopped(loopback: Loopback) -> None:
    def consents() -> list[str]:
        effects = loopback.control.effects("hyperliquid")
        return [effect.market for effect in effects if effect.what is What.SETTING]

    loopback.ccxt("hyperliquid", privateKey=OWNER_KEY)
    assert [] == consents()

    settings = {"session": loopback.session, "walletAddress": OWNER, "privateKey": OWNER_KEY}
    CCXT.hyperliquid(settings).load_markets()
    assert ["approveBuilderFee", "setReferrer"] == consents()


def test_what_is_not_understood_is_said_to_be_so(loopback: Loopback) -> None:
    def status(path: str, body: str) -> int:
        url = loopback.url(f"api.hyperliquid.xyz/{path}")
        return requests.post(url, data=body, timeout=5).status_code

    assert [422, 422, 422, 422, 404] == [
        status("info", "no JSON"),
        status("info", '{"type": "something"}'),
        status("info", '{"type": "l2Book", "coin": "NONE"}'),
        status("exchange", '{"action": {"type": "order"}}'),
        status("elsewhere", "{}"),
    ]
