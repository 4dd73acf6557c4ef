"""What an exchange does with funds beside trading them: transfers, withdrawals, addresses.

The half of a dialect that is about funds. What exchanges disagree on most is whether a transfer
or a withdrawal can be given a name of ours, and for how long one that was sent may still be
carried out; both decide what "not found" proves (docs/decisions/0024-ccxt.md).
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Final

from attrs import evolve, frozen

from verifill.engine.errors import NotObserved
from verifill.venues.ccxt.words import Ccxt, Entry
from verifill.venues.orders import Cause

NEAR_MS: Final = 10_000
"""How far the time of a transfer may be from that of its row: two lists, two clocks."""


class State(StrEnum):
    """How far a transfer or a withdrawal has come."""

    PENDING = "PENDING"
    DONE = "DONE"
    FAILED = "FAILED"  # it moved nothing, or was given back


@frozen(kw_only=True)
class Moved:
    """A transfer between two accounts of an exchange.

    Attributes:
        id: the exchange's, or ours where the exchange goes by that.
        client_id: ours; empty if it has none.
        asset: what was moved.
        amount: how much.
        source: name of the dialect of the account that it left.
        target: name of the dialect of the account that it came to.
        time_ms: when.
        state: how far it has come.
    """

    id: str
    client_id: str = ""
    asset: str
    amount: Decimal
    source: str
    target: str
    time_ms: int
    state: State = State.DONE

    @property
    def ref(self) -> str:
        """The reference of its rows."""
        return f"transfer:{self.id}"

    def change(self, account: str) -> Decimal:
        """What it did to the account of a dialect."""
        return self.amount * ((self.target == account) - (self.source == account))

    def entry(self, account: str) -> Entry:
        """Its row in the account of a dialect that has no ledger to tell it."""
        return Entry(
            ref=self.ref,
            part=account,
            asset=self.asset,
            amount=self.change(account),
            cause=Cause.TRANSFER,
            time_ms=self.time_ms,
        )


@frozen(kw_only=True)
class Destination:
    """Where withdrawals may go: it stands in the configuration, and nothing else is taken.

    Attributes:
        name: as instructions call it.
        address: on its network.
        network: as the exchange calls it; empty where it has one only.
        tag: memo or tag, where the network wants one.
    """

    name: str
    address: str
    network: str = ""
    tag: str = ""


@frozen(kw_only=True)
class Withdrawn:
    """A withdrawal, as the exchange lists it.

    Attributes:
        id: the exchange's, or ours where the exchange goes by that.
        client_id: ours; empty if it has none.
        asset: what was withdrawn.
        amount: how much arrives, or is to.
        fee: what it costs beside that, in the same asset.
        address: where it went; empty where the list does not tell.
        time_ms: when it was asked for, and left the account.
        state: how far it has come.
        words: the exchange's own for that.
    """

    id: str
    client_id: str = ""
    asset: str
    amount: Decimal
    fee: Decimal
    address: str
    time_ms: int
    state: State
    words: str

    @property
    def ref(self) -> str:
        """The reference of its rows."""
        return f"withdrawal:{self.id}"

    def entries(self) -> Iterator[Entry]:
        """Its rows in an account that has no ledger to tell them; none once it was given back."""
        if self.state is State.FAILED:
            return
        moved = (("amount", self.amount, Cause.TRANSFER), ("fee", self.fee, Cause.FEE))
        for part, amount, cause in moved:
            if amount:
                yield Entry(
                    ref=self.ref,
                    part=part,
                    asset=self.asset,
                    amount=-amount,
                    cause=cause,
                    time_ms=self.time_ms,
                )


@frozen(kw_only=True)
class Address:
    """Where an exchange takes deposits of an asset.

    Attributes:
        asset: what may be sent there.
        network: as the exchange calls it.
        address: on that network.
        tag: memo or tag that has to go with it; empty if none.
    """

    asset: str
    network: str
    address: str
    tag: str


class Funds:
    """What most exchanges do with funds.

    Attributes:
        reaches: names of the dialects whose accounts it can transfer to.
        movable: the only assets that are transferred and withdrawn; empty: all.
        named_transfers: whether a transfer has a name of ours, by which it is asked for.
        lingers_s: for how long after its deadline a transfer may still be carried out, in
            seconds; None for ever, so that not found proves nothing.
        no_transfer: what its errors have in their text if there is no such transfer.
        withdraws: whether its account can be withdrawn from.
        named_withdrawals: whether a withdrawal has a name of ours, by which it is asked for.
        takes_deposits: whether it tells an address for them.
        fee_on_top: whether the fee of a withdrawal is taken beside the amount that it asks for.
    """

    name: ClassVar[str]
    reaches: ClassVar[tuple[str, ...]] = ()
    movable: ClassVar[tuple[str, ...]] = ()
    named_transfers: ClassVar[bool] = False
    lingers_s: ClassVar[int | None] = 0
    no_transfer: ClassVar[tuple[str, ...]] = ()
    withdraws: ClassVar[bool] = False
    named_withdrawals: ClassVar[bool] = True
    takes_deposits: ClassVar[bool] = False
    fee_on_top: ClassVar[bool] = False

    def immovable(self, exchange: Ccxt, asset: str) -> str:  # noqa: ARG002 - most keys may
        """Why this key cannot move an asset, as far as that is known without asking; or empty."""
        if self.movable and asset not in self.movable:
            return f"{self.name} moves {', '.join(self.movable)} only, not {asset}"
        return ""

    def transfer_id(self, key: str) -> str:
        """Our name of a transfer, from the key of its intent: 32 characters of [a-z2-7]."""
        return key

    def transfer(self, exchange: Ccxt, asset: str, amount: str, target: str, client_id: str) -> str:
        """Move an asset to the account of another dialect, once; the exchange's id of it."""
        raise NotImplementedError

    def transfers(self, exchange: Ccxt, since_ms: int, until_ms: int) -> Sequence[Moved]:
        """All transfers in a stretch of time, in any direction."""
        raise NotImplementedError

    def transferred(
        self,
        exchange: Ccxt,
        client_id: str,  # noqa: ARG002 - where there is a name of ours
        since_ms: int,
        until_ms: int,
    ) -> Sequence[Moved]:
        """What there is of a transfer of ours, at least: by our name of it, or else all of a time.

        Raises:
            Exception: of ccxt; with one of `no_transfer` in its text there is none.
        """
        return self.transfers(exchange, since_ms, until_ms)

    def withdrawal_id(self, key: str, deadline_ms: int) -> str:  # noqa: ARG002 - of a nonce
        """Our name of a withdrawal, from the key of its intent or from its deadline."""
        return key

    def withdraw(
        self, exchange: Ccxt, asset: str, amount: str, to: Destination, client_id: str
    ) -> str:
        """Send an asset out of the exchange, once; the exchange's id of it."""
        raise NotImplementedError

    def withdrawals(
        self, exchange: Ccxt, client_id: str, since_ms: int, until_ms: int
    ) -> Sequence[Withdrawn]:
        """Withdrawals: that of our name, or if that is empty all of a stretch of time."""
        raise NotImplementedError

    def outside(self, exchange: Ccxt, since_ms: int, until_ms: int) -> Iterable[Entry]:
        """What came from outside and went there, where `entries` does not tell it.

        It is asked for only where there is an address to withdraw to: these lists can be dear.
        """
        del since_ms, until_ms, exchange
        return ()

    def address(self, exchange: Ccxt, asset: str, network: str) -> Address:
        """Where deposits of an asset go; by a network, or the exchange's own choice if empty.

        Raises:
            NotObserved: it tells none.
        """
        del exchange, network
        msg = f"{self.name} tells no address for deposits of {asset}"
        raise NotObserved(msg)

    def chosen(self, told: Iterable[Address], asset: str, network: str) -> Address:
        """The address on a network, or the first if that is empty.

        Raises:
            NotObserved: there is none.
        """
        there = list(told)
        for one in there:
            if network in {"", one.network}:
                return one
        known = ", ".join(one.network for one in there) or "no network"
        msg = f"{self.name} takes {asset} by {known}, not by {network or 'any'}"
        raise NotObserved(msg)


def named(rows: Iterable[Entry], transfers: Sequence[Moved], account: str) -> Iterator[Entry]:
    """Rows of a ledger under the names of the transfers that they are, which it does not tell.

    A row that is no known transfer keeps its own name, and so explains nothing of ours.

    Args:
        rows: of transfers, among others.
        transfers: all that there were around that time.
        account: name of the dialect of the account that the rows are of.
    """
    left = list(transfers)
    for row in rows:
        alike = [one for one in left if _is(one, row, account)]
        if alike:
            mine = min(alike, key=lambda one: abs(one.time_ms - row.time_ms))
            left.remove(mine)
            yield evolve(row, ref=mine.ref, row=row.row or f"{row.ref}/{row.part}")
        else:
            yield row


def _is(moved: Moved, row: Entry, account: str) -> bool:
    return (
        row.cause is Cause.TRANSFER
        and moved.asset == row.asset
        and moved.change(account) == row.amount
        and abs(moved.time_ms - row.time_ms) <= NEAR_MS
    )
