"""The keys with which a domain signs its mail: files of mode 0600 below `dkim/DOMAIN/`, one for each algorithm.

The name of a file says what it is for: `SELECTOR.pem` signs, `SELECTOR.next` is made and waits until its record stands
in DNS, `SELECTOR.old` signs no more, and its record stays a while for mail that is still on its way.
"""

from __future__ import annotations

import base64
import os
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from string import ascii_lowercase

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from troth.gates.mail.signing.dkim import SigningKey
from troth.record.durable import write_durably

FOLDER = "dkim"
SIGNS, WAITS, OLD = ".pem", ".next", ".old"
RSA_BITS = 2048  # RFC 8301 section 3.2; a longer one does not fit into one string of DNS
_DOMAIN = re.compile(r"(?=.{4,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+\Z")
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")


class DkimKeyError(ValueError):
    """A key of a domain that cannot be made or used; the message names the file and the remedy."""


def make_keys(keys: Path, domain: str, at: datetime) -> tuple[SigningKey, ...]:
    """Make an RSA and an Ed25519 key for a domain; those that sign when there were none, else those that wait.

    DkimKeyError: the domain is none, or keys that wait are there already.
    """
    folder = _folder(keys, domain)
    first = not read_keys(keys, domain)
    if _read(folder, WAITS):
        raise DkimKeyError(f"{folder} has keys that wait already. Put their records into DNS, then switch to them.")
    stamp = f"{at:%Y%m%d}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made: list[SigningKey] = []
    for short in ("rsa", "ed"):  # RSA for every mailbox provider, Ed25519 beside it
        selector = _free(folder, f"troth-{stamp}-{short}")
        key: RSAPrivateKey | Ed25519PrivateKey
        key = rsa.generate_private_key(65537, RSA_BITS) if short == "rsa" else Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_durably(folder / (selector + (SIGNS if first else WAITS)), pem, 0o600, overwrite=False)
        made.append(_signing(domain, selector, key))
    return tuple(made)


def read_keys(keys: Path, domain: str) -> tuple[SigningKey, ...]:
    """The keys that sign for a domain, RSA first; none when there are none. DkimKeyError: a file cannot be used."""
    return _read(_folder(keys, domain), SIGNS)


def waiting_keys(keys: Path, domain: str) -> tuple[SigningKey, ...]:
    """The keys that wait until their records stand in DNS."""
    return _read(_folder(keys, domain), WAITS)


def keys_for(keys: Path, domain: str) -> tuple[SigningKey, ...]:
    """The keys that sign for a From domain: its own, else those of the nearest domain above it that has some.

    That is in line with DMARC (RFC 7489 section 3.1.1), where the two have to have the same organisational domain.
    DkimKeyError: there is a key, and it cannot be used.
    """
    with suppress(UnicodeError):
        domain = domain.encode("idna").decode("ascii")
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        above = ".".join(labels[start:])
        if _DOMAIN.match(above) and (found := read_keys(keys, above)):
            return found
    return ()


def switch_keys(keys: Path, domain: str) -> tuple[SigningKey, ...]:
    """Let the keys that wait sign from now on, and those before them no more. DkimKeyError: none wait."""
    folder = _folder(keys, domain)
    waiting = _read(folder, WAITS)
    if not waiting:
        raise DkimKeyError(f"{folder} has no keys that wait. Make some first.")
    for one in _read(folder, SIGNS):
        os.replace(folder / (one.selector + SIGNS), folder / (one.selector + OLD))
    for one in waiting:
        os.replace(folder / (one.selector + WAITS), folder / (one.selector + SIGNS))
    return waiting


def dns_record(key: SigningKey) -> tuple[str, str]:
    """The name of the TXT record of a key, and what it says (RFC 6376 section 3.6.1, RFC 8463 section 4)."""
    public = key.key.public_key()
    if key.algorithm == "rsa-sha256":
        kind, data = "rsa", public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        kind, data = "ed25519", public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    value = f"v=DKIM1; h=sha256; k={kind}; p={base64.b64encode(data).decode()}"
    return f"{key.selector}._domainkey.{key.domain}", value


def _read(folder: Path, ending: str) -> tuple[SigningKey, ...]:
    found = []
    for file in sorted(folder.glob(f"*{ending}")):
        if not _SELECTOR.match(file.stem):
            raise DkimKeyError(f"{file}: '{file.stem}' is no selector: letters, digits and dashes.")
        if file.stat().st_mode & 0o077:
            raise DkimKeyError(f"{file} can be read by others than its owner. Take that away: chmod 600 {file}.")
        try:
            key = load_pem_private_key(file.read_bytes(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise DkimKeyError(f"{file} is no private key in PEM without a password.") from None
        if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
            raise DkimKeyError(f"{file} is neither an RSA nor an Ed25519 key.")
        if isinstance(key, RSAPrivateKey) and key.key_size < RSA_BITS:
            raise DkimKeyError(f"{file}: an RSA key has at least {RSA_BITS} bits; this one has {key.key_size}.")
        found.append(_signing(folder.name, file.stem, key))
    return tuple(sorted(found, key=_order, reverse=True))


def _order(key: SigningKey) -> str:
    return key.algorithm


def _signing(domain: str, selector: str, key: RSAPrivateKey | Ed25519PrivateKey) -> SigningKey:
    return SigningKey(domain, selector, "rsa-sha256" if isinstance(key, RSAPrivateKey) else "ed25519-sha256", key)


def _folder(keys: Path, domain: str) -> Path:
    if not _DOMAIN.match(domain):
        raise DkimKeyError(f"'{domain[:60]}' is no domain, such as example.org, in small letters and as in DNS.")
    return keys / FOLDER / domain


def _free(folder: Path, selector: str) -> str:
    """The selector, with a letter behind it where it was used already."""
    for one in (selector, *(selector + letter for letter in ascii_lowercase[1:])):
        if not any((folder / (one + ending)).exists() for ending in (SIGNS, WAITS, OLD)):
            return one
    raise DkimKeyError(f"{folder} has too many keys of one day.")
