"""Signatures of messages and of acknowledgements, as Standard Webhooks has them.

Source: https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md, "Signature scheme" and
"Webhook headers". `v1` is HMAC-SHA-256 under a shared secret (`whsec_` and base64), `v1a` is Ed25519 (`whpk_` is the
public key). A message is signed as `id.timestamp.body`; while a key is being rotated it bears the signatures of both.

An acknowledgement is signed in the same two ways, over `troth-acknowledgement`, the id of the delivery and the SHA-256
of its body, each on a line. No message can be taken for one: its id comes first, and begins with `msg_`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from typing import Literal, Protocol, get_args

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Method = Literal["v1", "v1a"]
METHODS: tuple[Method, ...] = get_args(Method)

SECRET, PUBLIC = "whsec_", "whpk_"
SECRET_BYTES = 32  # the specification allows 24 to 64
MOST_SIGNATURES = 10  # in one header; each costs a verification


class KeyTextError(ValueError):
    """A text is no key of the form that it should have; it says which form that is."""


class SigningKey(Protocol):
    """What signs."""

    def sign(self, content: bytes) -> str:
        """The signature with its method before it, as `v1,…`."""
        ...


class SharedSecret:
    """HMAC-SHA-256 (`v1`): who can verify can sign, too."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def text(self) -> str:
        """The secret as recipients keep it."""
        return SECRET + base64.b64encode(self._secret).decode()

    def sign(self, content: bytes) -> str:
        """See SigningKey."""
        return f"v1,{base64.b64encode(hmac.digest(self._secret, content, 'sha256')).decode()}"

    def verifies(self, content: bytes, signature: bytes) -> bool:
        """Whether a `v1` signature is right; it takes as long whichever byte is wrong."""
        return hmac.compare_digest(hmac.digest(self._secret, content, "sha256"), signature)


class PrivateKey:
    """Ed25519 (`v1a`, RFC 8032), of which the recipient has the public half."""

    __slots__ = ("_key",)

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    def public(self) -> str:
        """The public key as recipients keep it."""
        return PUBLIC + base64.b64encode(self._key.public_key().public_bytes_raw()).decode()

    def sign(self, content: bytes) -> str:
        """See SigningKey."""
        return f"v1a,{base64.b64encode(self._key.sign(content)).decode()}"


class PublicKey:
    """The Ed25519 key with which a recipient signs what it acknowledges."""

    __slots__ = ("_key",)

    def __init__(self, text: str) -> None:
        """From `whpk_` and base64. KeyTextError: it is not that."""
        raw = _decoded(text.removeprefix(PUBLIC)) if text.startswith(PUBLIC) else None
        if raw is None or len(raw) != 32:
            raise KeyTextError(
                "A public key for acknowledgements is written `whpk_` and the base64 of the 32 bytes of an Ed25519 key."
            )
        self._key = Ed25519PublicKey.from_public_bytes(raw)

    def verifies(self, content: bytes, signature: bytes) -> bool:
        """Whether a `v1a` signature is right."""
        try:
            self._key.verify(signature, content)
        except InvalidSignature:
            return False
        return True


def signing_key(method: Method, secret: bytes) -> SharedSecret | PrivateKey:
    """What signs with a secret of 32 bytes, as it is kept."""
    return SharedSecret(secret) if method == "v1" else PrivateKey(secret)


def signed_headers(id: str, timestamp: int, body: bytes, keys: Sequence[SigningKey]) -> dict[str, str]:
    """The headers of a message. `timestamp` is the second of this attempt since 1970; the body is what is sent."""
    content = f"{id}.{timestamp}.".encode() + body
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(key.sign(content) for key in keys),
    }


def acknowledged_content(id: str, digest: str) -> bytes:
    """What a recipient signs to acknowledge a delivery; `digest` is the SHA-256 of the body in hex."""
    return f"troth-acknowledgement\n{id}\n{digest}".encode()


def verified(
    signatures: str, content: bytes, secrets: Sequence[SharedSecret] = (), publics: Sequence[PublicKey] = ()
) -> str | None:
    """The first of the signatures, separated by spaces, that is right under a key for its method; None if none is."""
    keys: dict[str, Sequence[SharedSecret | PublicKey]] = {"v1": secrets, "v1a": publics}
    for one in signatures.split(" ")[:MOST_SIGNATURES]:
        method, _, text = one.partition(",")
        raw = _decoded(text)
        if raw is not None and any(key.verifies(content, raw) for key in keys.get(method, ())):
            return one
    return None


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
