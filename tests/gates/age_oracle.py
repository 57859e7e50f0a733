"""Reads files of age by the specification (C2SP, age.md), with nothing of the library that wrote them."""

import base64
import hmac

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
CHUNK = 64 * 1024


def read_age(data: bytes, identity: str) -> bytes:
    """What a file says to an X25519 identity, `AGE-SECRET-KEY-1…`."""
    header, _, rest = data.partition(b"\n---")
    lines = header.decode("ascii").split("\n")
    assert lines[0] == "age-encryption.org/v1"
    mac, _, payload = rest.partition(b"\n")
    file_key = next(filter(None, (_unwrapped(stanza, identity) for stanza in _stanzas(lines[1:]))))
    expected = hmac.digest(_derived(file_key, b"", b"header"), header + b"\n---", "sha256")
    assert hmac.compare_digest(expected, _decoded(mac.decode().strip()))
    key = _derived(file_key, payload[:16], b"payload")
    return b"".join(_chunks(key, payload[16:]))


def _stanzas(lines: list[str]) -> list[tuple[list[str], bytes]]:
    found, at = [], 0
    while at < len(lines):
        assert lines[at].startswith("-> ")
        arguments, body, at = lines[at][3:].split(" "), "", at + 1
        while True:
            body, at = body + lines[at], at + 1
            if len(lines[at - 1]) < 64:
                break
        found.append((arguments, _decoded(body)))
    return found


def _unwrapped(stanza: tuple[list[str], bytes], identity: str) -> bytes | None:
    arguments, body = stanza
    if arguments[0] != "X25519":
        return None
    secret = X25519PrivateKey.from_private_bytes(_bech32(identity))
    share = _decoded(arguments[1])
    shared = secret.exchange(X25519PublicKey.from_public_bytes(share))
    salt = share + secret.public_key().public_bytes_raw()
    wrapping = _derived(shared, salt, b"age-encryption.org/v1/X25519")
    return ChaCha20Poly1305(wrapping).decrypt(bytes(12), body, None)


def _chunks(key: bytes, sealed: bytes) -> list[bytes]:
    found = []
    for number, start in enumerate(range(0, len(sealed), CHUNK + 16)):
        chunk = sealed[start : start + CHUNK + 16]
        last = start + len(chunk) == len(sealed)
        nonce = number.to_bytes(11, "big") + bytes([last])
        found.append(ChaCha20Poly1305(key).decrypt(nonce, chunk, None))
    return found


def _derived(key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(key)


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _bech32(text: str) -> bytes:
    """The 32 bytes of a Bech32 text (BIP 173); its checksum is left to others."""
    number = 0
    for letter in text.lower().rpartition("1")[2][:-6]:
        number = number << 5 | BECH32.index(letter)
    return (number >> 4).to_bytes(32, "big")
