"""The application of the gates: its routes, and what is answered when a request fails.

Every failure is JSON with a stable code. A gate that refuses is 422, with the sentence of the policy; a store, key or
index that is not there is 503, and nothing was stored or released.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException

from troth.gates.errors import GateError
from troth.people import PeopleError
from troth.store import StoreError
from troth.web.headers import EMBEDDED_HEADERS, App, Receive, Scope, Send, secured
from troth.web.mail.desk import MailDesk
from troth.web.routing import Method, route
from troth.web.services import CallerRefusedError
from troth.web.v1.acknowledgements import MOST as MOST_ACKNOWLEDGEMENT
from troth.web.v1.acknowledgements import Acknowledgements
from troth.web.v1.bodies import MOST_BYTES, MOST_LINE_BYTES, BadRequestError, bad
from troth.web.v1.collect import BEACON, Collect, refused
from troth.web.v1.desk import GateDesk, answer
from troth.web.v1.mail import MOST_RETURNED, MailDoor
from troth.web.v1.openapi import openapi
from troth.web.v1.share import Share
from troth.web.v1.use import Use
from troth.web.v1.why import Why

PREFIX = "/v1/"

log = logging.getLogger("troth.web")


class Gates:
    """An ASGI app for everything below `/v1/`."""

    def __init__(self, desk: GateDesk, mail: MailDesk) -> None:
        self.desk = desk
        self.mail = mail
        app: App = _litestar(desk, mail)  # type: ignore[assignment]
        self._app = secured(app, EMBEDDED_HEADERS)

    @staticmethod
    def takes(path: str) -> bool:
        """Whether a path is one of these."""
        return path.startswith(PREFIX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await self._app(scope, receive, send)


def _litestar(desk: GateDesk, mail: MailDesk) -> Litestar:
    collect, use, share, why = Collect(desk), Use(desk), Share(desk), Why(desk)

    door = MailDoor(desk, mail)

    async def read(request: Request[Any, Any, Any]) -> Response[bytes]:
        name = request.path_params["statement"]
        if not name.endswith(BEACON):
            raise BadRequestError("Data is sent with POST.", status=405, code="bad-method")
        return await collect.beacon(request, name.removesuffix(BEACON))

    async def describe(request: Request[Any, Any, Any]) -> Response[bytes]:
        return answer(openapi(), headers={"Cache-Control": "public, max-age=3600"})

    routes: list[tuple[str, list[Method], Callable[..., Any], int]] = [
        ("/v1/collect/{statement:str}", ["POST"], collect.post, MOST_LINE_BYTES),
        ("/v1/collect/{statement:str}", ["GET"], read, 0),
        ("/v1/use", ["POST"], use.post, MOST_BYTES),
        ("/v1/share", ["POST"], share.post, MOST_BYTES),
        ("/v1/share/{disclosure:str}", ["POST"], share.contents, MOST_BYTES),
        ("/v1/share/{disclosure:str}", ["GET", "HEAD"], share.get, 0),
        ("/v1/acknowledgements", ["POST"], Acknowledgements(desk).post, MOST_ACKNOWLEDGEMENT),
        ("/v1/mail/check", ["POST"], door.check, MOST_BYTES),
        ("/v1/mail/returns", ["POST"], door.returned, MOST_RETURNED),
        ("/v1/why/{statement:str}", ["GET", "HEAD"], why.get, 0),
        ("/v1/openapi.json", ["GET", "HEAD"], describe, 0),
    ]
    return Litestar(
        route_handlers=[route(path, methods, handle, most=most) for path, methods, handle, most in routes],
        openapi_config=None,
        logging_config=None,
        multipart_form_part_limit=200,
        exception_handlers={Exception: _failed},
    )


def _failed(request: Request[Any, Any, Any], problem: Exception) -> Response[bytes]:
    if isinstance(problem, GateError):
        return answer(refused(problem), status=422)
    if isinstance(problem, BadRequestError):
        return answer(bad(problem), status=problem.status)
    if isinstance(problem, CallerRefusedError):
        code = "scope" if problem.status == 403 else "unknown-caller"
        headers = {name.decode(): value.decode() for name, value in problem.headers}
        return answer(bad(BadRequestError(problem.text, code=code)), status=problem.status, headers=headers)
    if isinstance(problem, StoreError) or (isinstance(problem, PeopleError) and problem.retryable):
        text = "This cannot be done at this moment; nothing was stored or released. Please try again."
        return answer(bad(BadRequestError(text, code="unavailable")), status=503, headers={"Retry-After": "1"})
    if isinstance(problem, PeopleError):
        return answer(bad(BadRequestError(str(problem), code="bad-person")), status=400)
    if isinstance(problem, HTTPException):
        codes = {404: "not-found", 405: "bad-method", 413: "too-large"}
        code = codes.get(problem.status_code, "bad-request")
        headers = dict(problem.headers or {})
        text = {413: "The body is larger than this address takes."}.get(problem.status_code, problem.detail)
        return answer(bad(BadRequestError(text, code=code)), status=problem.status_code, headers=headers)
    log.exception("A gate failed: %s", request.method, exc_info=problem)
    text = "Something went wrong here; nothing was stored or released. Please try again."
    return answer(bad(BadRequestError(text, code="failed")), status=500)
