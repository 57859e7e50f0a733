"""A message as people will see it: its header, its text, and its HTML in light and in dark, with nothing loaded.

The HTML is shown in a frame of its own, which runs nothing and loads nothing: pictures of others stay away, and those
that the message brings along are put into it. What it says for the dark is made to count by rewriting its media
queries, as a mail program in the dark would read them.
"""

from __future__ import annotations

import base64
import email
import email.header
import re
import secrets
from collections import OrderedDict
from email.message import Message

import msgspec

from troth.gates.mail.returning.reports import text_of

MOST_BYTES = 4 * 1024 * 1024
KEPT = 16  # pasted messages
FIELDS = ("From", "To", "Subject", "Date", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Feedback-ID")
MOST_PICTURE = 512 * 1024

_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)", re.IGNORECASE)
_LIGHT = re.compile(r"\(\s*prefers-color-scheme\s*:\s*light\s*\)", re.IGNORECASE)
_REMOTE = re.compile(
    r"""<img\b[^>]*?\bsrc\s*=\s*["']?\s*https?:|url\(\s*["']?\s*https?:|<link\b[^>]*\bhref""", re.IGNORECASE
)
_CID = re.compile(r"cid:([^\"'\s)>]+)", re.IGNORECASE)
# What a frame may do: nothing but be shown. It is another origin than the page.
FRAME_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src 'none'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'"
)


class Preview(msgspec.Struct, frozen=True):
    """A message to be shown. `html` and `text` are None where it has no such part; `remote` pictures are not loaded."""

    fields: tuple[tuple[str, str], ...]
    text: str | None
    html: str | None
    parts: tuple[str, ...]
    remote: int
    size: int

    def frame(self, dark: bool) -> bytes:
        """The HTML as a document of its own, in the light or in the dark."""
        colours = "background:#121212;color:#e6e6e6;color-scheme:dark" if dark else "background:#fff;color:#111"
        content = self.html or "<p>There is no HTML in this message.</p>"
        content = _DARK.sub("(min-width: 0px)" if dark else "(max-width: 0px)", content)
        content = _LIGHT.sub("(max-width: 0px)" if dark else "(min-width: 0px)", content)
        rest = "font:16px/1.5 sans-serif;margin:0;padding:8px;overflow-wrap:anywhere"
        style = f"<style>html{{{colours};{rest}}}img{{max-width:100%}}</style>"
        return f'<!doctype html><meta charset="utf-8"><title>Preview</title>{style}{content}'.encode()


def read_preview(raw: bytes) -> Preview:
    """A message as it will be seen. ValueError: it is none, or too large."""
    if len(raw) > MOST_BYTES:
        raise ValueError(f"The message has {len(raw)} bytes; at most {MOST_BYTES} are shown.")
    message = email.message_from_bytes(raw)
    if not message.keys():
        raise ValueError("This is no message: it begins with its header, such as From and Subject, then an empty line.")
    leaves = [part for part in message.walk() if not part.is_multipart()][:100]
    text = next((text_of(part) for part in leaves if part.get_content_type() == "text/plain"), None)
    html = next((text_of(part) for part in leaves if part.get_content_type() == "text/html"), None)
    remote = 0 if html is None else len(_REMOTE.findall(html))
    if html is not None:
        html = _with_pictures(html, leaves)
    fields = tuple((name, _field(message, name)) for name in FIELDS if message.get(name) is not None)
    return Preview(fields, text, html, tuple(part.get_content_type() for part in leaves), remote, len(raw))


class Pasted:
    """The messages that staff pasted last, in memory alone, by ids that nobody guesses."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._messages: OrderedDict[str, bytes] = OrderedDict()

    def keep(self, raw: bytes) -> str:
        """Keep a message; its id. The oldest goes."""
        id = secrets.token_urlsafe(16)
        self._messages[id] = raw
        while len(self._messages) > self._kept:
            self._messages.popitem(last=False)
        return id

    def get(self, id: str) -> bytes | None:
        """The message, or None."""
        return self._messages.get(id)


def _field(message: Message, name: str) -> str:
    value = str(message.get(name))
    try:
        pieces = email.header.decode_header(value)
        text = "".join(
            piece.decode(charset or "ascii", "replace") if isinstance(piece, bytes) else piece
            for piece, charset in pieces
        )
    except (LookupError, ValueError):
        text = value
    return " ".join(text.split())


def _with_pictures(html: str, leaves: list[Message]) -> str:
    """The HTML with the pictures that the message brings along."""
    pictures: dict[str, str] = {}
    for part in leaves:
        name = str(part.get("Content-ID") or "").strip().strip("<>")
        content = part.get_payload(decode=True)
        if name and isinstance(content, bytes) and len(content) <= MOST_PICTURE:
            kind = part.get_content_type()
            if kind in ("image/png", "image/jpeg", "image/gif", "image/webp"):
                pictures[name] = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    return _CID.sub(lambda match: pictures.get(match[1], match[0]), html)
