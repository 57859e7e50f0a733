"""Reading, splicing and signing mail: how many a second on one core, beside dkimpy.

    python -m bench.mail_dkim          a letter of 5 kB, and one with an attachment of 1 MB

dkimpy signs with the same RSA key and signs the same fields; it is what a Python relay would use otherwise. Its Ed25519
needs PyNaCl and is left out.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median

import dkim as dkimpy
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench.machine import machine
from troth.gates.mail.content.footer import Footer
from troth.gates.mail.content.list_headers import list_headers
from troth.gates.mail.content.message import read_message
from troth.gates.mail.content.splicing import Insertions, splice
from troth.gates.mail.signing.dkim import SigningKey, sign, signed_names, split

AT = datetime(2026, 3, 1, tzinfo=UTC)
ROUNDS, SECONDS = 5, 0.4
SENTENCE = "We e-mail you news of our products and promotions, unless you opt out."
URL = "https://privacy.example.org/unsubscribe/"
MARKETING = Insertions(
    list_headers(
        unsubscribe_url=URL + "x" * 40,
        unsubscribe_mailto="mailto:u+abcdef@example.org",
        list_id="newsletter.example.org",
        feedback=("march", "newsletter", "troth1"),
    ),
    Footer(SENTENCE, URL + "x" * 40, URL + "choices", "7414 Hollister Avenue, Goleta, CA 93117, USA"),
)


def letter(encoding: str, attachment: int = 0) -> bytes:
    """A newsletter of about 5 kB in text and HTML, with a file of so many bytes."""
    text = "Three things are new this month, and one of them is a room for more learners.\r\n" * 18
    page = "<p>Three things are new this month, and one of them is a room for more learners.</p>\r\n" * 36
    document = f'<html lang="en"><body>\r\n{page}</body></html>\r\n'.encode()
    if encoding == "base64":
        document = base64.encodebytes(document).replace(b"\n", b"\r\n")
    elif encoding == "quoted-printable":
        document = re.sub(rb"(.{70})", rb"\1=\r\n", document.replace(b"=", b"=3D"))
    head = (
        "From: News <news@example.org>\r\nTo: jane@example.net\r\nSubject: What is new in March\r\n"
        "Date: Sun, 1 Mar 2026 09:00:00 +0000\r\nMessage-ID: <march.1@example.org>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="a"\r\n\r\n--a\r\n'
        'Content-Type: multipart/alternative; boundary="b"\r\n\r\n--b\r\n'
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n--b\r\n"
        f"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    )
    made = head.encode() + document + b"\r\n--b--\r\n"
    if attachment:
        some = base64.encodebytes(bytes(range(256)) * (attachment * 3 // 4 // 256)).replace(b"\n", b"\r\n")
        made += b"--a\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + some
    return made + b"\r\n--a--\r\n"


def rate(work: Callable[[], object]) -> float:
    """How often a second: the median of the rounds."""
    rates = []
    for _ in range(ROUNDS):
        count, began = 0, time.process_time()
        while (took := time.process_time() - began) < SECONDS:
            work()
            count += 1
        rates.append(count / took)
    return median(rates)


def main() -> None:
    """Measure and print the tables in Markdown."""
    private = rsa.generate_private_key(65537, 2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    by_rsa = SigningKey("example.org", "r", "rsa-sha256", private)
    by_ed = SigningKey("example.org", "e", "ed25519-sha256", Ed25519PrivateKey.generate())
    print("## Mail: reading, splicing, signing\n")
    print(machine())
    print("\nIn a second of processor time:\n")
    print(
        "| mail | bytes | read | read and splice | MB/s | sign RSA + Ed25519 | sign RSA | dkimpy RSA | times | whole |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for name, raw in (
        ("5 kB, 8bit", letter("8bit")),
        ("5 kB, quoted-printable", letter("quoted-printable")),
        ("5 kB, base64", letter("base64")),
        ("1 MB attached", letter("quoted-printable", 1_000_000)),
    ):
        out = splice(read_message(raw), MARKETING)
        names = [name.lower().encode() for name in signed_names(split(out)[0])]
        read = rate(lambda raw=raw: read_message(raw))
        spliced = rate(lambda raw=raw: splice(read_message(raw), MARKETING))
        both = rate(lambda out=out: sign(out, (by_rsa, by_ed), AT))
        ours = rate(lambda out=out: sign(out, (by_rsa,), AT))
        theirs = rate(lambda out=out, names=names: signed_by_dkimpy(out, pem, names))
        whole = rate(lambda raw=raw: passed(raw, (by_rsa, by_ed)))
        print(
            f"| {name} | {len(raw):,} | {read:,.0f} | {spliced:,.0f} | {spliced * len(raw) / 1e6:,.0f} | {both:,.0f} "
            f"| {ours:,.0f} | {theirs:,.0f} | {ours / theirs:.1f} | {whole:,.0f} |"
        )


def signed_by_dkimpy(raw: bytes, pem: bytes, names: list[bytes]) -> bytes:
    """What dkimpy makes of the same."""
    canonical = (b"relaxed", b"relaxed")
    signed: bytes = dkimpy.sign(raw, b"r", b"example.org", pem, canonicalize=canonical, include_headers=names)
    return signed


def passed(raw: bytes, keys: tuple[SigningKey, ...]) -> bytes:
    """One mail as the gate takes it: read, spliced, signed."""
    out = splice(read_message(raw), MARKETING)
    return sign(out, keys, AT) + out


if __name__ == "__main__":
    main()
