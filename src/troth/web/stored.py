"""What pages have in common that show what is in the store: the recipients, seals, promises, the transparency report.

They are for reading, are made when they are asked for, and are mounted before the pages of the notice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

from troth.notice.view import Published, View, languages
from troth.policy.history import Policy
from troth.policy.model import Version
from troth.record.log import Log
from troth.web.headers import Header, Scope, Send
from troth.web.negotiation import best_language

HTML, JSON = "text/html; charset=utf-8", "application/json"


class Stored(msgspec.Struct, frozen=True):
    """What such pages are made from.

    `site` is the address under which people reach the server; without it, the one that they sent their request to.
    `choices`: people can choose on this server.
    """

    log: Log
    policy: Policy
    clock: Callable[[], datetime]
    published: tuple[Published, ...] = ()
    site: str | None = None
    choices: bool = False

    def view(self, version: Version, address: str, at: datetime, language: str, *, now: datetime | None = None) -> View:
        """What a template sees of a page about a version as of a moment, which is now unless it is said otherwise."""
        return View(
            self.policy, version, at, address, language, now=now or at, published=self.published, choices=self.choices
        )

    def address(self, scope: Scope) -> str:
        """The address of the server for whoever sent a request, without a slash at its end."""
        return self.site.rstrip("/") if self.site else f"{scope['scheme']}://{header(scope, b'host') or 'localhost'}"


def language_of(version: Version, asked: str | None, accept_language: str | None) -> str:
    """The language of the version that suits a reader best: the one asked for, or what the browser prefers."""
    return best_language(asked, accept_language, languages(version)) or version.language


def header(scope: Scope, name: bytes) -> str | None:
    """A header of a request by its name in small letters, the last one if it is there several times."""
    return next((value.decode("latin-1") for found, value in reversed(scope["headers"]) if found == name), None)


async def send_body(scope: Scope, send: Send, body: bytes, kind: str, more: Iterable[Header] = ()) -> None:
    """Answer a GET or HEAD with a body of a media type. The security headers are put on by `secured`."""
    headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body)), *more]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
