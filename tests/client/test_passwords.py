"""The hash of a password, as it may be kept."""

import time

import pytest

from troth.client import hash_password, verify_password
from troth.client.passwords import _scrypt
from troth.client.secrets import check_secret


def test_a_hash_is_of_its_password_and_shows_nothing_of_it() -> None:
    kept = hash_password("swordfish")
    check_secret("account.password", "swordfish", kept)
    assert kept != hash_password("swordfish")
    assert verify_password("swordfish", kept)
    assert not verify_password("Swordfish", kept)
    assert not verify_password("", kept)


def test_it_is_the_scrypt_of_rfc_7914() -> None:
    """Section 12, the second vector."""
    made = _scrypt("password", b"NaCl", 10, 8, 16, length=64)
    assert made.hex().startswith("fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830")


@pytest.mark.parametrize(
    "kept",
    [
        None,
        "",
        "swordfish",
        7,
        "$argon2id$v=19$x$y",
        "$scrypt$ln=99,r=99,p=99$AAAAAAAAAAA$" + "A" * 43,
        "$scrypt$ln=10,r=8,p=1$AAAAAAAAA$" + "A" * 41,
    ],
)
def test_what_is_no_such_hash_is_nobodys(kept: object) -> None:
    began = time.monotonic()
    assert not verify_password("swordfish", kept)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("password", ["", "x" * 1025, None])
def test_what_is_no_password_has_no_hash(password: object) -> None:
    with pytest.raises(ValueError, match="password"):
        hash_password(password)  # type: ignore[arg-type]
