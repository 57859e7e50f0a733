"""The application of the pages of complaints: which address is whose, and what is answered when one fails.

A failure of the store is a 503: nothing was taken in, and the form can be sent again. An address with a code or a token
is in no log and in no page of anybody else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException

from troth.accountability.complaints.case_file import NotProvableYetError
from troth.accountability.complaints.desk import TooManyError
from troth.accountability.errors import AccountabilityError
from troth.people.errors import PeopleError
from troth.store import StoreError
from troth.web.choices.forms import FormError
from troth.web.complaints.forms import FILES, MOST_BYTES
from troth.web.complaints.place import PRIVATE, Place
from troth.web.complaints.public import Public
from troth.web.complaints.recourse import GONE, Recourse, UnknownTokenError
from troth.web.headers import SECURITY_HEADERS, App, Header, Receive, Scope, Send, secured, send_text
from troth.web.routing import Method, route

PATHS = ("complaints", "recourse")
# An attached file is a download and nothing else, whatever is in it: it runs nothing, loads nothing, and has no origin.
FILE_HEADERS: tuple[Header, ...] = (
    (b"content-security-policy", b"sandbox; default-src 'none'; frame-ancestors 'none'"),
    *(header for header in SECURITY_HEADERS if header[0] != b"content-security-policy"),
)
READ: list[Method] = ["GET", "HEAD"]

log = logging.getLogger("troth.web")


class ComplaintPages:
    """An ASGI app; `takes` says whether a path is one of its own."""

    def __init__(self, place: Place) -> None:
        app: App = _litestar(place)  # type: ignore[assignment]
        self._pages = secured(app)
        self._files = secured(app, FILE_HEADERS)

    @staticmethod
    def takes(path: str) -> bool:
        """Whether these pages answer to a path."""
        first = path.removeprefix("/").partition("/")[0]
        return first in PATHS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. A slash too many leads to the address without it: one page has one address."""
        path: str = scope["path"]
        if path.endswith("/"):
            location: list[Header] = [(b"location", path.rstrip("/").encode())]
            await send_text(scope, send, 308, "This page has no slash at its end.", location)
            return
        await (self._files if "/files/" in path else self._pages)(scope, receive, send)


def _litestar(place: Place) -> Litestar:
    public, recourse = Public(place), Recourse(place)
    routes: list[tuple[str, list[Method], Callable[..., Any]]] = [
        ("/complaints", READ, public.enter),
        ("/complaints", ["POST"], public.send),
        ("/complaints/find", ["POST"], public.find),
        ("/complaints/statistics", READ, public.statistics),
        ("/complaints/statistics.json", READ, public.statistics),
        ("/complaints/{code:str}", READ, public.show),
        ("/complaints/{code:str}", ["POST"], public.act),
        ("/complaints/{code:str}/files/{file:str}", READ, public.file),
        ("/recourse/{token:str}", READ, recourse.list),
        ("/recourse/{token:str}/{case:str}", READ, recourse.show),
        ("/recourse/{token:str}/{case:str}", ["POST"], recourse.act),
        ("/recourse/{token:str}/{case:str}/case.zip", READ, recourse.case_file),
        ("/recourse/{token:str}/{case:str}/files/{file:str}", READ, recourse.file),
    ]
    return Litestar(
        route_handlers=[route(*one) for one in routes],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=MOST_BYTES,
        multipart_form_part_limit=30,
        exception_handlers={Exception: _failed},
    )


def _failed(request: Request[Any, Any, Any], problem: Exception) -> Response[bytes]:
    """What is answered to a request that failed: a status, and a text that says what to do."""
    status, text, headers = 500, "Something went wrong here. It is not your fault; please try again.", {}
    if isinstance(problem, StoreError | NotProvableYetError) or (
        isinstance(problem, PeopleError) and problem.retryable
    ):
        status, text = 503, "This cannot be done at this moment, and nothing was taken in. Please send it again."
        headers = {"Retry-After": "5"}
    elif isinstance(problem, TooManyError):
        status, text, headers = 429, str(problem), {"Retry-After": "3600"}
    elif isinstance(problem, UnknownTokenError):
        status, text = 404, GONE
    elif isinstance(problem, FormError | AccountabilityError | PeopleError):
        status, text = 400, str(problem)
    elif isinstance(problem, HTTPException):
        status = problem.status_code
        known = {
            404: "There is no such page.",
            405: "This address does not take that method.",
            413: f"This is too large: {FILES} files of at most 2 MB each can go with a complaint.",
        }
        text = known.get(status, problem.detail)
        headers = dict(problem.headers or {})
    else:
        log.exception("A page of complaints failed: %s", request.method, exc_info=problem)
    return Response(f"{text}\n".encode(), status_code=status, media_type="text/plain", headers={**headers, **PRIVATE})
