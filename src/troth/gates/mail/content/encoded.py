"""Transfer encodings (RFC 2045 section 6): reading a body strictly, and adding to it so that all else keeps its bytes.

What is added is encoded as the part is. In base64 the group of four characters in which it begins is written anew with
it, and what is added to the middle is filled with spaces to whole groups, so that all other groups stay as they are.
"""

from __future__ import annotations

import binascii
import re

import msgspec

from troth.gates.mail.content.parts import IDENTITY, Part
from troth.gates.mail.errors import MailError

WIDEST = 76  # characters of a line of base64 or quoted-printable
_ESCAPE = re.compile(rb"=(?:([0-9A-Fa-f]{2})|[ \t]*(?:\r\n|\Z)|())")
_BLANK = b" \t\r\n"
_ODD = re.compile(rb"[^\t -<>-~]")


class Edit(msgspec.Struct, frozen=True):
    """The bytes from `start` to `end` become `new`; with `start` equal to `end` they are added there."""

    start: int
    end: int
    new: bytes


def decoded(raw: bytes, part: Part) -> bytes:
    """The body of a part without its transfer encoding. MailError 550 5.7.1: it cannot be decoded."""
    body = raw[part.body : part.end]
    if part.encoding in IDENTITY:
        return body
    if part.encoding == "quoted-printable":
        return _ESCAPE.sub(_unescape, body)
    if part.encoding == "base64":
        text = body.translate(None, _BLANK)
        try:
            plain = binascii.a2b_base64(text, strict_mode=True)
        except binascii.Error as error:
            raise _undecodable(part, f"its base64 is not whole ({error})") from None
        if len(text) != 4 * -(-len(plain) // 3):  # `YWJj=` is let through as it is, strict or not
            raise _undecodable(part, "its base64 is not whole (excess padding)")
        return plain
    raise _undecodable(part, f"'{part.encoding}' is no transfer encoding of RFC 2045")


def added(raw: bytes, part: Part, body: bytes, at: int, some: bytes) -> Edit:
    """The edit that adds `some` at offset `at` of the decoded `body` of a part.

    Where it has to be filled to whole groups of base64, it ends with one or two spaces more.
    """
    if not part.separated:
        edit = _whole(part, some)
    elif part.encoding == "quoted-printable":
        edit = _in_quoted(raw, part, at, some)
    elif part.encoding == "base64":
        edit = _in_base64(raw, part, body, at, some)
    else:
        edit = Edit(part.body + at, part.body + at, some)
    if edit.end == len(raw) and not edit.new.endswith(b"\r\n"):
        edit = Edit(edit.start, edit.end, edit.new + b"\r\n")  # a mail ends with the end of a line
    return edit


def quoted(some: bytes) -> bytes:
    """Bytes in quoted-printable, CRLF as line ends, no line longer than 76 characters."""
    return b"\r\n".join(_quoted_line(line) for line in some.split(b"\r\n"))


def _quoted_line(line: bytes) -> bytes:
    text = _ODD.sub(_escape, line)
    if text[-1:] in (b" ", b"\t"):
        text = text[:-1] + b"=%02X" % text[-1]
    rows, at = [], 0
    while len(text) - at > WIDEST:
        end = at + WIDEST - 1
        if (cut := text.rfind(b"=", end - 2, end)) >= 0:
            end = cut  # not within an escape
        rows.append(text[at:end])
        at = end
    return b"=\r\n".join((*rows, text[at:]))


def _escape(match: re.Match[bytes]) -> bytes:
    return b"=%02X" % match[0][0]


def _unescape(match: re.Match[bytes]) -> bytes:
    if match[1] is not None:
        return bytes((int(match[1], 16),))
    if match[2] is not None:
        raise MailError(550, "5.7.1", "A text of the mail cannot be decoded: it has '=' in quoted-printable alone.")
    return b""


def _whole(part: Part, some: bytes) -> Edit:
    """The body of a part that has none, not even the empty line before it."""
    if part.encoding == "quoted-printable":
        some = quoted(some)
    elif part.encoding == "base64":
        some = b"\r\n".join(_rows(some))
    return Edit(part.end, part.end, b"\r\n" + some)


def _in_quoted(raw: bytes, part: Part, at: int, some: bytes) -> Edit:
    where, seen = part.body, 0  # in the raw bytes, and how much of the decoded ones lies before
    for match in _ESCAPE.finditer(raw, part.body, part.end):
        plain = match.start() - where
        if seen + plain >= at:
            break
        seen += plain + (match[1] is not None)
        where = match.end()
        if seen == at and match[1] is not None:
            break
    where += at - seen
    if where + 1 == part.end and raw[where : where + 1] == b"=":
        where = part.end
    tail = raw[max(part.body, where - 4) : where]
    if where == part.end:
        # At the end. A soft line break that the end leaves open is closed first.
        return Edit(where, where, (b"\r\n" if re.search(rb"=[ \t]*\Z", tail) else b"") + quoted(some))
    # Within a line, soft line breaks keep what stands before and after it.
    before = b"" if where == part.body or tail.endswith(b"\r\n") or some.startswith(b"\r\n") else b"=\r\n"
    return Edit(where, where, before + quoted(some) + (b"" if some.endswith(b"\r\n") else b"=\r\n"))


def _in_base64(raw: bytes, part: Part, body: bytes, at: int, some: bytes) -> Edit:
    group, within = divmod(at, 3)
    old = body[3 * group : 3 * group + 3] if within else b""
    if at < len(body):
        some += b" " * (-len(some) % 3)
    count = 4 * -(-len(body) // 3)  # characters, with their padding
    first = 4 * group
    start = _offset(raw, part, first, after=first == count)
    end = _offset(raw, part, first + 4, after=True) if within else start
    rows = _rows(old[:within] + some + old[within:])
    before = b"" if start == part.body or raw[start - 1 : start] == b"\n" else b"\r\n"
    after = b"" if end == part.end or raw[end : end + 2] == b"\r\n" else b"\r\n"
    return Edit(start, end, before + b"\r\n".join(rows) + after)


def _offset(raw: bytes, part: Part, count: int, *, after: bool) -> int:
    """Where the character of that number of a base64 body stands; with `after`, where the one before it ends."""
    if count == 0:
        return part.body
    seen = 0
    for match in re.finditer(rb"[^ \t\r\n]+", raw[part.body : part.end]):
        size = len(match[0])
        if seen + size > count or (after and seen + size == count):
            return part.body + match.start() + count - seen
        seen += size
    return part.end


def _rows(some: bytes) -> list[bytes]:
    text = binascii.b2a_base64(some, newline=False)
    return [text[at : at + WIDEST] for at in range(0, len(text), WIDEST)]


def _undecodable(part: Part, why: str) -> MailError:
    return MailError(550, "5.7.1", f"A part of the type {part.type} cannot be decoded, so no opt-out fits in: {why}.")
