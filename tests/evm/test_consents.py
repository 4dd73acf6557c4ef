"""Whose consent to run a contract's code a transaction carries, as nodes tell of it."""

from collections.abc import Mapping

import pytest
from eth_account import Account

from fixtures.chain.anvil import CHAIN_ID, KEYS
from fixtures.chain.settings import OTHER, WALLET
from verifill.venues.evm.consents import consents_in
from verifill.venues.evm.keys import LocalSigner

HIGHEST = "0x" + "ff" * 32


def consent(nonce: int) -> dict[str, str]:
    """As a node tells it: every number in hex."""
    signed = LocalSigner(Account.from_key(KEYS[1])).authorize(CHAIN_ID, OTHER, nonce)
    return {name: value if isinstance(value, str) else hex(value) for name, value in signed.items()}


def test_who_has_signed_is_recovered_with_the_nonce() -> None:
    told = {"authorizationList": [consent(7), consent(8)]}

    assert [(WALLET.lower(), 7), (WALLET.lower(), 8)] == list(consents_in(told))


@pytest.mark.parametrize("told", [{}, {"authorizationList": None}, {"authorizationList": []}])
def test_other_transactions_carry_none(told: Mapping[str, None]) -> None:
    assert [] == list(consents_in(told))


@pytest.mark.parametrize(
    "spoilt",
    [{"r": HIGHEST}, {"s": HIGHEST}, {"r": "0x0"}, {"r": "0x5"}, {"yParity": "0xff"}],
)
def test_what_nobody_can_have_signed_is_of_nobody(spoilt: dict[str, str]) -> None:
    """Anybody can put such a one into a block; the one after it counts all the same."""
    told = {"authorizationList": [consent(7) | spoilt, consent(8)]}

    assert [(WALLET.lower(), 8)] == [one for one in consents_in(told) if one[0] == WALLET.lower()]
