"""Digests that mean the same in every process and on every machine.

`hash()` is salted per process and `repr` may change, so neither is evidence. A digest here
is the SHA-256 of canonical JSON: keys sorted, no spaces, ASCII only, and no float, because
two machines need not print a float alike.
"""

import base64
import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from verifill.engine.errors import EngineDefect


def canonical_json(value: object) -> bytes:
    """The one JSON text of a value made of mappings, sequences, strings, integers, None.

    A part may be a `msgspec.Raw`: such text already, but for what is not ASCII.

    Raises:
        EngineDefect: the value holds a float, or anything else without one exact text.
    """
    if is_exact(value):
        try:
            text = _encode(value)
        except UnicodeEncodeError:  # half a surrogate pair, which JSON can hold escaped
            text = b"\x7f"
        if text.isascii() and b"\x7f" not in text:
            return text
    return _canonical(value)


def _canonical(value: object) -> bytes:
    """What `canonical_json` is by definition; ten times slower."""
    text = json.dumps(_exact(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return text.encode("ascii")


_encode = msgspec.json.Encoder(order="sorted").encode
_KEYS = frozenset({str})
_LEAVES = frozenset({str, int, bool, type(None), msgspec.Raw})


def is_exact(value: object) -> bool:
    """Whether it is made of the very types of JSON, floats apart, so that all of it is exact."""
    waiting = [value]
    for one in waiting:  # it grows
        kind = type(one)
        if kind is dict:
            mapping = cast("dict[object, object]", one)
            if not _KEYS.issuperset(map(type, mapping)):
                return False
            parts: Collection[object] = mapping.values()
        elif kind is list or kind is tuple:
            parts = cast("Sequence[object]", one)
        elif kind in _LEAVES:
            continue
        else:
            return False
        if not _LEAVES.issuperset(map(type, parts)):
            waiting += [part for part in parts if type(part) not in _LEAVES]
    return True


def at_one_go(value: object) -> Any:  # noqa: ANN401 - text, or plain values
    """A part of a value for `canonical_json`, from values of types whose text is exact.

    Args:
        value: frozen values, enumerations, decimals, and what JSON is made of; keys are strings.
            What looks like a float in the text is handed on as plain values, to be looked at.
    """
    try:
        text = _encode(value)
    except UnicodeEncodeError:  # half a surrogate pair
        return msgspec.to_builtins(value)
    return msgspec.to_builtins(value) if _has_float(text) else msgspec.Raw(text)


def _has_float(text: bytes) -> bool:
    """Whether a JSON text has a float in it, or a text that has the like of one."""
    return b":." in text.translate(_POINTS, _DIGITS) and _FLOAT.search(text) is not None


_FLOAT = re.compile(rb"[:\[,]-?\d+[.eE]")
# Without its digits each float is the end of whatever is before it, and then a point. To look
# for that first takes a tenth of the time.
_DIGITS = b"-0123456789"
_POINTS = bytes.maketrans(b"[,eE", b"::..")


def sha256_hex(data: bytes) -> str:
    """The SHA-256 of the bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def intent_key(*parts: str | int) -> str:
    """The key of one send: 32 characters of [a-z2-7], the same for the same parts.

    Args:
        parts: run, loop, instruction, leg and generation; a new generation only after proof.
    """
    digest = hashlib.sha256(canonical_json(list(parts))).digest()
    return base64.b32encode(digest[:20]).decode("ascii").lower()


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's content, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _exact(value: object) -> object:
    """The value with every part checked, so that its JSON text is exact."""
    match value:
        case None | bool() | int() | str():
            return value
        case Mapping():
            mapping = cast("Mapping[object, object]", value)
            return {_key(key): _exact(part) for key, part in mapping.items()}
        case msgspec.Raw():
            return _exact(msgspec.json.decode(value))
        case list() | tuple():
            return [_exact(part) for part in cast("Sequence[object]", value)]
        case _:
            msg = (
                f"{value!r} has no exact JSON text; a digest is made of mappings, lists, "
                "strings, integers and None: give an amount as a string or an integer"
            )
            raise EngineDefect(msg)


def _key(key: object) -> str:
    if not isinstance(key, str):
        msg = f"{key!r} is a key of a digested mapping; only strings sort the same everywhere"
        raise EngineDefect(msg)
    return key
