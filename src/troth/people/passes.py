"""Passes: what a link carries so that whoever holds it may do one thing for one person, without a login.

A pass is unguessable and tells nothing: what it stands for is sealed with AES-256-SIV (RFC 5297) under a key derived
from `people.key`. The same pass is the same text each time, so the links of a mailing do not change when it is sent
again. Nothing about it is stored, so none can get lost: a pass without an end works for as long as the key exists.

`choices`      to see and change all choices of a person; it has an end.
`unsubscribe`  to refuse one choice, the list, and to choose what else to refuse; it never ends (16 CFR 316.5 wants 30
               days at least).
`receipt`      to download the receipt of one change.
`disclosure`   to download the proof of one line of a disclosure.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from troth.people.errors import ExpiredPassError, UnknownPassError
from troth.people.keys import IndexKey

PassKind = Literal["choices", "unsubscribe", "receipt", "disclosure"]
LONGEST = 512  # characters of a pass


class Pass(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What the holder may do: the kind of the pass, and for whom.

    `choice` and `product` belong to an unsubscribe, `leaf` to a receipt, `leaf` and `position` to a disclosure. `until`
    is in seconds since 1970.
    """

    kind: PassKind
    person: str
    choice: str | None = None
    product: str | None = None
    leaf: int | None = None
    until: int | None = None
    position: int | None = None


class Passes:
    """Makes passes and reads them."""

    __slots__ = ("_sealing",)

    def __init__(self, key: IndexKey) -> None:
        self._sealing = AESSIV(key.passes)

    def choices(self, person: str, until: datetime) -> str:
        """A pass to the preference centre for a person, until a moment."""
        return self._seal(Pass("choices", person, until=int(until.timestamp())))

    def unsubscribe(self, person: str, choice: str, product: str | None = None) -> str:
        """A pass to refuse a choice, as it belongs into each message that depends on it."""
        return self._seal(Pass("unsubscribe", person, choice, product))

    def receipt(self, person: str, leaf: int) -> str:
        """A pass to the receipt of the change at that index of the record."""
        return self._seal(Pass("receipt", person, leaf=leaf))

    def disclosure(self, leaf: int, position: int) -> str:
        """A pass to the proof of a line: the index of its batch's entry in the record, and its place in the batch."""
        return self._seal(Pass("disclosure", "", leaf=leaf, position=position))

    def read(self, text: str, kind: PassKind, at: datetime) -> Pass:
        """What a pass of that kind stands for.

        UnknownPassError: it is not one of ours, or of another kind. ExpiredPassError: its end has come.
        """
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            if len(text) > LONGEST or base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() != text:
                raise UnknownPassError("This is not a link of ours.")
            found = msgspec.msgpack.decode(self._sealing.decrypt(sealed, [b"pass"]), type=Pass)
        except (InvalidTag, ValueError, binascii.Error, msgspec.DecodeError):
            raise UnknownPassError("This is not a link of ours.") from None
        if found.kind != kind:
            raise UnknownPassError("This link is for something else.")
        if found.until is not None and at >= datetime.fromtimestamp(found.until, UTC):
            raise ExpiredPassError("This link is too old.")
        return found

    def _seal(self, found: Pass) -> str:
        sealed = self._sealing.encrypt(msgspec.msgpack.encode(found), [b"pass"])
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
