"""What is written on a message: to whom, from whom, and the key of its body; sealed, as no address is in the database.

A body is sealed once, under a random key of its own, whoever gets it. That key lies in the envelope of each recipient,
and an envelope lies under a key that HKDF-SHA-256 (RFC 5869) derives from the person's; of somebody unknown, under one
that is derived from `people.key`. So a body is noise once all its recipients are erased, and each of them alone can be.
AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce before the sealed bytes, bound to the id of the message.
"""

from __future__ import annotations

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from troth.people import People
from troth.people.errors import PeopleError

KEY, NONCE = 32, 12  # bytes


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """To whom (`recipient`), from whom as upstream is told (`sender`), and whom a failure is told (`returns`).

    `sender` and `returns` are empty for nobody: a message about a failure comes from nobody (RFC 5321, section 4.5.5).
    """

    recipient: str
    sender: str
    returns: str
    key: bytes

    @property
    def domain(self) -> str:
        """The domain of the recipient, in lower case."""
        return self.recipient.rpartition("@")[2].lower()


class EnvelopeError(ValueError):
    """It cannot be opened: the person was erased, or it was altered."""


class Envelopes:
    """Seals and opens envelopes and bodies with the keys of `people`. Safe to share between threads."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._unknown = AESGCM(people.key.blind_value("@mail", "envelopes"))

    def seal(self, envelope: Envelope, message: str, person: str | None, sealing_key: bytes | None) -> bytes:
        """The envelope, under the key of a person as it is stored, or without a person under that of the unknown."""
        return self._seal(self._aead(person, sealing_key), msgspec.msgpack.encode(envelope), message)

    def open(self, sealed: bytes, message: str, person: str | None, sealing_key: bytes | None) -> Envelope:
        """The envelope again. EnvelopeError: the person has no key any more, or it is not what was sealed."""
        try:
            plain = self._open(self._aead(person, sealing_key), sealed, message)
        except PeopleError as error:
            raise EnvelopeError(str(error)) from None
        return msgspec.msgpack.decode(plain, type=Envelope)

    def new_key(self) -> bytes:
        """A key for a body."""
        return self._people.scribe.random(KEY)

    def seal_body(self, content: bytes, key: bytes, body: str) -> bytes:
        """A body, under its own key."""
        return self._seal(AESGCM(key), content, body)

    def open_body(self, sealed: bytes, key: bytes, body: str) -> bytes:
        """A body again. EnvelopeError: it is not what was sealed."""
        return self._open(AESGCM(key), sealed, body)

    def destination(self, domain: str) -> bytes:
        """What the database knows a domain by: an HMAC, 32 bytes."""
        return self._people.key.blind_value("@mail.domain", domain.lower())

    def _aead(self, person: str | None, sealing_key: bytes | None) -> AESGCM:
        if person is None:
            return self._unknown
        if sealing_key is None:
            raise EnvelopeError("The person was erased; what was on its way to them cannot be opened any more.")
        key = self._people.wrapping.unwrap(person, sealing_key)
        return AESGCM(HKDF(SHA256(), KEY, None, b"troth mail envelopes").derive(key))

    def _seal(self, aead: AESGCM, plain: bytes, bound_to: str) -> bytes:
        nonce = self._people.scribe.random(NONCE)
        return nonce + aead.encrypt(nonce, plain, bound_to.encode())

    def _open(self, aead: AESGCM, sealed: bytes, bound_to: str) -> bytes:
        try:
            return aead.decrypt(sealed[:NONCE], sealed[NONCE:], bound_to.encode())
        except InvalidTag:
            raise EnvelopeError("What lies in the queue is not what was put there: it was altered or moved.") from None
