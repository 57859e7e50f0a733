"""Adding to a mail what a marketing message must bear, with every byte outside the insertions as it was.

Fields go to the top of the header, and replace those of the same name. The footer goes into every part that is the
message, encoded as that part is. Signatures that the additions break are taken out; the gate signs anew.
"""

from __future__ import annotations

import re

import msgspec

from troth.gates.mail.content import html_place
from troth.gates.mail.content.encoded import Edit, added, decoded
from troth.gates.mail.content.footer import Footer, as_html, as_text, encoded
from troth.gates.mail.content.message import Message
from troth.gates.mail.content.parts import Part
from troth.gates.mail.content.places import HTML, body_parts
from troth.gates.mail.errors import MailError

# Never sent on: they name who was meant not to be named, say what the next server writes itself (as Postfix does), or
# were for the gate alone.
DROPPED = frozenset(("bcc", "resent-bcc", "return-path", "content-length", "x-troth-stream"))
# Broken by what is added, or saying how to leave a list in a way that nobody checks.
_STALE = (
    "dkim-signature domainkey-signature x-google-dkim-signature feedback-id x-feedback-id "
    "arc-seal arc-message-signature arc-authentication-results"
)
STALE = frozenset(_STALE.split())
_NAME = re.compile(r"[!-9;-~]+\Z")
_LONGEST = 998
# Charsets in which the bytes of ASCII mean ASCII, so that what is added means what it says; and ISO-2022-JP, which says
# by escapes when they do not.
_FITS = re.compile(
    r"(us-ascii|ascii|ansi_x3\.4-1968|utf-?8|iso-?8859-?\d+(-[ei])?|latin-?[1-9]|windows-?125\d|cp125\d|koi8-?[rut]"
    r"|macintosh|x-mac-\w+|gb2312|gbk|gb18030|big5(-?hkscs)?|shift[_-]?jis|sjis|windows-31j|euc-?(jp|kr|tw|cn)"
    r"|ks_c_5601-1987|tis-620|windows-874|iso-2022-jp(-[123])?)\Z"
)
_CODECS = {"windows-874": "cp874", "ansi_x3.4-1968": "ascii", "macintosh": "mac_roman", "iso-8859-8-i": "iso-8859-8"}
_INLINE_PGP = re.compile(rb"^-----BEGIN PGP (?:MESSAGE|SIGNED MESSAGE)-----", re.M)


class Insertions(msgspec.Struct, frozen=True):
    """What is added: fields as name and value in ASCII, in the order in which they shall stand, and a footer."""

    headers: tuple[tuple[str, str], ...] = ()
    footer: Footer | None = None

    @property
    def marketing(self) -> bool:
        """Whether they make a mail bear an opt-out."""
        return self.footer is not None or any(name.lower().startswith("list-") for name, _ in self.headers)


def splice(message: Message, insertions: Insertions) -> bytes:
    """The bytes of the mail with the insertions. Raises what `edits` raises."""
    pieces: list[bytes] = []
    at = 0
    for one in edits(message, insertions):
        pieces += (message.raw[at : one.start], one.new)
        at = one.end
    pieces.append(message.raw[at:])
    return b"".join(pieces)


def edits(message: Message, insertions: Insertions) -> list[Edit]:
    """What changes in the bytes of the mail, in their order.

    MailError 550 5.7.1: the mail is signed, encrypted or cannot be decoded, so a footer has no place in it. ValueError:
    a field to be added is none.
    """
    new = b"".join(as_field(name, value) for name, value in insertions.headers)
    made = [Edit(0, 0, new)] if new else []
    replaced = {name.lower() for name, _ in insertions.headers}
    for field in message.fields:
        stale = insertions.marketing and (field.name in STALE or field.name.startswith("list-"))
        if stale or field.name in replaced or field.name in DROPPED:
            made.append(Edit(field.start, field.end, b""))
    if insertions.footer is not None:
        made += [_footer_edit(message.raw, part, insertions.footer) for part in body_parts(message)]
    return made


def as_field(name: str, value: str) -> bytes:
    """A field with its line end, folded at spaces so that lines have at most 78 characters where they can (RFC 5322).

    ValueError: the name or value has characters that a field may not have, or a line would be longer than 998.
    """
    if not _NAME.match(name) or not value.strip() or re.search(r"[^ -~]", value):
        raise ValueError(f"'{name[:40]}' is no field with that value: printable ASCII on one line is.")
    lines, row = [], f"{name}:"
    for word in value.split():
        if len(row) + 1 + len(word) > 78 and row.strip() and row != f"{name}:":
            lines.append(row)
            row = ""
        row += f" {word}"
    lines.append(row)
    if max(map(len, lines)) > _LONGEST:
        raise ValueError(f"The value of {name} has a word that is longer than a line of mail.")
    return "\r\n".join(lines).encode("ascii") + b"\r\n"


def codec_of(part: Part) -> str | None:
    """The name of the codec in which a text part is written, when bytes of ASCII can be added to it; None otherwise."""
    charset = part.charset or "us-ascii"
    if not _FITS.match(charset):
        return None
    name = _CODECS.get(charset, charset)
    try:
        "a".encode(name)
    except LookupError:
        return None
    return name


def _footer_edit(raw: bytes, part: Part, footer: Footer) -> Edit:
    body = decoded(raw, part)
    codec = codec_of(part)
    if codec is None:
        text = f"The charset '{part.charset[:40]}' of the part {part.type} is none to which an opt-out can be added."
        raise MailError(550, "5.7.1", f"{text} Send it as UTF-8.")
    try:
        body.decode(codec)
    except (UnicodeDecodeError, ValueError):
        text = f"The part {part.type} cannot be decoded as {part.charset or 'US-ASCII, which no charset means'}."
        raise MailError(550, "5.7.1", f"{text} Declare the charset that it has.") from None
    if part.type in HTML:
        return _in_html(raw, part, body, footer)
    if _INLINE_PGP.search(body):
        raise MailError(
            550, "5.7.1", "The text is signed or encrypted with OpenPGP, so no opt-out fits in. Send it plain."
        )
    return _in_text(raw, part, body, codec, footer)


def _in_html(raw: bytes, part: Part, body: bytes, footer: Footer) -> Edit:
    at = html_place.place(body)
    new = as_html(footer).encode("ascii") + b"\r\n"
    if at and body[at - 1 : at] != b"\n":
        new = b"\r\n" + new
    return added(raw, part, body, at, new)


def _in_text(raw: bytes, part: Part, body: bytes, codec: str, footer: Footer) -> Edit:
    lines = as_text(footer)
    if part.parameters.get("format", "").lower() == "flowed":
        # RFC 3676 section 4.4: so that no line is taken for a quotation, or for one that goes on.
        lines = [f" {line}" if line.startswith((" ", ">", "From ")) else line for line in lines]
    if part.encoding == "7bit" and body.isascii() and not codec.startswith("iso-2022"):
        codec = "ascii"  # the part promises that it holds nothing else
    ended = body.endswith(b"\n")
    text = "\r\n".join(lines) + ("\r\n" if ended else "")
    start = "" if not body else "\r\n" if ended else "\r\n\r\n"
    new = encoded(start + text, codec)
    if new is None:
        what = "7bit" if codec == "ascii" else f"charset {part.charset}"
        text = f"The opt-out cannot be written into the plain text, which is {what}. Send it as UTF-8."
        raise MailError(550, "5.7.1", text)
    return added(raw, part, body, len(body), new)
