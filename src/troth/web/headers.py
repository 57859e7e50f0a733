"""The headers that every response of Troth carries, and how they get onto responses that others write.

`SECURITY_HEADERS` go onto every response, whatever its status; decisions, which are no pages, carry those that matter
for data, and what covered sites load carries `EMBEDDED_HEADERS`. `secured` puts them onto all responses of an ASGI app
and takes out what Troth never sends: cookies, and the name of the software. The one exception is the cookie in which a
browser remembers a choice, where that is set. `send_text` writes a short plain answer with the same headers.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

log = logging.getLogger("troth.web")

# Troth's pages load their own stylesheet and pictures, send their own forms, and run no script.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

# What matters for data that is no page: decisions carry these alone. A decision answers a POST of JSON, which a browser
# cannot be made to open as a page or to load into one, and does not send for other sites.
DATA_HEADERS: tuple[Header, ...] = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
)

SECURITY_HEADERS: tuple[Header, ...] = (
    # CSP Level 3
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    # Fetch standard, X-Content-Type-Options: a response is what its content type says
    (b"x-content-type-options", b"nosniff"),
    # Other sites never learn which promise somebody was reading. Not `no-referrer`: with that, browsers send
    # `Origin: null` with our own forms too, and a form could not be told from one that another site forged.
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    # HTML standard and Fetch standard: no other site shares a window with us or loads what we serve
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

# What covered sites load from here: the tag, the banner and its stylesheet. It is there for others, and no page.
EMBEDDED_HEADERS: tuple[Header, ...] = (
    *DATA_HEADERS,
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)

# RFC 6797: only over TLS, where it means something.
STRICT_TRANSPORT_SECURITY: Header = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")

NEVER_SENT = frozenset({b"set-cookie", b"server", b"x-powered-by"})
_SET_HERE = frozenset(name for name, _ in (*SECURITY_HEADERS, STRICT_TRANSPORT_SECURITY))


def security_headers(scope: Scope, headers: tuple[Header, ...] = SECURITY_HEADERS) -> tuple[Header, ...]:
    """The security headers of a response to a request: HSTS is among them when the request came over TLS."""
    return (*headers, STRICT_TRANSPORT_SECURITY) if scope.get("scheme") == "https" else headers


def secured(app: App, headers: tuple[Header, ...] = SECURITY_HEADERS, cookie: bytes | None = None) -> App:
    """The same app with the security headers on all its responses, without cookies but the one of that name.

    An exception that the app lets out becomes a plain 500 with the same headers, and is logged without anything about
    the caller.
    """
    kept_cookie = None if cookie is None else cookie + b"="

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        started = False

        async def send_secured(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                kept = [header for header in message.get("headers", ()) if _is_sent(header, kept_cookie)]
                message = {**message, "headers": [*kept, *security_headers(scope, headers)]}
            await send(message)

        try:
            await app(scope, receive, send_secured)
        except Exception:
            if started:
                raise
            log.exception("A page failed: %s %s", scope["method"], scope["path"])
            await send_text(scope, send, 500, "Something went wrong here. It is not your fault; please try again.")

    return serve


def _is_sent(header: Header, cookie: bytes | None) -> bool:
    """Whether a header of an app is sent as it is."""
    name = bytes(header[0]).lower()
    if name == b"set-cookie" and cookie is not None and bytes(header[1]).startswith(cookie):
        return True
    return name not in NEVER_SENT and name not in _SET_HERE


async def send_text(scope: Scope, send: Send, status: int, text: str, more: Iterable[Header] = ()) -> None:
    """Send a line of plain text as the whole response."""
    body = (text + "\n").encode(errors="replace") if text else b""
    headers: list[Header] = []
    if text:
        headers.append((b"content-type", b"text/plain; charset=utf-8"))
    if status != 204:  # RFC 9110, section 8.6: no Content-Length with 204
        headers.append((b"content-length", b"%d" % len(body)))
    headers += [(b"cache-control", b"no-store"), *security_headers(scope), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
