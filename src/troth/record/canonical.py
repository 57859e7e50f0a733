"""Canonical JSON: one spelling in bytes for one value, so that equal entries have equal hashes.

RFC 8785 (JSON Canonicalization Scheme), narrowed to what entries need: objects with ASCII keys, strings, integers that
every JSON reader keeps exactly, true, false, null and arrays. No fractions, so number formatting cannot differ.
"""

from __future__ import annotations

import msgspec

MAX_INTEGER = 2**53 - 1  # RFC 7493, section 2.2: beyond this, readers with doubles disagree

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder()


def encode(value: object) -> bytes:
    """The canonical bytes of `value`. ValueError: a type, key or number that has no single spelling."""
    _check(value)
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        raise ValueError("A string with half of a surrogate pair has no UTF-8 form.") from None


def decode(data: bytes) -> object:
    """The value of canonical bytes. ValueError: not JSON, or not in the canonical spelling."""
    try:
        value: object = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ValueError(f"Not JSON: {problem}") from None
    if encode(value) != data:
        raise ValueError("JSON, but not in canonical form.")
    return value


def _check(value: object) -> None:
    if value is None or isinstance(value, (str, bool)):
        return
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise ValueError(f"{value} is too large for an integer that every reader keeps exactly.")
    elif isinstance(value, dict):
        for key, inner in value.items():
            # RFC 8785 sorts keys by UTF-16 units, which for ASCII is the order of their bytes.
            if not isinstance(key, str) or not key.isascii():
                raise ValueError(f"The key {key!r} is not an ASCII string.")
            _check(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _check(inner)
    else:
        raise ValueError(f"An entry holds no {type(value).__name__}; it holds objects, arrays, strings, integers.")
