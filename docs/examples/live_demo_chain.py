"""Strategy B on a real chain node: in, killed between broadcast and receipt, on again, and out.

It starts a node of its own, puts Aave V3, Uniswap and a staking token on it, and lets
`verifill live` run leveraged_staking.py there. Once the entry is broadcast, and in no block yet,
the engine is killed with -9. It is started again, finds what it had sent, and verifies it. A day
of the chain's time later it leaves. Then the balances are held against the log, to the wei.

    make live-demo-chain
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from fixtures.chain.anvil import KEYS, Anvil, anvil
from fixtures.chain.deploy import Deployer, needed
from fixtures.chain.kept import put
from fixtures.chain.market import Market
from fixtures.chain.settings import KEY, WALLET, written
from verifill import RunResult

HERE = Path(__file__).parent
ETHER = 10**18
DAY_S = 86_400
PATIENCE_S = 120
STRATEGY = """
Strategy B, in one transaction: borrow 400 WETH for its length, unwrap them and 100 of our own,
stake 500 ETH, wrap, supply, borrow 400 WETH against it, pay back. Each step is rehearsed first."""
COMPARED = """
What moved from before to out: as the chain has it, and as the log has it. What is lent and owed is
counted in shares. WETH went for two premiums, the pool's fee of 0.3 % and its price."""
OPTIONS = """\
capital = "100"
flash = "400"
min_wrapped = "462.9629"
flash_exit = "401"
min_swapped = "480"
hold_days = 1
account = "wallet"
lender = "aave_v3"
pool = "uniswap_v2"
"""


def main() -> None:
    """Show it.

    Raises:
        SystemExit: no node can be had here, or a balance is not what the log says.
    """
    if why := needed():
        sys.exit(why)
    with TemporaryDirectory(prefix="verifill-chain-") as work, anvil() as node:
        admin = Deployer(node.rpc)
        market = put(admin)
        print("A node of our own (anvil), with Aave V3, Uniswap and staked ether on it.")
        admin.send(market.tokens.of["WETH"], "deposit()", value=101 * ETHER, sender=WALLET)
        opening = balances(admin, market)
        told("The wallet before", node, opening)
        source = f"{HERE / 'leveraged_staking.py'}:LeveragedStaking"
        config = written(Path(work) / "chain.toml", market, node.url, source, OPTIONS)
        log = Path(work) / "log"
        entered(node, config, log)
        told("In", node, balances(admin, market))
        node.rpc("evm_increaseTime", DAY_S + 1)
        node.rpc("evm_mine")
        print("\nA day of the chain's time later it leaves, in one transaction as well.")
        live(config, log).wait(PATIENCE_S)
        closing = balances(admin, market)
        told("Out", node, closing)
        compared(log, opening, closing)


def entered(node: Anvil, config: Path, log: Path) -> None:
    """Killed between broadcast and receipt, and started again."""
    print(STRATEGY)
    before = nonces(node)
    node.rpc("evm_setAutomine", False)  # noqa: FBT003 - as the node has it
    process = live(config, log)
    try:
        waited(lambda: node.rpc("txpool_status")["pending"] == "0x1")
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    ((sent,),) = (its.values() for its in node.rpc("txpool_content")["pending"].values())
    print(f"Broadcast: {sent['hash']}")
    print("It waits in the pool and is in no block: now the engine is killed with -9.")
    node.rpc("evm_mine")
    node.rpc("evm_setAutomine", True)  # noqa: FBT003 - likewise
    live(config, log).wait(PATIENCE_S)
    receipt = node.rpc("eth_getTransactionReceipt", sent["hash"])
    used, block = nonces(node) - before, int(receipt["blockNumber"], 16)
    print(f"""\
Mined in block {block}. Started again, the engine has found in its log what it had signed, and
verified what came of it. Nothing was sent a second time: {used} nonces were used, that of the
transaction and that of the consent in it to run the executor's code (EIP-7702).""")


def nonces(node: Anvil) -> int:
    """How many the wallet has used."""
    return int(node.rpc("eth_getTransactionCount", WALLET, "latest"), 16)


def live(config: Path, log: Path) -> "subprocess.Popen[bytes]":
    """`verifill live` for two ticks."""
    command = [sys.executable, "-m", "verifill", "live", str(config), "--log", str(log)]
    command += ["--anchor", f"{log}.anchor"]
    return subprocess.Popen(  # noqa: S603 - our own command
        [*command, "--ticks", "2"],
        env=os.environ | {KEY: KEYS[1]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def waited(until: Callable[[], bool]) -> None:
    """Wait, but not for ever.

    Raises:
        SystemExit: it takes too long.
    """
    end = time.monotonic() + PATIENCE_S
    while not until():
        if time.monotonic() > end:
            sys.exit("nothing was broadcast")
        time.sleep(0.05)


def balances(admin: Deployer, market: Market) -> dict[str, int]:
    """What the contracts say of the wallet, in units."""
    of, aave = market.tokens.of, market.aave
    asked = {
        "wallet:BaseToken:WETH": (of["WETH"], "balanceOf(address)"),
        "wallet:BaseToken:weETH": (of["wstETH"], "balanceOf(address)"),
        "aave_v3:aToken:aweETH": (aave.a_tokens["wstETH"], "scaledBalanceOf(address)"),
        "aave_v3:debtToken:vDebtWETH": (aave.debts["WETH"], "scaledBalanceOf(address)"),
    }
    found = {
        key: int(admin.ask(token, name, "uint256", WALLET)) for key, (token, name) in asked.items()
    }
    ether = int(admin.rpc("eth_getBalance", WALLET, "latest"), 16)
    return {"wallet:BaseToken:ETH": ether, **found}


def told(when: str, node: Anvil, balances: dict[str, int]) -> None:
    """Say where the wallet stands, at which block."""
    block = node.rpc("eth_getBlockByNumber", "latest", False)  # noqa: FBT003 - JSON
    print(f"\n{when}, at block {int(block['number'], 16)} {block['hash']}")
    for key, units in balances.items():
        print(f"  {key:<29}{whole(units):>30}")


def whole(units: int) -> str:
    """An amount of 18 decimals, exact."""
    return f"{Decimal(units).scaleb(-18):,.18f}"


def compared(log: Path, opening: dict[str, int], closing: dict[str, int]) -> None:
    """Hold what the receipts in the log say against the balances.

    Raises:
        SystemExit: they differ.
    """
    moves = RunResult(log).moves.collect()
    sent = moves.filter(~moves["ref"].cast(str).str.contains("-dry-"))
    print(COMPARED)
    for key, before in opening.items():
        amounts = sent.filter(sent["key"].cast(str) == key)["amount"].to_list()
        logged, found = int(sum(amounts, Decimal(0)) * ETHER), closing[key] - before
        same = "the same" if logged == found else "DIFFERENT"
        print(f"  {key:<29}{whole(found):>30}{whole(logged):>30}  {same}")
        if logged != found:
            sys.exit(f"{key}: the chain says {found} units, the log {logged}")
    print("\nEqual to the wei.")


if __name__ == "__main__":
    main()
