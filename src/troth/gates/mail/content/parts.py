"""The parts of a mail and where each stands in the bytes (RFC 2045, RFC 2046).

What is inside a message/rfc822 is somebody else's mail: it is one part, and nobody looks into it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from troth.gates.mail.content.headers import Fields, read_fields
from troth.gates.mail.content.mime import check_boundary, read_disposition, read_encoding, read_type
from troth.gates.mail.errors import MailError

DEEPEST = 20
MOST_PARTS = 500
IDENTITY = ("7bit", "8bit", "binary")
ENCODINGS = (*IDENTITY, "quoted-printable", "base64")


class Part(msgspec.Struct, frozen=True):
    """A part: its header, what it is, and its body from `body` to `end`, without the line end of the delimiter."""

    fields: Fields
    start: int
    body: int
    end: int
    separated: bool  # an empty line stands before the body
    type: str
    parameters: dict[str, str]
    encoding: str
    disposition: str = ""
    boundary: bytes = b""
    parts: tuple[Part, ...] = ()

    @property
    def charset(self) -> str:
        """The charset as it is declared, in lower case; empty when it is not."""
        return self.parameters.get("charset", "").strip().lower()

    def walk(self) -> Iterator[Part]:
        """This part and all below it, in the order of the mail."""
        yield self
        for one in self.parts:
            yield from one.walk()


class _Reading:
    """What one reading counts."""

    __slots__ = ("boundaries", "left", "raw", "utf8")

    def __init__(self, raw: bytes, utf8: bool) -> None:
        self.raw = raw
        self.utf8 = utf8
        self.left = MOST_PARTS
        self.boundaries: list[bytes] = []


def read_parts(raw: bytes, *, utf8: bool = False) -> Part:
    """The mail as its outermost part. MailError 550 5.6.0: where a part ends could be read in two ways."""
    return _part(_Reading(raw, utf8), 0, len(raw), "text/plain", 0)


def _part(reading: _Reading, start: int, end: int, default: str, depth: int) -> Part:
    reading.left -= 1
    if depth > DEEPEST or reading.left < 0:
        text = f"The mail has more than {MOST_PARTS} parts, or parts more than {DEEPEST} deep."
        raise MailError(550, "5.6.0", text)
    where = "of the mail" if depth == 0 else "of a part"
    fields, body, separated = read_fields(reading.raw, start, end, utf8=reading.utf8, where=where)
    written = fields.text("content-type")
    type, parameters = read_type(written) if written is not None else (default, {})
    transfer = fields.text("content-transfer-encoding")
    encoding = read_encoding(transfer) if transfer is not None else "7bit"
    placed = fields.text("content-disposition")
    disposition = read_disposition(placed)[0] if placed is not None else ""
    made = Part(fields, start, body, end, separated, type, parameters, encoding, disposition)
    if not type.startswith("multipart/"):
        return made
    if encoding not in IDENTITY:
        raise MailError(550, "5.6.0", f"A multipart is encoded as {encoding!r}, which RFC 2045 section 6.4 forbids.")
    boundary = check_boundary(parameters.get("boundary"))
    if boundary in reading.boundaries:
        raise MailError(550, "5.6.0", "Two multiparts, one within the other, have the same boundary.")
    reading.boundaries.append(boundary)
    inner = "message/rfc822" if type == "multipart/digest" else "text/plain"
    spans = _spans(reading.raw, body, end, boundary)
    parts = tuple(_part(reading, first, last, inner, depth + 1) for first, last in spans)
    reading.boundaries.pop()
    return msgspec.structs.replace(made, boundary=boundary, parts=parts)


def _spans(raw: bytes, start: int, end: int, boundary: bytes) -> list[tuple[int, int]]:
    """Where the parts between the delimiters stand. MailError: a delimiter is missing, or in a place it must not be."""
    mark = b"--" + boundary
    spans: list[tuple[int, int]] = []
    opened: int | None = None  # where the part begins that the last delimiter opened
    closed = False
    at = start - 2  # the empty line before the body may be the line end of the first delimiter
    if raw[start : start + len(mark)] == mark and (start < 2 or raw[start - 2 : start] != b"\r\n"):
        at = start
    while True:
        found = raw.find(b"\r\n" + mark, max(at, 0), end)
        if found < 0:
            break
        after = found + 2 + len(mark)
        line_end = raw.find(b"\r\n", after, end)
        rest = raw[after : line_end if line_end >= 0 else end]
        if closed:
            raise MailError(550, "5.6.0", "A multipart goes on after its end. Readers differ on whether that counts.")
        last = rest[:2] == b"--"
        if (rest[2:] if last else rest).strip(b" \t"):
            text = "A line begins with the boundary of a multipart and goes on, so readers differ on what it is."
            raise MailError(550, "5.6.0", text)
        if opened is not None:
            if found < opened:
                raise MailError(550, "5.6.0", "A part of a multipart is empty: no header and no empty line.")
            spans.append((opened, found))
        elif last:
            raise MailError(550, "5.6.0", "A multipart has no part.")
        if not last and line_end < 0:
            break
        opened, closed = line_end + 2, last
        at = line_end if line_end >= 0 else end
    if not closed:
        raise MailError(550, "5.6.0", "A multipart does not end with its boundary and two dashes.")
    return spans
