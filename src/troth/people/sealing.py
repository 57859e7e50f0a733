"""Each person has a key. Under it lie the salts and values that open the commitments of the record about that person.

The person's key is stored wrapped under a key derived from the file `people.key`. Destroy it, and what the record says
of the person is noise for ever. AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce before the sealed bytes; what
is sealed is bound to the person or the event that it belongs to.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from troth.people.errors import UnknownPersonError
from troth.record import canonical
from troth.record.commitment import Opening

NONCE = 12  # bytes


def new_person_key(wrapping: bytes, person: str, random: Callable[[int], bytes] = secrets.token_bytes) -> bytes:
    """A new key for a person, wrapped, as it is stored."""
    return _seal(wrapping, random(32), person, random)


def seal_opening(
    wrapping: bytes, person: str, wrapped: bytes, opening: Opening, random: Callable[[int], bytes] = secrets.token_bytes
) -> bytes:
    """The opening of an entry about a person, sealed under that person's key."""
    plain = canonical.encode({"salt": opening.salt.hex(), "values": opening.values})
    return _seal(_open(wrapping, wrapped, person), plain, opening.event, random)


def open_opening(wrapping: bytes, person: str, wrapped: bytes | None, event: str, sealed: bytes) -> Opening:
    """The opening again. UnknownPersonError: the person's key was destroyed, or it is not what was sealed."""
    if wrapped is None:
        raise UnknownPersonError("The person was erased; what the record says of them cannot be opened any more.")
    body = canonical.decode(_open(_open(wrapping, wrapped, person), sealed, event))
    assert isinstance(body, dict)  # noqa: S101 - authenticated: it is what `seal_opening` wrote
    return Opening(event, bytes.fromhex(body["salt"]), body["values"])


def _seal(key: bytes, plain: bytes, bound_to: str, random: Callable[[int], bytes]) -> bytes:
    nonce = random(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode())


def _open(key: bytes, sealed: bytes, bound_to: str) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], bound_to.encode())
    except InvalidTag:
        raise UnknownPersonError("This is not sealed under the key of that person.") from None
