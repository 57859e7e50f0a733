"""Encryption to a recipient's public key: age (C2SP age) or OpenPGP (RFC 9580). Only ciphertext touches the disk.

age draws the plaintext piece by piece and hands the ciphertext back; OpenPGP gets it through a pipe, in a process of
its own (`openpgp.py`). Either way the memory it takes does not grow with the file.
"""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

Encryption = Literal["age", "openpgp"]
SUFFIXES = {"age": ".age", "openpgp": ".gpg"}
MOST_BYTES = 256 * 1024  # of a file with a public key
PIPED = 1024 * 1024  # bytes handed to the other process at once

_AGE, _SSH = "age1", ("ssh-ed25519 ", "ssh-rsa ")
MISSING = "This takes the extra `files`: pip install 'troth[files]'."


class EncryptionError(ValueError):
    """A key that cannot be used, or an encryption that failed; the text says why, and what to do."""


class PublicKey(msgspec.Struct, frozen=True):
    """A recipient's key: its kind, the key itself (of OpenPGP the binary certificate) and its fingerprint.

    The fingerprint of an age key is the key itself, that of an SSH key its SHA-256 as `ssh-keygen -l` prints it.
    """

    kind: Encryption
    key: bytes
    fingerprint: str


def read_key(data: bytes, at: datetime) -> PublicKey:
    """The public key in a file that a recipient sent. EncryptionError: there is none that could be used at `at`.

    An age key is a line `age1…` (lines that begin with # are passed over), or an SSH key `ssh-ed25519 …`. Anything
    else is taken for an OpenPGP certificate, armoured or not. A secret key is refused: nobody should have sent it.
    """
    if len(data) > MOST_BYTES:
        raise EncryptionError(f"The file has more than {MOST_BYTES} bytes; it is no public key.")
    if b"AGE-SECRET-KEY-" in data.upper() or b"PRIVATE KEY" in data:
        raise EncryptionError(_NEVER_SENT)
    with suppress(UnicodeDecodeError):
        lines = [line.strip() for line in data.decode().splitlines() if line.strip() and not line.startswith("#")]
        if lines and lines[0].startswith((_AGE, *_SSH)):
            if len(lines) > 1:
                raise EncryptionError("The file has several keys; a file is encrypted to one. Give one line.")
            return _read_age(lines[0])
    return _read_openpgp(data, at)


def encrypt(key: PublicKey, pieces: Iterable[bytes], path: Path) -> None:
    """Encrypt the pieces into a new file, which only its owner may read; it is on the disk when this returns.

    What drawing a piece raises comes through; EncryptionError, OSError: it could not be encrypted or kept. In any of
    these cases there is no file.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        if key.kind == "age":
            _encrypt_age(key, pieces, descriptor)
        else:
            _encrypt_openpgp(key, pieces, path)
        os.fsync(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


_NEVER_SENT = (
    "This is a secret key, or has one in it. Whoever has it can read everything that was ever encrypted to it: delete "
    "this file, tell the recipient to make a new key, and to send the public one alone."
)


# --- age --------------------------------------------------------------------------------------------------------------


def _read_age(line: str) -> PublicKey:
    _age_recipient(line)
    if line.startswith(_SSH):
        kind, blob = line.split()[:2]
        digest = base64.b64encode(hashlib.sha256(base64.b64decode(blob)).digest()).rstrip(b"=").decode()
        return PublicKey("age", f"{kind} {blob}".encode(), f"SHA256:{digest}")
    return PublicKey("age", line.encode(), line)


def _age_recipient(line: str) -> Any:
    try:
        import pyrage  # type: ignore[import-untyped] # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise EncryptionError(MISSING) from None
    try:
        return (pyrage.ssh if line.startswith(_SSH) else pyrage.x25519).Recipient.from_str(line)
    except pyrage.RecipientError as error:
        raise EncryptionError(f"'{line[:80]}' is no key that age takes: {error}.") from None


class _Drawn:
    """What age reads from: the pieces. The first error of drawing one is kept, since age only tells its text."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces: Iterator[bytes] = iter(pieces)
        self._left = memoryview(b"")
        self.failed: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        if self.failed is not None:
            raise self.failed
        while not self._left:
            try:
                self._left = memoryview(next(self._pieces))
            except StopIteration:
                return b""
            except BaseException as error:
                self.failed = error
                raise
        size = len(self._left) if size < 0 else size
        some, self._left = self._left[:size], self._left[size:]
        return bytes(some)


def _encrypt_age(key: PublicKey, pieces: Iterable[bytes], descriptor: int) -> None:
    recipient = _age_recipient(key.key.decode())
    import pyrage  # noqa: PLC0415 - it is there: `_age_recipient` took it

    drawn = _Drawn(pieces)
    with os.fdopen(os.dup(descriptor), "wb", buffering=1024 * 1024) as out:
        try:
            pyrage.encrypt_io(drawn, out, [recipient])
        except pyrage.EncryptError as error:
            raise drawn.failed or EncryptionError(f"age could not encrypt: {error}.") from None


# --- OpenPGP ----------------------------------------------------------------------------------------------------------


def _read_openpgp(data: bytes, at: datetime) -> PublicKey:
    try:
        import pysequoia  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise EncryptionError(MISSING) from None
    try:
        certificates = pysequoia.Cert.split_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of secret keys in what is to be a certificate
            secret = any(certificate.has_secret_keys for certificate in certificates)
    except Exception as error:
        raise EncryptionError(
            f"The file is no public key: neither an age key (a line `age1…`), nor an OpenPGP certificate "
            f"({_first(error)})."
        ) from None
    if secret:
        raise EncryptionError(_NEVER_SENT)
    if not certificates:
        raise EncryptionError("The file is no public key: neither an age key (a line `age1…`), nor OpenPGP.")
    if len(certificates) != 1:
        raise EncryptionError(f"The file has {len(certificates)} certificates; a file is encrypted to one.")
    (certificate,) = certificates
    key = PublicKey("openpgp", bytes(certificate), certificate.fingerprint)
    check_usable(key, at)
    return key


def check_usable(key: PublicKey, at: datetime) -> None:
    """Raise EncryptionError if a key must not be used at a moment: OpenPGP certificates end, and are revoked."""
    if key.kind != "openpgp":
        return
    import pysequoia  # noqa: PLC0415 - an extra

    certificate = pysequoia.Cert.from_bytes(key.key)
    if certificate.is_revoked:
        raise EncryptionError(f"The certificate {key.fingerprint} is revoked. Ask the recipient for a new one.")
    if certificate.expiration is not None and certificate.expiration <= at:
        raise EncryptionError(
            f"The certificate {key.fingerprint} ended on {certificate.expiration:%Y-%m-%d}. Ask the recipient for it "
            "with a later end, or for a new one."
        )
    try:
        pysequoia.encrypt(b"", recipients=[certificate])
    except Exception as error:
        raise EncryptionError(
            f"Nothing can be encrypted to the certificate {key.fingerprint}: {_first(error)}."
        ) from None


def _first(error: Exception) -> str:
    """What the library says, without how it came to say it."""
    return str(error).partition("\n")[0]


def _encrypt_openpgp(key: PublicKey, pieces: Iterable[bytes], path: Path) -> None:
    command = [sys.executable, "-I", "-m", "troth.gates.share.files.openpgp", str(path)]
    with subprocess.Popen(  # noqa: S603 - our own program, and no shell
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=PIPED
    ) as process:
        assert process.stdin is not None  # noqa: S101 - it was asked for
        assert process.stderr is not None  # noqa: S101 - likewise
        broken = False
        try:
            process.stdin.write(len(key.key).to_bytes(8, "big") + key.key)
            for piece in pieces:
                process.stdin.write(piece)
            process.stdin.close()
        except BrokenPipeError:  # it ended before its time; what it says of it is read below
            broken = True
            with suppress(BrokenPipeError):
                process.stdin.close()
        except BaseException:
            process.kill()  # an end of the plaintext would look like the end of the file
            with suppress(BrokenPipeError):
                process.stdin.close()
            raise
        told = process.stderr.read(4096).decode(errors="replace").strip()
        if process.wait() or broken:
            raise EncryptionError(f"OpenPGP could not encrypt: {told or 'its process ended'}.")
