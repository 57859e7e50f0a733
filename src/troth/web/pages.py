"""The public pages over HTTP: which page an address and its headers ask for, and whether it is still the same.

Nothing is rendered here: `troth.notice.pages` makes every byte.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

from litestar import Litestar, Request, Response
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler

from troth.notice import pages
from troth.notice.pages import Page
from troth.notice.view import Published, languages
from troth.policy.history import Policy
from troth.web.negotiation import best_language, best_media_type

Clock = Callable[[], datetime]
Complained = Callable[[str], tuple[int, int] | None]
_PROMISE = re.compile(r"(?:[^/]+/)?policy/s/([^/]+)")
# A claim that is suspended takes its sentence with it at once, and nobody knows that beforehand. So a page may be kept,
# and not be shown again before it was asked whether it is still the same: that is a 304, which is as good as free.
ASKED_AGAIN = "public, no-cache"
KEPT = "public, max-age=300, must-revalidate"  # the stylesheet and the picture, which say nothing
READING = ("GET", "HEAD")
ALLOW = "GET, HEAD, OPTIONS"


def make_pages(  # noqa: PLR0917 - made in one place
    policy: Policy,
    clock: Clock,
    published: tuple[Published, ...] = (),
    choices: bool = False,
    seals: tuple[tuple[str, str], ...] = (),
    complained: Complained | None = None,
) -> Litestar:
    """The Litestar application that serves the pages of a policy; `clock` gives the present time, with a zone.

    `published` says which versions are in the record; `choices`, that people can choose on pages of this server;
    `seals`, by which name it validates the seal of each claim; `complained`, how many complaints there are about a
    promise, open ones and all.
    """

    async def page(request: Request[Any, Any, Any]) -> Response[bytes]:
        promise = _PROMISE.fullmatch(_asked(request))
        counts = await asyncio.to_thread(complained, promise[1]) if complained is not None and promise else None
        return respond(policy, clock(), request, published, choices, seals, counts)

    methods = [method for method in HttpMethod if str(method.value) not in {"CONNECT", "TRACE"}]
    handler = HTTPRouteHandler(path=["/", "/{path:path}"], http_method=methods, include_in_schema=False)(page)
    return Litestar(route_handlers=[handler], openapi_config=None, logging_config=None)


def respond(  # noqa: PLR0917
    policy: Policy,
    at: datetime,
    request: Request[Any, Any, Any],
    published: tuple[Published, ...] = (),
    choices: bool = False,
    seals: tuple[tuple[str, str], ...] = (),
    complained: tuple[int, int] | None = None,
) -> Response[bytes]:
    """The response to a request at a moment."""
    address = _asked(request)
    wanted = _negotiated(address, request)
    if wanted is None:
        text = b"This page is there as text/html, application/json, text/markdown and application/ld+json.\n"
        return Response(text, status_code=406, media_type="text/plain", headers={"Vary": "Accept"})
    version = policy.in_force(at)
    known = languages(version) if version else ()
    language = best_language(request.query_params.get("lang"), request.headers.get("accept-language"), known)
    found = pages.find(policy, wanted, at, language, published, choices, seals, complained)
    if found is None:
        for other in (f"{address}/", address.rstrip("/")):  # RFC 9110: one address for one page
            if other != address and pages.find(policy, other, at) is not None:
                return Response(b"", status_code=308, headers={"Location": f"/{quote(other)}"})
        return _response(pages.missing(policy, address, at), {"Cache-Control": "no-store"}, request)
    if request.method == "OPTIONS":
        return Response(b"", status_code=204, headers={"Allow": ALLOW})
    if request.method not in READING:
        headers = {"Allow": ALLOW, "Cache-Control": "no-store"}
        return _response(pages.refused(policy, address, at, request.method), headers, request)
    etag = _etag(found.body)
    vary = [name for name, varies in (("Accept", address in NEGOTIATED), ("Accept-Language", len(known) > 1)) if varies]
    headers = {"ETag": etag, "Cache-Control": KEPT if address in pages.STATIC else ASKED_AGAIN}
    if vary:
        headers["Vary"] = ", ".join(vary)
    if wanted != address:
        headers["Content-Location"] = f"/{wanted}"
    if _matches(request.headers.get("if-none-match"), etag):
        return Response(b"", status_code=304, headers=headers)
    return _response(found, headers, request)


# --- what the headers ask for -----------------------------------------------------------------------------------------


def _asked(request: Request[Any, Any, Any]) -> str:
    """The address as it was sent: Litestar's own path has lost the slash at its end, and links are relative to it."""
    raw = bytes(request.scope.get("raw_path") or request.scope["path"].encode())
    return unquote(raw.partition(b"?")[0].decode("latin-1")).removeprefix("/")


# Addresses whose form is negotiated, and the forms by media type, the first where the reader does not mind.
NEGOTIATED = ("policy",)
FORMS = {"text/html": "", "application/json": ".json", "text/markdown": ".md", "application/ld+json": ".jsonld"}


def _negotiated(address: str, request: Request[Any, Any, Any]) -> str | None:
    """The address of the form that the reader accepts, or None."""
    if address not in NEGOTIATED:
        return address
    media_type = best_media_type(request.headers.get("accept"), tuple(FORMS))
    return None if media_type is None else address + FORMS[media_type]


@lru_cache(maxsize=1024)
def _etag(body: bytes) -> str:
    """The strong tag of a page, made once: pages are kept as they are made, and Python keeps the hash of bytes."""
    return '"' + hashlib.sha256(body).hexdigest()[:32] + '"'


def _matches(header: str | None, etag: str) -> bool:
    """Whether `If-None-Match` has the tag (RFC 9110, section 13.1.2: weak comparison)."""
    if header is None:
        return False
    return header.strip() == "*" or etag in {tag.strip().removeprefix("W/") for tag in header.split(",")}


def _response(page: Page, headers: dict[str, str], request: Request[Any, Any, Any]) -> Response[bytes]:
    if page.language:
        headers = {**headers, "Content-Language": page.language}
    # Litestar writes the charset of text by itself
    media_type = page.media_type.removesuffix("; charset=utf-8")
    return Response(page.body, status_code=page.status, media_type=media_type, headers=headers)
