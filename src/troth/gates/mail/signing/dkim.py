"""Signing mail with DKIM (RFC 6376), relaxed/relaxed, by RSA with SHA-256 and by Ed25519 (RFC 8463).

Fields on which people and mailbox providers act are signed once more than they are there, so that a signed mail with
another From, Subject or List-Unsubscribe put on top no longer verifies (RFC 6376 section 8.15).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from troth.gates.mail.content.headers import FIELD

# Signed once more than they are there, and so once where they are missing.
OVERSIGNED = (
    *("From", "Subject", "Date", "To", "Cc", "Reply-To", "Sender", "Message-ID"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
    *("List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Feedback-ID"),
)
# Signed where they are.
SIGNED = (
    "In-Reply-To",
    "References",
    "Content-Language",
    "List-Help",
    "List-Subscribe",
    "List-Owner",
    "Auto-Submitted",
)

_OVERSIGNED = tuple((name, name.lower().encode()) for name in OVERSIGNED)
_SIGNED = tuple((name, name.lower().encode()) for name in SIGNED)
_SPACE = re.compile(rb"[ \t]{2,}|\t")
_SPACES = re.compile(rb"[ \t]+")


class SigningKey(msgspec.Struct, frozen=True):
    """A private key of a domain, found by its selector in DNS at `selector._domainkey.domain`."""

    domain: str
    selector: str
    algorithm: Literal["rsa-sha256", "ed25519-sha256"]
    key: RSAPrivateKey | Ed25519PrivateKey

    def sign(self, data: bytes) -> bytes:
        """The signature of what DKIM hashes: PKCS #1 1.5 over it, or Ed25519 over its SHA-256 (RFC 8463 section 3)."""
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(data, PKCS1v15(), SHA256())
        return self.key.sign(hashlib.sha256(data).digest())


def sign(raw: bytes, keys: Sequence[SigningKey], at: datetime) -> bytes:
    """The DKIM-Signature fields of a mail, one for each key, with their line ends; they go in front of it.

    The mail has CRLF at the end of every line, as `read_message` sees to. `at` has a zone.
    """
    fields, body = split(raw)
    digest = body_hash(body)
    names = signed_names(fields)
    data = b"".join(canonical_fields(fields, [name.lower().encode() for name in names]))
    stamp = int(at.timestamp())
    made = []
    for key in keys:
        unsigned = _unsigned(key, names, digest, stamp)
        signature = base64.b64encode(key.sign(data + canonical_field(b"dkim-signature", unsigned)[:-2])).decode()
        rows = [signature[start : start + 72] for start in range(0, len(signature), 72)]
        made.append(b"DKIM-Signature:" + unsigned + "\r\n ".join(rows).encode() + b"\r\n")
    return b"".join(made)


def split(raw: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The fields of a mail, as name in lower case and value with its folds, and its body."""
    end = raw.find(b"\r\n\r\n")
    head, body = (raw[: end + 2], raw[end + 4 :]) if end >= 0 else (raw, b"")
    return [(one[1].lower(), one[2]) for one in FIELD.finditer(head)], body


def body_hash(body: bytes) -> str:
    """The SHA-256 of a body in relaxed form (RFC 6376 section 3.4.4), in base64."""
    return base64.b64encode(hashlib.sha256(canonical_body(body)).digest()).decode()


def canonical_body(body: bytes) -> bytes:
    """A body in relaxed form: no space at ends of lines, single spaces, no empty lines at its end, CRLF at the last."""
    if b"\t" in body or b"  " in body:
        body = _SPACE.sub(b" ", body)
    if b" \r\n" in body:
        body = body.replace(b" \r\n", b"\r\n")
    if not body.endswith(b"\r\n") and body.endswith(b" "):
        body = body[:-1]  # a last line without its end
    body = body.rstrip(b"\r\n")
    return body + b"\r\n" if body else b""


def canonical_field(name: bytes, value: bytes) -> bytes:
    """A field in relaxed form (RFC 6376 section 3.4.2), with its line end; the name is in lower case."""
    return name.strip(b" \t") + b":" + _SPACES.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ") + b"\r\n"


def canonical_fields(fields: Sequence[tuple[bytes, bytes]], names: Sequence[bytes]) -> list[bytes]:
    """The fields that names in lower case stand for, in relaxed form: the last of each first (section 5.4.2).

    A name that is there more often than its field stands for nothing, and so for the promise that there is no more.
    """
    found: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        found.setdefault(name, []).append(value)
    return [canonical_field(name, found[name].pop()) for name in names if found.get(name)]


def signed_names(fields: Sequence[tuple[bytes, bytes]]) -> list[str]:
    """What `h=` lists for a mail with these fields."""
    count: dict[bytes, int] = {}
    for lower, _ in fields:
        count[lower] = count.get(lower, 0) + 1
    names: list[str] = []
    for name, lower in _OVERSIGNED:
        names += [name] * (count.get(lower, 0) + 1)
    for name, lower in _SIGNED:
        names += [name] * count.get(lower, 0)
    return names


def _unsigned(key: SigningKey, names: Sequence[str], digest: str, stamp: int) -> bytes:
    """The value of the field up to `b=`."""
    lines = [
        f" v=1; a={key.algorithm}; c=relaxed/relaxed; t={stamp};",
        f" d={key.domain}; s={key.selector};",
        _listed(tuple(names)),
        f" bh={digest};",
        " b=",
    ]
    return "\r\n".join(lines).encode("ascii")


@lru_cache(128)
def _listed(names: tuple[str, ...]) -> str:
    """What `h=` says, folded: the mails of a stream have the same fields, again and again."""
    rows, row = [], " h="
    for index, name in enumerate(names):
        piece = name + (":" if index < len(names) - 1 else ";")
        if len(row) + len(piece) > 76:
            rows.append(row)
            row = "  "
        row += piece
    rows.append(row)
    return "\r\n".join(rows)
