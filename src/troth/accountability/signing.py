"""Signed acts: what somebody of the staff does is a statement, signed with a key that only they have.

An act says what kind of thing is done, to what, with which values, and when. Its canonical JSON (RFC 8785, narrowed as
the record has it) is signed with Ed25519 (RFC 8032) after a line of its own, so that the signature is good for nothing
else. A random number makes two acts different that say the same; each counts once.

A private key is a file of its own (PKCS #8, PEM, mode 0600), which is the person's and never the server's. With a
passphrase it is encrypted.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from troth.accountability.errors import StaffError
from troth.policy.values import read_moment
from troth.record import canonical
from troth.record.durable import write_durably

Random = Callable[[int], bytes]

DOMAIN = b"troth signed act v1\n"  # what is signed begins with this, and nothing else that Troth signs does
NONCE = 16  # bytes


class Act(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody does: a kind such as `legal.approve`, the id of what it is done to, and the values of it.

    `at` is when, as RFC 3339 in UTC; `nonce` 32 hex digits. Values are what canonical JSON takes.
    """

    kind: str
    subject: str
    values: Mapping[str, object]
    at: str
    nonce: str


class SignedAct(msgspec.Struct, frozen=True):
    """An act as it was signed: the bytes, whose they are by the id of the staff, and the signature (64 bytes)."""

    staff: str
    body: bytes
    signature: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the signed statement with its signature, 64 hex digits: how the record names the act."""
        return hashlib.sha256(DOMAIN + self.body + self.signature).hexdigest()

    @property
    def act(self) -> Act:
        """What was signed. StaffError: it is no act."""
        try:
            canonical.decode(self.body)
            return msgspec.json.decode(self.body, type=Act)
        except (ValueError, msgspec.DecodeError) as error:
            raise StaffError(f"What was signed is not an act: {error}") from None


def make_act(
    kind: str, subject: str, values: Mapping[str, object], at: datetime, random: Random = secrets.token_bytes
) -> Act:
    """An act of now."""
    return Act(kind, subject, dict(values), at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), random(NONCE).hex())


def sign(act: Act, staff: str, key: Ed25519PrivateKey) -> SignedAct:
    """Sign an act as somebody, with their key. StaffError: the values have no single spelling."""
    try:
        body = canonical.encode(msgspec.to_builtins(act))
    except ValueError as error:
        raise StaffError(f"This cannot be signed: {error}") from None
    return SignedAct(staff, body, key.sign(DOMAIN + staff.encode() + b"\n" + body))


def signature_holds(signed: SignedAct, public: bytes) -> bool:
    """Whether a public key (32 bytes) made the signature, for whom the act says it is from."""
    try:
        message = DOMAIN + signed.staff.encode() + b"\n" + signed.body
        Ed25519PublicKey.from_public_bytes(public).verify(signed.signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def moment_of(act: Act) -> datetime:
    """When an act says that it was done. StaffError: that is no time."""
    try:
        return read_moment(act.at)
    except ValueError:
        raise StaffError(f"'{act.at[:40]}' is no time at which something can have been signed.") from None


# --- private keys -----------------------------------------------------------------------------------------------------


def create_key_file(path: Path, passphrase: str | None = None) -> Ed25519PrivateKey:
    """A new key in a new file that only its owner can read. StaffError: the file exists or cannot be written."""
    key = Ed25519PrivateKey.generate()
    write_key_file(path, key, passphrase)
    return key


def write_key_file(
    path: Path, key: Ed25519PrivateKey, passphrase: str | None = None, *, overwrite: bool = False
) -> None:
    """Write a key, durably; a file that is there is kept unless it is to be overwritten. StaffError as above."""
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    data = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(path, data, 0o600, overwrite)
    except FileExistsError:
        raise StaffError(f"{path} exists and is not overwritten. Name another file with --key.") from None
    except OSError as error:
        raise StaffError(f"{path} cannot be written: {error.strerror}.") from None


def read_key_file(path: Path, passphrase: Callable[[], str]) -> Ed25519PrivateKey:
    """The key in a file; the passphrase is asked for where the file needs one.

    StaffError: it is not there, others can read it, the passphrase is wrong, or it is no Ed25519 key.
    """
    try:
        mode = os.stat(path).st_mode
        data = path.read_bytes()
    except FileNotFoundError:
        raise StaffError(f"There is no key at {path}. Name the file with --key; `troth staff add` makes one.") from None
    except OSError as error:
        raise StaffError(f"The key {path} cannot be read: {error.strerror}.") from None
    if mode & 0o077:
        raise StaffError(f"The key {path} can be read by others (mode {mode & 0o777:04o}): chmod 600 it")
    try:
        key: object = load_pem_private_key(data, None)
    except TypeError:
        key = _decrypted(path, data, passphrase())
    except ValueError:
        raise StaffError(f"{path} is not a private key (PKCS #8, PEM).") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise StaffError(f"{path} is not an Ed25519 key.")
    return key


def _decrypted(path: Path, data: bytes, passphrase: str) -> object:
    try:
        return load_pem_private_key(data, passphrase.encode())
    except ValueError:
        raise StaffError(f"This is not the passphrase of {path}.") from None
