"""A Safe as an account: one of its owners sends and pays, its multisend runs the steps."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest
from eth_abi.abi import decode
from eth_account import Account

from fixtures.chain.anvil import KEYS
from fixtures.chain.deploy import ZERO, FailedError
from fixtures.chain.settings import KEY, OTHER, WALLET
from tests.evm.test_faults import halts
from tests.evm.test_one_tx import scaled
from tests.evm.world import World
from verifill import (
    Atomicity,
    Borrow,
    Chain,
    FlashBorrow,
    FlashRepay,
    Instruction,
    Late,
    SetEMode,
    Stake,
    Supply,
    Unwrap,
    Wrap,
)
from verifill.machines.full_loop import Full
from verifill.venues.evm.abi import call_of, types_of
from verifill.venues.evm.encode import Call
from verifill.venues.evm.executors import EXEC, OfSafe
from verifill.venues.evm.rules import Safe

A: Final = "wallet"
D: Final = Decimal
ETHER: Final = 10**18
COMMITTED: Final = f"{Full.ATOMIC}.COMMITTED"
SETUP: Final = "setup(address[],uint256,address,bytes,address,address,uint256,address)"
WRAP: Final = Wrap(account=A, asset="ETH", into="WETH", amount=D(2))
TO_OTHER: Final = call_of("transfer(address,uint256)", OTHER, ETHER)


def safe_of(world: World, *owners: str, needed: int = 1) -> str:
    """A new Safe of some owners, with some ether and wrapped ether."""
    setup = call_of(SETUP, owners, needed, ZERO, b"", ZERO, ZERO, 0, ZERO)
    made = world.admin.send(
        world.market.safe.factory,
        "createProxyWithNonce(address,bytes,uint256)",
        world.market.safe.singleton, setup, len(owners) + 10 * needed,
    )  # fmt: skip
    at = str(made["logs"][-1]["topics"][1][-40:])
    at = f"0x{at}"
    world.admin.send(at, "", value=5 * ETHER)
    world.admin.send(world.weth, "deposit()", value=20 * ETHER)
    world.admin.send(world.weth, "transfer(address,uint256)", at, 20 * ETHER)
    return at


def through(world: World, safe: str, plan: Sequence[Instruction | Chain]) -> Path:
    """The configuration with the wallet as a Safe that the other account sends for."""
    config = world.planning(list(plan), gas="WRAP = 200_000, UNWRAP = 200_000, STAKE = 250_000")
    contracts = world.market.safe
    text = config.read_text()
    for old, new in {
        f'wallet = {{ address = "{WALLET}", key = "env:{KEY}" }}': (
            f'wallet = {{ address = "{safe}", owner = "other", '
            f'multisend = "{contracts.multisend}", steps = "{contracts.steps}" }}'
        ),
        f'other = {{ address = "{OTHER}" }}': (
            f'other = {{ address = "{WALLET}", key = "env:{KEY}" }}'
        ),
        f'executor = "{world.market.delegate}"': 'owner = "wallet"',
        "gas = {": 'gas_payers = { wallet = "other" }\ngas = {',
    }.items():
        assert old in text, old
        text = text.replace(old, new, 1)
    config.write_text(text)
    return config


def round_of(number: int, amount: str, borrowed: str) -> tuple[Instruction, ...]:
    """One round of strategy B: unwrap, stake, wrap, supply, borrow."""
    staked, wrapped = (
        Late(f"S{number}", f"{A}:BaseToken:eETH"),
        Late(f"W{number}", f"{A}:BaseToken:weETH"),
    )
    return (
        Unwrap(account=A, asset="WETH", into="ETH", amount=D(amount)),
        Stake(name=f"S{number}", account=A, asset="ETH", into="eETH", amount=D(amount)),
        Wrap(name=f"W{number}", account=A, asset="eETH", into="weETH", amount=staked),
        Supply(account=A, market="aave_v3", asset="weETH", amount=wrapped),
        Borrow(account=A, market="aave_v3", asset="WETH", amount=D(borrowed)),
    )


def test_strategy_b_in_rounds_is_one_transaction_of_a_safe(world: World) -> None:
    """A flash loan has no way back into it, so what is borrowed goes round instead."""
    safe = safe_of(world, WALLET)
    mode = SetEMode(account=A, market="aave_v3", category=1)
    steps = (mode, *round_of(1, "10", "9"), *round_of(2, "9", "8"))
    world.run(through(world, safe, [Chain(kind=Atomicity.ONE_TX, steps=steps)]))

    assert 1 == world.states().count(COMMITTED), world.notes("FAILURE") + world.notes("MISMATCH")
    moved, aave = world.moves(), world.market.aave
    assert (
        -2 * ETHER == moved["wallet:BaseToken:WETH"] == world.balance(world.weth, safe) - 20 * ETHER
    )
    assert scaled(world, aave.debts["WETH"], safe) == moved["aave_v3:debtToken:vDebtWETH"]
    assert scaled(world, aave.a_tokens["wstETH"], safe) == moved["aave_v3:aToken:aweETH"]
    assert 1 == moved["aave_v3:Setting:emode"]
    assert moved["other:BaseToken:ETH"] < 0  # the gas
    assert 1 == world.admin.ask(safe, "nonce()", "uint256")


def test_whatever_a_safe_does_its_owner_sends(world: World) -> None:
    safe = safe_of(world, WALLET)
    world.run(through(world, safe, [WRAP]))

    assert f"{Full.INSTRUCTION}.DONE" in world.states(), world.notes("FAILURE")
    assert -2 * ETHER == world.moves()["wallet:BaseToken:ETH"]
    assert 22 * ETHER == world.balance(world.weth, safe)


def test_what_fails_in_a_safe_is_found_before_it_is_sent(world: World) -> None:
    safe = safe_of(world, WALLET)
    steps = (WRAP, Supply(account=A, market="aave_v3", asset="WETH", amount=D(400)))
    world.run(through(world, safe, [Chain(kind=Atomicity.ONE_TX, steps=steps)]))

    assert f"{Full.ATOMIC}.ROLLED_BACK" in world.states()
    assert 0 == world.admin.ask(safe, "nonce()", "uint256")


def test_a_flash_loan_through_a_safe_is_denied(world: World) -> None:
    safe = safe_of(world, WALLET)
    steps = (
        FlashBorrow(account=A, lender="aave_v3", asset="WETH", amount=D(1)),
        FlashRepay(account=A, lender="aave_v3", asset="WETH", amount=D(1)),
    )
    world.run(through(world, safe, [Chain(kind=Atomicity.ONE_TX, steps=steps)]))

    assert "a flash loan has no way back into a Safe" in "".join(
        world.notes("DENIED") + world.notes("FAILURE")
    )


@pytest.mark.parametrize(
    ("owners", "needed"), [((OTHER,), 1), ((WALLET, OTHER), 2)], ids=["another's", "of two"]
)
def test_a_safe_that_does_not_obey_its_owner_alone_is_refused(
    owners: tuple[str, ...], needed: int, world: World
) -> None:
    safe = safe_of(world, *owners, needed=needed)

    assert "wallet is no Safe that other can act for alone" in halts(
        through(world, safe, [WRAP]), world
    )


# What others can do with what the owner sends, and with the owner's own signatures.


def said(code: str) -> str:
    """How a Safe says why it refuses, in the bytes of its error."""
    return code.encode().hex()


def taking(world: World, safe: str) -> bytes:
    """What the owner sends so that the Safe pays out."""
    contracts = Safe(multisend=world.market.safe.multisend, steps=world.market.safe.steps)
    return OfSafe(safe, WALLET, contracts).data([Call(world.weth, 0, TO_OTHER)], [], 2**40)


def sends(world: World, safe: str, data: bytes, sender: str) -> None:
    given = decode(types_of(EXEC), data[4:])
    world.admin.send(safe, EXEC, *given, sender=sender)


def test_what_the_owner_has_sent_does_nothing_for_whoever_else_sends_it(world: World) -> None:
    safe = safe_of(world, WALLET)
    data = taking(world, safe)
    with pytest.raises(FailedError, match=said("GS025")):
        sends(world, safe, data, OTHER)
    sends(world, safe, data, WALLET)
    with pytest.raises(FailedError, match=said("GS025")):
        sends(world, safe, data, OTHER)

    assert ETHER == world.balance(world.weth, OTHER)


def test_a_signature_is_good_for_one_nonce_of_the_safe(world: World) -> None:
    safe = safe_of(world, WALLET)
    kinds = "address,uint256,bytes,uint8,uint256,uint256,uint256,address,address"
    asked = (world.weth, 0, TO_OTHER, 0, 0, 0, 0, ZERO, ZERO)
    digest = world.admin.ask(safe, f"getTransactionHash({kinds},uint256)", "bytes32", *asked, 0)
    signed = Account.unsafe_sign_hash(digest, KEYS[1]).signature
    world.admin.send(safe, EXEC, *asked, bytes(signed), sender=OTHER)
    with pytest.raises(FailedError, match=said("GS026")):
        world.admin.send(safe, EXEC, *asked, bytes(signed), sender=OTHER)

    assert ETHER == world.balance(world.weth, OTHER)


def test_the_multisend_of_a_safe_lets_nobody_act_in_its_place(world: World) -> None:
    safe = safe_of(world, WALLET)
    data = taking(world, safe)
    packed = data.index(bytes.fromhex(world.market.safe.steps[2:].lower())) - 1
    assert 0 == data[packed]  # a call
    changed = data[:packed] + b"\1" + data[packed + 1 :]
    with pytest.raises(FailedError, match=said("GS013")):
        sends(world, safe, changed, WALLET)
