"""Who consents in a transaction to run a contract's code (EIP-7702); a consent uses a nonce."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from eth_account.typed_transactions.set_code_transaction import Authorization
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.address import to_canonical_address
from eth_utils.exceptions import ValidationError

HALF: Final = 32  # bytes of each half of a signature


def consents_in(transaction: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """The account (in lower case) and the nonce of each consent that a transaction has in it.

    Whether it took effect is not told by it: one of another nonce, or of another chain, does not.
    """
    for told in transaction.get("authorizationList") or ():
        nonce = int(told["nonce"], 16)
        signed = Authorization(
            int(told["chainId"], 16), to_canonical_address(told["address"]), nonce
        ).hash()
        halves = [int(told[half], 16).to_bytes(HALF, "big") for half in "rs"]
        try:
            signature = Signature(b"".join(halves) + bytes([int(told["yParity"], 16)]))
            by = signature.recover_public_key_from_msg_hash(signed)
        except (BadSignature, ValidationError):
            continue  # it is of nobody
        yield by.to_checksum_address().lower(), nonce
