"""The language in which a message is written, so that the footer speaks it."""

from __future__ import annotations

import re

from troth.gates.mail.content import html_place
from troth.gates.mail.content.encoded import decoded
from troth.gates.mail.content.message import Message
from troth.gates.mail.content.places import HTML, body_parts
from troth.gates.mail.errors import MailError

_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*\Z")


def message_language(message: Message) -> str | None:
    """The language as a BCP 47 tag in lower case, such as `de`, or None when the message does not say.

    It is the first that Content-Language names (RFC 3282), of the mail or of a part that is the message, else the
    `lang` of its HTML.
    """
    try:
        parts = body_parts(message)
    except MailError:
        parts = ()
    for one in (message.root, *parts):
        said = (one.fields.text("content-language") or "").split(",")[0].strip()
        if _TAG.match(said):
            return said.lower()
    for one in parts:
        if one.type in HTML:
            try:
                found = html_place.language(decoded(message.raw, one))
            except MailError:
                continue
            if found:
                return found
    return None
