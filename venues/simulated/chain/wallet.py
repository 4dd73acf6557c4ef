"""How protocols of a simulated chain take tokens from accounts and give them."""

from verifill.venues.calls.rules import ChainRules
from verifill.venues.keys import Kind, position_key
from verifill.venues.simulated.chain.state import State


class Wallet:
    """The token balances of the accounts, with the allowances that some spenders need.

    Args:
        chain: its law.
    """

    def __init__(self, chain: ChainRules) -> None:
        self._chain = chain

    def take(self, state: State, account: str, asset: str, spender: str, amount: int) -> None:
        """A spender takes an amount, within its allowance, which it uses up.

        Raises:
            Reverted: too little of it, or of the allowance.
        """
        allowance = self._chain.allowance_key(account, asset, spender)
        if allowance:
            state.move(allowance, -amount)
        state.move(position_key(account, Kind.BASE, asset), -amount)

    def burn(self, state: State, account: str, asset: str, amount: int) -> None:
        """An amount leaves an account by its own will.

        Raises:
            Reverted: too little of it.
        """
        state.move(position_key(account, Kind.BASE, asset), -amount)

    def give(self, state: State, account: str, asset: str, amount: int) -> None:
        """An amount reaches an account."""
        state.move(position_key(account, Kind.BASE, asset), amount)
