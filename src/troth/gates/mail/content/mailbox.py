"""The one address in From (RFC 5322 section 3.4): who writes, by which the stream and the signature are chosen.

Strict: one mailbox, no group, no route, no encoded word in the address, no comment inside it. A mail with several
authors, or whose author two readers could take for two, has no place in a gate that allows From by its domain.
"""

from __future__ import annotations

import re
from email.errors import HeaderParseError
from email.header import decode_header

import msgspec

from troth.gates.mail.content.comments import without_comments
from troth.gates.mail.errors import MailError

_WORD = r'(?:[^\s()<>\[\]:;@\\,."\x00-\x1f\x7f]+|"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*")'
_ATOM = r"[^\s()<>\[\]:;@\\,.\"\x00-\x1f\x7f]+"
_LOCAL = rf'(?:{_ATOM}(?:\.{_ATOM})*|"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*")'
_ADDRESS = rf"(?P<local>{_LOCAL})@(?P<domain>[^\s()<>\[\]:;@\\,\"]+)"
_NAMED = re.compile(rf"\s*+(?P<name>(?:{_WORD}|\.|\s++)*+)<{_ADDRESS}>\s*+\Z")
_BARE = re.compile(rf"\s*+{_ADDRESS}\s*+\Z")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_ENCODED = re.compile(r"=\?[^?\s]*\?[A-Za-z]\?[^?\s]*\?=")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Mailbox(msgspec.Struct, frozen=True):
    """An address as it is written, its domain in lower case, and the name that readers show for it."""

    address: str
    domain: str
    name: str = ""


def read_mailbox(text: str, field: str = "From") -> Mailbox:
    """The one mailbox of an unfolded field. MailError 550 5.6.0: there is none, or more than one could be read."""
    bare = without_comments(text, stray=False)
    if bare is None:
        raise MailError(550, "5.6.0", f"A comment or a quotation in {field} does not end, or ends twice.")
    match = _NAMED.match(bare) or _BARE.match(bare)
    if match is None:
        raise MailError(550, "5.6.0", _why_not(bare, field))
    local, domain = match["local"], match["domain"].lower()
    if _ENCODED.search(local) or _ENCODED.search(domain) or "=?" in domain:
        raise MailError(550, "5.6.0", f"There is an encoded word in the address of {field}; only a name may have one.")
    if not _is_domain(domain):
        raise MailError(550, "5.6.0", f"The domain {domain[:60]!r} in {field} is none.")
    return Mailbox(f"{local}@{domain}", domain, _name(match.groupdict().get("name") or "", field))


def _is_domain(domain: str) -> bool:
    """Whether it is a host name with a dot; one beyond ASCII is held against its IDNA form."""
    try:
        ascii = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        return False
    labels = ascii.split(".")
    return len(labels) > 1 and len(ascii) <= 253 and all(map(_LABEL.match, labels))


def _name(written: str, field: str) -> str:
    """The name as readers show it. MailError: it decodes to what no name has, or cannot be decoded."""
    bare = _QUOTED.sub(lambda found: re.sub(r"\\(.)", r"\1", found[1]), written).strip()
    return decode_words(bare, field)


def decode_words(text: str, field: str) -> str:
    """A text with its encoded words decoded (RFC 2047). MailError: a control character hides in one, or bad bytes."""
    if "=?" not in text:
        return text
    try:
        pieces = decode_header(text)
        shown = "".join(
            piece if isinstance(piece, str) else piece.decode(charset or "ascii") for piece, charset in pieces
        )
    except (UnicodeError, LookupError, HeaderParseError, ValueError):
        raise MailError(550, "5.6.0", f"An encoded word in {field} cannot be decoded.") from None
    if re.search(r"[\x00-\x1f\x7f\u2028\u2029]", shown):
        raise MailError(550, "5.6.0", f"An encoded word in {field} hides a control character.")
    return shown


def _why_not(text: str, field: str) -> str:
    outside = _QUOTED.sub("", text)
    if not outside.strip():
        return f"{field} is empty. It is one address, such as Name <name@example.org>."
    if re.search(r"<\s*@", outside):
        return f"{field} has a route in its address. It is one address, such as Name <name@example.org>."
    if ";" in outside or re.search(r":[^@]*\Z|\A[^<@]*:", outside):
        return f"{field} has a group in it. It is one address, such as Name <name@example.org>."
    if "," in outside or outside.count("@") > 1 or outside.count("<") > 1:
        return f"{field} has more than one address in it, or a comma outside quotes. It is one address."
    return f"{field} is not one address, such as Name <name@example.org>."
