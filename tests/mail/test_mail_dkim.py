"""DKIM: what is signed verifies elsewhere, what was changed does not, and the vectors of the RFCs come out."""

from __future__ import annotations

import base64
import itertools
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import dkim as oracle
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from generated_mails import mails
from hypothesis import given, settings
from hypothesis import strategies as st
from mails import MARKETING, simple

from troth.gates.mail.content.message import read_message
from troth.gates.mail.content.splicing import splice
from troth.gates.mail.errors import MailError
from troth.gates.mail.signing.dkim import (
    OVERSIGNED,
    SigningKey,
    body_hash,
    canonical_body,
    canonical_field,
    canonical_fields,
    sign,
    split,
)
from troth.gates.mail.signing.dkim_keys import (
    DkimKeyError,
    dns_record,
    keys_for,
    make_keys,
    read_keys,
    switch_keys,
    waiting_keys,
)

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
KEYS = (
    SigningKey("example.org", "r1", "rsa-sha256", rsa.generate_private_key(65537, 2048)),
    SigningKey("example.org", "e1", "ed25519-sha256", Ed25519PrivateKey.generate()),
)
DNS = {f"{name}.".encode(): value.encode() for name, value in map(dns_record, KEYS)}


class VerifyKey:
    """What dkimpy takes of PyNaCl, on `cryptography`; dkimpy itself does all the rest."""

    def __init__(self, key: bytes, encoder: object) -> None:
        self.key = Ed25519PublicKey.from_public_bytes(base64.b64decode(key))

    def verify(self, data: bytes, signature: bytes) -> None:
        try:
            self.key.verify(signature, data)
        except InvalidSignature:
            raise ValueError from None


@pytest.fixture(autouse=True, scope="module")
def _nacl() -> None:
    parts = SimpleNamespace(VerifyKey=VerifyKey)
    errors = SimpleNamespace(BadSignatureError=ValueError)
    oracle.nacl = SimpleNamespace(signing=parts, exceptions=errors, encoding=SimpleNamespace(Base64Encoder=None))


def verified(raw: bytes, number: int = 2) -> list[bool]:
    """What dkimpy says of each signature of a mail."""
    found = []
    for index in range(number):
        try:
            found.append(oracle.DKIM(raw).verify(index, dnsfunc=lambda name, timeout=5: DNS.get(name)))
        except oracle.DKIMException:
            found.append(False)
    return found


def signed(raw: bytes) -> bytes:
    return sign(raw, KEYS, AT) + raw


def test_both_signatures_verify() -> None:
    raw = simple("Hello  world \t\n\n\n", "To: b@example.org", "X-Other: x")
    out = signed(raw)
    assert out.endswith(raw)
    assert out.count(b"DKIM-Signature:") == 2
    assert b"t=1772357400" in out
    assert max(map(len, out.split(b"\r\n"))) <= 78
    assert verified(out) == [True, True]


@settings(max_examples=120, deadline=None)
@given(mails(), st.booleans())
def test_whatever_mail_is_signed_verifies(raw: bytes, spliced: bool) -> None:
    message = read_message(raw)
    if spliced:
        try:
            raw = splice(message, MARKETING)
        except MailError:
            return
    assert verified(signed(raw)) == [True, True]


BLANKS = [
    b"",
    b" ",
    b"\t \t",
    b"a",
    b" a  b\t",
    b"a\r\n",
    b"\r\n",
    b" \r\n",
    b"a \r\n\t\r\n\r\n",
    b"\r\n\r\na\r\n \r\n",
]


@pytest.mark.parametrize("some", [one + other for one, other in itertools.product(BLANKS, BLANKS)])
def test_bodies_are_made_canonical_as_elsewhere(some: bytes) -> None:
    assert canonical_body(some) == relaxed(some)
    raw = simple("")
    assert verified(signed(raw + some + b"\r\n")) == [True, True]


def relaxed(body: bytes) -> bytes:
    """RFC 6376 section 3.4.4, line by line."""
    lines = []
    for line in body.split(b"\r\n"):
        text = b" ".join(piece for piece in line.replace(b"\t", b" ").split(b" ") if piece)
        lines.append((b" " if line[:1] in (b" ", b"\t") and text else b"") + text)
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


def test_the_example_of_rfc_6376_section_3_4_5() -> None:
    raw = b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n"
    assert canonical_field(b"a", b" X") == b"a:X\r\n"
    assert canonical_field(b"b ", b" Y\t\r\n\tZ  ") == b"b:Y Z\r\n"
    assert canonical_body(raw.partition(b"\r\n\r\n")[2]) == b" C\r\nD E\r\n"


def test_the_hash_of_an_empty_body_of_rfc_6376_section_3_4_4() -> None:
    assert body_hash(b"") == body_hash(b"\r\n \r\n") == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


# RFC 8463 appendix A.
SECRET = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
PUBLIC = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
LETTER = (
    b"From: Joe SixPack <joe@football.example.com>\r\n"
    b"To: Suzie Q <suzie@shopping.example.net>\r\n"
    b"Subject: Is dinner ready?\r\n"
    b"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    b"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
    b"\r\nHi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"
)
FIELD = (
    b" v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n"
    b" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : message-id : from : subject : date;\r\n"
    b" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b="
)
SIGNATURE = "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="


def test_the_vector_of_rfc_8463() -> None:
    key = SigningKey(
        "football.example.com",
        "brisbane",
        "ed25519-sha256",
        Ed25519PrivateKey.from_private_bytes(base64.b64decode(SECRET)),
    )
    assert dns_record(key)[1].endswith(f"k=ed25519; p={PUBLIC}")
    fields, body = split(LETTER)
    assert body_hash(body) == "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="
    names = [b"from", b"to", b"subject", b"date", b"message-id", b"from", b"subject", b"date"]
    data = b"".join(canonical_fields(fields, names)) + canonical_field(b"dkim-signature", FIELD)[:-2]
    assert base64.b64encode(key.sign(data)).decode() == SIGNATURE


CHANGES = [
    (b"Hello", b"Hullo"),
    (b"Subject: Hi", b"Subject: Ho"),
    (b"Subject: Hi\r\n", b""),
    (b"List-Unsubscribe: <https://privacy", b"List-Unsubscribe: <https://elsewhere"),
    (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_mail_verifies_no_more(change: tuple[bytes, bytes]) -> None:
    raw = splice(read_message(simple("Hello\n")), MARKETING)
    out = signed(raw)
    assert change[0] in out
    assert verified(out.replace(*change)) == [False, False]


@pytest.mark.parametrize("name", OVERSIGNED)
@pytest.mark.parametrize("top", [True, False])
def test_no_field_that_counts_can_be_added_to_a_signed_mail(name: str, top: bool) -> None:
    out = signed(splice(read_message(simple("Hello\n")), MARKETING))
    more = f"{name}: evil@example.net\r\n".encode()
    changed = more + out if top else out.replace(b"\r\n\r\n", b"\r\n" + more + b"\r\n", 1)
    assert verified(changed) == [False, False]


def test_of_fields_that_are_there_twice_the_last_is_signed_first() -> None:
    raw = simple("Hello\n", "List-Help: <https://a.example.org>", "List-Help: <https://b.example.org>")
    assert verified(signed(raw)) == [True, True]


def test_a_mail_without_a_body_verifies() -> None:
    raw = b"From: a@example.org\r\nSubject: x\r\n"
    assert verified(signed(raw)) == verified(signed(raw) + b"\r\n") == [True, True]


def test_what_servers_on_the_way_add_does_no_harm() -> None:
    out = signed(simple("Hello\n\n\n", "Subject-X: folded\n   here"))
    assert verified(b"Received: by a\r\n\twith b\r\nReturn-Path: <>\r\n" + out + b"\r\n\r\n") == [True, True]
    assert verified(out.replace(b"From: A <", b"FROM:\tA  \r\n <")) == [True, True]


# --- keys -------------------------------------------------------------------------------------------------------------


def test_keys_are_made_kept_and_switched(tmp_path: Path) -> None:
    made = make_keys(tmp_path, "example.org", AT)
    assert [(one.selector, one.algorithm) for one in made] == [
        ("troth-20260301-rsa", "rsa-sha256"),
        ("troth-20260301-ed", "ed25519-sha256"),
    ]
    assert [one.selector for one in read_keys(tmp_path, "example.org")] == [one.selector for one in made]
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "dkim/example.org").iterdir()} == {0o600}
    assert waiting_keys(tmp_path, "example.org") == ()
    later = make_keys(tmp_path, "example.org", AT)
    assert [one.selector for one in later] == ["troth-20260301-rsab", "troth-20260301-edb"]
    assert [one.selector for one in read_keys(tmp_path, "example.org")] == [one.selector for one in made]
    with pytest.raises(DkimKeyError, match="wait already"):
        make_keys(tmp_path, "example.org", AT)
    switch_keys(tmp_path, "example.org")
    assert [one.selector for one in read_keys(tmp_path, "example.org")] == [one.selector for one in later]
    with pytest.raises(DkimKeyError, match="no keys that wait"):
        switch_keys(tmp_path, "example.org")
    assert make_keys(tmp_path, "example.org", AT)[0].selector == "troth-20260301-rsac"


def test_a_key_that_was_read_signs_as_the_one_that_was_made(tmp_path: Path) -> None:
    make_keys(tmp_path, "example.org", AT)
    keys = read_keys(tmp_path, "example.org")
    raw = simple("Hello\n")
    DNS.update({f"{name}.".encode(): value.encode() for name, value in map(dns_record, keys)})
    assert verified(sign(raw, keys, AT) + raw) == [True, True]


def test_a_domain_below_signs_with_the_keys_of_the_one_above(tmp_path: Path) -> None:
    make_keys(tmp_path, "example.org", AT)
    for domain in ("news.mail.example.org", "example.org", "bücher.example.org"):
        assert [one.domain for one in keys_for(tmp_path, domain)] == ["example.org", "example.org"]
    assert keys_for(tmp_path, "notexample.org") == keys_for(tmp_path, "org") == keys_for(tmp_path, "../x.org") == ()
    next((tmp_path / "dkim/example.org").iterdir()).chmod(0o644)
    with pytest.raises(DkimKeyError, match="chmod 600"):  # and never a mail that is not signed
        keys_for(tmp_path, "news.example.org")


@pytest.mark.parametrize(
    "domain", ["", "org", "Example.org", "../x.org", "a/b.org", "-a.org", "a..org", "x" * 64 + ".org"]
)
def test_a_domain_that_is_none_has_no_folder(domain: str, tmp_path: Path) -> None:
    with pytest.raises(DkimKeyError, match="no domain"):
        make_keys(tmp_path, domain, AT)
    assert not list(tmp_path.iterdir())


def test_a_key_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    make_keys(tmp_path, "example.org", AT)
    file = tmp_path / "dkim/example.org/troth-20260301-rsa.pem"
    file.chmod(0o644)
    with pytest.raises(DkimKeyError, match="chmod 600"):
        read_keys(tmp_path, "example.org")
    file.chmod(0o600)
    file.write_text("x")
    with pytest.raises(DkimKeyError, match="no private key"):
        read_keys(tmp_path, "example.org")
    short = rsa.generate_private_key(65537, 1024)
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    file.write_bytes(short.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(DkimKeyError, match="2048 bits"):
        read_keys(tmp_path, "example.org")
