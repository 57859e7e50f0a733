"""Fuzzing the reader and the splicer of mail with Atheris: `python tests/mail/fuzz_splicing.py FOLDER [OPTION …]`.

The options are those of libFuzzer, such as `-max_total_time=600`. Started by test_mail_fuzzing.py under `make soak`.
A mail is refused with a reply of SMTP, or what comes out is the same outside the insertions and can be signed; anything
else is a finding, and its bytes are kept.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["troth.gates.mail"]):
    from troth.gates.mail.content.language import message_language
    from troth.gates.mail.content.message import read_message
    from troth.gates.mail.content.splicing import Insertions, splice
    from troth.gates.mail.errors import MailError
    from troth.gates.mail.signing.dkim import SigningKey, canonical_body, sign, split

sys.path.insert(0, str(Path(__file__).parent))

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from mails import MARKETING, check_outside

KEY = SigningKey("example.org", "e", "ed25519-sha256", Ed25519PrivateKey.from_private_bytes(bytes(32)))
AT = datetime(2026, 3, 1, tzinfo=UTC)


def check(data: bytes) -> None:
    """Read, splice and sign some bytes. Those with a line end first are given what the reader asks for."""
    if data[:1] == b"\n":
        data = b"From: a@example.org\r\n" + data[1:].replace(b"\r", b"").replace(b"\n", b"\r\n") + b"\r\n"
    with suppress(MailError):  # any other error is a finding
        message = read_message(data, utf8=bool(len(data) % 2))
        message_language(message)
        assert len(splice(message, Insertions())) <= len(data)
        out = splice(message, MARKETING)
        try:
            check_outside(data, out, MARKETING, utf8=message.utf8)
            fields, body = split(out)
            # What is signed is what the reader sees: as many fields, and a body that is the same when it is read again.
            assert len(fields) == len(read_message(out, utf8=message.utf8).fields)
        except MailError as error:
            raise AssertionError(f"What came out cannot be read: {error}") from error
        assert canonical_body(canonical_body(body)) == canonical_body(body)
        assert sign(out, (KEY,), AT).startswith(b"DKIM-Signature: v=1;")


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
