"""Commitments: an entry can be proven to be about a value without the record holding the value.

A commitment is HMAC-SHA-256 (RFC 2104) of a value's canonical JSON under a random salt of its own. Without the salt it
says nothing about the value, not even when the value can be guessed; with it, it fits that one value. The salt and the
value, the *opening*, are kept sealed under the person's key: destroy the key, and what is left in the record is noise.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping

import msgspec

from troth.record import canonical
from troth.record.verifier import commitment

SALT = 32  # bytes: as long as the hash, so that the salt is no easier to guess than a collision is to find
EVENT = 16  # bytes: enough that two random event ids never meet

Random = Callable[[int], bytes]


class Opening(msgspec.Struct, frozen=True):
    """What opens the commitments of one entry: the salt, and the values by the names of their fields."""

    event: str
    salt: bytes
    values: dict[str, object]


def new_event(random: Random = secrets.token_bytes) -> str:
    """A random event id: 32 lower-case hex digits that say nothing about the event."""
    return random(EVENT).hex()


def new_salt(random: Random = secrets.token_bytes) -> bytes:
    """A random salt of 32 bytes, for one entry only."""
    return random(SALT)


def commit(salt: bytes, field: str, value: object) -> str:
    """The commitment to `value` of `field`: 64 hex digits. Equal values of two fields look different."""
    if len(salt) != SALT:
        raise ValueError(f"A salt has {SALT} bytes.")
    return hmac.new(salt, canonical.encode([field, value]), hashlib.sha256).hexdigest()


def opens(opening: Opening, entry: Mapping[str, object]) -> bool:
    """Whether the opening is that of this entry: same event, and every value fits its commitment."""
    return entry.get("event") == opening.event and all(
        entry.get(field) == commitment(opening.salt, field, value) for field, value in opening.values.items()
    )
