"""The application of all pages and addresses of choices: which address is whose, and what is answered when one fails.

A failure of the store is a 503 that may be tried again: nothing was acknowledged. A form that cannot be read is a 400
with the reason, and an address that takes no such method a 405.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException

from troth.people.browsers import COOKIE
from troth.people.errors import PeopleError
from troth.store import StoreError
from troth.web.choices.banner import Banner
from troth.web.choices.centre import Centre
from troth.web.choices.desk import HERE, Desk, NothingInForceError, json
from troth.web.choices.forms import MOST_BYTES, FormError
from troth.web.choices.receipts import Receipts
from troth.web.choices.received import Proofs
from troth.web.choices.signals import gpc_support
from troth.web.choices.sites import NotCoveredError
from troth.web.choices.tag import Tag
from troth.web.choices.unsubscribe import Unsubscribe
from troth.web.headers import EMBEDDED_HEADERS, App, Header, Receive, Scope, Send, secured, send_text
from troth.web.routing import Method, route

GPC = "/.well-known/gpc.json"
SCHEMA = "/static/choice-receipt.schema.json"
STYLES = "/static/banner.css"
PAGES = ("/choices", "/unsubscribe", "/receipts", "/disclosures")
EMBEDDED = ("/banner", "/tag")  # what covered sites load and send to

_TEXTS = {
    404: "There is no such page.",
    405: "This address does not take that method.",
    413: f"The form is larger than {MOST_BYTES} bytes.",
}

log = logging.getLogger("troth.web")


class ChoicePages:
    """An ASGI app; `takes` says whether a path is one of its own."""

    def __init__(self, desk: Desk) -> None:
        app: App = _litestar(desk)  # type: ignore[assignment]
        self.desk = desk
        self._pages = secured(app)
        self._embedded = secured(app, EMBEDDED_HEADERS, COOKIE.encode())

    def takes(self, path: str) -> bool:
        """Whether these pages answer to a path."""
        first = "/" + path.removeprefix("/").partition("/")[0]
        return first in PAGES or first in EMBEDDED or path in (GPC, SCHEMA, STYLES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. A slash too many leads to the address without it: one page has one address."""
        path = scope["path"]
        if path.endswith("/"):
            location: list[Header] = [(b"location", path.rstrip("/").encode())]
            await send_text(scope, send, 308, "This page has no slash at its end.", location)
            return
        embedded = path.startswith(tuple(f"{one}/" for one in EMBEDDED)) or path == STYLES
        await (self._embedded if embedded else self._pages)(scope, receive, send)


def _litestar(desk: Desk) -> Litestar:
    centre, unsubscribe, banner = Centre(desk), Unsubscribe(desk), Banner(desk)
    receipts, tag = Receipts(desk), Tag(desk)

    async def gpc(request: Request[Any, Any, Any]) -> Response[bytes]:
        support = gpc_support(desk.version())
        if support is None:
            return json({"gpc": False}, status=404)
        return json(support, headers={"Cache-Control": "public, max-age=3600"})

    async def styles(request: Request[Any, Any, Any]) -> Response[bytes]:
        body = (HERE / "static" / "banner.css").read_bytes()
        return Response(body, media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})

    routes: list[tuple[str, list[Method], Callable[..., Any]]] = [
        ("/choices", ["GET", "HEAD"], centre.enter),
        ("/choices", ["POST"], centre.ask),
        ("/choices/{entry:str}", ["GET", "HEAD"], centre.show),
        ("/choices/{entry:str}", ["POST"], centre.save),
        ("/unsubscribe", ["GET", "HEAD"], centre.enter),
        ("/unsubscribe/{entry:str}", ["GET", "HEAD"], unsubscribe.show),
        ("/unsubscribe/{entry:str}", ["POST"], unsubscribe.act),
        ("/receipts/{entry:str}", ["GET", "HEAD"], receipts.get),
        ("/disclosures/{entry:str}", ["GET", "HEAD"], Proofs(desk).get),
        ("/banner/{product:str}", ["GET", "HEAD"], banner.show),
        ("/banner/{product:str}", ["POST"], banner.choose),
        ("/tag/{file:str}", ["GET", "HEAD"], tag.get),
        (GPC, ["GET", "HEAD"], gpc),
        (SCHEMA, ["GET", "HEAD"], receipts.schema),
        (STYLES, ["GET", "HEAD"], styles),
    ]
    return Litestar(
        route_handlers=[route(*one) for one in routes],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=MOST_BYTES,
        multipart_form_part_limit=100,
        exception_handlers={Exception: lambda request, problem: _failed(desk, request, problem)},
    )


def _failed(desk: Desk, request: Request[Any, Any, Any], problem: Exception) -> Response[bytes]:
    """What is answered to a request that failed: a status, and a text that says what to do."""
    status, text, headers = 500, "Something went wrong here. It is not your fault; please try again.", {}
    if isinstance(problem, StoreError) or (isinstance(problem, PeopleError) and problem.retryable):
        status, text = 503, "This cannot be done at this moment, and nothing was changed. Please try again."
        headers = {"Retry-After": "5"}
    elif isinstance(problem, NothingInForceError):
        status, text = 404, "No version of the policy is in force yet, so there is nothing to choose."
    elif isinstance(problem, NotCoveredError):
        known = ", ".join(covered.id for covered in desk.version().covers)
        status, text = 404, f"The policy covers no site '{problem}'. It covers: {known}."
    elif isinstance(problem, FormError | PeopleError):
        status, text = 400, str(problem)
    elif isinstance(problem, HTTPException):
        status = problem.status_code
        text = {404: "There is no such page.", 405: "This address does not take that method."}.get(
            status, problem.detail
        )
        headers = dict(problem.headers or {})
    else:
        log.exception("A page of choices failed: %s", request.method, exc_info=problem)
    headers["Cache-Control"] = "no-store"
    return Response(f"{text}\n".encode(), status_code=status, media_type="text/plain", headers=headers)
