"""Each person has a key. Under it lie the salts and values that open the commitments of the record about that person.

A person's key is stored wrapped. How is a `KeyWrapping`: the vault's key ring, or, where no vault is opened, a key
derived from the file `people.key`. Destroy a person's key, and what the record says of the person is noise for ever.
AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce before the sealed bytes; what is sealed is bound to the person
or the event that it belongs to.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from troth.people.errors import OtherWrappingError, UnknownPersonError
from troth.record import canonical
from troth.record.commitment import Opening
from troth.store import Unit

NONCE = 12  # bytes
KEY = 32  # bytes of a person's key
LOCAL = NONCE + KEY + 16  # bytes of a key that `LocalWrapping` wrapped

Random = Callable[[int], bytes]


class KeyWrapping(Protocol):
    """How the keys of persons are wrapped, so that the database holds none in the clear."""

    def prepare(self, unit: Unit) -> None:
        """Called in the unit of work in which a new key is wrapped, before it is."""

    def wrap(self, person: str, key: bytes) -> bytes:
        """The key of a person, wrapped."""

    def unwrap(self, person: str, wrapped: bytes) -> bytes:
        """The key again, 32 bytes. UnknownPersonError: it is not that person's, or was wrapped in another way."""


class LocalWrapping:
    """AES-256-GCM under one key, bound to the person. What a store without a vault does."""

    __slots__ = ("_key", "_random")

    def __init__(self, key: bytes, random: Random = secrets.token_bytes) -> None:
        self._key = key
        self._random = random

    def prepare(self, unit: Unit) -> None:
        """See KeyWrapping. There is nothing to do."""

    def wrap(self, person: str, key: bytes) -> bytes:
        """See KeyWrapping."""
        return _seal(self._key, key, person, self._random)

    def unwrap(self, person: str, wrapped: bytes) -> bytes:
        """See KeyWrapping. OtherWrappingError: a vault wrapped it."""
        if len(wrapped) != LOCAL:
            raise OtherWrappingError(
                "The keys of persons in this store are wrapped by its vault. Open the vault first: "
                "open_vault(store, people)."
            )
        return _open(self._key, wrapped, person)


def new_person_key(wrapping: KeyWrapping, person: str, random: Random = secrets.token_bytes) -> bytes:
    """A new key for a person, wrapped, as it is stored."""
    return wrapping.wrap(person, random(KEY))


def seal_opening(
    wrapping: KeyWrapping, person: str, wrapped: bytes, opening: Opening, random: Random = secrets.token_bytes
) -> bytes:
    """The opening of an entry about a person, sealed under that person's key."""
    plain = canonical.encode({"salt": opening.salt.hex(), "values": opening.values})
    return _seal(wrapping.unwrap(person, wrapped), plain, opening.event, random)


def open_opening(wrapping: KeyWrapping, person: str, wrapped: bytes | None, event: str, sealed: bytes) -> Opening:
    """The opening again. UnknownPersonError: the person's key was destroyed, or it is not what was sealed."""
    if wrapped is None:
        raise UnknownPersonError("The person was erased; what the record says of them cannot be opened any more.")
    body = canonical.decode(_open(wrapping.unwrap(person, wrapped), sealed, event))
    assert isinstance(body, dict)  # noqa: S101 - authenticated: it is what `seal_opening` wrote
    return Opening(event, bytes.fromhex(body["salt"]), body["values"])


def _seal(key: bytes, plain: bytes, bound_to: str, random: Random) -> bytes:
    nonce = random(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode())


def _open(key: bytes, sealed: bytes, bound_to: str) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], bound_to.encode())
    except InvalidTag:
        raise UnknownPersonError("This is not sealed under the key of that person.") from None
