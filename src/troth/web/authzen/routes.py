"""The decision over HTTP: OpenID AuthZEN Authorization API 1.0, as plain ASGI.

Offered are `POST /access/v1/evaluation`, `POST /access/v1/evaluations` with its three semantics, with people
`POST /access/v1/search/subject`, and the metadata at `/.well-known/authzen-configuration`. The other search endpoints
are not offered, and so not in the metadata. `docs/reference/authzen.md` says how a question of Troth is written in a
request.

Everything fails closed. A request that cannot be read is an error, never a decision; a failure inside Troth is a 500;
and one of several evaluations that fails is `decision: false`.

Source: https://openid.net/specs/authorization-api-1_0.html
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from troth.decision.point import DecisionPoint
from troth.decision.question import QuestionError
from troth.web.authzen.evaluation import Evaluator
from troth.web.authzen.request import RequestError
from troth.web.authzen.response import MOST_MESSAGE, Answer, Refused, explained
from troth.web.headers import (
    DATA_HEADERS,
    STRICT_TRANSPORT_SECURITY,
    Header,
    Receive,
    Scope,
    Send,
    security_headers,
    send_text,
)
from troth.web.hosts import Hosts

if TYPE_CHECKING:
    from troth.gates.services import ServiceKey
    from troth.people import ChoiceIndex
    from troth.web.services import Callers

EVALUATION = "/access/v1/evaluation"
EVALUATIONS = "/access/v1/evaluations"
SEARCH = "/access/v1/search/subject"
METADATA = "/.well-known/authzen-configuration"
# The paths of the API, offered or not: what is unknown there is answered in plain text and not with a page.
PREFIX = "/access/v1/"

# The largest body, in bytes: for one question, and for several.
MOST_BYTES = 64 * 1024
MOST_BYTES_OF_EVALUATIONS = 1024 * 1024

_JSON: tuple[Header, ...] = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    *DATA_HEADERS,
)

Clock = Callable[[], datetime]
Route = Callable[[Scope, Receive, Send], Awaitable[None]]
Evaluate = Callable[[bytes, "ServiceKey | None"], Answer | Awaitable[Answer]]

log = logging.getLogger("troth.web")


def _none() -> None:
    """The clock that leaves the time to the decision point."""


class _Gone(Exception):  # noqa: N818 - nobody is left to hear of it
    """The caller hung up."""


class DecisionRoutes:
    """The routes of the API as one ASGI app; `routes` maps the paths to their handlers, for apps that route themselves.

    `clock` gives the present time, with a zone; without it the decision point takes its own. `public_url` is the
    address under which callers know this server (the specification wants https there); without it the metadata names
    the address that the request was sent to. `hosts` are the names that the server answers to; without them it
    answers to all. With `people`, an index for the same decision point, `resource.id` says whose choices to decide on,
    and persons can be searched for; without them it says nothing, and the choices are those that a request states.
    `callers` tells who calls; without it everybody may ask.
    """

    def __init__(
        self,
        point: DecisionPoint,
        *,
        clock: Clock | None = None,
        public_url: str | None = None,
        hosts: Hosts | None = None,
        people: ChoiceIndex | None = None,
        callers: Callers | None = None,
    ) -> None:
        self._callers = callers
        self._public_url = public_url.rstrip("/") if public_url else None
        self._hosts = hosts
        evaluator = Evaluator(point, clock or _none, _JSON, people)
        self.routes: dict[str, Route] = {
            # Access Evaluation API: one decision
            EVALUATION: self._route(evaluator.one, MOST_BYTES),
            # Access Evaluations API: several decisions
            EVALUATIONS: self._route(evaluator.several, MOST_BYTES_OF_EVALUATIONS),
            METADATA: self.metadata,
        }
        if people is not None:
            from troth.web.authzen.search import Searcher  # noqa: PLC0415 - only who has people pays for loading it

            # Subject Search API: the persons whose data may be used
            self.routes[SEARCH] = self._route(Searcher(point, people, clock, _JSON).search, MOST_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request by its path."""
        await self.routes.get(scope["path"], self.not_found)(scope, receive, send)

    async def metadata(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`GET /.well-known/authzen-configuration` (section "Policy Decision Point Metadata")."""
        if self._hosts is not None and (refusal := self._hosts.refusal(scope)):
            await send_text(scope, send, *refusal, _request_id(scope))
            return
        if scope["method"] not in ("GET", "HEAD"):
            await _refuse_method(scope, send, "GET, HEAD, OPTIONS")
            return
        base = self._public_url or _address(scope)
        offered = {
            "policy_decision_point": base,
            "access_evaluation_endpoint": base + EVALUATION,
            "access_evaluations_endpoint": base + EVALUATIONS,
        }
        if SEARCH in self.routes:
            offered["search_subject_endpoint"] = base + SEARCH
        body = msgspec.json.encode(offered)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"max-age=3600"),
            *security_headers(scope),
            *_request_id(scope),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def not_found(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What the API does not offer."""
        if self._hosts is not None and (refusal := self._hosts.refusal(scope)):
            await send_text(scope, send, *refusal, _request_id(scope))
            return
        text = f"There is no such endpoint. {METADATA} lists those that are offered."
        await send_text(scope, send, 404, text, _request_id(scope))

    def _route(self, evaluate: Evaluate, most: int) -> Route:
        """The handler of an endpoint: `evaluate` makes the response from a body of at most `most` bytes and the caller.

        It makes it at once, unless that takes the store.
        """

        known = self._hosts.known if self._hosts is not None else ()
        callers = self._callers
        local = callers.local.known if callers is not None and callers.local is not None else known

        async def route(scope: Scope, receive: Receive, send: Send) -> None:
            headers = dict(scope["headers"])
            try:
                if headers.get(b"host") not in known or len(headers) != len(scope["headers"]):
                    self._check_host(scope)
                if scope["method"] != "POST":
                    await _refuse_method(scope, send, "POST, OPTIONS")
                    return
                caller = None
                if callers is not None and not (
                    callers.open and b"authorization" not in headers and headers.get(b"host") in local
                ):
                    caller = await _caller(callers, scope)
                content_type = headers.get(b"content-type")
                if content_type != b"application/json" and not _is_json(content_type):
                    raise Refused(400, "Content-Type: a request is application/json, in UTF-8.")
                length = headers.get(b"content-length", b"")
                if len(length) > 4 and length.isdigit() and int(length) > most:
                    raise _too_large(most)
                message = await receive()
                if message["type"] != "http.request":
                    return
                body = message.get("body", b"")
                if message.get("more_body"):
                    body = await _rest(body, receive, most)
                if len(body) > most:
                    raise _too_large(most)
                found = evaluate(body, caller)
                fields, answer = found if isinstance(found, tuple) else await found
            except RequestError as error:
                await send_text(scope, send, 400, str(error)[:MOST_MESSAGE], _request_id(scope))
            except QuestionError as error:
                await send_text(scope, send, 400, explained(error), _request_id(scope))
            except Refused as refused:
                await send_text(scope, send, refused.status, refused.text, (*refused.more, *_request_id(scope)))
            except _Gone:
                return
            except Exception:
                identity = _request_id(scope) or ((b"x-request-id", str(uuid4()).encode()),)
                log.exception("The decision failed; X-Request-ID %s", identity[0][1].decode("latin-1"))
                text = "The decision failed, so nothing is allowed. Please try again."
                await send_text(scope, send, 500, text, identity)
            else:
                if b"x-request-id" in headers:
                    fields = (*fields, (b"x-request-id", headers[b"x-request-id"]))
                if scope["scheme"] == "https":
                    fields = (*fields, STRICT_TRANSPORT_SECURITY)
                await send({"type": "http.response.start", "status": 200, "headers": fields})
                await send({"type": "http.response.body", "body": answer})

        return route

    def _check_host(self, scope: Scope) -> None:
        if self._hosts is not None and (refusal := self._hosts.refusal(scope)):
            raise Refused(*refusal)


async def _caller(callers: Callers, scope: Scope) -> ServiceKey | None:
    from troth.web.services import CallerRefusedError  # noqa: PLC0415 - only where there may be keys

    try:
        return await callers.caller(scope)
    except CallerRefusedError as refused:
        raise Refused(refused.status, refused.text, *refused.headers) from None


async def _rest(body: bytes, receive: Receive, most: int) -> bytes:
    """The whole body, once more of it is to come; refused as soon as it is too large."""
    parts = [body]
    size = len(body)
    more = True
    while more:
        if size > most:
            raise _too_large(most)
        message = await receive()
        if message["type"] != "http.request":
            raise _Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
    return b"".join(parts)


def _too_large(most: int) -> Refused:
    # RFC 9110, section 15.5.14; the connection closes because the rest of the body is not read.
    return Refused(413, f"The body is larger than {most} bytes.", (b"connection", b"close"))


def _is_json(content_type: bytes | None) -> bool:
    """Whether a content type is JSON in UTF-8 (the specification wants exactly application/json)."""
    if content_type is None:
        return False
    kind, *parameters = content_type.decode("latin-1").lower().split(";")
    if kind.strip() != "application/json":
        return False
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip(' \t"') not in ("utf-8", "utf8"):
            return False
    return True


def _request_id(scope: Scope) -> tuple[Header, ...]:
    """The header that gives the caller's own identifier of the request back, where there is one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return ((b"x-request-id", value),)
    return ()


def _address(scope: Scope) -> str:
    """Scheme and host that a request was sent to."""
    for name, value in scope["headers"]:
        if name == b"host":
            return f"{scope['scheme']}://{value.decode('latin-1')}"
    host, port = scope.get("server") or ("localhost", None)
    return f"{scope['scheme']}://{host}:{port}" if port else f"{scope['scheme']}://{host}"


async def _refuse_method(scope: Scope, send: Send, allow: str) -> None:
    """Answer OPTIONS with what is allowed, and any other method with 405 (RFC 9110, sections 9.3.7 and 15.5.6)."""
    more = ((b"allow", allow.encode()), *_request_id(scope))
    if scope["method"] == "OPTIONS":
        await send_text(scope, send, 204, "", more)
    else:
        await send_text(scope, send, 405, f"This address takes {allow}.", more)
