"""An executor of its own as an account: its owner sends and pays, the positions are its own."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from fixtures.chain.deploy import own
from fixtures.chain.settings import KEY, OTHER, WALLET
from tests.evm.test_faults import halts
from tests.evm.world import ENTRY, LEVERAGED, World
from verifill import Atomicity, Chain, Instruction, Supply, Wrap
from verifill.machines.full_loop import Full

ETHER: Final = 10**18
GAS: Final = "UNWRAP = 200_000\nWRAP = 100_000"


def owned(world: World, config: Path, owner: str = WALLET, **changed: str) -> Path:
    """The same configuration, with the wallet as a contract that the other account owns."""
    at = world.admin.deploy(own("Executor"), owner, world.market.aave.pool)
    text = config.read_text()
    changes: Mapping[str, str] = {
        f'wallet = {{ address = "{WALLET}", key = "env:{KEY}" }}': (
            f'wallet = {{ address = "{at}", owner = "other" }}'
        ),
        f'other = {{ address = "{OTHER}" }}': (
            f'other = {{ address = "{WALLET}", key = "env:{KEY}" }}'
        ),
        f'executor = "{world.market.delegate}"': 'owner = "wallet"',
        "gas = {": 'gas_payers = { wallet = "other" }\ngas = {',
    } | changed
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new, 1)
    config.write_text(text)
    world.admin.send(world.weth, "deposit()", value=101 * ETHER)
    world.admin.send(world.weth, "transfer(address,uint256)", at, 101 * ETHER)
    world.admin.send(at, "", value=5 * ETHER)
    return config


def test_strategy_b_goes_in_and_out_through_a_contract_of_its_own(world: World) -> None:
    aave = world.market.aave
    config = owned(world, world.settings(LEVERAGED, ENTRY.format(exit="401", least="480", days=1)))
    world.run(config)

    committed = f"{Full.ATOMIC}.COMMITTED"
    assert 1 == world.states().count(committed), world.notes("FAILURE") + world.notes("MISMATCH")
    moved = world.moves()
    assert -100_200_000_000_000_000_000 == moved["wallet:BaseToken:WETH"]
    assert moved["other:BaseToken:ETH"] < 0 == moved.get("wallet:BaseToken:ETH", 0)  # the gas
    for token in (aave.a_tokens["wstETH"], aave.debts["WETH"]):
        assert 0 == world.admin.ask(token, "scaledBalanceOf(address)", "uint256", WALLET)

    world.rpc("evm_increaseTime", 86_401)
    world.rpc("evm_mine")
    world.run(config)

    assert 2 == world.states().count(committed), world.notes("FAILURE") + world.notes("MISMATCH")
    assert 0 == world.moves()["aave_v3:debtToken:vDebtWETH"]


WRAP: Final = Wrap(account="wallet", asset="ETH", into="WETH", amount=Decimal(2))


@pytest.mark.parametrize(
    "plan",
    [
        (WRAP,),
        (
            Chain(
                kind=Atomicity.ONE_TX,
                steps=(
                    WRAP,
                    Supply(account="wallet", market="aave_v3", asset="WETH", amount=Decimal(1)),
                ),
            ),
        ),
    ],
    ids=["an order", "a chain of steps"],
)
def test_whatever_it_does_its_owner_sends(
    plan: tuple[Instruction | Chain, ...], world: World
) -> None:
    before = int(world.rpc("eth_getTransactionCount", WALLET, "latest"), 16)
    world.run(owned(world, world.planning(list(plan), gas="WRAP = 100_000")))

    ended = {f"{Full.INSTRUCTION}.DONE", f"{Full.ATOMIC}.COMMITTED"} & set(world.states())
    assert ended, world.notes("FAILURE") + world.notes("MISMATCH")
    assert -2 * ETHER == world.moves()["wallet:BaseToken:ETH"]
    assert before + 1 == int(world.rpc("eth_getTransactionCount", WALLET, "latest"), 16)


def test_a_contract_that_obeys_somebody_else_is_refused_at_the_start(world: World) -> None:
    config = owned(world, world.planning([WRAP]), owner=OTHER)

    assert "wallet is no executor that other owns" in halts(config, world)


def test_an_owner_that_does_not_pay_the_gas_is_refused(world: World) -> None:
    config = owned(world, world.planning([WRAP]))
    config.write_text(config.read_text().replace('gas_payers = { wallet = "other" }', ""))

    with pytest.raises(Exception, match="other owns wallet and sends for it, so it pays its gas"):
        world.run(config)
