"""Whether everything is where it is said to be, before anything is sent."""

from collections.abc import Iterator, Mapping

from verifill.engine.errors import NotObserved
from verifill.venues.evm.abi import call_of, word
from verifill.venues.evm.keys import Signer
from verifill.venues.evm.node import LATEST, Node, RefusedError
from verifill.venues.evm.rules import EvmRules


def start_up_failures(
    name: str, node: Node, evm: EvmRules, signers: Mapping[str, Signer]
) -> tuple[str, ...]:
    """Chain, keys, contracts that are there, and whom they obey.

    Args:
        name: of the chain, for the messages.
        node: who is asked.
        evm: where everything is.
        signers: account -> who signs for it.
    """
    try:
        chain_id = int(node.ask("eth_chainId"), 16)
        if chain_id != evm.chain_id:
            return (f"{name}: the node is of chain {chain_id}, not {evm.chain_id}",)
        bare = [what for what, at in _contracts(evm) if node.ask("eth_getCode", at, LATEST) == "0x"]
    except NotObserved as error:
        return (f"{name}: {error}",)
    failures = [f"{name}: there is no contract at the address of {what}" for what in bare]
    failures += [f"{name}: {what}" for what in _not_owned(node, evm)]
    for account, signer in signers.items():
        if signer.address.lower() != evm.accounts[account].lower():
            failures.append(f"{name}: the key of {account} is of another address")
    return tuple(failures)


def _contracts(evm: EvmRules) -> Iterator[tuple[str, str]]:
    """What must be a contract, and where."""
    for name, contract in evm.contracts.items():
        yield name, contract.address
        for part, address in (("queue", contract.queue), ("quoter", contract.quoter)):
            if address:
                yield f"{name}.{part}", address
    yield from evm.tokens.items()
    for account in evm.owned:
        yield account, evm.accounts[account]
    for account, safe in evm.safes.items():
        yield f"{account}.multisend", safe.multisend
        yield f"{account}.steps", safe.steps
    if evm.executor:
        yield "executor", evm.executor


def _not_owned(node: Node, evm: EvmRules) -> Iterator[str]:
    """Accounts that obey somebody else, or not one owner alone."""
    for account, owner in evm.owned.items():
        by, at = evm.accounts[owner], evm.accounts[account]
        safe = account in evm.safes
        kind = f"Safe that {owner} can act for alone" if safe else f"executor that {owner} owns"
        try:
            obeys = _acts_alone(node, at, by) if safe else _owner(node, at) == int(by, 16)
        except (RefusedError, NotObserved, ValueError):
            obeys = False
        if not obeys:
            yield f"{account} is no {kind}"


def _owner(node: Node, executor: str) -> int:
    return word(node.view(executor, call_of("owner()"), LATEST))


def _acts_alone(node: Node, safe: str, owner: str) -> bool:
    asked = call_of("isOwner(address)", owner), call_of("getThreshold()")
    known, needed = (word(node.view(safe, one, LATEST)) for one in asked)
    return known == needed == 1
