"""The executor that is shipped: how it was built, and what cannot be done with it."""

from typing import Final

import pytest

from fixtures.chain.anvil import KEYS
from fixtures.chain.compiled import BUILT, built
from fixtures.chain.deploy import FailedError, own
from fixtures.chain.settings import OTHER, WALLET
from tests.evm.world import World
from verifill.venues.evm.abi import call_of, selector
from verifill.venues.evm.encode import CALLS, EXECUTE
from verifill.venues.evm.reasons import FAILED, reason_of
from verifill.venues.evm.rules import MAX_WORD

FAR: Final = 2**40
ETHER: Final = 10**18
AGAIN: Final = "again(address,bytes)"
RECEIVE: Final = "executeOperation(address,uint256,uint256,address,bytes)"
FLASH: Final = "flashLoanSimple(address,address,uint256,bytes,uint16)"


@pytest.mark.usefixtures("node")
def test_compiled_anew_it_is_the_same_bytes() -> None:
    assert BUILT.read_text() == built()


def delegated(world: World) -> None:
    """Let the wallet run the executor's code."""
    world.consents(KEYS[1], world.market.delegate, payer=KEYS[1])


def refused(world: World, to: str, signature: str, *given: object, sender: str = "") -> str:
    with pytest.raises(FailedError) as caught:
        world.admin.send(to, signature, *given, sender=sender)
    return str(caught.value)


def executing(
    world: World, *calls: tuple[str, int, bytes], checks: tuple[object, ...] = ()
) -> None:
    steps = [(step, *call) for step, call in enumerate(calls)]
    world.admin.send(WALLET, EXECUTE, steps, list(checks), FAR, sender=WALLET)


NOT_OWNER: Final = selector("NotOwner(address)").hex()
NOT_LENT: Final = selector("NotLent(address,address)").hex()
RUNNING: Final = selector("Running()").hex()
LATE: Final = selector("Late(uint256,uint256)").hex()
CHECK: Final = selector("CheckFailed(uint256,uint256)").hex()


def test_only_the_account_itself_may_run_its_code(world: World) -> None:
    delegated(world)
    steal = [(0, OTHER, ETHER, b"")]

    assert NOT_OWNER in refused(world, WALLET, EXECUTE, steal, [], FAR, sender=OTHER)


def test_nobody_comes_in_by_pretending_to_be_a_lender(world: World) -> None:
    delegated(world)
    loot = call_of(f"calls({CALLS})", [(0, OTHER, ETHER, b"")])[4:]
    given = (world.weth, 1, 0, WALLET, loot)

    assert NOT_LENT in refused(world, WALLET, RECEIVE, *given, sender=OTHER)


def test_a_loan_that_somebody_else_has_asked_for_is_not_let_in(world: World) -> None:
    """The lender is the right one, and it tells truly who has asked."""
    delegated(world)
    loot = call_of(f"calls({CALLS})", [(0, OTHER, ETHER, b"")])[4:]
    pool, token = world.market.aave.pool, world.weth

    assert NOT_LENT in refused(world, pool, FLASH, WALLET, token, ETHER, loot, 0, sender=OTHER)


def test_what_a_step_calls_cannot_come_back_in(world: World) -> None:
    delegated(world)
    thief = world.market.thief
    steal = call_of(EXECUTE, [(0, OTHER, ETHER, b"")], [], FAR)
    loot = call_of(f"calls({CALLS})", [(0, OTHER, ETHER, b"")])[4:]
    flash = call_of(FLASH, WALLET, world.weth, ETHER, loot, 0)
    for target, data, why in (
        (WALLET, steal, NOT_OWNER),
        (WALLET, call_of(RECEIVE, world.weth, 1, 0, WALLET, loot), NOT_LENT),
        (world.market.aave.pool, flash, NOT_LENT),
    ):
        with pytest.raises(FailedError, match=why):
            executing(world, (thief, 0, call_of(AGAIN, target, data)))


def test_a_run_within_a_run_is_refused(world: World) -> None:
    delegated(world)
    inner = call_of(EXECUTE, [], [], FAR)
    with pytest.raises(FailedError, match=RUNNING):
        executing(world, (WALLET, 0, inner))


def test_after_its_time_it_does_nothing(world: World) -> None:
    delegated(world)

    assert LATE in refused(world, WALLET, EXECUTE, [], [], 1, sender=WALLET)


def test_a_check_that_does_not_hold_takes_everything_back(world: World) -> None:
    delegated(world)
    asked = call_of("balanceOf(address)", WALLET)
    wrap = (world.weth, ETHER, call_of("deposit()"))
    before = world.balance(world.weth)
    executing(world, wrap, checks=((world.weth, asked, 0, ETHER, 2 * ETHER),))
    assert before + ETHER == world.balance(world.weth)
    for least, most in ((9 * ETHER, 10 * ETHER), (0, 1)):
        with pytest.raises(FailedError, match=CHECK):
            executing(world, wrap, checks=((world.weth, asked, 0, least, most),))
    with pytest.raises(FailedError, match=CHECK):  # there is no such word
        executing(world, wrap, checks=((world.weth, asked, 1, 0, MAX_WORD),))
    assert before + ETHER == world.balance(world.weth)


def test_a_call_to_where_there_is_no_code_is_no_success(world: World) -> None:
    delegated(world)
    with pytest.raises(FailedError):
        executing(world, (OTHER, 0, call_of("deposit()")))


def test_a_contract_of_its_own_obeys_its_owner_only(world: World) -> None:
    at = world.admin.deploy(own("Executor"), WALLET, world.market.aave.pool)
    world.admin.send(world.weth, "deposit()", value=ETHER, sender=WALLET)
    world.admin.send(world.weth, "transfer(address,uint256)", at, ETHER, sender=WALLET)
    back = call_of("transfer(address,uint256)", WALLET, ETHER)

    assert NOT_OWNER in refused(
        world, at, EXECUTE, [(0, world.weth, 0, back)], [], FAR, sender=OTHER
    )
    world.admin.send(at, EXECUTE, [(0, world.weth, 0, back)], [], FAR, sender=WALLET)
    assert ETHER == world.balance(world.weth)


def test_reasons_name_the_step_that_failed() -> None:
    text = call_of("Error(string)", "too much")
    inner = call_of(FAILED, 5, OTHER, text)

    assert f"step 5 at {OTHER.lower()}: too much" == reason_of(inner)
    assert reason_of(inner) == reason_of(call_of(FAILED, 0, WALLET, inner))  # within a flash loan
    assert "panic 0x11" == reason_of(call_of("Panic(uint256)", 0x11))
    assert "check 2 of the chain found 7" == reason_of(
        call_of("CheckFailed(uint256,uint256)", 2, 7)
    )
    assert "0xdeadbeef" == reason_of(bytes.fromhex("deadbeef"))
    assert f"step 5 at {OTHER.lower()}: no reason given" == reason_of(
        call_of(FAILED, 5, OTHER, b"")
    )
