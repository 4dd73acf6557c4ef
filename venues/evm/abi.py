"""Calls and answers of contracts as bytes, by the signature of the function.

`call_of("transfer(address,uint256)", to, amount)` is what is sent; results are words of 32 bytes.
"""

from functools import cache
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

WORD: Final = 32
SELECTOR: Final = 4


@cache
def types_of(signature: str) -> tuple[str, ...]:
    """The types between the outer parentheses of a signature, tuples whole."""
    inner = signature[signature.index("(") + 1 : -1]
    types, depth, begin = list[str](), 0, 0
    for place, sign in enumerate(inner):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            types.append(inner[begin:place])
            begin = place + 1
    return (*types, inner[begin:]) if inner else ()


@cache
def selector(signature: str) -> bytes:
    """The first bytes of a call, or of an error."""
    return keccak(text=signature)[:SELECTOR]


@cache
def topic(signature: str) -> str:
    """The first topic of an event, in hex."""
    return "0x" + keccak(text=signature).hex()


def call_of(signature: str, *given: object) -> bytes:
    """A call as it is sent."""
    return selector(signature) + encode(types_of(signature), given)


def given_in(signature: str, data: bytes) -> tuple[Any, ...] | None:
    """What a call or an error was given; None if it is another one."""
    if data[:SELECTOR] != selector(signature):
        return None
    return tuple(decode(types_of(signature), data[SELECTOR:]))


def word(data: bytes, place: int = 0) -> int:
    """One word of an answer as a number.

    Raises:
        ValueError: it is not that long.
    """
    begin = place * WORD
    if len(data) < begin + WORD:
        msg = f"an answer of {len(data)} bytes has no word {place}"
        raise ValueError(msg)
    return int.from_bytes(data[begin : begin + WORD], "big")


def address_in(of: str) -> str:
    """The address in a topic, in small letters."""
    return "0x" + of[-40:].lower()


def padded(address: str) -> str:
    """An address as a topic."""
    return "0x" + address[2:].lower().rjust(2 * WORD, "0")


def unhex(text: str) -> bytes:
    """Bytes of their hex text."""
    return bytes.fromhex(text.removeprefix("0x"))
