"""The header of a mail or of a part, field by field, each with its place in the bytes (RFC 5322 section 2.2).

Strict: what two readers could understand in two ways is refused, since a mail that one server reads differently from
the next is how headers and recipients are smuggled past a check.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from troth.gates.mail.errors import MailError

MOST_BYTES = 102_400  # of one header
MOST_FIELDS = 500

# RFC 5322 section 3.6 and RFC 2045: at most one of each. Which one counts, readers do not agree on.
_ONCE = (
    "date from sender reply-to to cc bcc message-id in-reply-to references subject mime-version content-type "
    "content-transfer-encoding content-id content-description content-disposition"
)
ONCE = frozenset(_ONCE.split())
# A field with its line ends: its name, and what stands after the colon.
FIELD = re.compile(rb"([!-9;-~]+):([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)\r\n")
_EMPTY_FOLD = re.compile(rb"\r\n[ \t]+(?=\r\n|\Z)")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Field(msgspec.Struct, frozen=True):
    """A header field: its name in lower case, what stands after the colon, and where the whole of it stands."""

    name: str
    value: bytes  # with its folds
    start: int
    end: int  # past its last line end

    @property
    def text(self) -> str:
        """What stands after the colon, unfolded and without space around it. Bytes beyond ASCII are read as UTF-8."""
        return unfold(self.value).strip(b" \t").decode("utf-8", "replace")


class Fields(tuple[Field, ...]):
    """The fields of a header, in their order."""

    __slots__ = ()

    def first(self, name: str) -> Field | None:
        """The first field of a name in lower case, or None."""
        return next((one for one in self if one.name == name), None)

    def text(self, name: str) -> str | None:
        """What the first field of a name says, or None."""
        found = self.first(name)
        return None if found is None else found.text

    def every(self, name: str) -> Iterator[Field]:
        """All fields of a name, in their order."""
        return (one for one in self if one.name == name)


def unfold(value: bytes) -> bytes:
    """A value on one line (RFC 5322 section 2.2.3)."""
    return value.replace(b"\r\n", b"") if b"\r\n" in value else value


def read_fields(raw: bytes, start: int, end: int, *, utf8: bool, where: str) -> tuple[Fields, int, bool]:
    """The fields from `start`, where the body begins, and whether an empty line stands between the two.

    Without an empty line the header goes on to `end` and the body is empty. `utf8` is whether bytes beyond ASCII were
    announced by SMTPUTF8 (RFC 6531). MailError: a line is no field, a field is there twice, or bytes that no field has.
    """
    found: list[Field] = []
    seen: set[str] = set()
    at = start
    while at < end and raw[at : at + 2] != b"\r\n":
        match = FIELD.match(raw, at, end)
        if match is None:
            raise MailError(550, "5.6.0", _no_field(raw, at, end, where))
        name, value = match[1].decode("ascii").lower(), match[2]
        if _EMPTY_FOLD.search(value):
            text = f"The field {_shown(match[1])} {where} goes on over an empty line, which others read as its end."
            raise MailError(550, "5.6.0", text)
        if _CONTROL.search(value):
            raise MailError(550, "5.6.0", f"The field {_shown(match[1])} {where} has a control character in it.")
        if not value.isascii():
            _check_utf8(value, match[1], utf8, where)
        if name in ONCE and name in seen:
            text = f"The field {_shown(match[1])} is there more than once {where}. Once is what RFC 5322 allows."
            raise MailError(550, "5.6.0", text)
        seen.add(name)
        found.append(Field(name, value, at, match.end()))
        at = match.end()
        if at - start > MOST_BYTES or len(found) > MOST_FIELDS:
            text = f"The header {where} is too large: at most {MOST_FIELDS} fields and {MOST_BYTES} bytes."
            raise MailError(550, "5.6.0", text)
    if at < end:
        return Fields(found), at + 2, True
    return Fields(found), end, False


def _check_utf8(value: bytes, name: bytes, utf8: bool, where: str) -> None:
    if not utf8:
        text = f"The field {_shown(name)} {where} has bytes beyond ASCII. Write them as RFC 2047 says, or use SMTPUTF8."
        raise MailError(550, "5.6.9", text)
    try:
        value.decode()
    except UnicodeDecodeError:
        raise MailError(550, "5.6.0", f"The field {_shown(name)} {where} is not UTF-8.") from None


def _no_field(raw: bytes, at: int, end: int, where: str) -> str:
    line = raw[at : raw.find(b"\r\n", at, end) if raw.find(b"\r\n", at, end) >= 0 else end]
    if line[:1] in b" \t":
        return f"The header {where} begins with a line that goes on from nothing."
    name, colon, _ = line.partition(b":")
    if colon and name.rstrip(b" \t") != name:
        return f"There is space before the colon of {_shown(name.strip())} {where}. Others read another name in it."
    return f"A line of the header {where} is no field: {_shown(line)}. It is NAME: VALUE, then an empty line."


def _shown(some: bytes) -> str:
    return repr(some[:40].decode("ascii", "replace"))
