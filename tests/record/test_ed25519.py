"""Signatures are verified without any package, too: as RFC 8032 has them, and as the package does it."""

import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.record import verifier
from troth.record.verifier import VerifyError, ed25519_holds, open_note, read_key

# RFC 8032, section 7.1: public key, message, signature
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
        "b00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
        "c027beceea1ec40a",
    ),
]
ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize(("public", "text", "signature"), VECTORS)
def test_the_vectors_of_the_standard(public: str, text: str, signature: str) -> None:
    key, message, signed = bytes.fromhex(public), bytes.fromhex(text), bytes.fromhex(signature)
    assert ed25519_holds(key, signed, message)
    assert not ed25519_holds(key, signed, message + b"x")
    # Section 5.1.7: the scalar is below the order, or a signature would have a second spelling.
    second = (int.from_bytes(signed[32:], "little") + ORDER).to_bytes(32, "little")
    assert not ed25519_holds(key, signed[:32] + second, message)
    assert not ed25519_holds(key[:31], signed, message)
    assert not ed25519_holds(key, signed[:63], message)


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80), st.integers(0, 96 * 8 - 1))
def test_any_changed_bit_is_found_and_both_ways_agree(seed: bytes, text: bytes, bit: int) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), private.sign(text)
    assert ed25519_holds(public, signature, text)
    changed = bytearray(public + signature)
    changed[bit // 8] ^= 1 << bit % 8
    altered = (bytes(changed[:32]), bytes(changed[32:]), text)
    assert not ed25519_holds(*altered)
    assert not verifier._holds(*altered)


def test_notes_open_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    sys.path.append(str(Path(__file__).parent))
    from test_keys import PETER, SIGNATURE, TEXT

    monkeypatch.setattr(verifier, "FAST", False)
    note = f"{TEXT}\n{SIGNATURE}".encode()
    assert open_note(note, [read_key(PETER)]) == (TEXT, [read_key(PETER)])
    with pytest.raises(VerifyError, match="does not hold"):
        open_note(note.replace(b"If you", b"If he"), [read_key(PETER)])
