"""What the fields of MIME say (RFC 2045): a type with its parameters, read so that there is one way to read it.

A parameter that is there twice, or a boundary or charset in the pieces of RFC 2231, is refused: readers differ on it.
"""

from __future__ import annotations

import re

from troth.gates.mail.content.comments import without_comments
from troth.gates.mail.errors import MailError

_TOKEN = r"[^\s()<>@,;:\\\"/\[\]?=\x00-\x1f\x7f]+"  # noqa: S105 - the tokens of RFC 2045, no secret
_TYPE = re.compile(rf"\s*+({_TOKEN})\s*/\s*({_TOKEN})\s*+(?=;|\Z)")
_VALUE = re.compile(rf"\s*+({_TOKEN})\s*+(?=;|\Z)")
_PARAMETER = re.compile(
    # A value in quotes, or one without; `/` and other signs are often left unquoted, and are read the same by all.
    r";\s*+([^\s()<>@,;:\\\"/\[\]?=]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;\"()\\]+))\s*+(?=;|\Z)"
)
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]\Z")


def read_type(text: str) -> tuple[str, dict[str, str]]:
    """The type in lower case, such as `text/plain`, and its parameters. MailError 550 5.6.0: it cannot be read."""
    bare = _no_comments(text)
    match = _TYPE.match(bare)
    if match is None:
        raise MailError(550, "5.6.0", f"Content-Type cannot be read: {text[:60]!r}. It is such as text/plain.")
    return f"{match[1]}/{match[2]}".lower(), _parameters(bare, match.end(), "Content-Type")


def read_disposition(text: str) -> tuple[str, dict[str, str]]:
    """`inline`, `attachment` or another word in lower case, and the parameters. MailError: it cannot be read."""
    bare = _no_comments(text)
    match = _VALUE.match(bare)
    if match is None:
        raise MailError(550, "5.6.0", f"Content-Disposition cannot be read: {text[:60]!r}.")
    return match[1].lower(), _parameters(bare, match.end(), "Content-Disposition")


def read_encoding(text: str) -> str:
    """The transfer encoding in lower case. MailError: it is more than one word."""
    bare = _no_comments(text).strip().lower()
    if not re.fullmatch(_TOKEN, bare):
        raise MailError(550, "5.6.0", f"Content-Transfer-Encoding cannot be read: {text[:60]!r}.")
    return bare


def check_boundary(boundary: str | None) -> bytes:
    """The boundary of a multipart as bytes. MailError: it is missing, or none that RFC 2046 section 5.1.1 allows."""
    if boundary is None:
        raise MailError(550, "5.6.0", "A multipart has no boundary, so nothing says where its parts end.")
    if not _BOUNDARY.match(boundary):
        text = f"A multipart has a boundary that RFC 2046 does not allow: {boundary[:71]!r}."
        raise MailError(550, "5.6.0", text)
    return boundary.encode("ascii")


def _parameters(text: str, at: int, field: str) -> dict[str, str]:
    found: dict[str, str] = {}
    while at < len(text):
        if text[at:].strip("; \t") == "":
            break  # a semicolon at the end is common, and means nothing
        match = _PARAMETER.match(text, at)
        if match is None:
            raise MailError(550, "5.6.0", f"{field} cannot be read from here: {text[at : at + 40]!r}.")
        name = match[1].lower()
        value = re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
        base = name.partition("*")[0]
        if base in ("boundary", "charset") and "*" in name:
            raise MailError(550, "5.6.0", f"{base} in {field} is in pieces (RFC 2231). Write it in one.")
        if name in found:
            raise MailError(550, "5.6.0", f"{name!r} is there twice in {field}. Readers differ on which one counts.")
        found[name] = value
        at = match.end()
    return found


def _no_comments(text: str) -> str:
    """The text without comments; those within quotes are none. MailError: one does not end."""
    bare = without_comments(text, stray=True)
    if bare is None:
        raise MailError(550, "5.6.0", f"A comment or a quotation does not end: {text[:60]!r}.")
    return bare.strip()
