"""A mail, read from its bytes with the place of everything in it. Nothing is ever written anew from what was read."""

from __future__ import annotations

import msgspec

from troth.gates.mail.content.headers import Fields
from troth.gates.mail.content.mailbox import Mailbox, read_mailbox
from troth.gates.mail.content.parts import Part, read_parts
from troth.gates.mail.errors import MailError

LONGEST_LINE = 998  # RFC 5322 section 2.1.1, without the line end


class Message(msgspec.Struct, frozen=True):
    """A mail: its bytes with CRLF at the end of every line, its outermost part, and who it is from."""

    raw: bytes
    root: Part
    sender: Mailbox
    utf8: bool = False  # a header in it holds UTF-8, so it needs SMTPUTF8 on its way

    @property
    def fields(self) -> Fields:
        """The fields of the header, in their order."""
        return self.root.fields

    def text(self, name: str) -> str | None:
        """What the first field of a name in lower case says, on one line, or None when there is none."""
        return self.root.fields.text(name)


def read_message(raw: bytes, *, utf8: bool = False) -> Message:
    """Read a mail strictly: RFC 5322 and MIME, as it comes from DATA with the dots at the start of lines taken off.

    `utf8` is whether SMTPUTF8 was asked for. MailError 550: 5.5.2 for a line end that is not CRLF, and for NUL; 5.6.9
    for a header beyond ASCII without SMTPUTF8; 5.6.0 for whatever else two readers could understand in two ways.
    """
    check_lines(raw)
    root = read_parts(raw, utf8=utf8)
    author = root.fields.first("from")
    if author is None:
        raise MailError(550, "5.6.0", "The mail has no From. It is one address, such as Name <name@example.org>.")
    sender = read_mailbox(author.text)
    if (other := root.fields.first("sender")) is not None:
        read_mailbox(other.text, "Sender")
    beyond = utf8 and not all(field.value.isascii() for part in root.walk() for field in part.fields)
    return Message(raw, root, sender, beyond)


def check_lines(raw: bytes) -> None:
    """Check that every line ends with CRLF, holds no NUL and at most 998 bytes. MailError 550 5.5.2 or 5.6.0."""
    if not raw:
        raise MailError(550, "5.6.0", "The mail is empty.")
    if (at := raw.find(b"\0")) >= 0:
        raise MailError(550, "5.5.2", f"There is a NUL in line {_line(raw, at)}.")
    ends = raw.count(b"\r\n")
    if raw.count(b"\n") != ends or raw.count(b"\r") != ends:
        at, kind = _bare(raw)
        text = f"Line {_line(raw, at)} has a bare {kind}. Every line ends with CR LF, and neither stands alone."
        raise MailError(550, "5.5.2", text)
    if not raw.endswith(b"\r\n"):
        raise MailError(550, "5.5.2", "The last line does not end with CR LF.")
    start, size = 0, len(raw)
    while size - start > LONGEST_LINE + 2:
        # The last line end within reach: every line up to there is short enough.
        found = raw.rfind(b"\n", start, start + LONGEST_LINE + 2)
        if found < 0:
            text = f"Line {_line(raw, start)} has more than {LONGEST_LINE} bytes. Use quoted-printable or base64."
            raise MailError(550, "5.6.0", text)
        start = found + 1


def _bare(raw: bytes) -> tuple[int, str]:
    """Where the first CR or LF stands that is alone, and which it is."""
    at = 0
    while True:
        cr, lf = raw.find(b"\r", at), raw.find(b"\n", at)
        if cr < 0 or 0 <= lf < cr:
            return lf, "LF"
        if lf != cr + 1:
            return cr, "CR"
        at = lf + 1


def _line(raw: bytes, at: int) -> int:
    return raw.count(b"\n", 0, at) + 1
