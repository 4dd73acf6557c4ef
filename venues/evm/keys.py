"""Who signs: a key of the environment or of an encrypted file, or somebody outside.

A key is in no repr, no error and no log: a signer shows its address.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from verifill.engine.errors import ConfigError


class Signer(Protocol):
    """Signs for one account; a device or a service outside can be one."""

    @property
    def address(self) -> str:
        """The account's address."""
        ...

    def sign(self, transaction: Mapping[str, Any]) -> bytes:
        """The transaction, signed, as it is sent."""
        ...

    def authorize(self, chain_id: int, delegate: str, nonce: int) -> Mapping[str, Any]:
        """The account's consent to run a contract's code as its own (EIP-7702), signed."""
        ...


class LocalSigner:
    """Signs with a key that this process holds; implements `Signer`.

    Args:
        account: of eth-account.
    """

    def __init__(self, account: LocalAccount) -> None:
        self._account = account

    def __repr__(self) -> str:
        return f"LocalSigner({self.address})"

    @property
    def address(self) -> str:
        """See `Signer.address`."""
        return str(self._account.address)

    def sign(self, transaction: Mapping[str, Any]) -> bytes:
        """See `Signer.sign`."""
        return bytes(self._account.sign_transaction(dict(transaction)).raw_transaction)

    def authorize(self, chain_id: int, delegate: str, nonce: int) -> Mapping[str, Any]:
        """See `Signer.authorize`."""
        told = {"chainId": chain_id, "address": to_checksum_address(delegate), "nonce": nonce}
        signed: Any = self._account.sign_authorization(told)
        return told | {"yParity": signed.y_parity, "r": signed.r, "s": signed.s}


def from_key(key: str, what: str) -> LocalSigner:
    """A signer by its private key.

    Args:
        key: 32 bytes in hex.
        what: the setting, for the message.

    Raises:
        ConfigError: it is none; it is not shown.
    """
    try:
        return LocalSigner(Account.from_key(key))
    except Exception:  # noqa: BLE001 - whatever it is, it may hold the key
        msg = f"{what} is no private key: allowed are 32 bytes in hex"
        raise ConfigError(msg) from None


def from_keystore(file: Path, password: str, what: str) -> LocalSigner:
    """A signer by an encrypted file (Web3 Secret Storage).

    Raises:
        ConfigError: it cannot be read, or the password is not its own; neither is shown.
    """
    try:
        return LocalSigner(
            Account.from_key(Account.decrypt(json.loads(file.read_text()), password))
        )
    except OSError as error:
        msg = f"{what}: {file} cannot be read: {error.strerror}"
    except Exception:  # noqa: BLE001 - whatever it is, it may hold the key
        msg = f"{what}: {file} is no keystore, or the password is not its own"
    raise ConfigError(msg) from None
